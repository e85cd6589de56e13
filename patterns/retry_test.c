/* retry_test.c - how often, how late, and when not at all */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "retry.h"

/* A call that fails, until attempt works, and notes when it was tried. */
struct script {
	int	works;			/* 0: never */
	int	err;			/* else -EIO */
	int64_t	after;			/* asked for by each that fails */
	int	abort;			/* the attempt that wants no other */
	int64_t	takes;
	int	calls;
	int64_t	at[64];
};

static int play(weft_ctx *ctx, weft_retry_try *t, void *arg)
{
	struct script *s = arg;

	if (s->calls < 64)
		s->at[s->calls] = weft_now();
	CHECK_EQ(t->number, ++s->calls);
	if (s->takes)
		weft_sleep_ctx(ctx, s->takes);
	if (t->number == s->works)
		return 42;
	t->after = s->after;
	t->abort = t->number == s->abort;
	return s->err ? s->err : -EIO;
}

/* Between one attempt and the next; s->takes apart. */
static int64_t gap(const struct script *s, int i)
{
	return s->at[i] - s->at[i - 1] - s->takes;
}

TEST(RetryWorksAtOnce)
{
	struct script s = { .works = 1 };

	CHECK_EQ(weft_retry_do(NULL, &(weft_retry){0}, play, &s), 42);
	CHECK_EQ(s.calls, 1);
}

TEST(RetryAllZeroTriesThreeTimes, .bubble = true)
{
	struct script s = {0}, late = { .works = 3 };

	CHECK_EQ(weft_retry_do(NULL, &(weft_retry){0}, play, &s), -EIO);
	CHECK_EQ(s.calls, 3);
	CHECK_EQ(weft_retry_do(NULL, &(weft_retry){0}, play, &late), 42);
	CHECK(gap(&late, 1) <= 100 * WEFT_MS && gap(&late, 2) <= 200 * WEFT_MS);
}

TEST(RetryWithoutEnd, .bubble = true)
{
	struct script s = { .works = 1000 };

	CHECK_EQ(weft_retry_do(NULL, &(weft_retry){ .attempts = -1 }, play, &s), 42);
}

/* ---- backoff and jitter ---- */

TEST(RetryBackoffGrowsUpToItsMax, .bubble = true)
{
	static const int64_t want[] = { 0, 10, 30, 90, 100, 100 };
	weft_retry r = { .attempts = 6, .min = 10 * WEFT_MS, .max = 100 * WEFT_MS, .factor = 3,
	    .jitter = WEFT_RETRY_NONE };
	struct script s = { .takes = 7 };

	weft_retry_do(NULL, &r, play, &s);
	for (int i = 1; i < 6; i++)
		CHECK_EQ(gap(&s, i), want[i] * WEFT_MS);
}

TEST(RetryOneBoundMovesTheOther, .bubble = true)
{
	weft_retry low = { .max = 10 * WEFT_MS, .jitter = WEFT_RETRY_NONE };
	weft_retry high = { .min = 60 * WEFT_SECOND, .jitter = WEFT_RETRY_NONE };
	struct script s = {0}, slow = {0};

	weft_retry_do(NULL, &low, play, &s);
	CHECK(gap(&s, 1) == 10 * WEFT_MS && gap(&s, 2) == 10 * WEFT_MS);
	weft_retry_do(NULL, &high, play, &slow);
	CHECK(gap(&slow, 1) == 60 * WEFT_SECOND && gap(&slow, 2) == 60 * WEFT_SECOND);
}

TEST(RetryBackoffDoesNotOverflow, .bubble = true)
{
	weft_retry r = { .attempts = 5, .min = WEFT_SECOND, .max = INT64_MAX / 4, .factor = 1e300,
	    .jitter = WEFT_RETRY_NONE };
	weft_ctx *ctx = weft_with_timeout(NULL, 10 * WEFT_SECOND);
	struct script s = {0};

	CHECK_EQ(weft_retry_do(ctx, &r, play, &s), -EIO);
	CHECK_EQ(s.calls, 2);		/* the second wait would be for years */
	weft_ctx_free(ctx);
}

/* Of many waits with d = 1 s, the shortest and the longest, and their mean. */
struct spread { int64_t min, max, mean; };

static struct spread spread(enum weft_retry_jitter jitter)
{
	weft_retry r = { .attempts = 64, .min = WEFT_SECOND, .max = WEFT_SECOND, .jitter = jitter };
	struct spread got = { INT64_MAX, 0, 0 };

	for (int n = 0; n < 100; n++) {
		struct script s = {0};

		weft_retry_do(NULL, &r, play, &s);
		for (int i = 1; i < 64; i++) {
			got.min = gap(&s, i) < got.min ? gap(&s, i) : got.min;
			got.max = gap(&s, i) > got.max ? gap(&s, i) : got.max;
			got.mean += gap(&s, i) / 6300;
		}
	}
	return got;
}

