/* ratelimit_test.c - to the nanosecond in virtual time; nothing lost, nothing given twice */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "ratelimit.h"

typedef struct weft_ratelimit_reservation reservation;

static int allowed(weft_ratelimit *l, int most)
{
	int n = 0;

	while (n < most && weft_ratelimit_allow(l, 1))
		n++;
	return n;
}

/* ---- allow ---- */

TEST(RatelimitStartsFullAndRefills, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 3);

	CHECK_EQ(allowed(l, 10), 3);
	weft_sleep(100 * WEFT_MS - 1);
	CHECK_EQ(allowed(l, 10), 0);
	weft_sleep(1);
	CHECK_EQ(allowed(l, 10), 1);
	weft_sleep(3600 * WEFT_SECOND);
	CHECK_EQ(allowed(l, 10), 3);
	weft_ratelimit_free(l);
}

TEST(RatelimitTakesSeveral, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 5);

	CHECK(!weft_ratelimit_allow(l, 6));
	CHECK(weft_ratelimit_allow(l, 3));
	CHECK(!weft_ratelimit_allow(l, 3));	/* all or none */
	CHECK(weft_ratelimit_allow(l, 2));
	CHECK(weft_ratelimit_allow(l, 0));
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 6), -ERANGE);
	weft_ratelimit_free(l);
}

TEST(RatelimitBurstOfNone, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 0);
	reservation r;

	weft_sleep(WEFT_SECOND);
	CHECK(!weft_ratelimit_allow(l, 1));
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), -ERANGE);
	CHECK_EQ(weft_ratelimit_reserve(l, 1, &r), -ERANGE);
	weft_ratelimit_free(l);
}

TEST(RatelimitOfNoneGivesTheBurst, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(0, WEFT_SECOND, 2);

	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), 0);
	CHECK_EQ(allowed(l, 10), 1);
	weft_sleep(3600 * WEFT_SECOND);
	CHECK_EQ(allowed(l, 10), 0);
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), -ERANGE);
	weft_ratelimit_free(l);
}

TEST(RatelimitInfinite, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(WEFT_RATELIMIT_INF, 1, 0);
	int64_t begun = weft_now();
	reservation r;

	CHECK_EQ(allowed(l, 1000), 1000);
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1000), 0);
	CHECK_EQ(weft_ratelimit_reserve(l, 1000, &r), 0);
	CHECK_EQ(r.at, begun);
	CHECK_EQ(weft_now(), begun);
	/* what it gave was not the bucket's, and does not go there */
	weft_ratelimit_set_burst(l, 2);
	weft_ratelimit_set_limit(l, 1, WEFT_SECOND);
	CHECK_EQ(allowed(l, 10), 2);
	weft_ratelimit_cancel(l, &r);
	CHECK_EQ(allowed(l, 10), 0);
	weft_ratelimit_free(l);
}

/* A third of a second has no end in ns; three of them have. */
TEST(RatelimitFractionsDoNotAddUp, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(3, WEFT_SECOND, 1);
	int64_t begun = weft_now();

	CHECK(weft_ratelimit_allow(l, 1));
	for (int i = 1; i <= 3000; i++) {
		CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), 0);
		CHECK_EQ(weft_now() - begun, (i * WEFT_SECOND + 2) / 3);
	}
	weft_ratelimit_free(l);
}

TEST(RatelimitOfExtremes, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(INT64_MAX - 1, 1, INT32_MAX);
	reservation r;

	CHECK(weft_ratelimit_allow(l, INT32_MAX));
	weft_sleep(1);
	CHECK(weft_ratelimit_allow(l, INT32_MAX));
	weft_ratelimit_set_limit(l, 1, INT64_MAX);
	CHECK_EQ(allowed(l, 1), 0);
	CHECK_EQ(weft_ratelimit_reserve(l, 1, &r), -ERANGE);	/* in 292 years, and then some */
	weft_ratelimit_free(l);
}

/* ---- a clock of the events ---- */

TEST(RatelimitClockThatGoesBack)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 2);

	CHECK(weft_ratelimit_allow_at(l, 100 * WEFT_SECOND, 2));
	CHECK(!weft_ratelimit_allow_at(l, 99 * WEFT_SECOND, 1));
	CHECK(!weft_ratelimit_allow_at(l, 0, 1));
	CHECK(!weft_ratelimit_allow_at(l, -100 * WEFT_SECOND, 1));
	CHECK(!weft_ratelimit_allow_at(l, 100 * WEFT_SECOND, 1));	/* not the same time again */
	CHECK(weft_ratelimit_allow_at(l, 101 * WEFT_SECOND, 1));
	CHECK(weft_ratelimit_allow_at(l, 102 * WEFT_SECOND, 1));
	CHECK(!weft_ratelimit_allow_at(l, 101 * WEFT_SECOND, 1));
	weft_ratelimit_free(l);
}

