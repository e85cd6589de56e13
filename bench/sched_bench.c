/*
 * sched_bench.c - what a goroutine costs: to start, yield, hop, park and sleep
 *
 * The twin of go/sched_test.go.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/bench.h"
#include "weft/net.h"
#include "weft/sync.h"
#include "weft/testing.h"
#include "weft/time.h"

enum { BATCH = 1000, RING = 1000, MILLION = 1000000, SLEEPERS = 100000, PARKED = 10000 };

static void empty(weft_waitgroup *wg)
{
	weft_waitgroup_done(wg);
}

/* One operation: one goroutine started, run and waited for. */
BENCH(SpawnJoin)
{
	weft_waitgroup wg = { 0 };

	for (int64_t n = weft_loops(b); n > 0; n -= BATCH) {
		int batch = n < BATCH ? (int)n : BATCH;

		weft_waitgroup_add(&wg, batch);
		for (int i = 0; i < batch; i++)
			weft_go(empty, &wg);
		weft_waitgroup_wait(&wg);
	}
}

static void yield_often(int64_t n, weft_waitgroup *wg)
{
	while (n-- > 0)
		weft_yield();
	weft_waitgroup_done(wg);
}

/* One operation: one yield, by either of two goroutines. */
BENCH(Yield)
{
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	weft_waitgroup_add(&wg, 2);
	for (int i = 0; i < 2; i++)
		weft_go(yield_often, share(n, i, 2), &wg);
	weft_waitgroup_wait(&wg);
}

struct ring {
	weft_chan(int64_t)	nodes[RING];
	weft_chan(int64_t)	done;
	weft_waitgroup		wg;
};

/* The token counts the hops that are left. */
static void node(struct ring *r, int i)
{
	weft_chan(int64_t) in = r->nodes[i], out = r->nodes[(i + 1) % RING];

	for (int64_t hops; weft_recv(in, &hops); ) {
		if (hops > 0)
			weft_send(out, hops - 1);
		else
			weft_send(r->done, 0);
	}
	weft_waitgroup_done(&r->wg);
}

static void ring_start(struct ring *r)
{
	r->done = weft_make(int64_t, 0);
	for (int i = 0; i < RING; i++)
		r->nodes[i] = weft_make(int64_t, 0);
	weft_waitgroup_add(&r->wg, RING);
	for (int i = 0; i < RING; i++)
		weft_go(node, r, i);
}

static void ring_end(struct ring *r)
{
	for (int i = 0; i < RING; i++)
		weft_close(r->nodes[i]);
	weft_waitgroup_wait(&r->wg);
	for (int i = 0; i < RING; i++)
		weft_free(r->nodes[i]);
	weft_free(r->done);
}

/* One operation: the token goes from one goroutine to the next. */
BENCH(Ring1000)
{
	struct ring r = { 0 };

	ring_start(&r);
	weft_send(r.nodes[0], 2 * RING);	/* everyone has run once */
	weft_recv(r.done, NULL);
	weft_send(r.nodes[0], weft_loops(b));
	weft_recv(r.done, NULL);
	weft_stop_timer(b);
	ring_end(&r);
}

/* Bytes of memory in use now. */
static int64_t resident(void)
{
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f != NULL) {
		if (fscanf(f, "%ld %ld", &size, &pages) != 2)
			pages = 0;
		fclose(f);
	}
	return pages * sysconf(_SC_PAGESIZE);
}

static void wait_at(weft_chan(int) gate, weft_waitgroup *parked, weft_waitgroup *ended)
{
	weft_waitgroup_done(parked);
	weft_recv(gate, NULL);
	weft_waitgroup_done(ended);
}

struct million { int64_t ns, bytes; };

/* From the first start to the last end, and what they took while all were parked. */
static struct million spawn_million(void)
{
	weft_chan(int) gate = weft_make(int, 0);
	weft_waitgroup parked = { 0 }, ended = { 0 };
	int64_t before = resident(), bytes, start = weft_now(), ns;

	weft_waitgroup_add(&parked, MILLION);
	weft_waitgroup_add(&ended, MILLION);
	for (int i = 0; i < MILLION; i++)
		weft_go(wait_at, gate, &parked, &ended);
	weft_waitgroup_wait(&parked);
	bytes = resident() - before;
	weft_close(gate);
	weft_waitgroup_wait(&ended);
	ns = weft_now() - start;
	weft_free(gate);
	return (struct million){ ns, bytes };
}

/*
 * One operation: a million goroutines.  The first million of a process, which
 * bench/run therefore starts anew each time, is the one that counts: it shows
 * the memory that they take and pays the kernel for it.  "again" is what later
 * millions cost, which find it in the free lists.
 */
BENCH(Spawn1M)
{
	static struct million first;
	int64_t again = 0, n;

	if (first.ns == 0)
		first = spawn_million();
	n = weft_loops(b);
	for (int64_t i = 0; i < n; i++)
		again += spawn_million().ns;
	weft_metric(b, (double)first.ns / MILLION, "ns/goroutine");
	weft_metric(b, (double)again / (double)n / MILLION, "again-ns/goroutine");
	weft_metric(b, (double)first.bytes / MILLION, "B/goroutine");
}

static void nap(weft_waitgroup *wg)
{
	weft_sleep(10 * WEFT_MS);
	weft_waitgroup_done(wg);
}

/* One operation: 100,000 goroutines that sleep for 10 ms each. */
BENCH(Timers100k)
{
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b), start = weft_now();

	for (int64_t i = 0; i < n; i++) {
		weft_waitgroup_add(&wg, SLEEPERS);
		for (int k = 0; k < SLEEPERS; k++)
			weft_go(nap, &wg);
		weft_waitgroup_wait(&wg);
	}
	weft_metric(b, (double)(weft_now() - start) / (double)n / SLEEPERS, "ns/goroutine");
}

/* One operation: one sleep of 50 us, by a goroutine that is alone. */
BENCH(Sleep50us)
{
	for (int64_t n = weft_loops(b); n > 0; n--)
		weft_sleep(50 * WEFT_US);
}

/* How often threads of this process have been woken so far. */
static int64_t wakeups(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_nvcsw;
}

/*
 * One operation: a second in which 10,000 goroutines wait and nothing happens.  Not
 * even a timer of ours runs: the benchmark itself sleeps in the kernel, and the one
 * wake-up that ends that is not counted.
 */
BENCH(Idle10k)
{
	weft_chan(int) gate = weft_make(int, 0);
	weft_waitgroup parked = { 0 }, ended = { 0 };
	int64_t before, woken = 0, n;

	weft_waitgroup_add(&parked, PARKED);
	weft_waitgroup_add(&ended, PARKED);
	for (int i = 0; i < PARKED; i++)
		weft_go(wait_at, gate, &parked, &ended);
	weft_waitgroup_wait(&parked);
	n = weft_loops(b);
	for (int64_t i = 0; i < n; i++) {
		weft_enter_blocking();
		usleep(500000);		/* until whoever tidies up has done so */
		before = wakeups();
		usleep(1000000);
		woken += wakeups() - before - 1;
		weft_leave_blocking();
	}
	weft_metric(b, (double)woken / (double)n, "wakeups");
	weft_close(gate);
	weft_waitgroup_wait(&ended);
	weft_free(gate);
}
