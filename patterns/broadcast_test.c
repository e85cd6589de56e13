/* broadcast_test.c - subscribers come and go, are slow, or stop, and harm nobody but themselves */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/time.h"
#include "broadcast.h"

TEST(BroadcastToNobody)
{
	weft_broadcast(int) b = weft_broadcast_new(int);

	CHECK_EQ(weft_broadcast_send(NULL, b, 1), 0);
	weft_broadcast_free(b);
	weft_broadcast_free((weft_broadcast(int))NULL);
}

TEST(BroadcastByPolicy)
{
	weft_broadcast(int) b = weft_broadcast_new(int);
	weft_chan(int) newest = weft_make(int, 2), oldest = weft_make(int, 2);
	weft_chan(int) all = weft_make(int, 5);
	weft_subscriber *n = weft_broadcast_join(b, newest, .slow = WEFT_DROP_NEWEST);
	weft_subscriber *o = weft_broadcast_join(b, oldest, .slow = WEFT_DROP_OLDEST);
	weft_subscriber *a = weft_broadcast_join(b, all);
	int x, i = 0;

	for (x = 0; x < 5; x++)
		CHECK_EQ(weft_broadcast_send(NULL, b, x), 0);
	weft_broadcast_close(b);
	for (i = 0; weft_recv(newest, &x); i++)
		CHECK_EQ(x, i);
	CHECK_EQ(i, 2);
	for (i = 3; weft_recv(oldest, &x); i++)
		CHECK_EQ(x, i);
	CHECK_EQ(i, 5);
	for (i = 0; weft_recv(all, &x); i++)
		CHECK_EQ(x, i);
	CHECK_EQ(i, 5);
	CHECK_EQ(weft_broadcast_lost(n), 3);
	CHECK_EQ(weft_broadcast_leave(n), 3);
	CHECK_EQ(weft_broadcast_leave(o), 3);
	CHECK_EQ(weft_broadcast_leave(a), 0);
	weft_free(newest);
	weft_free(oldest);
	weft_free(all);
	weft_broadcast_free(b);
}

TEST(BroadcastFromJoinToLeave)
{
	weft_broadcast(int) b = weft_broadcast_new(int);
	weft_chan(int) c = weft_make(int, 10);
	weft_subscriber *s;
	int x = 0;

	weft_broadcast_send(NULL, b, 1);
	s = weft_broadcast_join(b, c);
	weft_broadcast_send(NULL, b, 2);
	CHECK_EQ(weft_broadcast_leave(s), 0);
	weft_broadcast_send(NULL, b, 3);
	CHECK_EQ(weft_len(c), 1);
	weft_recv(c, &x);
	CHECK_EQ(x, 2);
	weft_broadcast_close(b);
	s = weft_broadcast_join(b, c);
	CHECK(!weft_recv(c, &x));		/* too late */
	weft_broadcast_leave(s);
	weft_free(c);
	weft_broadcast_free(b);
}

static void close_it(weft_broadcast(int) b)
{
	weft_broadcast_close(b);
}

/* The last to leave frees it: close may not have returned. */
TEST(BroadcastFreedAtItsEnd, .explore = 200)
{
	weft_broadcast(int) b = weft_broadcast_new(int);
	weft_chan(int) c = weft_make(int, 1);
	weft_subscriber *s = weft_broadcast_join(b, c);

	weft_go(close_it, b);
	CHECK(!weft_recv(c, NULL));
	weft_broadcast_leave(s);
	weft_broadcast_free(b);
	weft_free(c);
}

static void receive_later(weft_chan(int) c)
{
	int x = 0;

	weft_sleep(WEFT_SECOND / 2);
	weft_recv(c, &x);
	CHECK_EQ(x, 4);
}

