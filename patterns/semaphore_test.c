/* semaphore_test.c - never more than there is, in order, and nothing lost by leaving */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "semaphore.h"

TEST(SemaphoreTakesWhatIsFree)
{
	weft_semaphore *s = weft_semaphore_new(3);

	CHECK_EQ(weft_semaphore_acquire(NULL, s, 2), 0);
	CHECK(!weft_semaphore_try_acquire(s, 2));
	CHECK(weft_semaphore_try_acquire(s, 1));
	CHECK(!weft_semaphore_try_acquire(s, 1));
	CHECK(weft_semaphore_try_acquire(s, 0));
	weft_semaphore_release(s, 3);
	CHECK(weft_semaphore_try_acquire(s, 3));
	weft_semaphore_release(s, 3);
	weft_semaphore_free(s);
	weft_semaphore_free(NULL);
}

struct order { _Atomic int n; int who[8]; };

static void take(weft_semaphore *s, int64_t n, struct order *o, int me)
{
	CHECK_EQ(weft_semaphore_acquire(NULL, s, n), 0);
	o->who[o->n++] = me;
}

TEST(SemaphoreIsFirstComeFirstServed, .bubble = true)
{
	weft_semaphore *s = weft_semaphore_new(2);
	struct order o = { 0 };

	weft_semaphore_acquire(NULL, s, 2);
	for (int i = 0; i < 3; i++) {
		weft_go(take, s, 1, &o, i);
		weft_settle();
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(o.n, i);
		weft_semaphore_release(s, 1);
		weft_settle();
		CHECK_EQ(o.n, i + 1);
		CHECK_EQ(o.who[i], i);
	}
	weft_semaphore_free(s);
}

TEST(SemaphoreBigWaiterHoldsUpSmallOnes, .bubble = true)
{
	weft_semaphore *s = weft_semaphore_new(4);
	struct order o = { 0 };

	weft_semaphore_acquire(NULL, s, 4);
	weft_go(take, s, 3, &o, 3);
	weft_settle();
	weft_go(take, s, 1, &o, 1);
	weft_settle();
	weft_semaphore_release(s, 2);
	weft_settle();
	CHECK_EQ(o.n, 0);		/* two are free, and one would have been enough */
	CHECK(!weft_semaphore_try_acquire(s, 1));
	weft_semaphore_release(s, 2);
	weft_settle();
	CHECK_EQ(o.n, 2);		/* one release for both of them */
	weft_semaphore_free(s);
}

TEST(SemaphoreGivesUpWithItsContext, .bubble = true)
{
	weft_semaphore *s = weft_semaphore_new(2);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int64_t start = weft_now();

	weft_semaphore_acquire(NULL, s, 1);
	CHECK_EQ(weft_semaphore_acquire(ctx, s, 2), -ETIMEDOUT);
	CHECK_EQ(weft_now() - start, WEFT_SECOND);
	CHECK(weft_semaphore_try_acquire(s, 1));
	weft_ctx_free(ctx);
	weft_semaphore_free(s);
}

static void take_two_until(weft_ctx *ctx, weft_semaphore *s, int *err)
{
	*err = weft_semaphore_acquire(ctx, s, 2);
}

TEST(SemaphoreHeadThatLeavesGrantsTheNext, .bubble = true)
{
	weft_semaphore *s = weft_semaphore_new(2);
	weft_ctx *ctx = weft_with_cancel(NULL);
	struct order o = { 0 };
	int err = 1;

	weft_semaphore_acquire(NULL, s, 1);
	weft_go(take_two_until, ctx, s, &err);
	weft_settle();
	weft_go(take, s, 1, &o, 1);
	weft_settle();
	CHECK_EQ(o.n, 0);
	weft_cancel(ctx);
	weft_settle();
	CHECK_EQ(err, -ECANCELED);
	CHECK_EQ(o.n, 1);
	weft_ctx_free(ctx);
	weft_semaphore_free(s);
}

