/*
 * semaphore_bench.c - permits: free, fought over
 *
 * The twin of ../go/patterns/semaphore_test.go.
 */
#include "bench/bench.h"
#include "patterns/semaphore.h"
#include "weft/sync.h"
#include "weft/testing.h"

/* One operation: acquire and release; nobody else wants it. */
BENCH(Semaphore)
{
	weft_semaphore *s = weft_semaphore_new(4);

	for (int64_t n = weft_loops(b); n > 0; n--) {
		weft_semaphore_acquire(NULL, s, 1);
		weft_semaphore_release(s, 1);
	}
	weft_semaphore_free(s);
}

/* Who holds one yields, so that the others come and find none. */
static void come_and_go(weft_semaphore *s, int64_t n)
{
	while (n-- > 0) {
		weft_semaphore_acquire(NULL, s, 1);
		weft_yield();
		weft_semaphore_release(s, 1);
	}
}

/* One operation: acquire and release one of four by any of eight goroutines. */
BENCH(SemaphoreContended)
{
	weft_semaphore *s = weft_semaphore_new(4);
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, come_and_go, s, share(n, i, 8));
	weft_waitgroup_wait(&wg);
	weft_semaphore_free(s);
}
