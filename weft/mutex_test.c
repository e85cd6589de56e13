/* mutex_test.c - both mutexes: exclusion, order, leaving the queue, misuse */
#include <pthread.h>

#include "../base/rand.h"
#include "child_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"
#include "worker.h"

/* ---- mutex ---- */

static void add_locked(weft_mutex *m, int *x, int n)
{
	while (n--) {
		weft_mutex_lock(m);
		++*x;
		if (n % 64 == 0)
			weft_yield();	/* others find it locked */
		weft_mutex_unlock(m);
	}
}

TEST(MutexExcludes)
{
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	int x = 0, n = weft_short() ? 500 : 10000;

	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&wg, add_locked, &m, &x, n);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(x, 10 * n);
	CHECK(weft_mutex_trylock(&m));
	weft_mutex_unlock(&m);
}

TEST(TrylockNeverWaits, .parallel = true)
{
	weft_mutex m = {0};

	CHECK(weft_mutex_trylock(&m));
	CHECK(!weft_mutex_trylock(&m));
	weft_mutex_unlock(&m);
	weft_mutex_lock(&m);
	CHECK(!weft_mutex_trylock(&m));
	weft_mutex_unlock(&m);
}

static void lock_and_unlock(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
}

/* Else weft_deadlocks takes the giver, who may wait for another lock now, for the holder. */
TEST(MutexHandedOverHasNoOldHolder, .bubble = true)
{
	weft_mutex m = {0};

	weft_mutex_lock(&m);
	weft_go(lock_and_unlock, &m);
	weft_settle();
	weft_mutex_unlock(&m);
	weft_mutex_lock(&m);		/* before it could run */
	weft_settle();
	weft_mutex_unlock(&m);		/* now it is its, though it has not run */
	CHECK(stack_owner(mutex_holder(&m)) != self());
	weft_settle();
}

static void unlock_it(weft_mutex *m)
{
	weft_mutex_unlock(m);
}

TEST(AnotherGoroutineMayUnlock, .parallel = true)
{
	weft_mutex m = {0};

	weft_mutex_lock(&m);
	weft_go(unlock_it, &m);
	weft_mutex_lock(&m);
	weft_mutex_unlock(&m);
}

static void lock_in_turn(weft_mutex *m, weft_chan(int) order, int me)
{
	weft_mutex_lock(m);
	weft_send(order, me);
	weft_mutex_unlock(m);
}

TEST(MutexServesInOrderOfArrival)
{
	weft_mutex m = {0};
	weft_chan(int) order = weft_make(int, 10);
	weft_waitgroup wg = {0};
	int x;

	weft_mutex_lock(&m);
	for (int i = 0; i < 10; i++) {
		weft_waitgroup_go(&wg, lock_in_turn, &m, order, i);
		settle(lock_in_turn, WAIT_MUTEX, i + 1);
	}
	weft_mutex_unlock(&m);
	for (int i = 0; i < 10; i++) {
		weft_recv(order, &x);
		CHECK_EQ(x, i);
	}
	weft_waitgroup_wait(&wg);
	weft_free(order);
}

struct hog { weft_mutex m; _Atomic bool stop; _Atomic int turns; };

static void hog(struct hog *h)
{
	while (!h->stop) {
		weft_mutex_lock(&h->m);
		h->turns++;
		weft_yield();
		weft_mutex_unlock(&h->m);
	}
}

/* One that comes back at once may overtake a waiter, but only once. */
TEST(MutexIsHandedOver)
{
	struct hog h = {0};
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, hog, &h);
	while (!h.turns)
		weft_yield();
	for (int i = 0; i < 100; i++) {
		int before = h.turns;

		weft_mutex_lock(&h.m);
		/* a few more before we queue; bounded, that is the point */
		CHECK(h.turns - before < 10000);
		weft_mutex_unlock(&h.m);
	}
	h.stop = true;
	weft_waitgroup_wait(&wg);
}

static void try_for_a_while(weft_mutex *m, int *x, int n, _Atomic int *cancelled)
{
	for (int i = 0; i < n; i++) {
		weft_ctx *ctx = weft_with_timeout(NULL, i % 20 * WEFT_US);

		if (weft_mutex_lock_ctx(ctx, m) == 0) {
			++*x;
			weft_yield();
			weft_mutex_unlock(m);
		} else
			++*cancelled;
		weft_ctx_free(ctx);
	}
}