TEST(RetryJitter, .bubble = true)
{
	struct spread none = spread(WEFT_RETRY_NONE), full = spread(WEFT_RETRY_FULL),
	    equal = spread(WEFT_RETRY_EQUAL);

	CHECK(none.min == WEFT_SECOND && none.max == WEFT_SECOND);
	CHECK(full.min < 5 * WEFT_MS && full.max > 995 * WEFT_MS && full.max <= WEFT_SECOND);
	CHECK(full.mean > 480 * WEFT_MS && full.mean < 520 * WEFT_MS);
	CHECK(equal.min >= 500 * WEFT_MS && equal.min < 505 * WEFT_MS);
	CHECK(equal.max > 995 * WEFT_MS && equal.max <= WEFT_SECOND);
	CHECK(equal.mean > 740 * WEFT_MS && equal.mean < 760 * WEFT_MS);
}

TEST(RetryDecorrelatedJitter, .bubble = true)
{
	weft_retry r = { .attempts = 64, .min = WEFT_SECOND, .max = 20 * WEFT_SECOND,
	    .jitter = WEFT_RETRY_DECORRELATED };
	bool fell = false, most = false;

	for (int n = 0; n < 100; n++) {
		struct script s = {0};
		int64_t last = WEFT_SECOND;

		weft_retry_do(NULL, &r, play, &s);
		for (int i = 1; i < 64; last = gap(&s, i++)) {
			CHECK(gap(&s, i) >= r.min && gap(&s, i) <= r.max);
			CHECK(gap(&s, i) <= 3 * last);
			fell = fell || gap(&s, i) < last;
			most = most || gap(&s, i) > 19 * WEFT_SECOND;
		}
	}
	CHECK(fell && most);
}

TEST(RetryAfterIsAFloor, .bubble = true)
{
	weft_retry r = { .attempts = 4, .min = WEFT_SECOND, .max = 2 * WEFT_SECOND,
	    .jitter = WEFT_RETRY_NONE };
	struct script longer = { .after = 5 * WEFT_SECOND }, shorter = { .after = 10 };

	weft_retry_do(NULL, &r, play, &longer);
	for (int i = 1; i < 4; i++)
		CHECK_EQ(gap(&longer, i), 5 * WEFT_SECOND);
	weft_retry_do(NULL, &r, play, &shorter);
	CHECK_EQ(gap(&shorter, 1), WEFT_SECOND);
	CHECK_EQ(gap(&shorter, 3), 2 * WEFT_SECOND);
}

/* ---- what ends it ---- */

TEST(RetryAbort, .bubble = true)
{
	struct script s = { .abort = 2 }, listed = { .err = -ENOENT };
	weft_retry r = { .attempts = 9, .abort_on = (int[]){ -EPERM, -ENOENT, 0 } };

	CHECK_EQ(weft_retry_do(NULL, &r, play, &s), -EIO);
	CHECK_EQ(s.calls, 2);
	CHECK_EQ(weft_retry_do(NULL, &r, play, &listed), -ENOENT);
	CHECK_EQ(listed.calls, 1);
}

TEST(RetryTotalIsNotSleptPast, .bubble = true)
{
	weft_retry r = { .attempts = -1, .min = 10 * WEFT_SECOND, .factor = 1,
	    .jitter = WEFT_RETRY_NONE, .total = 30 * WEFT_SECOND };
	struct script s = {0};
	int64_t start = weft_now();

	CHECK_EQ(weft_retry_do(NULL, &r, play, &s), -EIO);
	CHECK_EQ(s.calls, 3);		/* at 0, 10 and 20; at 30 it would be too late */
	CHECK_EQ(weft_now() - start, 20 * WEFT_SECOND);
	r.total++;
	s = (struct script){0};
	weft_retry_do(NULL, &r, play, &s);
	CHECK_EQ(s.calls, 4);
}

TEST(RetryContextsDeadlineIsNotSleptPast, .bubble = true)
{
	weft_retry r = { .min = 10 * WEFT_SECOND, .jitter = WEFT_RETRY_NONE };
	weft_ctx *ctx = weft_with_timeout(NULL, 5 * WEFT_SECOND);
	int64_t start = weft_now();
	struct script s = {0};

	CHECK_EQ(weft_retry_do(ctx, &r, play, &s), -EIO);
	CHECK_EQ(weft_now(), start);
	weft_ctx_free(ctx);
}

static int until_told(weft_ctx *ctx, weft_retry_try *t, void *arg)
{
	(void)t, ++*(int *)arg;
	weft_recv(weft_done(ctx), NULL);
	return weft_err(ctx);
}

TEST(RetryTotalEndsAnAttempt, .bubble = true)
{
	weft_retry r = { .total = WEFT_SECOND };
	int64_t start = weft_now();
	int calls = 0;

	CHECK_EQ(weft_retry_do(NULL, &r, until_told, &calls), -ETIMEDOUT);
	CHECK_EQ(calls, 1);
	CHECK_EQ(weft_now() - start, WEFT_SECOND);
}

