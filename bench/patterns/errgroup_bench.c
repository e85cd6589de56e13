/*
 * errgroup_bench.c - members of a group
 *
 * The twin of ../go/patterns/errgroup_test.go.
 */
#include "patterns/errgroup.h"
#include "weft/testing.h"

static int nothing(void)
{
	return 0;
}

/* One operation: a member, of groups of a hundred. */
BENCH(Errgroup)
{
	weft_errgroup g;

	for (int64_t n = weft_loops(b); n > 0; n -= 100) {
		weft_errgroup_init(&g, NULL);
		for (int64_t i = 0; i < 100 && i < n; i++)
			weft_errgroup_go(&g, nothing);
		weft_errgroup_wait(&g);
		weft_errgroup_finish(&g);
	}
}

/* The same, eight at a time. */
BENCH(ErrgroupLimit8)
{
	weft_errgroup g;

	for (int64_t n = weft_loops(b); n > 0; n -= 100) {
		weft_errgroup_init(&g, NULL);
		weft_errgroup_set_limit(&g, 8);
		for (int64_t i = 0; i < 100 && i < n; i++)
			weft_errgroup_go(&g, nothing);
		weft_errgroup_wait(&g);
		weft_errgroup_finish(&g);
	}
}