/* Waiters that leave take nobody's turn with them. */
TEST(CancelledLockersLeaveTheQueueInOrder)
{
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	_Atomic int cancelled = 0;
	int x = 0;

	for (int i = 0; i < 6; i++)
		weft_waitgroup_go(&wg, try_for_a_while, &m, &x, 500, &cancelled);
	weft_waitgroup_go(&wg, add_locked, &m, &x, 1000);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(x + cancelled, 4000);
	CHECK(weft_mutex_trylock(&m));
	weft_mutex_unlock(&m);
}

static void lock_with(weft_ctx *ctx, weft_mutex *m, int want)
{
	int err = weft_mutex_lock_ctx(ctx, m);

	CHECK_EQ(err, want);
	if (!err)
		weft_mutex_unlock(m);
}

TEST(CancelledLockerInTheMiddle)
{
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_mutex_lock(&m);
	for (int i = 0; i < 9; i++) {
		weft_waitgroup_go(&wg, lock_with, i % 3 == 1 ? ctx : NULL, &m,
		    i % 3 == 1 ? -ECANCELED : 0);
		settle(lock_with, WAIT_MUTEX, i + 1);
	}
	weft_cancel(ctx);
	settle(lock_with, WAIT_MUTEX, 6);
	weft_mutex_unlock(&m);
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
}

struct thread_arg { weft_mutex *m; weft_rwmutex *rw; weft_waitgroup *wg; int *x; };

static void *thread_add(void *arg)
{
	struct thread_arg *a = arg;

	for (int i = 0; i < 5000; i++) {
		weft_mutex_lock(a->m);
		++*a->x;
		weft_mutex_unlock(a->m);
	}
	weft_waitgroup_done(a->wg);
	return NULL;
}

TEST(PlainThreadsShareAMutex)
{
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	int x = 0;
	struct thread_arg a = { &m, NULL, &wg, &x };
	pthread_t thread[3];

	weft_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, thread_add, &a);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, add_locked, &m, &x, 5000);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(x, 30000);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

/* ---- reader/writer mutex ---- */

struct shared { weft_rwmutex rw; _Atomic int readers, writers, broken; int64_t a, b; };

static void read_shared(struct shared *s, int n)
{
	while (n--) {
		weft_rwmutex_rlock(&s->rw);
		s->readers++;
		s->broken += s->writers || s->a != s->b;
		weft_yield();
		s->broken += s->writers || s->a != s->b;
		s->readers--;
		weft_rwmutex_runlock(&s->rw);
	}
}

static void write_shared(struct shared *s, int n)
{
	while (n--) {
		weft_rwmutex_lock(&s->rw);
		s->broken += s->writers++ || s->readers;
		s->a++;
		weft_yield();
		s->b++;
		s->broken += s->writers-- != 1 || s->readers;
		weft_rwmutex_unlock(&s->rw);
	}
}

TEST(ReadersShareWritersExclude)
{
	struct shared s = {0};
	weft_waitgroup wg = {0};

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, read_shared, &s, 1000);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, write_shared, &s, 500);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(s.broken, 0);
	CHECK_EQ(s.a, 1500);
	CHECK_EQ(s.b, 1500);
	CHECK(weft_rwmutex_trylock(&s.rw));
	weft_rwmutex_unlock(&s.rw);
}

static void meet(weft_rwmutex *rw, weft_waitgroup *inside)
{
	weft_rwmutex_rlock(rw);
	weft_waitgroup_done(inside);
	weft_waitgroup_wait(inside);
	weft_rwmutex_runlock(rw);
}

TEST(ReadersAreInTogether)
{
	weft_rwmutex rw = {0};
	weft_waitgroup wg = {0}, inside = {0};

	weft_waitgroup_add(&inside, 8);
	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, meet, &rw, &inside);
	weft_waitgroup_wait(&wg);
}

