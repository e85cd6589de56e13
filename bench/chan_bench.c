/*
 * chan_bench.c - channels: handing over, buffering, fan-in, pipelines
 *
 * The twin of go/chan_test.go.
 */
#include "bench/bench.h"
#include "weft/sync.h"
#include "weft/testing.h"
#include "weft/time.h"

enum { PRODUCERS = 8, STAGES = 5, PRIMES = 500, LAST_PRIME = 3571 };

static void echo(weft_chan(int64_t) ping, weft_chan(int64_t) pong)
{
	for (int64_t v; weft_recv(ping, &v); )
		weft_send(pong, v);
}

/* One operation: there and back through unbuffered channels. */
BENCH(PingPong)
{
	weft_chan(int64_t) ping = weft_make(int64_t, 0), pong = weft_make(int64_t, 0);
	weft_waitgroup wg = { 0 };

	weft_waitgroup_go(&wg, echo, ping, pong);
	for (int64_t v, i = 0, n = weft_loops(b); i < n; i++) {
		weft_send(ping, i);
		weft_recv(pong, &v);
	}
	weft_close(ping);
	weft_waitgroup_wait(&wg);
	weft_free(ping);
	weft_free(pong);
}

static void count_up(weft_chan(int64_t) out, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		weft_send(out, i);
	weft_close(out);
}

/* Returns how many values came before the channel was closed. */
static int64_t drain(weft_chan(int64_t) in)
{
	int64_t n = 0;

	for (int64_t v; weft_recv(in, &v); )
		n++;
	return n;
}

/* One operation: one value from a producer to a consumer. */
BENCH(Buffered)
{
	weft_chan(int64_t) c = weft_make(int64_t, 128);
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	weft_waitgroup_go(&wg, count_up, c, n);
	CHECK_EQ(drain(c), n);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

static void produce(weft_chan(int64_t) out, int64_t n, weft_waitgroup *wg)
{
	for (int64_t i = 0; i < n; i++)
		weft_send(out, i);
	weft_waitgroup_done(wg);
}

static void close_after(weft_waitgroup *producers, weft_chan(int64_t) c)
{
	weft_waitgroup_wait(producers);
	weft_close(c);
}

/* One operation: one value from one of eight producers to the consumer. */
BENCH(FanIn)
{
	weft_chan(int64_t) c = weft_make(int64_t, 128);
	weft_waitgroup producers = { 0 }, closer = { 0 };
	int64_t n = weft_loops(b);

	weft_waitgroup_add(&producers, PRODUCERS);
	for (int i = 0; i < PRODUCERS; i++)
		weft_go(produce, c, share(n, i, PRODUCERS), &producers);
	weft_waitgroup_go(&closer, close_after, &producers, c);
	CHECK_EQ(drain(c), n);
	weft_waitgroup_wait(&closer);
	weft_free(c);
}

static void stage(weft_chan(int64_t) in, weft_chan(int64_t) out)
{
	for (int64_t v; weft_recv(in, &v); )
		weft_send(out, v + 1);
	weft_close(out);
}

/* One operation: one value from the source through five stages to the sink. */
BENCH(Pipeline5)
{
	weft_chan(int64_t) c[STAGES + 1];
	weft_waitgroup wg = { 0 };
	int64_t n;

	for (int i = 0; i <= STAGES; i++)
		c[i] = weft_make(int64_t, 100);
	for (int i = 0; i < STAGES; i++)
		weft_waitgroup_go(&wg, stage, c[i], c[i + 1]);
	n = weft_loops(b);
	weft_waitgroup_go(&wg, count_up, c[0], n);
	CHECK_EQ(drain(c[STAGES]), n);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i <= STAGES; i++)
		weft_free(c[i]);
}

static void candidates(weft_chan(int) out)
{
	for (int i = 2; i <= LAST_PRIME; i++)
		weft_send(out, i);
	weft_close(out);
}

static void filter(weft_chan(int) in, weft_chan(int) out, int prime)
{
	for (int i; weft_recv(in, &i); )
		if (i % prime != 0)
			weft_send(out, i);
	weft_close(out);
}

/* A chain that grows by one filter per prime.  Returns how many it found. */
static int sieve(void)
{
	weft_chan(int) c[PRIMES + 1] = { weft_make(int, 0) };
	weft_waitgroup wg = { 0 };
	int n = 0;

	weft_waitgroup_go(&wg, candidates, c[0]);
	for (int prime; weft_recv(c[n], &prime); n++) {
		c[n + 1] = weft_make(int, 0);
		weft_waitgroup_go(&wg, filter, c[n], c[n + 1], prime);
	}
	weft_waitgroup_wait(&wg);
	for (int i = 0; i <= n; i++)
		weft_free(c[i]);
	return n;
}

/* One operation: the first 500 primes. */
BENCH(Sieve)
{
	int64_t n = weft_loops(b), start = weft_now();

	for (int64_t i = 0; i < n; i++)
		CHECK_EQ(sieve(), PRIMES);
	weft_metric(b, (double)(weft_now() - start) / (double)n / PRIMES, "ns/prime");
}