TEST(SemaphoreMoreThanTheSizeWaitsForTheContext, .bubble = true)
{
	weft_semaphore *s = weft_semaphore_new(2);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int err = 1;

	weft_go(take_two_until, ctx, s, &err);
	weft_settle();
	CHECK_EQ(err, 0);
	weft_semaphore_release(s, 2);
	CHECK_EQ(weft_semaphore_acquire(ctx, s, 3), -ETIMEDOUT);
	CHECK(weft_semaphore_try_acquire(s, 2));
	weft_ctx_free(ctx);
	weft_semaphore_free(s);
}

TEST(SemaphoreFreePermitWinsOverAnEndedContext)
{
	weft_semaphore *s = weft_semaphore_new(1);
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_cancel(ctx);
	CHECK_EQ(weft_semaphore_acquire(ctx, s, 1), 0);
	CHECK_EQ(weft_semaphore_acquire(ctx, s, 1), -ECANCELED);
	weft_ctx_free(ctx);
	weft_semaphore_free(s);
}

static void cancel(weft_ctx *ctx)
{
	weft_cancel(ctx);
}

static void release(weft_semaphore *s)
{
	weft_semaphore_release(s, 1);
}

TEST(SemaphoreCancelledWaiterSwallowsNoPermit, .explore = 1000)
{
	weft_semaphore *s = weft_semaphore_new(1);
	weft_ctx *ctx = weft_with_cancel(NULL);
	int err;

	weft_semaphore_acquire(NULL, s, 1);
	weft_go(cancel, ctx);
	weft_go(release, s);
	err = weft_semaphore_acquire(ctx, s, 1);
	SOMETIMES(err == 0 && weft_err(ctx), "cancelled, and granted");
	SOMETIMES(err == -ECANCELED, "cancelled first");
	weft_settle();
	CHECK_EQ(weft_semaphore_try_acquire(s, 1), err != 0);
	weft_ctx_free(ctx);
	weft_semaphore_free(s);
}

/* ---- misuse ---- */

CHILD(SemaphoreReleasedTwice)
{
	weft_semaphore *s = weft_semaphore_new(3);

	weft_semaphore_acquire(NULL, s, 1);
	weft_semaphore_release(s, 2);
	return 0;
}

CHILD(SemaphoreNegative)
{
	weft_semaphore_acquire(NULL, weft_semaphore_new(3), -1);
	return 0;
}

CHILD(SemaphoreFreedInUse)
{
	weft_semaphore *s = weft_semaphore_new(2);
	int err;

	weft_semaphore_acquire(NULL, s, 1);
	weft_go(take_two_until, NULL, s, &err);
	while (weft_semaphore_try_acquire(s, 0))
		weft_yield();
	weft_semaphore_free(s);
	return 0;
}

TEST(SemaphoreMisuseStopsTheProgram)
{
	CHECK_DIES("SemaphoreReleasedTwice",
	    "weft_semaphore_release: 2 permits, but 1 are held");
	CHECK_DIES("SemaphoreNegative", "weft_semaphore_acquire: -1 permits");
	CHECK_DIES("SemaphoreFreedInUse", "weft_semaphore_free: somebody waits for");
}

/* ---- a crowd ---- */

struct crowd { weft_semaphore *s; _Atomic int64_t held, got, gave_up; };

static void come_and_go(struct crowd *c, int seed)
{
	for (int i = 0; i < 2000; i++) {
		int64_t n = 1 + (i + seed) % 3, now;
		weft_ctx *ctx = i % 2 ? NULL : weft_with_timeout(NULL, i % 50 * WEFT_US);

		if (weft_semaphore_acquire(ctx, c->s, n)) {
			c->gave_up++;
		} else {
			now = atomic_fetch_add(&c->held, n) + n;
			CHECK(now <= 4);
			c->got++;
			if (i % 4 == 0)
				weft_yield();
			c->held -= n;
			weft_semaphore_release(c->s, n);
		}
		weft_ctx_free(ctx);
	}
}

TEST(SemaphoreStress, .real = true)
{
	struct crowd c = { .s = weft_semaphore_new(4) };
	weft_waitgroup wg = { 0 };

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, come_and_go, &c, i);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(c.got + c.gave_up, 16000);
	CHECK(c.got >= 8000);
	CHECK_EQ(c.held, 0);
	CHECK(weft_semaphore_try_acquire(c.s, 4));
	weft_semaphore_free(c.s);
}
