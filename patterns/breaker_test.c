/* breaker_test.c - when it opens, what it lets through then, and whose word counts */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "breaker.h"

static enum { CLOSED, OPEN, HALF_OPEN } is(weft_breaker *b)
{
	return (int)weft_breaker_state(b);
}

static int give(weft_ctx *ctx, void *arg)
{
	(void)ctx;
	return *(int *)arg;
}

static int call(weft_breaker *b, int result)
{
	return weft_breaker_call(NULL, b, give, &result);
}

static void calls(weft_breaker *b, int n, int result)
{
	while (n--)
		CHECK_EQ(call(b, result), result);
}

static weft_breaker_ticket allowed(weft_breaker *b)
{
	weft_breaker_ticket t;

	CHECK_EQ(weft_breaker_allow(b, &t), 0);
	return t;
}

static int refusal(weft_breaker *b)
{
	weft_breaker_ticket t;

	return weft_breaker_allow(b, &t);
}

/* ---- closed ---- */

TEST(BreakerOpensAfterFailuresInARow, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .consecutive = 3 });

	for (int i = 0; i < 10; i++) {
		calls(b, 2, -EIO);
		calls(b, 1, 7);			/* a success between them */
	}
	calls(b, 2, -EIO);
	CHECK_EQ(is(b), CLOSED);
	calls(b, 1, -EIO);
	CHECK_EQ(is(b), OPEN);
	CHECK_EQ(call(b, 0), WEFT_BREAKER_OPEN);
	weft_breaker_free(b);
}

TEST(BreakerAllZeroOpensAfterFive, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){0});

	calls(b, 4, -EIO);
	CHECK_EQ(is(b), CLOSED);
	calls(b, 1, -EIO);
	CHECK_EQ(is(b), OPEN);
	weft_sleep(60 * WEFT_SECOND - 1);
	CHECK_EQ(is(b), OPEN);
	weft_sleep(1);
	CHECK_EQ(is(b), HALF_OPEN);
	weft_breaker_free(b);
	weft_breaker_free(NULL);
}

TEST(BreakerIgnoresTheCallersCancel)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .consecutive = 2 });

	calls(b, 1, -EIO);
	calls(b, 9, -ECANCELED);
	CHECK_EQ(is(b), CLOSED);
	calls(b, 1, -EIO);		/* nor does it end the row */
	CHECK_EQ(is(b), OPEN);
	weft_breaker_free(b);
}

static enum weft_breaker_verdict missing_is_fine(int result, void *arg)
{
	++*(int *)arg;
	return result >= 0 || result == -ENOENT ? WEFT_BREAKER_SUCCESS : WEFT_BREAKER_FAILURE;
}

TEST(BreakerJudge)
{
	int judged = 0;
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .consecutive = 1,
	    .judge = missing_is_fine, .arg = &judged });

	calls(b, 5, -ENOENT);
	CHECK_EQ(is(b), CLOSED);
	calls(b, 1, -ECANCELED);
	CHECK_EQ(is(b), OPEN);
	CHECK_EQ(judged, 6);
	weft_breaker_free(b);
}

/* ---- rate over a window ---- */

TEST(BreakerRateNeedsMinCalls, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .rate = 0.5, .min_calls = 8 });

	calls(b, 7, -EIO);
	CHECK_EQ(is(b), CLOSED);
	calls(b, 1, -EIO);
	CHECK_EQ(is(b), OPEN);
	weft_breaker_free(b);
}

TEST(BreakerRateIsAShare, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .rate = 0.25, .min_calls = 4 });

	calls(b, 30, 0);
	calls(b, 9, -EIO);		/* 9 of 39 */
	CHECK_EQ(is(b), CLOSED);
	calls(b, 1, -EIO);		/* 10 of 40 */
	CHECK_EQ(is(b), OPEN);
	weft_breaker_free(b);
}