TEST(RwmutexTryForms, .parallel = true)
{
	weft_rwmutex rw = {0};

	CHECK(weft_rwmutex_tryrlock(&rw));
	CHECK(weft_rwmutex_tryrlock(&rw));
	CHECK(!weft_rwmutex_trylock(&rw));
	weft_rwmutex_runlock(&rw);
	CHECK(!weft_rwmutex_trylock(&rw));
	weft_rwmutex_runlock(&rw);
	CHECK(weft_rwmutex_trylock(&rw));
	CHECK(!weft_rwmutex_tryrlock(&rw));
	CHECK(!weft_rwmutex_trylock(&rw));
	weft_rwmutex_unlock(&rw);
}

static void take_write(weft_rwmutex *rw)
{
	weft_rwmutex_lock(rw);
	weft_rwmutex_unlock(rw);
}

static void take_read(weft_rwmutex *rw)
{
	weft_rwmutex_rlock(rw);
	weft_rwmutex_runlock(rw);
}

static void read_often(weft_rwmutex *rw)
{
	for (int i = 0; i < 1000; i++)
		take_read(rw);
}

static void runlock_each(weft_chan(weft_rwmutex *) held)
{
	for (weft_rwmutex *rw; weft_recv(held, &rw); )
		weft_rwmutex_runlock(rw);
}

/* Readers that meet on two workers are counted elsewhere; nobody is to notice. */
TEST(CrowdedRwmutexIsAsExact)
{
	weft_rwmutex rw = {0};
	weft_waitgroup wg = {0};
	weft_chan(weft_rwmutex *) held = weft_make(weft_rwmutex *, 8);

	for (int i = 0; i < 4; i++)
		weft_waitgroup_go(&wg, runlock_each, held);
	for (int round = 0; round < 50; round++) {
		weft_waitgroup readers = {0};

		weft_rwmutex_rlock(&rw);
		weft_waitgroup_go(&readers, read_often, &rw);
		weft_waitgroup_go(&readers, read_often, &rw);
		weft_waitgroup_wait(&readers);
		CHECK(!weft_rwmutex_trylock(&rw));
		for (int i = 0; i < 8; i++) {	/* left by others, perhaps elsewhere */
			weft_rwmutex_rlock(&rw);
			weft_send(held, &rw);
		}
		weft_rwmutex_runlock(&rw);
		weft_rwmutex_lock(&rw);
		CHECK(!weft_rwmutex_tryrlock(&rw));
		weft_rwmutex_unlock(&rw);
		CHECK(weft_rwmutex_trylock(&rw));
		weft_rwmutex_unlock(&rw);
	}
	weft_close(held);
	weft_waitgroup_wait(&wg);
	weft_free(held);
}

CHILD(RunlockTooOften)
{
	weft_rwmutex rw = {0};
	weft_waitgroup wg = {0};

	weft_rwmutex_rlock(&rw);
	for (int i = 0; i < 4; i++)
		weft_waitgroup_go(&wg, read_often, &rw);
	weft_waitgroup_wait(&wg);
	weft_rwmutex_runlock(&rw);
	weft_rwmutex_runlock(&rw);
	return 0;
}

TEST(WaitingWriterKeepsNewReadersOut)
{
	weft_rwmutex rw = {0};
	weft_waitgroup wg = {0};

	weft_rwmutex_rlock(&rw);
	weft_waitgroup_go(&wg, take_write, &rw);
	settle(take_write, WAIT_RWMUTEX_W, 1);
	CHECK(!weft_rwmutex_tryrlock(&rw));
	weft_waitgroup_go(&wg, take_read, &rw);
	settle(take_read, WAIT_RWMUTEX_R, 1);
	weft_rwmutex_runlock(&rw);
	weft_waitgroup_wait(&wg);
}

static void read_until(struct shared *s, _Atomic bool *stop)
{
	while (!*stop)
		read_shared(s, 1);
}

/* There is always a reader: each yields while it has the lock. */
TEST(ReadersDoNotStarveWriters)
{
	struct shared s = {0};
	weft_waitgroup wg = {0};
	_Atomic bool stop = false;

	for (int i = 0; i < 6; i++)
		weft_waitgroup_go(&wg, read_until, &s, &stop);
	write_shared(&s, 500);
	stop = true;
	weft_waitgroup_wait(&wg);
	CHECK_EQ(s.a, 500);
	CHECK_EQ(s.broken, 0);
}