TEST(BroadcastWaitsUntilCtxEnds, .bubble = true)
{
	weft_broadcast(int) b = weft_broadcast_new(int);
	weft_chan(int) stopped = weft_make(int, 0), reads = weft_make(int, 1);
	weft_subscriber *s = weft_broadcast_join(b, stopped);
	weft_subscriber *r = weft_broadcast_join(b, reads);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int64_t begin = weft_now();
	int x = 0;

	weft_send(reads, 4);
	weft_go(receive_later, reads);		/* while send waits for the other */
	CHECK_EQ(weft_broadcast_send(ctx, b, 5), -ETIMEDOUT);
	CHECK_EQ(weft_now() - begin, WEFT_SECOND);
	CHECK_EQ(weft_broadcast_lost(s), 1);
	CHECK_EQ(weft_broadcast_lost(r), 0);
	weft_recv(reads, &x);
	CHECK_EQ(x, 5);
	CHECK_EQ(weft_broadcast_leave(s), 1);
	CHECK_EQ(weft_broadcast_leave(r), 0);
	weft_free(stopped);
	weft_free(reads);
	weft_broadcast_free(b);
	weft_ctx_free(ctx);
}

static void send_one(weft_ctx *ctx, weft_broadcast(int) b, int v, int *err)
{
	*err = weft_broadcast_send(ctx, b, v);
}

TEST(BroadcastGoesOnWhenOneLeaves, .bubble = true)
{
	weft_broadcast(int) b = weft_broadcast_new(int);
	weft_chan(int) stopped = weft_make(int, 0), slow = weft_make(int, 0);
	weft_subscriber *s = weft_broadcast_join(b, stopped);
	weft_subscriber *r = weft_broadcast_join(b, slow);
	int x = 0, err = 1;

	weft_go(send_one, NULL, b, 5, &err);
	weft_settle();
	CHECK_EQ(err, 1);
	CHECK_EQ(weft_broadcast_leave(s), 1);
	weft_settle();
	CHECK_EQ(err, 1);		/* now for the other */
	weft_recv(slow, &x);
	CHECK_EQ(x, 5);
	weft_settle();
	CHECK_EQ(err, 0);
	weft_broadcast_leave(r);
	weft_free(stopped);
	weft_free(slow);
	weft_broadcast_free(b);
}

TEST(BroadcastLeavingDoesNotWaitForOthers, .bubble = true)
{
	weft_broadcast(int) b = weft_broadcast_new(int);
	weft_chan(int) slow = weft_make(int, 0), c = weft_make(int, 0);
	weft_subscriber *r = weft_broadcast_join(b, slow);
	weft_subscriber *s = weft_broadcast_join(b, c);
	weft_ctx *ctx = weft_with_cancel(NULL);
	int err = 1, second = 1, x;

	weft_go(send_one, NULL, b, 5, &err);
	weft_go(send_one, ctx, b, 6, &second);
	weft_settle();
	CHECK_EQ(weft_broadcast_leave(s), 1);	/* also if it was not its turn yet */
	weft_free(c);
	weft_cancel(ctx);			/* nor that of the other sender */
	weft_settle();
	CHECK_EQ(second, -ECANCELED);
	CHECK_EQ(err, 1);
	CHECK(weft_recv(slow, &x));
	CHECK_EQ(x, 5);
	weft_settle();
	CHECK_EQ(err, 0);
	weft_broadcast_leave(r);
	weft_free(slow);
	weft_broadcast_free(b);
	weft_ctx_free(ctx);
}

/* ---- a crowd ---- */

struct crowd {
	weft_broadcast(int)	b;
	_Atomic int		got, lost, left_early;
};

/* What it gets ascends; with WEFT_BLOCK there are no gaps. */
static void listen_for_a_while(struct crowd *cr, int slow, int wanted, int cap)
{
	weft_chan(int) c = weft_make(int, cap);
	weft_subscriber *s = weft_broadcast_join(cr->b, c, .slow = slow);
	int last = -1, n = 0, x;
	int64_t lost;

	for (; n < wanted && weft_recv(c, &x); n++, last = x)
		CHECK(slow == WEFT_BLOCK && n ? x == last + 1 : x > last);
	cr->left_early += n == wanted;
	lost = weft_broadcast_leave(s);
	CHECK(slow != WEFT_BLOCK || lost <= 1);	/* the one that it left in the middle of */
	cr->got += n;
	cr->lost += lost;
	weft_free(c);
}