static void cancel_after(weft_ctx *ctx, int64_t ns)
{
	weft_sleep(ns);
	weft_cancel(ctx);
}

TEST(RetryCancelEndsTheWait, .bubble = true)
{
	weft_retry r = { .min = 10 * WEFT_SECOND, .jitter = WEFT_RETRY_NONE };
	weft_ctx *ctx = weft_with_cancel(NULL);
	int64_t start = weft_now();
	struct script s = {0};

	weft_go(cancel_after, ctx, 3 * WEFT_SECOND);
	CHECK_EQ(weft_retry_do(ctx, &r, play, &s), -EIO);	/* the attempt's own error */
	CHECK_EQ(weft_now() - start, 3 * WEFT_SECOND);
	CHECK_EQ(weft_retry_do(ctx, &r, play, &s), -ECANCELED);
	CHECK_EQ(s.calls, 1);
	weft_ctx_free(ctx);
}

/* ---- budget ---- */

/* How many attempts so many calls make that always fail. */
static int all_fail(weft_retry_budget *b, int calls)
{
	weft_retry r = { .attempts = 4, .min = 1, .budget = b };
	int n = 0;

	for (int i = 0; i < calls; i++) {
		struct script s = {0};

		CHECK_EQ(weft_retry_do(NULL, &r, play, &s), -EIO);
		n += s.calls;
	}
	return n;
}

TEST(RetryBudget, .bubble = true)
{
	weft_retry_budget b = { .ratio = 0.25, .max = 5 }, zero = {0};
	weft_retry r = { .budget = &b };

	CHECK_EQ(all_fail(&b, 1), 4);		/* five tokens, of which three */
	CHECK_EQ(all_fail(&b, 1), 3);		/* and two; each call brought a quarter */
	CHECK_EQ(all_fail(&b, 100), 125);
	CHECK_EQ(all_fail(&zero, 1000), 1000 + 100 + 10 - 1);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(weft_retry_do(NULL, &r, play, &(struct script){ .works = 1 }), 42);
	CHECK_EQ(all_fail(&b, 2), 2 + 5);	/* full again, and not fuller */
}

TEST(RetryBudgetIsNotChargedForACancelledWait, .bubble = true)
{
	weft_retry_budget b = { .ratio = 1e-9, .max = 1 };
	weft_retry r = { .min = 10 * WEFT_SECOND, .jitter = WEFT_RETRY_NONE, .budget = &b };
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_go(cancel_after, ctx, WEFT_SECOND);
	CHECK_EQ(weft_retry_do(ctx, &r, play, &(struct script){0}), -EIO);
	CHECK_EQ(all_fail(&b, 2), 3);
	weft_ctx_free(ctx);
}

struct crowd { weft_retry_budget b; _Atomic int calls; };

static int fail(weft_ctx *ctx, weft_retry_try *t, void *arg)
{
	(void)ctx, (void)t;
	((struct crowd *)arg)->calls++;
	weft_yield();
	return -EIO;
}

static void caller(struct crowd *c, int calls)
{
	for (int i = 0; i < calls; i++)
		weft_retry_do(NULL, &(weft_retry){ .min = 1, .budget = &c->b }, fail, c);
}

TEST(RetryBudgetSharedUnderExploration, .explore = 200)
{
	struct crowd c = { .b = { .ratio = 0.5, .max = 2 } };
	weft_waitgroup wg = {0};

	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, caller, &c, 4);
	weft_waitgroup_wait(&wg);
	/* what the first ones bring, a half each, is beyond max */
	CHECK(c.calls == 12 + 6 || c.calls == 12 + 7);
	SOMETIMES(c.calls == 12 + 6, "all began before any retried");
	SOMETIMES(c.calls == 12 + 7, "one retried before another began");
}

TEST(RetryBudgetStress)
{
	struct crowd c = { .b = { .ratio = 0.25, .max = 100 } };
	weft_waitgroup wg = {0};

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, caller, &c, 250);
	weft_waitgroup_wait(&wg);
	CHECK(c.calls <= 2000 + 500 + 100);
	CHECK(c.calls >= 2000 + 500);
}

CHILD(RetryFactor)
{
	return weft_retry_do(NULL, &(weft_retry){ .factor = 0.5 }, fail, NULL);
}

CHILD(RetryMinAboveMax)
{
	return weft_retry_do(NULL, &(weft_retry){ .min = 2, .max = 1 }, fail, NULL);
}

TEST(RetryMisuse)
{
	CHECK_DIES("RetryFactor", "weft_retry_do: factor is 0.5");
	CHECK_DIES("RetryMinAboveMax", "weft_retry_do: min is 2, max 1");
}
