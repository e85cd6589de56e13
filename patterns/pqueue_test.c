/* pqueue_test.c - the order, the handles, and what those who wait are given */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "pqueue.h"

static void *num(intptr_t n)
{
	return (void *)n;
}

static intptr_t next(weft_pqueue *q)
{
	void *v = num(-1);

	CHECK_EQ(weft_pqueue_try_pop(q, &v), 0);
	return (intptr_t)v;
}

TEST(PqueueLeastComesFirst)
{
	weft_pqueue *q = weft_pqueue_new();
	void *v = num(7);

	weft_pqueue_push(q, num(3), INT64_MAX);
	weft_pqueue_push(q, num(2), 0);
	weft_pqueue_push(q, num(1), INT64_MIN);
	CHECK_EQ(weft_pqueue_len(q), 3);
	for (int i = 1; i <= 3; i++)
		CHECK_EQ(next(q), i);
	CHECK_EQ(weft_pqueue_try_pop(q, &v), -EAGAIN);
	CHECK_EQ(v, num(7));
	CHECK_EQ(weft_pqueue_len(q), 0);
	weft_pqueue_free(q);
	weft_pqueue_free(NULL);
}

TEST(PqueueIsStableAmongEquals)
{
	weft_pqueue *q = weft_pqueue_new();

	for (int i = 0; i < 300; i++)
		weft_pqueue_push(q, num(i), i % 3);
	for (int i = 0; i < 300; i++)
		CHECK_EQ(next(q), i % 100 * 3 + i / 100);
	weft_pqueue_free(q);
}

TEST(PqueueUpdateGoesBehindItsEquals)
{
	weft_pqueue *q = weft_pqueue_new();
	weft_pqueue_item a = weft_pqueue_push(q, num(1), 5);
	weft_pqueue_item b = weft_pqueue_push(q, num(2), 5);

	weft_pqueue_push(q, num(3), 1);
	CHECK(weft_pqueue_update(q, a, 5));	/* no change: stays first */
	CHECK(weft_pqueue_update(q, b, 1));
	CHECK_EQ(next(q), 3);
	CHECK_EQ(next(q), 2);
	CHECK_EQ(next(q), 1);
	weft_pqueue_free(q);
}

TEST(PqueueHandleOfWhatHasLeftIsRefused)
{
	weft_pqueue *q = weft_pqueue_new();
	weft_pqueue_item old = weft_pqueue_push(q, num(1), 5), new;
	weft_pqueue_item none = { 0, 0 };
	void *v = num(7);

	CHECK_EQ(next(q), 1);
	new = weft_pqueue_push(q, num(2), 5);
	CHECK_EQ(new.at, old.at);		/* the same place, another value */
	CHECK(!weft_pqueue_update(q, old, 1));
	CHECK(!weft_pqueue_remove(q, old, &v));
	CHECK_EQ(v, num(7));
	CHECK(!weft_pqueue_remove(q, none, NULL));
	CHECK(weft_pqueue_remove(q, new, &v));
	CHECK_EQ(v, num(2));
	CHECK(!weft_pqueue_remove(q, new, NULL));
	CHECK_EQ(weft_pqueue_len(q), 0);
	weft_pqueue_free(q);
}

/* Against an array in which the first is looked for. */
enum { MOST = 200 };
struct model { weft_pqueue_item i; int64_t priority; uint64_t turn; bool in; };

static struct model *first(struct model *m)
{
	struct model *best = NULL;

	for (int i = 0; i < MOST; i++)
		if (m[i].in && (!best || m[i].priority < best->priority ||
		    (m[i].priority == best->priority && m[i].turn < best->turn)))
			best = &m[i];
	return best;
}

TEST(PqueueAgreesWithAnArray)
{
	weft_pqueue *q = weft_pqueue_new();
	struct model m[MOST] = { { .in = false } };
	uint64_t turn = 0;
	void *v;

	for (int step = 0; step < 20000; step++) {
		uint64_t r = weft_random();
		struct model *x = &m[r % MOST];
		int64_t priority = (int64_t)(r >> 20) % 20;

		switch (r >> 10 & 3) {
		case 0:
			CHECK_EQ(weft_pqueue_update(q, x->i, priority), x->in);
			if (priority == x->priority)
				break;
			x->priority = priority;
			x->turn = ++turn;
			break;
		case 1:
			CHECK_EQ(weft_pqueue_remove(q, x->i, &v), x->in);
			CHECK(!x->in || v == x);
			x->in = false;
			break;
		case 2:
			x = first(m);
			CHECK_EQ(weft_pqueue_try_pop(q, &v), x ? 0 : -EAGAIN);
			if (!x)
				break;
			CHECK_EQ(v, x);
			x->in = false;
			break;
		default:
			if (x->in)
				break;
			*x = (struct model){ weft_pqueue_push(q, x, priority), priority, ++turn, true };
		}
	}
	for (struct model *x; (x = first(m)); x->in = false)
		CHECK_EQ(next(q), (intptr_t)x);
	CHECK_EQ(weft_pqueue_len(q), 0);
	weft_pqueue_free(q);
}

/* ---- waiting ---- */

struct popped { int err; void *v; };

static void pop(weft_ctx *ctx, weft_pqueue *q, struct popped *p)
{
	p->err = weft_pqueue_pop(ctx, q, &p->v);
}

