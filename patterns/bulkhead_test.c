/* bulkhead_test.c - who is turned away, when, and with which error */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "bulkhead.h"

static weft_bulkhead *make(int concurrent, int queue, int64_t wait)
{
	return weft_bulkhead_new((struct weft_bulkhead_options){
	    .max_concurrent = concurrent, .max_queue = queue, .max_wait = wait });
}

struct call { int err; int64_t at; };

static void enter(weft_ctx *ctx, weft_bulkhead *b, struct call *c)
{
	c->err = weft_bulkhead_enter(ctx, b);
	c->at = weft_now();
}

TEST(BulkheadWithoutAQueueTurnsAway)
{
	weft_bulkhead *b = make(2, 0, 0);

	CHECK_EQ(weft_bulkhead_enter(NULL, b), 0);
	CHECK_EQ(weft_bulkhead_enter(NULL, b), 0);
	CHECK_EQ(weft_bulkhead_enter(NULL, b), -EBUSY);
	weft_bulkhead_leave(b);
	CHECK_EQ(weft_bulkhead_enter(NULL, b), 0);
	weft_bulkhead_leave(b);
	weft_bulkhead_leave(b);
	CHECK_EQ(weft_bulkhead_stats(b).entered, 3);
	CHECK_EQ(weft_bulkhead_stats(b).full, 1);
	weft_bulkhead_free(b);
	weft_bulkhead_free(NULL);
}

TEST(BulkheadFullQueueAndLateAreDifferentErrors, .bubble = true)
{
	weft_bulkhead *b = make(1, 1, WEFT_SECOND);
	struct call late = { 1, 0 };
	int64_t start = weft_now();

	weft_bulkhead_enter(NULL, b);
	weft_go(enter, NULL, b, &late);
	weft_settle();
	CHECK_EQ(weft_bulkhead_stats(b).waiting, 1);
	CHECK_EQ(weft_bulkhead_enter(NULL, b), -EBUSY);
	CHECK_EQ(weft_now(), start);
	weft_sleep(2 * WEFT_SECOND);
	weft_settle();
	CHECK_EQ(late.err, -ETIME);
	CHECK_EQ(late.at - start, WEFT_SECOND);
	CHECK_EQ(weft_bulkhead_stats(b).waiting, 0);
	CHECK_EQ(weft_bulkhead_stats(b).late, 1);
	CHECK_EQ(weft_bulkhead_stats(b).full, 1);
	weft_bulkhead_leave(b);
	weft_bulkhead_free(b);
}

TEST(BulkheadContextEndsTheWait, .bubble = true)
{
	weft_bulkhead *b = make(1, 2, WEFT_SECOND);
	weft_ctx *early = weft_with_timeout(NULL, WEFT_MS);
	weft_ctx *same = weft_with_timeout(NULL, WEFT_SECOND + WEFT_MS);
	weft_ctx *cancelled = weft_with_cancel(NULL);

	weft_bulkhead_enter(NULL, b);
	CHECK_EQ(weft_bulkhead_enter(early, b), -ETIMEDOUT);
	CHECK_EQ(weft_bulkhead_enter(same, b), -ETIMEDOUT);	/* both at once: yours */
	weft_cancel(cancelled);
	CHECK_EQ(weft_bulkhead_enter(cancelled, b), -ECANCELED);
	CHECK_EQ(weft_bulkhead_stats(b).cancelled, 3);
	weft_bulkhead_leave(b);
	CHECK_EQ(weft_bulkhead_enter(cancelled, b), 0);	/* there is room, and that wins */
	weft_bulkhead_leave(b);
	weft_ctx_free(early);
	weft_ctx_free(same);
	weft_ctx_free(cancelled);
	weft_bulkhead_free(b);
}

TEST(BulkheadIsFirstComeFirstServed, .bubble = true)
{
	weft_bulkhead *b = make(1, 3, 0);
	struct call c[3] = { { 1, 0 }, { 1, 0 }, { 1, 0 } };

	weft_bulkhead_enter(NULL, b);
	for (int i = 0; i < 3; i++) {
		weft_go(enter, NULL, b, &c[i]);
		weft_settle();
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(c[i].err, 1);
		weft_sleep(WEFT_SECOND);
		weft_bulkhead_leave(b);
		CHECK_EQ(weft_bulkhead_stats(b).waiting, 2 - i);	/* gone at once */
		weft_settle();
		CHECK_EQ(c[i].err, 0);
	}
	weft_bulkhead_leave(b);
	weft_bulkhead_free(b);
}

