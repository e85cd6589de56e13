/*
 * barrier_bench.c - rounds of two and of eight; a latch
 *
 * The twin of ../go/patterns/barrier_test.go.
 */
#include "patterns/barrier.h"
#include "patterns/latch.h"
#include "weft/sync.h"
#include "weft/testing.h"

static void run(weft_barrier *b, int64_t rounds)
{
	while (rounds-- > 0)
		weft_barrier_wait(NULL, b);
}

static void rounds_of(weft_b *b, int parties)
{
	weft_barrier *x = weft_barrier_new(parties, NULL, NULL);
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	for (int i = 0; i < parties; i++)
		weft_waitgroup_go(&wg, run, x, n);
	weft_waitgroup_wait(&wg);
	weft_barrier_free(x);
}

/* One operation: a round of two goroutines. */
BENCH(Barrier2) { rounds_of(b, 2); }

/* One operation: a round of eight. */
BENCH(Barrier8) { rounds_of(b, 8); }

/* One operation: a latch of eight, counted down and waited for. */
BENCH(Latch)
{
	for (int64_t n = weft_loops(b); n > 0; n--) {
		weft_latch l;

		weft_latch_init(&l, 8);
		for (int i = 0; i < 8; i++)
			weft_latch_count_down(&l);
		weft_latch_wait(NULL, &l);
	}
}