TEST(RatelimitClockOfExtremes)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 2);

	CHECK(weft_ratelimit_allow_at(l, -WEFT_SECOND, 2));
	CHECK(!weft_ratelimit_allow_at(l, -WEFT_SECOND, 2));
	CHECK(weft_ratelimit_allow_at(l, INT64_MAX, 2));
	CHECK(!weft_ratelimit_allow_at(l, INT64_MAX, 1));
	weft_ratelimit_free(l);
	l = weft_ratelimit_new(INT64_MAX - 1, 1, INT32_MAX);
	CHECK(weft_ratelimit_allow_at(l, INT64_MAX, INT32_MAX));	/* it starts full */
	weft_ratelimit_free(l);
}

/* ---- reserve and cancel ---- */

TEST(RatelimitReserves, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 2);
	int64_t begun = weft_now();
	reservation r;

	CHECK_EQ(weft_ratelimit_reserve(l, 2, &r), 0);
	CHECK_EQ(r.at, begun);
	CHECK_EQ(weft_ratelimit_reserve(l, 1, &r), 0);
	CHECK_EQ(r.at, begun + 100 * WEFT_MS);
	CHECK_EQ(weft_ratelimit_reserve(l, 2, &r), 0);
	CHECK_EQ(r.at, begun + 300 * WEFT_MS);
	CHECK_EQ(weft_ratelimit_reserve(l, 3, &r), -ERANGE);
	weft_sleep(300 * WEFT_MS);
	CHECK_EQ(allowed(l, 10), 0);
	weft_sleep(100 * WEFT_MS);
	CHECK_EQ(allowed(l, 10), 1);
	weft_ratelimit_free(l);
}

TEST(RatelimitCancelGivesBack, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 2);
	int64_t begun = weft_now();
	reservation a, b, c;

	weft_ratelimit_reserve(l, 2, &a);
	weft_ratelimit_cancel(l, &a);		/* not used yet */
	CHECK_EQ(allowed(l, 10), 2);
	weft_ratelimit_reserve(l, 1, &a);
	weft_ratelimit_reserve(l, 2, &b);
	weft_ratelimit_cancel(l, &b);
	weft_ratelimit_cancel(l, &b);		/* again: nothing */
	weft_ratelimit_cancel(l, &a);		/* now the last */
	weft_ratelimit_reserve(l, 1, &c);
	CHECK_EQ(c.at, begun + 100 * WEFT_MS);
	weft_ratelimit_free(l);
}

TEST(RatelimitCancelKeepsLaterPromises, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 3);
	int64_t begun = weft_now();
	reservation a, b, c;

	CHECK_EQ(allowed(l, 10), 3);
	weft_ratelimit_reserve(l, 3, &a);	/* 300 ms */
	weft_ratelimit_reserve(l, 1, &b);	/* 400 ms */
	weft_ratelimit_cancel(l, &a);		/* but for the one that b's promise rests on */
	weft_ratelimit_reserve(l, 1, &c);
	CHECK_EQ(b.at, begun + 400 * WEFT_MS);
	CHECK_EQ(c.at, begun + 300 * WEFT_MS);
	weft_ratelimit_free(l);
}

TEST(RatelimitCancelComesTooLate, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 1);
	reservation r;

	CHECK(weft_ratelimit_allow(l, 1));
	weft_ratelimit_reserve(l, 1, &r);
	weft_sleep(100 * WEFT_MS + 1);
	weft_ratelimit_cancel(l, &r);
	CHECK(!weft_ratelimit_allow(l, 1));
	weft_ratelimit_free(l);
}

/* What rests on the promise of another is not given back, nor any part of a ns of it. */
TEST(RatelimitCancelledFractionsDoNotAddUp, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(3, WEFT_SECOND, 1);
	int64_t begun = weft_now();
	reservation a, b;

	CHECK(weft_ratelimit_allow(l, 1));
	for (int i = 0; i < 9; i++) {
		weft_ratelimit_reserve(l, 1, &a);
		weft_ratelimit_reserve(l, 1, &b);
		weft_ratelimit_cancel(l, &a);
	}
	CHECK_EQ(b.at - begun, 6 * WEFT_SECOND);
	weft_ratelimit_reserve(l, 1, &b);
	CHECK_EQ(b.at - begun, (19 * WEFT_SECOND + 2) / 3);
	weft_ratelimit_free(l);
}

