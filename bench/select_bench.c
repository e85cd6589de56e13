/*
 * select_bench.c - select over four channels: ready, blocking, with a timeout
 *
 * The twin of go/select_test.go.
 */
#include "bench/bench.h"
#include "weft/sync.h"
#include "weft/testing.h"

enum { CASES = 4 };

struct four { weft_chan(int) c[CASES]; };

static void four_make(struct four *f, size_t cap)
{
	for (int i = 0; i < CASES; i++)
		f->c[i] = weft_make(int, cap);
}

static void four_free(struct four *f)
{
	for (int i = 0; i < CASES; i++)
		weft_free(f->c[i]);
}

static int select_four(struct four *f, int *v)
{
	return weft_select(weft_on_recv(f->c[0], v), weft_on_recv(f->c[1], v),
	    weft_on_recv(f->c[2], v), weft_on_recv(f->c[3], v));
}

/* One operation: fill one of four, take it out with a select. */
BENCH(Select4)
{
	struct four f;
	int64_t right = 0, n;

	four_make(&f, 1);
	n = weft_loops(b);
	for (int64_t i = 0; i < n; i++) {
		int want = (int)(i % CASES), v;

		weft_send(f.c[want], want);
		right += select_four(&f, &v) == want;
	}
	CHECK_EQ(right, n);
	four_free(&f);
}

/* Answers each request on the channel that it names, until ask is closed. */
static void answer(weft_chan(int) ask, struct four *f)
{
	for (int i; weft_recv(ask, &i); )
		weft_send(f->c[i], i);
}

/* One operation: ask the partner, block in a select on four, be woken. */
BENCH(SelectBlock)
{
	weft_chan(int) ask = weft_make(int, 0);
	weft_waitgroup wg = { 0 };
	struct four f;
	int64_t right = 0, n;

	four_make(&f, 0);
	weft_waitgroup_go(&wg, answer, ask, &f);
	n = weft_loops(b);
	for (int64_t i = 0; i < n; i++) {
		int want = (int)(i % CASES), v;

		weft_send(ask, want);
		right += select_four(&f, &v) == want;
	}
	CHECK_EQ(right, n);
	weft_close(ask);
	weft_waitgroup_wait(&wg);
	weft_free(ask);
	four_free(&f);
}

/* One operation: ask the partner, wait for the answer for at most a second. */
BENCH(SelectTimeout)
{
	weft_chan(int) ask = weft_make(int, 0);
	weft_waitgroup wg = { 0 };
	struct four f;
	int64_t right = 0, n;

	four_make(&f, 0);
	weft_waitgroup_go(&wg, answer, ask, &f);
	n = weft_loops(b);
	for (int64_t i = 0; i < n; i++) {
		int v;

		weft_send(ask, 0);
		right += weft_select(weft_on_recv(f.c[0], &v),
		    weft_on_timeout(WEFT_SECOND)) == 0;
	}
	CHECK_EQ(right, n);
	weft_close(ask);
	weft_waitgroup_wait(&wg);
	weft_free(ask);
	four_free(&f);
}