TEST(BreakerRateForgetsWhatTheWindowLeft, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .rate = 1, .min_calls = 5,
	    .window = 4 * WEFT_SECOND, .buckets = 4 });

	calls(b, 2, -EIO);
	weft_sleep(WEFT_SECOND);
	calls(b, 2, -EIO);
	weft_sleep(3 * WEFT_SECOND);	/* the first two are out of it now */
	calls(b, 2, -EIO);
	CHECK_EQ(is(b), CLOSED);	/* four in the window */
	calls(b, 1, -EIO);
	CHECK_EQ(is(b), OPEN);
	weft_breaker_free(b);
}

TEST(BreakerRateAfterALongSilence, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .rate = 0.5, .min_calls = 3,
	    .buckets = 3 });

	for (int i = 0; i < 20; i++) {
		calls(b, 2, -EIO);
		weft_sleep(10 * WEFT_SECOND + i * 3333 * WEFT_MS);
	}
	CHECK_EQ(is(b), CLOSED);
	weft_breaker_free(b);
}

TEST(BreakerRateAndRowTogether, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .rate = 0.9, .consecutive = 3 });

	calls(b, 100, 0);
	calls(b, 3, -EIO);
	CHECK_EQ(is(b), OPEN);
	weft_breaker_free(b);
}

/* ---- half-open ---- */

static weft_breaker *half_open(weft_breaker_options o)
{
	weft_breaker *b;

	o.consecutive = 1;
	b = weft_breaker_new(o);
	calls(b, 1, -EIO);
	weft_sleep(60 * WEFT_SECOND);
	return b;
}

TEST(BreakerProbesAreCounted, .bubble = true)
{
	weft_breaker *b = half_open((weft_breaker_options){ .probes = 3 });
	weft_breaker_ticket out[3];

	for (int i = 0; i < 3; i++)
		out[i] = allowed(b);
	CHECK_EQ(refusal(b), WEFT_BREAKER_BUSY);
	CHECK(WEFT_BREAKER_BUSY != WEFT_BREAKER_OPEN);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(is(b), HALF_OPEN);
		CHECK_EQ(refusal(b), WEFT_BREAKER_BUSY);
		weft_breaker_done(b, out[i], 0);
		weft_breaker_done(b, out[i], 0);	/* a second word is none */
	}
	CHECK_EQ(is(b), CLOSED);
	weft_breaker_free(b);
}

TEST(BreakerOneFailedProbeOpensItAgain, .bubble = true)
{
	weft_breaker *b = half_open((weft_breaker_options){ .probes = 2 });
	weft_breaker_ticket good = allowed(b), bad = allowed(b);

	weft_breaker_done(b, bad, -EIO);
	CHECK_EQ(refusal(b), WEFT_BREAKER_OPEN);
	weft_breaker_done(b, good, 0);
	weft_sleep(60 * WEFT_SECOND - 1);
	CHECK_EQ(refusal(b), WEFT_BREAKER_OPEN);
	weft_sleep(1);
	calls(b, 1, 0);
	CHECK_EQ(is(b), HALF_OPEN);	/* that good one was another time's */
	calls(b, 1, 0);
	CHECK_EQ(is(b), CLOSED);
	weft_breaker_free(b);
}

TEST(BreakerIgnoredProbeGivesItsPlaceBack, .bubble = true)
{
	weft_breaker *b = half_open((weft_breaker_options){0});

	calls(b, 3, -ECANCELED);
	CHECK_EQ(is(b), HALF_OPEN);
	calls(b, 1, 0);
	CHECK_EQ(is(b), CLOSED);
	weft_breaker_free(b);
}

TEST(BreakerLostProbeDoesNotStick, .bubble = true)
{
	weft_breaker *b = half_open((weft_breaker_options){ .lease = 5 * WEFT_SECOND });
	weft_breaker_ticket lost = allowed(b), next;

	weft_sleep(5 * WEFT_SECOND - 1);
	CHECK_EQ(refusal(b), WEFT_BREAKER_BUSY);
	weft_sleep(1);
	next = allowed(b);
	weft_breaker_done(b, lost, -EIO);	/* too late to say so */
	CHECK_EQ(is(b), HALF_OPEN);
	CHECK_EQ(refusal(b), WEFT_BREAKER_BUSY);
	weft_breaker_done(b, next, 0);
	CHECK_EQ(is(b), CLOSED);
	weft_breaker_free(b);
}

