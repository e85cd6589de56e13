/* sync_test.c - locks, wait groups, once, cond, map, pool: exact counts, order, misuse */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../base/rand.h"
#include "child_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

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
	int x = 0;

	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&wg, add_locked, &m, &x, 10000);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(x, 100000);
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

struct shared { weft_rwmutex rw; _Atomic int readers, writers, most, broken; int64_t a, b; };

static void read_shared(struct shared *s, int n)
{
	while (n--) {
		weft_rwmutex_rlock(&s->rw);
		int now = ++s->readers;
		if (now > s->most)
			s->most = now;
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
	CHECK(s.most > 1);
	CHECK(weft_rwmutex_trylock(&s.rw));
	weft_rwmutex_unlock(&s.rw);
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

/* ---- wait group ---- */

static void count_up(_Atomic int *n)
{
	++*n;
}

TEST(WaitGroupWaitsForAllAndIsReusable)
{
	weft_waitgroup wg = {0};
	_Atomic int n = 0;

	weft_waitgroup_wait(&wg);
	for (int round = 1; round <= 200; round++) {
		for (int i = 0; i < 10; i++)
			weft_waitgroup_go(&wg, count_up, &n);
		weft_waitgroup_wait(&wg);
		CHECK_EQ(n, 10 * round);
	}
}

static void wait_group(weft_waitgroup *wg, _Atomic int *n, _Atomic int *early)
{
	weft_waitgroup_wait(wg);
	*early += *n != 1;
}

TEST(WaitGroupWakesAllWaiters)
{
	weft_waitgroup wg = {0}, waiters = {0};
	_Atomic int n = 0, early = 0;

	weft_waitgroup_add(&wg, 2);
	for (int i = 0; i < 20; i++)
		weft_waitgroup_go(&waiters, wait_group, &wg, &n, &early);
	settle(wait_group, WAIT_GROUP, 20);
	weft_waitgroup_done(&wg);
	n = 1;
	weft_waitgroup_done(&wg);
	weft_waitgroup_wait(&waiters);
	CHECK_EQ(early, 0);
}

static void done_once(weft_waitgroup *wg)
{
	weft_waitgroup_done(wg);
}

/* The group may go as soon as a wait has returned: here it lies on a heap. */
TEST(WaitGroupMayBeFreedAfterWait)
{
	for (int i = 0; i < 3000; i++) {
		weft_waitgroup *wg = calloc(1, sizeof *wg);

		weft_waitgroup_add(wg, 2);
		weft_go(done_once, wg);
		weft_go(done_once, wg);
		weft_waitgroup_wait(wg);
		memset(wg, 0x5a, sizeof *wg);
		free(wg);
	}
}

/* Also when an earlier wait was cancelled. */
TEST(WaitGroupMayBeFreedAfterCancelledWait)
{
	for (int i = 0; i < 3000; i++) {
		weft_waitgroup *wg = calloc(1, sizeof *wg);
		weft_ctx *ctx = weft_with_timeout(NULL, i % 3 * WEFT_US);

		weft_waitgroup_add(wg, 1);
		weft_go(done_once, wg);
		weft_waitgroup_wait_ctx(ctx, wg);
		weft_waitgroup_wait(wg);
		memset(wg, 0x5a, sizeof *wg);
		free(wg);
		weft_ctx_free(ctx);
	}
}

/* ---- once ---- */

static _Atomic int once_calls;
static int once_value;

static void once_body(void)
{
	once_calls++;
	weft_yield();
	once_value = 42;
}

static void use_once(weft_once *once, _Atomic int *early)
{
	weft_once_do(once, once_body);
	*early += once_value != 42;
}

TEST(OnceRunsOnceAndAllWait)
{
	weft_once once = {0};
	weft_waitgroup wg = {0};
	_Atomic int early = 0;

	once_calls = once_value = 0;
	for (int i = 0; i < 50; i++)
		weft_waitgroup_go(&wg, use_once, &once, &early);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(once_calls, 1);
	CHECK_EQ(early, 0);
}

/* ---- condition variable ---- */

struct gate { weft_mutex m; weft_cond c; int tickets, used; };

static void take_ticket(struct gate *k)
{
	weft_mutex_lock(&k->m);
	while (!k->tickets)
		weft_cond_wait(&k->c, &k->m);
	k->tickets--;
	k->used++;
	weft_mutex_unlock(&k->m);
}

static void give_tickets(struct gate *k, int n)
{
	weft_mutex_lock(&k->m);
	k->tickets += n;
	weft_mutex_unlock(&k->m);
}

TEST(SignalWakesOne)
{
	struct gate k = {0};
	weft_waitgroup wg = {0};

	weft_cond_signal(&k.c);		/* nobody there: nothing */
	for (int i = 0; i < 5; i++)
		weft_waitgroup_go(&wg, take_ticket, &k);
	settle(take_ticket, WAIT_COND, 5);
	give_tickets(&k, 5);
	for (int i = 4; i >= 0; i--) {
		weft_cond_signal(&k.c);
		settle(take_ticket, WAIT_COND, i);
	}
	weft_waitgroup_wait(&wg);
	CHECK_EQ(k.used, 5);
}

TEST(BroadcastWakesAll)
{
	struct gate k = {0};
	weft_waitgroup wg = {0};

	weft_cond_broadcast(&k.c);
	for (int i = 0; i < 30; i++)
		weft_waitgroup_go(&wg, take_ticket, &k);
	settle(take_ticket, WAIT_COND, 30);
	give_tickets(&k, 30);
	weft_cond_broadcast(&k.c);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(k.used, 30);
}

static void wait_in_turn(weft_mutex *m, weft_cond *c, weft_chan(int) order, int me)
{
	weft_mutex_lock(m);
	weft_cond_wait(c, m);
	weft_mutex_unlock(m);
	weft_send(order, me);
}

TEST(SignalWakesInOrderOfArrival)
{
	weft_mutex m = {0};
	weft_cond c = {0};
	weft_chan(int) order = weft_make(int, 0);
	int x;

	for (int i = 0; i < 8; i++) {
		weft_go(wait_in_turn, &m, &c, order, i);
		settle(wait_in_turn, WAIT_COND, i + 1);
	}
	for (int i = 0; i < 8; i++) {
		weft_cond_signal(&c);
		weft_recv(order, &x);
		CHECK_EQ(x, i);
	}
	weft_free(order);
}

struct queue { weft_mutex m; weft_cond not_empty, not_full; int n, in, out; int64_t sum; };

static void queue_put(struct queue *q, int n)
{
	while (n--) {
		weft_mutex_lock(&q->m);
		while (q->n == 4)
			weft_cond_wait(&q->not_full, &q->m);
		q->n++;
		q->in++;
		weft_cond_signal(&q->not_empty);
		weft_mutex_unlock(&q->m);
	}
}

static void queue_get(struct queue *q, int n)
{
	while (n--) {
		weft_mutex_lock(&q->m);
		while (!q->n)
			weft_cond_wait(&q->not_empty, &q->m);
		q->n--;
		q->out++;
		weft_cond_signal(&q->not_full);
		weft_mutex_unlock(&q->m);
	}
}

TEST(BoundedQueueOfConditions)
{
	struct queue q = {0};
	weft_waitgroup wg = {0};

	for (int i = 0; i < 4; i++) {
		weft_waitgroup_go(&wg, queue_put, &q, 2000);
		weft_waitgroup_go(&wg, queue_get, &q, 2000);
	}
	weft_waitgroup_wait(&wg);
	CHECK_EQ(q.in, 8000);
	CHECK_EQ(q.out, 8000);
	CHECK_EQ(q.n, 0);
}

static void wait_or_give_up(struct gate *k, _Atomic int *cancelled)
{
	weft_ctx *ctx = weft_with_timeout(NULL, 20 * WEFT_US);
	int err = 0;

	weft_mutex_lock(&k->m);
	while (!k->tickets && !err)
		err = weft_cond_wait_ctx(ctx, &k->c, &k->m);
	if (k->tickets) {
		k->tickets--;
		k->used++;
	} else
		++*cancelled;
	weft_mutex_unlock(&k->m);
	weft_ctx_free(ctx);
}

/* A signal goes to somebody who still waits, not to one that has given up. */
TEST(CancelledCondWaiters)
{
	struct gate k = {0};
	weft_waitgroup wg = {0};
	_Atomic int cancelled = 0;

	for (int i = 0; i < 1000; i++) {
		weft_waitgroup_go(&wg, wait_or_give_up, &k, &cancelled);
		if (i % 2) {
			give_tickets(&k, 1);
			weft_cond_signal(&k.c);
		}
		if (i % 16 == 0)
			weft_yield();
	}
	weft_waitgroup_wait(&wg);
	CHECK_EQ(k.used + cancelled, 1000);
	CHECK_EQ(k.used + k.tickets, 500);
}

/* ---- map ---- */

static int va, vb;

TEST(MapOperations, .parallel = true)
{
	weft_map *m = weft_map_new();
	void *v = &va;

	CHECK(!weft_map_load(m, "a", 1, &v) && !v);
	weft_map_store(m, "a", 1, &va);
	CHECK(weft_map_load(m, "a", 1, &v) && v == &va);
	CHECK(weft_map_load(m, "a", 1, NULL));
	CHECK(weft_map_load_or_store(m, "a", 1, &vb, &v) && v == &va);
	CHECK(!weft_map_load_or_store(m, "b", 1, &vb, &v) && v == &vb);
	CHECK_EQ(weft_map_len(m), 2);
	CHECK(weft_map_swap(m, "a", 1, &vb, &v) && v == &va);
	CHECK(!weft_map_swap(m, "c", 1, &va, &v) && !v);
	CHECK(!weft_map_compare_and_swap(m, "a", 1, &va, NULL));
	CHECK(weft_map_compare_and_swap(m, "a", 1, &vb, NULL));
	CHECK(weft_map_load(m, "a", 1, &v) && !v);	/* NULL is a value */
	CHECK(!weft_map_compare_and_swap(m, "x", 1, NULL, &va));
	CHECK(!weft_map_compare_and_delete(m, "a", 1, &va));
	CHECK(!weft_map_compare_and_delete(m, "x", 1, NULL));
	CHECK(weft_map_compare_and_delete(m, "a", 1, NULL));
	CHECK(weft_map_load_and_delete(m, "b", 1, &v) && v == &vb);
	CHECK(!weft_map_load_and_delete(m, "b", 1, &v) && !v);
	CHECK(weft_map_delete(m, "c", 1));
	CHECK(!weft_map_delete(m, "c", 1));
	CHECK_EQ(weft_map_len(m), 0);
	weft_map_free(m);
	weft_map_free(NULL);
}

TEST(MapKeysAreBytes, .parallel = true)
{
	weft_map *m = weft_map_new();
	char key[4] = { 1, 0, 2, 0 };
	void *v;

	weft_map_store(m, key, 4, &va);
	weft_map_store(m, key, 2, &vb);
	weft_map_store(m, key, 0, m);
	CHECK(weft_map_load(m, key, 4, &v) && v == &va);
	CHECK(weft_map_load(m, key, 2, &v) && v == &vb);
	CHECK(weft_map_load(m, "", 0, &v) && v == m);
	CHECK(!weft_map_load(m, key, 3, NULL));
	memset(key, 9, 4);		/* it has been copied */
	CHECK(!weft_map_load(m, key, 4, NULL));
	CHECK_EQ(weft_map_len(m), 3);
	weft_map_free(m);
}

struct ranged { weft_map *m; int seen[1000], n, stop; bool delete; };

static bool visit(const void *key, size_t len, void *value, void *arg)
{
	struct ranged *r = arg;
	int i = atoi(key);

	CHECK_EQ((intptr_t)value, i);
	r->seen[i]++;
	r->n++;
	if (r->delete)
		CHECK(weft_map_delete(r->m, key, len));
	return r->n != r->stop;
}

static size_t number_key(char key[16], int i)
{
	return (size_t)snprintf(key, 16, "%d", i) + 1;
}

static void fill(weft_map *m, int n)
{
	char key[16];

	for (int i = 0; i < n; i++)
		weft_map_store(m, key, number_key(key, i), (void *)(intptr_t)i);
}

TEST(MapRangeVisitsEachOnce, .parallel = true)
{
	struct ranged r = { .m = weft_map_new() };

	fill(r.m, 1000);
	weft_map_range(r.m, visit, &r);
	CHECK_EQ(r.n, 1000);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(r.seen[i], 1);
	r.n = 0;
	r.stop = 10;
	weft_map_range(r.m, visit, &r);
	CHECK_EQ(r.n, 10);
	weft_map_free(r.m);
}

TEST(MapRangeMayDelete, .parallel = true)
{
	struct ranged r = { .m = weft_map_new(), .delete = true };

	fill(r.m, 1000);
	weft_map_range(r.m, visit, &r);
	CHECK_EQ(r.n, 1000);
	CHECK_EQ(weft_map_len(r.m), 0);
	weft_map_free(r.m);
}

/* Counts up under a key by compare and swap, as others do at the same time. */
static void map_count(weft_map *m, int seed, int n)
{
	struct rand r;
	char key[16];
	void *old;

	rand_seed(&r, (uint64_t)seed);
	while (n--) {
		size_t len = number_key(key, (int)rand_below(&r, 50));

		do {
			old = NULL;
			weft_map_load_or_store(m, key, len, NULL, &old);
		} while (!weft_map_compare_and_swap(m, key, len, old, (char *)old + 1));
	}
}

static bool add_value(const void *key, size_t len, void *value, void *arg)
{
	(void)key;
	(void)len;
	*(int64_t *)arg += (intptr_t)value;
	return true;
}

static void map_churn(weft_map *m, int me, int n, _Atomic int *wrong)
{
	char key[16];
	void *v;

	for (int i = 0; i < n; i++) {
		size_t len = number_key(key, 1000 + 100 * me + i % 100);

		*wrong += weft_map_load_or_store(m, key, len, NULL, NULL);
		*wrong += !weft_map_swap(m, key, len, NULL, &v) || v;
		*wrong += !weft_map_load_and_delete(m, key, len, NULL);
	}
}

TEST(MapUnderManyGoroutines)
{
	weft_map *m = weft_map_new();
	weft_waitgroup wg = {0};
	_Atomic int wrong = 0;
	int64_t sum = 0;

	for (int i = 0; i < 6; i++) {
		weft_waitgroup_go(&wg, map_count, m, i, 5000);
		weft_waitgroup_go(&wg, map_churn, m, i, 3000, &wrong);
	}
	for (int i = 0; i < 10; i++) {
		weft_map_range(m, add_value, &sum);
		weft_yield();
	}
	weft_waitgroup_wait(&wg);
	sum = 0;
	weft_map_range(m, add_value, &sum);
	CHECK_EQ(sum, 30000);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(weft_map_len(m), 50);
	weft_map_free(m);
}

/* ---- pool ---- */

static _Atomic int made, destroyed;

static void *make_one(void)
{
	int *x = malloc(sizeof *x);

	made++;
	*x = 0;
	return x;
}

static void destroy_one(void *x)
{
	destroyed++;
	free(x);
}

static void use_pool(weft_pool *p, int n, _Atomic int *shared)
{
	while (n--) {
		int *x = weft_pool_get(p);

		*shared += (*x)++ != 0;	/* somebody else has it, too */
		weft_yield();
		*shared += --*x != 0;
		weft_pool_put(p, x);
	}
}

TEST(PoolGivesEachToOne)
{
	weft_pool *p = weft_pool_new(make_one, destroy_one);
	weft_waitgroup wg = {0};
	_Atomic int shared = 0;

	made = destroyed = 0;
	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&wg, use_pool, p, 1000, &shared);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(shared, 0);
	CHECK(made < 10000);		/* some were used again */
	weft_pool_free(p);
	CHECK_EQ(made, destroyed);
}

TEST(PoolKeepsABoundedNumber)
{
	weft_pool *p = weft_pool_new(NULL, destroy_one);

	CHECK(!weft_pool_get(p));
	made = destroyed = 0;
	for (int i = 0; i < 1000; i++)
		weft_pool_put(p, make_one());
	CHECK(destroyed > 0);
	weft_pool_put(p, NULL);
	weft_pool_free(p);
	CHECK_EQ(destroyed, 1000);
	weft_pool_free(NULL);
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

CHILD(CopiedMutexUnlock)
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

CHILD(CountBelowZero)
{
	weft_waitgroup wg = {0};

	weft_waitgroup_add(&wg, 2);
	weft_waitgroup_add(&wg, -3);
	return 0;
}

TEST(LockMisuseStopsTheProgram)
{
	CHECK_DIES("UnlockUnlocked", "weft_mutex_unlock");
	CHECK_DIES("CopiedMutex", "is a copy of");
	CHECK_DIES("CopiedMutexUnlock", "is a copy of");
	CHECK_DIES("RunlockUnlocked", "weft_rwmutex_runlock");
	CHECK_DIES("RunlockWriteLocked", "weft_rwmutex_runlock");
	CHECK_DIES("UnlockReadLocked", "weft_rwmutex_unlock");
	CHECK_DIES("RwUnlockTwice", "weft_rwmutex_unlock");
	CHECK_DIES("CountBelowZero", "count below zero");
}