/* ---- wait ---- */

static void wait_for(weft_ctx *ctx, weft_ratelimit *l, int n, int64_t *took, int *err)
{
	int64_t begun = weft_now();

	*err = weft_ratelimit_wait(ctx, l, n);
	*took = weft_now() - begun;
}

TEST(RatelimitSpacesAsATicker, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 1);
	int64_t begun = weft_now();

	for (int i = 0; i < 100; i++) {
		CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), 0);
		CHECK_EQ(weft_now() - begun, i * 100 * WEFT_MS);
		weft_sleep(i % 100 * WEFT_MS);	/* what one does in between makes no difference */
	}
	weft_sleep(10 * WEFT_SECOND);		/* what is missed is not made up for */
	CHECK_EQ(allowed(l, 10), 1);
	weft_ratelimit_free(l);
}

TEST(RatelimitFailsAtOnceBeforeTheDeadline, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 1);
	weft_ctx *ctx = weft_with_timeout(NULL, 10 * WEFT_SECOND - 1), *exact;
	int64_t took[12], begun = weft_now();
	int err[12];
	weft_waitgroup wg = {0};

	CHECK(weft_ratelimit_allow(l, 1));
	for (int i = 0; i < 9; i++) {
		weft_waitgroup_go(&wg, wait_for, ctx, l, 1, &took[i], &err[i]);
		weft_settle();
	}
	wait_for(ctx, l, 1, &took[9], &err[9]);
	CHECK_EQ(err[9], -ETIMEDOUT);
	CHECK_EQ(took[9], 0);
	wait_for(ctx, l, 2, &took[10], &err[10]);
	CHECK_EQ(err[10], -ERANGE);
	CHECK_EQ(took[10], 0);
	exact = weft_with_deadline(NULL, begun + 10 * WEFT_SECOND);
	wait_for(exact, l, 1, &took[11], &err[11]);
	CHECK_EQ(err[11], 0);
	CHECK_EQ(took[11], 10 * WEFT_SECOND);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 9; i++) {		/* the failure took nothing from them */
		CHECK_EQ(err[i], 0);
		CHECK_EQ(took[i], (i + 1) * WEFT_SECOND);
	}
	CHECK_EQ(weft_ratelimit_wait(ctx, l, 0), -ETIMEDOUT);
	weft_ctx_free(exact);
	weft_ctx_free(ctx);
	weft_ratelimit_free(l);
}

TEST(RatelimitTokenInTimeIsNotCancelled, .bubble = true, .real = true)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 1);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};
	int64_t took;
	int err;

	CHECK(weft_ratelimit_allow(l, 1));
	weft_waitgroup_go(&wg, wait_for, ctx, l, 1, &took, &err);
	weft_settle();
	weft_cancel(ctx);			/* both before it can look, unless we are explored */
	weft_ratelimit_set_limit(l, WEFT_RATELIMIT_INF, 1);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(err, 0);
	weft_ctx_free(ctx);
	weft_ratelimit_free(l);
}

TEST(RatelimitAllowIsNotBeforeWaiters, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 2);
	weft_waitgroup wg = {0};
	int64_t took;
	int err;

	CHECK(weft_ratelimit_allow(l, 1));
	weft_waitgroup_go(&wg, wait_for, NULL, l, 2, &took, &err);
	weft_settle();
	CHECK(!weft_ratelimit_allow(l, 1));	/* there is one, but not for us */
	weft_waitgroup_wait(&wg);
	CHECK_EQ(took, WEFT_SECOND);
	weft_ratelimit_free(l);
}

TEST(RatelimitCancelledWaiterLosesNothing, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 1);
	weft_ctx *ctx = weft_with_cancel(NULL);
	int64_t took[5];
	int err[5];
	weft_waitgroup wg = {0};

	CHECK(weft_ratelimit_allow(l, 1));
	for (int i = 0; i < 5; i++) {		/* the first, and one in the middle, give up */
		weft_waitgroup_go(&wg, wait_for, i % 2 ? NULL : ctx, l, 1, &took[i], &err[i]);
		weft_settle();
	}
	weft_sleep(WEFT_SECOND / 2);
	CHECK(!weft_ratelimit_allow(l, 1));	/* not past those who wait */
	weft_cancel(ctx);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(err[i], i % 2 ? 0 : -ECANCELED);
		CHECK_EQ(took[i], i % 2 ? (i + 1) / 2 * WEFT_SECOND : WEFT_SECOND / 2);
	}
	weft_ctx_free(ctx);
	weft_ratelimit_free(l);
}

