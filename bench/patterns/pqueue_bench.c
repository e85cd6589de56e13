/*
 * pqueue_bench.c - a priority queue of a thousand, by one goroutine and by eight
 *
 * The twin of ../go/patterns/pqueue_test.go.
 */
#include "bench/bench.h"
#include "patterns/pqueue.h"
#include "weft/sync.h"
#include "weft/testing.h"

static uint32_t random_next(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

static void hold(weft_pqueue *q, int64_t n, unsigned seed)
{
	uint32_t x = seed;
	void *v;

	for (int64_t i = 0; i < n; i++) {
		weft_pqueue_push(q, NULL, random_next(&x));
		weft_pqueue_pop(NULL, q, &v);
		if (i % 64 == 0)
			weft_yield();
	}
}

static void fill(weft_pqueue *q)
{
	uint32_t x = 1;

	for (int i = 0; i < 1000; i++)
		weft_pqueue_push(q, NULL, random_next(&x));
}

/* One operation: a push and a pop, with a thousand there. */
BENCH(Pqueue)
{
	weft_pqueue *q = weft_pqueue_new();

	fill(q);
	hold(q, weft_loops(b), 2);
	weft_pqueue_free(q);
}

/* The same, by any of eight goroutines. */
BENCH(PqueueContended)
{
	weft_pqueue *q = weft_pqueue_new();
	weft_waitgroup wg = { 0 };
	int64_t n;

	fill(q);
	n = weft_loops(b);
	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, hold, q, share(n, i, 8), 2 + i);
	weft_waitgroup_wait(&wg);
	weft_pqueue_free(q);
}

static void pop_all(weft_pqueue *q, weft_chan(char) done)
{
	void *v;

	while (weft_pqueue_pop(NULL, q, &v) == 0)
		weft_send(done, 0);
}

/* One operation: a push to another goroutine that waits in pop, and its answer. */
BENCH(PqueueWait)
{
	weft_pqueue *q = weft_pqueue_new();
	weft_chan(char) done = weft_make(char, 0);
	weft_waitgroup wg = { 0 };

	weft_waitgroup_go(&wg, pop_all, q, done);
	for (int64_t n = weft_loops(b); n > 0; n--) {
		weft_pqueue_push(q, NULL, 0);
		weft_recv(done, NULL);
	}
	weft_pqueue_close(q);
	weft_waitgroup_wait(&wg);
	weft_free(done);
	weft_pqueue_free(q);
}