TEST(PqueuePopWaits, .bubble = true)
{
	weft_pqueue *q = weft_pqueue_new();
	struct popped p[2] = { { 9, NULL }, { 9, NULL } };
	weft_pqueue_item i;

	for (int k = 0; k < 2; k++) {
		weft_go(pop, NULL, q, &p[k]);
		weft_settle();
	}
	i = weft_pqueue_push(q, num(1), 10);
	CHECK(!weft_pqueue_remove(q, i, NULL));	/* the first who waited has it */
	CHECK_EQ(weft_pqueue_len(q), 0);
	weft_pqueue_push(q, num(2), 1);
	weft_settle();
	for (int k = 0; k < 2; k++) {
		CHECK_EQ(p[k].err, 0);
		CHECK_EQ(p[k].v, num(k + 1));
	}
	weft_pqueue_free(q);
}

TEST(PqueuePopEndsWithItsContext, .bubble = true)
{
	weft_pqueue *q = weft_pqueue_new();
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int64_t start = weft_now();
	void *v;

	CHECK_EQ(weft_pqueue_pop(ctx, q, &v), -ETIMEDOUT);
	CHECK_EQ(weft_now() - start, WEFT_SECOND);
	weft_pqueue_push(q, num(1), 1);
	CHECK_EQ(weft_pqueue_pop(ctx, q, &v), 0);	/* it is there, and that wins */
	weft_ctx_free(ctx);
	weft_pqueue_free(q);
}

static void push(weft_pqueue *q)
{
	weft_pqueue_push(q, num(5), 5);
}

static void cancel(weft_ctx *ctx)
{
	weft_cancel(ctx);
}

TEST(PqueueCancelledPopSwallowsNothing, .explore = 1000)
{
	weft_pqueue *q = weft_pqueue_new();
	weft_ctx *ctx = weft_with_cancel(NULL);
	void *v = NULL;
	int err;

	weft_go(push, q);
	weft_go(cancel, ctx);
	err = weft_pqueue_pop(ctx, q, &v);
	SOMETIMES(err == 0 && weft_err(ctx), "cancelled, and given one");
	SOMETIMES(err == -ECANCELED, "cancelled first");
	weft_settle();
	CHECK_EQ(v, err ? NULL : num(5));
	CHECK_EQ(weft_pqueue_len(q), err != 0);
	weft_ctx_free(ctx);
	weft_pqueue_free(q);
}

TEST(PqueueCloseDrainsThenEnds, .bubble = true)
{
	weft_pqueue *q = weft_pqueue_new();
	struct popped p[2] = { { 9, num(3) }, { 9, num(3) } };

	for (int k = 0; k < 2; k++)
		weft_go(pop, NULL, q, &p[k]);
	weft_settle();
	weft_pqueue_close(q);
	weft_settle();
	for (int k = 0; k < 2; k++) {
		CHECK_EQ(p[k].err, -EPIPE);
		CHECK_EQ(p[k].v, num(3));
	}
	weft_pqueue_free(q);

	q = weft_pqueue_new();
	weft_pqueue_push(q, num(1), 1);
	weft_pqueue_close(q);
	pop(NULL, q, &p[0]);
	CHECK_EQ(p[0].err, 0);
	CHECK_EQ(weft_pqueue_try_pop(q, &p[0].v), -EPIPE);
	pop(NULL, q, &p[0]);
	CHECK_EQ(p[0].err, -EPIPE);
	weft_pqueue_free(q);
}

/* ---- misuse ---- */

CHILD(PqueuePushOnClosed)
{
	weft_pqueue *q = weft_pqueue_new();

	weft_pqueue_close(q);
	weft_pqueue_push(q, NULL, 0);
	return 0;
}

CHILD(PqueueClosedTwice)
{
	weft_pqueue *q = weft_pqueue_new();

	weft_pqueue_close(q);
	weft_pqueue_close(q);
	return 0;
}

TEST(PqueueMisuseStopsTheProgram)
{
	CHECK_DIES("PqueuePushOnClosed", "weft_pqueue_push: ");
	CHECK_DIES("PqueueClosedTwice", "weft_pqueue_close: ");
}

/* ---- a crowd: each value is popped or removed once ---- */

enum { PUSHERS = 4, EACH = 5000 };
struct crowd { weft_pqueue *q; _Atomic unsigned char taken[PUSHERS * EACH]; _Atomic int removed; };

static void pusher(struct crowd *c, int me)
{
	for (int i = me * EACH; i < (me + 1) * EACH; i++) {
		weft_pqueue_item h = weft_pqueue_push(c->q, num(i), i % 7);

		if (i % 5 == 0)
			weft_pqueue_update(c->q, h, i % 3);
		if (i % 11 == 0 && weft_pqueue_remove(c->q, h, NULL)) {
			c->taken[i]++;
			c->removed++;
		}
	}
}

static void popper(struct crowd *c, _Atomic int *popped)
{
	void *v;
	int err;

	do {
		weft_ctx *ctx = weft_with_timeout(NULL, 20 * WEFT_US);

		err = weft_pqueue_pop(ctx, c->q, &v);
		if (!err) {
			c->taken[(intptr_t)v]++;
			++*popped;
		}
		weft_ctx_free(ctx);
	} while (err != -EPIPE);
}

TEST(PqueueStress, .real = true)
{
	struct crowd *c = calloc(1, sizeof *c);
	weft_waitgroup pushers = { 0 }, poppers = { 0 };
	_Atomic int popped = 0;
	int wrong = 0;

	c->q = weft_pqueue_new();
	for (int i = 0; i < 4; i++)
		weft_waitgroup_go(&poppers, popper, c, &popped);
	for (int i = 0; i < PUSHERS; i++)
		weft_waitgroup_go(&pushers, pusher, c, i);
	weft_waitgroup_wait(&pushers);
	weft_pqueue_close(c->q);
	weft_waitgroup_wait(&poppers);
	for (int i = 0; i < PUSHERS * EACH; i++)
		wrong += c->taken[i] != 1;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(popped + c->removed, PUSHERS * EACH);
	weft_pqueue_free(c->q);
	free(c);
}