static void send_many(weft_ctx *ctx, struct crowd *cr, int n)
{
	for (int i = 0; i < n; i++)
		if (weft_broadcast_send(ctx, cr->b, i))
			break;
	weft_broadcast_close(cr->b);
}

TEST(BroadcastOthersComeAndGo, .explore = 400)
{
	struct crowd cr = { .b = weft_broadcast_new(int) };
	weft_waitgroup wg = {0};

	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, listen_for_a_while, &cr, weft_choose(3),
		    1 + weft_choose(8), 1 + weft_choose(2));
	weft_waitgroup_go(&wg, send_many, NULL, &cr, 6);
	weft_waitgroup_wait(&wg);
	SOMETIMES(cr.left_early == 3, "all left before the end");
	SOMETIMES(cr.left_early == 0, "all heard the end");
	SOMETIMES(cr.lost > 3, "values were lost");
	weft_broadcast_free(cr.b);
}

TEST(BroadcastStress, .real = true)
{
	struct crowd cr = { .b = weft_broadcast_new(int) };
	weft_waitgroup steady = {0}, guests = {0};
	weft_chan(int) c[3];
	weft_subscriber *s[3];
	_Atomic int64_t seen[3] = {0};

	for (int i = 0; i < 3; i++) {
		c[i] = weft_make(int, 4);
		s[i] = weft_broadcast_join(cr.b, c[i], .slow = i);
	}
	weft_waitgroup_go(&steady, send_many, NULL, &cr, 20000);
	for (int i = 0; i < 50; i++)
		weft_waitgroup_go(&guests, listen_for_a_while, &cr, i % 3, 100 * (i % 7),
		    1 + i % 4);
	for (int x; weft_recv(c[0], &x); seen[0]++)
		CHECK_EQ(x, seen[0]);
	weft_waitgroup_wait(&steady);
	weft_waitgroup_wait(&guests);
	CHECK_EQ(seen[0], 20000);
	for (int i = 0; i < 3; i++) {
		while (weft_recv(c[i], NULL))
			seen[i]++;
		CHECK_EQ(seen[i] + weft_broadcast_leave(s[i]), 20000);
		weft_free(c[i]);
	}
	weft_broadcast_free(cr.b);
}

/* ---- misuse ---- */

CHILD(BroadcastAfterClose)
{
	weft_broadcast(int) b = weft_broadcast_new(int);

	weft_broadcast_close(b);
	weft_broadcast_send(NULL, b, 1);
	return 0;
}

CHILD(BroadcastClosedTwice)
{
	weft_broadcast(int) b = weft_broadcast_new(int);

	weft_broadcast_close(b);
	weft_broadcast_close(b);
	return 0;
}

CHILD(BroadcastFreedInUse)
{
	weft_broadcast(int) b = weft_broadcast_new(int);

	weft_broadcast_join(b, weft_make(int, 1));
	weft_broadcast_free(b);
	return 0;
}

CHILD(BroadcastNoCapacity)
{
	weft_broadcast(int) b = weft_broadcast_new(int);

	weft_broadcast_join(b, weft_make(int, 0), .slow = WEFT_DROP_OLDEST);
	return 0;
}

TEST(BroadcastMisuse)
{
	CHECK_DIES("BroadcastAfterClose", "weft_broadcast_send: it is closed");
	CHECK_DIES("BroadcastClosedTwice", "weft_broadcast_close: it is closed");
	CHECK_DIES("BroadcastFreedInUse", "weft_broadcast_free: there are subscribers");
	CHECK_DIES("BroadcastNoCapacity", "weft_broadcast_join: the channel has no capacity");
}