static void leave_after(weft_bulkhead *b, int64_t ns)
{
	weft_sleep(ns);
	weft_bulkhead_leave(b);
}

TEST(BulkheadWhoGivesUpTakesNoPlace, .explore = 500)
{
	weft_bulkhead *b = make(1, 1, WEFT_SECOND);
	int err;

	weft_bulkhead_enter(NULL, b);
	weft_go(leave_after, b, WEFT_SECOND);
	err = weft_bulkhead_enter(NULL, b);
	SOMETIMES(err == 0, "the place came first");
	SOMETIMES(err == -ETIME, "the end of the wait came first");
	weft_settle();
	CHECK_EQ(weft_bulkhead_stats(b).inside, err == 0);
	CHECK_EQ(weft_bulkhead_enter(NULL, b), err == 0 ? -ETIME : 0);
	weft_bulkhead_leave(b);
	weft_bulkhead_free(b);
}

static void cancel_after(weft_ctx *ctx, int64_t ns)
{
	weft_sleep(ns);
	weft_cancel(ctx);
}

TEST(BulkheadGivesTheContextsOwnError, .explore = 500)
{
	weft_bulkhead *b = make(1, 1, WEFT_SECOND);
	weft_ctx *ctx = weft_with_cancel(NULL);
	int err;

	weft_bulkhead_enter(NULL, b);
	weft_go(cancel_after, ctx, WEFT_SECOND);
	err = weft_bulkhead_enter(ctx, b);
	SOMETIMES(err == -ETIME, "the end of the wait came first");
	if (err != -ETIME)
		CHECK_EQ(err, -ECANCELED);	/* it has no deadline */
	weft_settle();
	weft_bulkhead_leave(b);
	weft_ctx_free(ctx);
	weft_bulkhead_free(b);
}

/* ---- misuse ---- */

CHILD(BulkheadLeftTwice)
{
	weft_bulkhead *b = make(1, 0, 0);

	weft_bulkhead_enter(NULL, b);
	weft_bulkhead_leave(b);
	weft_bulkhead_leave(b);
	return 0;
}

CHILD(BulkheadOfNone)
{
	make(0, 1, 0);
	return 0;
}

CHILD(BulkheadFreedInUse)
{
	weft_bulkhead *b = make(1, 0, 0);

	weft_bulkhead_enter(NULL, b);
	weft_bulkhead_free(b);
	return 0;
}

TEST(BulkheadMisuseStopsTheProgram)
{
	CHECK_DIES("BulkheadLeftTwice", "weft_bulkhead_leave: nobody is inside");
	CHECK_DIES("BulkheadOfNone", "weft_bulkhead_new: 0 concurrent, 1 waiting, for 0 ns");
	CHECK_DIES("BulkheadFreedInUse", "weft_bulkhead_free: 1 are inside, 0 wait");
}

/* ---- a crowd ---- */

struct crowd { weft_bulkhead *b; _Atomic int inside, ok, busy, late, gone; };

static void come_and_go(struct crowd *c, int seed)
{
	for (int i = 0; i < 1000; i++) {
		weft_ctx *ctx = weft_with_timeout(NULL, (i + seed) % 64 * WEFT_US);
		int err = weft_bulkhead_enter(i % 3 ? NULL : ctx, c->b);

		switch (err) {
		case 0:
			CHECK(++c->inside <= 3);
			c->ok++;
			weft_yield();
			c->inside--;
			weft_bulkhead_leave(c->b);
			break;
		case -EBUSY:
			c->busy++;
			weft_yield();
			break;
		case -ETIME:
			c->late++;
			break;
		default:
			c->gone++;
		}
		weft_ctx_free(ctx);
	}
}

TEST(BulkheadStress, .real = true)
{
	struct crowd c = { .b = make(3, 3, 20 * WEFT_US) };
	weft_waitgroup wg = { 0 };
	struct weft_bulkhead_stats s;

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, come_and_go, &c, i);
	weft_waitgroup_wait(&wg);
	s = weft_bulkhead_stats(c.b);
	CHECK_EQ(s.entered, c.ok);
	CHECK_EQ(s.full, c.busy);
	CHECK_EQ(s.late, c.late);
	CHECK_EQ(s.cancelled, c.gone);
	CHECK_EQ(c.ok + c.busy + c.late + c.gone, 8000);
	CHECK_EQ(s.inside, 0);
	CHECK_EQ(s.waiting, 0);
	weft_bulkhead_free(c.b);
}
