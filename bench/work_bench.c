/*
 * work_bench.c - do two workers do the work of one in half the time?
 *
 * The work is a fixed amount of arithmetic, so that it takes as much CPU however
 * many workers there are.  xorshift, because no compiler finds a shortcut through
 * it.  The twin of go/work_test.go.
 */
#include "bench/bench.h"
#include "weft/sync.h"
#include "weft/testing.h"

enum { STEPS_10US = 5200, WORKERS = 8, PAIRS = 2 };

/* Never 0 for an x that is not. */
__attribute__((noinline)) static uint64_t busy(uint64_t x, int steps)
{
	for (int i = 0; i < steps; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}

static void worker(weft_chan(uint64_t) tasks, uint64_t *out)
{
	uint64_t all = 0;

	for (uint64_t seed; weft_recv(tasks, &seed); )
		all |= busy(seed, STEPS_10US);
	*out = all;
}

/* One operation: one task of about 10 us, by one of eight workers. */
BENCH(Work10us)
{
	weft_chan(uint64_t) tasks = weft_make(uint64_t, 128);
	weft_waitgroup wg = { 0 };
	uint64_t out[WORKERS], all = 0;
	int64_t n;

	for (int i = 0; i < WORKERS; i++)
		weft_waitgroup_go(&wg, worker, tasks, &out[i]);
	n = weft_loops(b);
	for (int64_t i = 1; i <= n; i++)
		weft_send(tasks, (uint64_t)i);
	weft_close(tasks);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < WORKERS; i++)
		all |= out[i];
	CHECK(all != 0);
	weft_free(tasks);
}

struct ball { uint64_t x; int64_t hops; };

/* Works, then hits it back, until no hops are left. */
static void player(weft_chan(struct ball) in, weft_chan(struct ball) out, uint64_t *last)
{
	for (struct ball ball; weft_recv(in, &ball) && ball.hops > 0; ) {
		ball.x = busy(ball.x, 10 * STEPS_10US);
		ball.hops--;
		*last = ball.x;
		weft_send(out, ball);
	}
	weft_close(out);
}

/* One operation: 100 us of work and a hop to the partner; two pairs at once. */
BENCH(Pairs100us)
{
	weft_chan(struct ball) c[2 * PAIRS];
	uint64_t last[2 * PAIRS] = { 0 };
	weft_waitgroup wg = { 0 };
	int64_t n;

	for (int i = 0; i < 2 * PAIRS; i++)
		c[i] = weft_make(struct ball, 0);
	for (int i = 0; i < 2 * PAIRS; i++)
		weft_waitgroup_go(&wg, player, c[i], c[i ^ 1], &last[i]);
	n = weft_loops(b);
	for (int i = 0; i < PAIRS; i++)
		weft_send(c[2 * i], (struct ball){ 1, share(n, i, PAIRS) });
	weft_waitgroup_wait(&wg);
	CHECK(last[0] != 0);
	for (int i = 0; i < 2 * PAIRS; i++)
		weft_free(c[i]);
}