TEST(BreakerWithoutEnd, .bubble = true)
{
	weft_breaker *b = half_open((weft_breaker_options){ .lease = INT64_MAX });

	allowed(b);
	weft_sleep(1000 * WEFT_SECOND);
	CHECK_EQ(refusal(b), WEFT_BREAKER_BUSY);	/* its lease has not ended */
	weft_breaker_free(b);
	b = weft_breaker_new((weft_breaker_options){ .consecutive = 1, .open_for = INT64_MAX });
	calls(b, 1, -EIO);
	weft_sleep(1000 * WEFT_SECOND);
	CHECK_EQ(is(b), OPEN);
	weft_breaker_free(b);
}

TEST(BreakerLateProbeCountsUntilItIsReplaced, .bubble = true)
{
	weft_breaker *b = half_open((weft_breaker_options){ .lease = WEFT_SECOND });
	weft_breaker_ticket late = allowed(b);

	weft_sleep(WEFT_SECOND);
	weft_breaker_done(b, late, 0);
	CHECK_EQ(is(b), CLOSED);
	weft_breaker_free(b);
}

TEST(BreakerStaleResultsAreDropped, .bubble = true)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .consecutive = 1 });
	weft_breaker_ticket old = allowed(b), older = allowed(b), probe;

	weft_breaker_done(b, allowed(b), -EIO);
	weft_sleep(60 * WEFT_SECOND);
	probe = allowed(b);
	weft_breaker_done(b, old, -EIO);	/* of before it opened */
	CHECK_EQ(is(b), HALF_OPEN);
	weft_breaker_done(b, old, 0);
	CHECK_EQ(is(b), HALF_OPEN);
	weft_breaker_done(b, probe, 0);
	weft_breaker_done(b, older, -EIO);
	weft_breaker_done(b, probe, -EIO);
	CHECK_EQ(is(b), CLOSED);
	weft_breaker_free(b);
}

/* ---- reports ---- */

struct log { weft_breaker *b; char text[4096]; size_t len; bool inside, again; };

static void note(enum weft_breaker_state from, enum weft_breaker_state to, void *arg)
{
	struct log *l = arg;

	CHECK(!l->inside);
	l->inside = true;
	weft_breaker_state(l->b);	/* no lock is held */
	if (l->again && to == WEFT_BREAKER_IS_OPEN) {
		l->again = false;
		weft_sleep(60 * WEFT_SECOND);
		calls(l->b, 1, 0);	/* two changes while one is being told */
	}
	weft_yield();
	if (l->len + 2 < sizeof l->text) {
		l->text[l->len++] = "coh"[from];
		l->text[l->len++] = "coh"[to];
	}
	l->inside = false;
}

TEST(BreakerReportsChangesInOrder, .bubble = true)
{
	struct log l = { .again = true };
	weft_breaker *b = l.b = weft_breaker_new((weft_breaker_options){ .consecutive = 1,
	    .on_change = note, .arg = &l });

	calls(b, 1, -EIO);
	CHECK_STR(l.text, "coohhc");
	calls(b, 1, -EIO);
	weft_sleep(60 * WEFT_SECOND);
	calls(b, 1, -EIO);
	CHECK_STR(l.text, "coohhc" "coohho");
	weft_breaker_free(b);
}

static void caller(weft_breaker *b, int result, int n)
{
	while (n--) {
		call(b, result);
		weft_sleep(1);
	}
}

