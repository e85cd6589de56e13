/*
 * sync_bench.c - locks: free, fought over, shared
 *
 * The twin of go/sync_test.go.
 */
#include "bench/bench.h"
#include "weft/sync.h"
#include "weft/testing.h"

enum { LOCKERS = 8, READERS = 8 };

/* One operation: lock and unlock; nobody else wants it. */
BENCH(Mutex)
{
	weft_mutex m = { 0 };

	for (int64_t n = weft_loops(b); n > 0; n--) {
		weft_mutex_lock(&m);
		weft_mutex_unlock(&m);
	}
}

struct fight {
	weft_mutex	m;
	int64_t		left;		/* protected by m, and so is ops */
	int64_t		ops[LOCKERS];
};

/* The holder yields, so that the others come and find it locked. */
static void locker(struct fight *f, int i)
{
	for (bool more = true; more; ) {
		weft_mutex_lock(&f->m);
		more = f->left > 0;
		if (more) {
			f->left--;
			f->ops[i]++;
			weft_yield();
		}
		weft_mutex_unlock(&f->m);
	}
}

/* The busiest goroutine's turns for each turn of the idlest; 1 is fair. */
static double unfairness(const int64_t ops[LOCKERS])
{
	int64_t max = ops[0], min = ops[0];

	for (int i = 1; i < LOCKERS; i++) {
		max = ops[i] > max ? ops[i] : max;
		min = ops[i] < min ? ops[i] : min;
	}
	return (double)max / (double)(min > 0 ? min : 1);
}

/* One operation: one lock by any of eight goroutines. */
BENCH(MutexContended)
{
	struct fight f = { .left = weft_loops(b) };
	weft_waitgroup wg = { 0 };

	for (int i = 0; i < LOCKERS; i++)
		weft_waitgroup_go(&wg, locker, &f, i);
	weft_waitgroup_wait(&wg);
	weft_metric(b, unfairness(f.ops), "max/min-ops");
}

static void reader(weft_rwmutex *m, int64_t n)
{
	/* The yield keeps a worker from counting as stuck, and then being relieved by
	   another thread: one worker is to mean one thread. */
	while (n-- > 0) {
		weft_rwmutex_rlock(m);
		weft_rwmutex_runlock(m);
		if (n % 1024 == 0)
			weft_yield();
	}
}

/* One operation: one read lock and unlock by any of eight goroutines. */
BENCH(RWMutexRead)
{
	weft_rwmutex m = { 0 };
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	for (int i = 0; i < READERS; i++)
		weft_waitgroup_go(&wg, reader, &m, share(n, i, READERS));
	weft_waitgroup_wait(&wg);
}
