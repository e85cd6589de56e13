/*
 * bulkhead_bench.c - entering and leaving: empty, and with others waiting
 *
 * Go's library has none; the twin, ../go/patterns/bulkhead_test.go, is what is written instead: a
 * channel for the places and a count for the queue.
 */
#include "bench/bench.h"
#include "patterns/bulkhead.h"
#include "weft/sync.h"
#include "weft/testing.h"

/* One operation: enter and leave; nobody else is there. */
BENCH(Bulkhead)
{
	weft_bulkhead *h = weft_bulkhead_new((struct weft_bulkhead_options){
	    .max_concurrent = 4, .max_queue = 8, .max_wait = WEFT_SECOND });

	for (int64_t n = weft_loops(b); n > 0; n--) {
		weft_bulkhead_enter(NULL, h);
		weft_bulkhead_leave(h);
	}
	weft_bulkhead_free(h);
}

static void come_and_go(weft_bulkhead *h, int64_t n)
{
	while (n-- > 0) {
		weft_bulkhead_enter(NULL, h);
		weft_yield();
		weft_bulkhead_leave(h);
	}
}

/* One operation: enter and leave, four at a time, by any of eight goroutines. */
BENCH(BulkheadContended)
{
	weft_bulkhead *h = weft_bulkhead_new((struct weft_bulkhead_options){
	    .max_concurrent = 4, .max_queue = 8, .max_wait = WEFT_SECOND });
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, come_and_go, h, share(n, i, 8));
	weft_waitgroup_wait(&wg);
	weft_bulkhead_free(h);
}
