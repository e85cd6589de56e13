/*
 * connpool_bench.c - acquire and release, alone and by eight goroutines
 *
 * The twin of ../go/patterns/connpool_test.go.
 */
#include "patterns/connpool.h"
#include "weft/sync.h"
#include "weft/testing.h"

static int make(weft_ctx *ctx, void **conn, void *arg)
{
	(void)ctx;
	*conn = arg;
	return 0;
}

static void use(weft_connpool *p, int64_t n, int yields)
{
	weft_connpool_lease *l;

	while (n--) {
		weft_connpool_acquire(NULL, p, &l);
		if (yields)
			weft_yield();
		weft_connpool_release(l);
	}
}

static void by(int goroutines, int max, int64_t n, int yields)
{
	weft_connpool *p = weft_connpool_new((weft_connpool_options){ .make = make, .max = max });
	weft_waitgroup wg = {0};

	for (int i = 0; i < goroutines; i++)
		weft_waitgroup_go(&wg, use, p, (n + i) / goroutines, yields);
	weft_waitgroup_wait(&wg);
	weft_connpool_free(p);
}

BENCH(Connpool)
{
	by(1, 4, weft_loops(b), 0);
}

/* Eight, and a connection for each. */
BENCH(Connpool8)
{
	by(8, 8, weft_loops(b), 0);
}

/* Eight share two, and let the others run while they have one: most have to wait. */
BENCH(ConnpoolWait8)
{
	by(8, 2, weft_loops(b), 1);
}