static void take_write_with(weft_ctx *ctx, weft_rwmutex *rw)
{
	CHECK_EQ(weft_rwmutex_lock_ctx(ctx, rw), -ECANCELED);
}

TEST(CancelledWriterLetsReadersIn)
{
	weft_rwmutex rw = {0};
	weft_waitgroup writer = {0}, readers = {0};
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_rwmutex_rlock(&rw);
	weft_waitgroup_go(&writer, take_write_with, ctx, &rw);
	settle(take_write_with, WAIT_RWMUTEX_W, 1);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&readers, take_read, &rw);
	settle(take_read, WAIT_RWMUTEX_R, 3);
	weft_cancel(ctx);
	weft_waitgroup_wait(&writer);
	weft_waitgroup_wait(&readers);	/* while we still read */
	weft_rwmutex_runlock(&rw);
	CHECK(weft_rwmutex_trylock(&rw));
	weft_rwmutex_unlock(&rw);
	weft_ctx_free(ctx);
}

static void rw_for_a_while(struct shared *s, int seed, int n)
{
	struct rand r;

	rand_seed(&r, (uint64_t)seed);
	while (n--) {
		weft_ctx *ctx = weft_with_timeout(NULL, rand_below(&r, 30) * WEFT_US);

		if (rand_below(&r, 4)) {
			if (!weft_rwmutex_rlock_ctx(ctx, &s->rw)) {
				s->broken += s->writers != 0;
				weft_yield();
				weft_rwmutex_runlock(&s->rw);
			}
		} else if (!weft_rwmutex_lock_ctx(ctx, &s->rw)) {
			s->broken += s->writers++ != 0;
			weft_yield();
			s->writers--;
			weft_rwmutex_unlock(&s->rw);
		}
		weft_ctx_free(ctx);
	}
}

TEST(CancelledRwLockersLeaveTheQueueInOrder)
{
	struct shared s = {0};
	weft_waitgroup wg = {0};

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, rw_for_a_while, &s, i, 500);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(s.broken, 0);
	CHECK(weft_rwmutex_trylock(&s.rw));
	weft_rwmutex_unlock(&s.rw);
}

/* ---- what stops the program ---- */

CHILD(UnlockUnlocked)
{
	weft_mutex m = {0};

	weft_mutex_lock(&m);
	weft_mutex_unlock(&m);
	weft_mutex_unlock(&m);
	return 0;
}

CHILD(CopiedMutex)
{
	weft_mutex m = {0}, copy;

	weft_mutex_lock(&m);
	copy = m;
	weft_mutex_lock(&copy);
	return 0;
}

CHILD(UnlockedCopy)
{
	weft_mutex m = {0}, copy;

	weft_mutex_lock(&m);
	copy = m;
	weft_mutex_unlock(&copy);
	return 0;
}

CHILD(RunlockUnlocked)
{
	weft_rwmutex rw = {0};

	weft_rwmutex_runlock(&rw);
	return 0;
}

CHILD(RunlockWriteLocked)
{
	weft_rwmutex rw = {0};

	weft_rwmutex_lock(&rw);
	weft_rwmutex_runlock(&rw);
	return 0;
}

CHILD(UnlockReadLocked)
{
	weft_rwmutex rw = {0};

	weft_rwmutex_rlock(&rw);
	weft_rwmutex_unlock(&rw);
	return 0;
}

CHILD(RwUnlockTwice)
{
	weft_rwmutex rw = {0};

	weft_rwmutex_lock(&rw);
	weft_rwmutex_unlock(&rw);
	weft_rwmutex_unlock(&rw);
	return 0;
}

TEST(LockMisuseStopsTheProgram)
{
	CHECK_DIES("UnlockUnlocked", "weft_mutex_unlock");
	CHECK_DIES("CopiedMutex", "is a copy of");
	CHECK_DIES("UnlockedCopy", "is a copy of");
	CHECK_DIES("RunlockUnlocked", "weft_rwmutex_runlock");
	CHECK_DIES("RunlockTooOften", "weft_rwmutex_runlock");
	CHECK_DIES("RunlockWriteLocked", "weft_rwmutex_runlock");
	CHECK_DIES("UnlockReadLocked", "weft_rwmutex_unlock");
	CHECK_DIES("RwUnlockTwice", "weft_rwmutex_unlock");
}