TEST(BreakerReportsAreAChain, .explore = 200)
{
	struct log l = {0};
	weft_breaker *b = l.b = weft_breaker_new((weft_breaker_options){ .consecutive = 2,
	    .open_for = 1, .on_change = note, .arg = &l });
	weft_waitgroup wg = {0};
	int last;

	weft_waitgroup_go(&wg, caller, b, -EIO, 5);
	weft_waitgroup_go(&wg, caller, b, -EIO, 5);
	weft_waitgroup_go(&wg, caller, b, 0, 5);
	weft_waitgroup_wait(&wg);
	for (size_t i = 0; i < l.len; i += 2)
		CHECK_EQ(l.text[i], i ? l.text[i - 1] : 'c');
	last = is(b);			/* it may be half-open only now */
	CHECK(!l.len || l.text[l.len - 1] == "coh"[last]);
	SOMETIMES(strstr(l.text, "hc"), "it closed again");
	SOMETIMES(strstr(l.text, "ho"), "it opened again");
	weft_breaker_free(b);
}

/* ---- crowds ---- */

struct crowd { weft_breaker *b; _Atomic int in, most, probes, ok, open, busy; };

static void probe(struct crowd *c, int64_t takes)
{
	weft_breaker_ticket t;

	switch (weft_breaker_allow(c->b, &t)) {
	case WEFT_BREAKER_OPEN:
		c->open++;
		return;
	case WEFT_BREAKER_BUSY:
		c->busy++;
		return;
	}
	if (t.probe) {
		int n = ++c->in;

		c->most = n > c->most ? n : c->most;
		c->probes++;
		weft_sleep(takes);
		c->in--;
	}
	c->ok++;
	weft_breaker_done(c->b, t, 0);
}

TEST(BreakerProbesInACrowd, .explore = 200)
{
	struct crowd c = { .b = half_open((weft_breaker_options){ .probes = 2 }) };
	weft_waitgroup wg = {0};

	for (int i = 0; i < 5; i++)
		weft_waitgroup_go(&wg, probe, &c, i % 3);
	weft_waitgroup_wait(&wg);
	CHECK(c.most <= 2);
	CHECK_EQ(c.probes, 2);
	CHECK_EQ(c.ok + c.busy, 5);
	CHECK_EQ(is(c.b), CLOSED);
	SOMETIMES(c.most == 2, "both at once");
	SOMETIMES(c.most == 1, "one after the other");
	SOMETIMES(c.busy == 0, "nobody came too early");
	weft_breaker_free(c.b);
}

struct tally { weft_breaker *b; _Atomic int64_t called, ok, failed, open, busy, changes; };

static int flaky(weft_ctx *ctx, void *arg)
{
	(void)ctx;
	((struct tally *)arg)->called++;
	return weft_random() % 8 ? -EIO : 1;
}

static void changed(enum weft_breaker_state from, enum weft_breaker_state to, void *arg)
{
	struct tally *t = arg;

	CHECK(from != to);
	t->changes++;
}

static void many(struct tally *t, int n)
{
	while (n--)
		switch (weft_breaker_call(NULL, t->b, flaky, t)) {
		case 1:
			t->ok++;
			break;
		case -EIO:
			t->failed++;
			break;
		case WEFT_BREAKER_OPEN:
			t->open++;
			break;
		case WEFT_BREAKER_BUSY:
			t->busy++;
			break;
		}
}

TEST(BreakerStress)
{
	struct tally all = {0};
	weft_waitgroup wg = {0};

	all.b = weft_breaker_new((weft_breaker_options){ .rate = 0.5, .consecutive = 9, .probes = 2,
	    .open_for = 1, .lease = WEFT_MS, .on_change = changed, .arg = &all });
	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, many, &all, 5000);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(all.ok + all.failed + all.open + all.busy, 40000);
	CHECK_EQ(all.ok + all.failed, all.called);
	CHECK(all.changes >= 1);	/* where the clock stands, it stays open */
	weft_breaker_free(all.b);
}

CHILD(BreakerRate)
{
	weft_breaker_new((weft_breaker_options){ .rate = 1.5 });
	return 0;
}

TEST(BreakerMisuse)
{
	CHECK_DIES("BreakerRate", "weft_breaker_new: rate is 1.5");
}