TEST(RatelimitPromiseComesBeforeWaiters, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 1);
	int64_t took[2], begun = weft_now();
	int err[2];
	reservation r;
	weft_waitgroup wg = {0};

	CHECK(weft_ratelimit_allow(l, 1));
	weft_waitgroup_go(&wg, wait_for, NULL, l, 1, &took[0], &err[0]);
	weft_settle();
	weft_ratelimit_reserve(l, 1, &r);
	CHECK_EQ(r.at, begun + WEFT_SECOND);
	weft_sleep(WEFT_SECOND / 2);
	weft_ratelimit_cancel(l, &r);		/* and the waiter hears of it */
	weft_waitgroup_go(&wg, wait_for, NULL, l, 1, &took[1], &err[1]);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(took[0], WEFT_SECOND);
	CHECK_EQ(took[1], 3 * WEFT_SECOND / 2);
	weft_ratelimit_free(l);
}

/* ---- changes while it is used ---- */

TEST(RatelimitSetLimitKeepsTheTokens, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 10);

	CHECK(weft_ratelimit_allow(l, 9));
	weft_sleep(50 * WEFT_MS);		/* one and a half */
	weft_ratelimit_set_limit(l, 1, WEFT_SECOND);
	CHECK_EQ(allowed(l, 10), 1);
	weft_sleep(WEFT_SECOND / 2 - 1);
	CHECK_EQ(allowed(l, 10), 0);
	weft_sleep(1);
	CHECK_EQ(allowed(l, 10), 1);
	weft_ratelimit_free(l);
}

TEST(RatelimitSetBurst, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 10);

	weft_ratelimit_set_burst(l, 3);		/* what does not fit is gone */
	weft_ratelimit_set_burst(l, 5);
	CHECK_EQ(allowed(l, 10), 3);
	weft_sleep(WEFT_SECOND);
	CHECK_EQ(allowed(l, 10), 5);
	weft_ratelimit_free(l);
}

TEST(RatelimitSetLimitMovesWhoWaits, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(1, 100 * WEFT_SECOND, 1);
	int64_t took[4];
	int err[4];
	weft_waitgroup wg = {0};

	CHECK(weft_ratelimit_allow(l, 1));
	for (int i = 0; i < 4; i++) {
		weft_waitgroup_go(&wg, wait_for, NULL, l, 1, &took[i], &err[i]);
		weft_settle();
	}
	weft_sleep(50 * WEFT_SECOND);		/* half a token */
	weft_ratelimit_set_limit(l, 1, 10 * WEFT_SECOND);
	weft_sleep(6 * WEFT_SECOND);
	weft_ratelimit_set_limit(l, 0, WEFT_SECOND);
	weft_sleep(1000 * WEFT_SECOND);
	weft_ratelimit_set_burst(l, 0);		/* who waits already will get what it came for */
	weft_ratelimit_set_limit(l, 1, WEFT_SECOND);
	weft_sleep(3 * WEFT_SECOND / 2);
	weft_ratelimit_set_limit(l, WEFT_RATELIMIT_INF, 1);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(err[i], 0);
	CHECK_EQ(took[0], 55 * WEFT_SECOND);
	CHECK_EQ(took[1], 1057 * WEFT_SECOND);	/* the tenth that there was is gone */
	CHECK_EQ(took[2], 1057 * WEFT_SECOND + WEFT_SECOND / 2);
	CHECK_EQ(took[3], 1057 * WEFT_SECOND + WEFT_SECOND / 2);
	weft_ratelimit_free(l);
}

TEST(RatelimitSetLimitFailsWhoCannotMakeIt, .bubble = true)
{
	weft_ratelimit *l = weft_ratelimit_new(1, WEFT_SECOND, 1);
	weft_ctx *ctx = weft_with_timeout(NULL, 2 * WEFT_SECOND);
	weft_waitgroup wg = {0};
	int64_t took;
	int err;

	CHECK(weft_ratelimit_allow(l, 1));
	weft_waitgroup_go(&wg, wait_for, ctx, l, 1, &took, &err);
	weft_sleep(WEFT_SECOND / 2);
	weft_ratelimit_set_limit(l, 1, 100 * WEFT_SECOND);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(err, -ETIMEDOUT);
	CHECK_EQ(took, WEFT_SECOND / 2);
	weft_ctx_free(ctx);
	weft_ratelimit_free(l);
}

