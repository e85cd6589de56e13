/* sync_test.c - wait groups, once, condition variables: counts, order, misuse */
#include <string.h>

#include "child_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

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

CHILD(CountBelowZero)
{
	weft_waitgroup wg = {0};

	weft_waitgroup_add(&wg, 2);
	weft_waitgroup_add(&wg, -3);
	return 0;
}

TEST(WaitGroupMisuseStopsTheProgram)
{
	CHECK_DIES("CountBelowZero", "count below zero");
}