/* ---- misuse ---- */

CHILD(RatelimitBelowNothing)
{
	weft_ratelimit_new(-1, WEFT_SECOND, 1);
	return 0;
}

CHILD(RatelimitTakesBelowNothing)
{
	weft_ratelimit_allow(weft_ratelimit_new(1, 1, 1), -1);
	return 0;
}

TEST(RatelimitMisuse)
{
	CHECK_DIES("RatelimitBelowNothing", "weft_ratelimit_new: -1 in 1000000000 ns, burst 1");
	CHECK_DIES("RatelimitTakesBelowNothing", "weft_ratelimit_allow: -1 tokens");
}

/* ---- many ---- */

struct account { _Atomic int64_t got, given_up; };

static void give_up_sometimes(weft_ratelimit *l, struct account *a, int i)
{
	weft_ctx *ctx = weft_with_timeout(NULL, (i % 7 + 1) * WEFT_SECOND / 2);
	int err = weft_ratelimit_wait(ctx, l, 1 + i % 2);

	CHECK(err == 0 || err == -ETIMEDOUT);
	if (err)
		a->given_up++;
	else
		a->got += 1 + i % 2;
	weft_ctx_free(ctx);
}

/* Whatever the order, what was waited for and there was taken, and no more than that. */
TEST(RatelimitAccounts, .explore = 200)
{
	weft_ratelimit *l = weft_ratelimit_new(2, WEFT_SECOND, 2);
	weft_waitgroup wg = {0};
	struct account a = {0};
	int64_t begun = weft_now();

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, give_up_sometimes, l, &a, i);
	weft_waitgroup_wait(&wg);
	CHECK(a.got <= 2 + 2 * ((weft_now() - begun) / WEFT_SECOND) + 1);
	CHECK(a.got >= 4);
	SOMETIMES(a.given_up > 0, "somebody gave up");
	SOMETIMES(a.got >= 8, "most got theirs");
	weft_sleep(WEFT_SECOND);
	CHECK_EQ(allowed(l, 10), 2);
	weft_ratelimit_free(l);
}

enum { CROWD = 8, ROUNDS = 20000 };

static void use(weft_ratelimit *l, struct account *a, int i)
{
	reservation r;

	for (int n = 0; n < ROUNDS; n++) {
		if (i % 2) {
			a->got += weft_ratelimit_allow(l, 1);
		} else if (weft_ratelimit_reserve(l, 1, &r) == 0) {
			if (n % 2)
				weft_ratelimit_cancel(l, &r);
			else
				a->got++;
		}
	}
}

/* At a rate of 0 nothing comes in: what is given out is what there was. */
TEST(RatelimitStress, .real = true)
{
	weft_ratelimit *l = weft_ratelimit_new(0, 1, CROWD * ROUNDS / 4);
	weft_waitgroup wg = {0};
	struct account a = {0};

	for (int i = 0; i < CROWD; i++)
		weft_waitgroup_go(&wg, use, l, &a, 1);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(a.got, CROWD * ROUNDS / 4);
	weft_ratelimit_free(l);

	l = weft_ratelimit_new(WEFT_SECOND, WEFT_SECOND, 1000);
	for (int i = 0; i < CROWD; i++)
		weft_waitgroup_go(&wg, use, l, &a, i);
	weft_waitgroup_wait(&wg);
	weft_ratelimit_free(l);
}

static void wait_often(weft_ratelimit *l, struct account *a)
{
	for (int n = 0; n < ROUNDS / 100; n++)
		if (weft_ratelimit_wait(NULL, l, 1) == 0)
			a->got++;
}

TEST(RatelimitWaitStress, .real = true)
{
	weft_ratelimit *l = weft_ratelimit_new(100000, WEFT_SECOND, 10);
	weft_waitgroup wg = {0};
	struct account a = {0};
	int64_t begun = weft_now();

	for (int i = 0; i < CROWD; i++)
		weft_waitgroup_go(&wg, wait_often, l, &a);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(a.got, CROWD * ROUNDS / 100);
	/* never faster than it may be; how much slower is the machine's affair */
	CHECK(a.got <= 100000 * (weft_now() - begun) / WEFT_SECOND + 11);
	weft_ratelimit_free(l);
}
