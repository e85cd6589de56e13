/* singleflight_test.c - one call for all, an answer for each, and who may leave when */
#include <stdatomic.h>
#include <stdlib.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "singleflight.h"

/* What the calls of a test have done; values are counted references. */
struct log { _Atomic int calls, refs; int err; int64_t takes; _Atomic int cancelled; };
static struct log *the_log;

struct value { _Atomic int refs; int number; };

static void *copy(void *v)
{
	((struct value *)v)->refs++;
	the_log->refs++;
	return v;
}

static void drop(void *v)
{
	the_log->refs--;
	if (--((struct value *)v)->refs == 0)
		free(v);
}

static int fetch(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value)
{
	struct log *l = arg;
	struct value *v;
	int number = ++l->calls;

	CHECK(len == 3 && !memcmp(key, "key", 3));
	if (weft_sleep_ctx(ctx, l->takes)) {
		l->cancelled++;
		weft_sleep(WEFT_MS);	/* it takes a while to notice */
	}
	if (l->err)
		return l->err;
	v = malloc(sizeof *v);
	*v = (struct value){ 1, number };
	l->refs++;
	*value = v;
	return 0;
}

static weft_singleflight *begin(struct log *l)
{
	the_log = l;
	return weft_singleflight_new(copy, drop);
}

struct got { int err; struct value *v; bool shared; };

static void ask(weft_ctx *ctx, weft_singleflight *g, struct log *l, struct got *to)
{
	to->err = weft_singleflight_do(ctx, g, "key", 3, fetch, l, (void **)&to->v, &to->shared);
}

TEST(SingleflightOneCallAnswersAll, .bubble = true)
{
	struct log l = { .takes = WEFT_SECOND };
	weft_singleflight *g = begin(&l);
	struct got got[3] = { { .err = 9 } };
	int64_t start = weft_now();

	for (int i = 1; i < 3; i++)
		weft_go(ask, NULL, g, &l, &got[i]);
	ask(NULL, g, &l, &got[0]);
	weft_settle();
	CHECK_EQ(weft_now() - start, WEFT_SECOND);
	CHECK_EQ(l.calls, 1);
	CHECK_EQ(l.refs, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(got[i].err, 0);
		CHECK_EQ(got[i].v, got[0].v);
		CHECK(got[i].shared);
	}
	for (int i = 0; i < 3; i++)
		drop(got[i].v);
	CHECK_EQ(l.refs, 0);
	weft_singleflight_free(g);
	weft_singleflight_free(NULL);
}

TEST(SingleflightRemembersNothing)
{
	struct log l = { .err = -EIO };
	weft_singleflight *g = begin(&l);
	struct value *v = NULL;
	bool shared = true;

	CHECK_EQ(weft_singleflight_do(NULL, g, "key", 3, fetch, &l, (void **)&v, NULL), -EIO);
	CHECK_EQ(v, NULL);
	l.err = 0;
	for (int i = 2; i <= 3; i++) {
		CHECK_EQ(weft_singleflight_do(NULL, g, "key", 3, fetch, &l, (void **)&v, &shared), 0);
		CHECK(!shared);
		CHECK_EQ(v->number, i);
		drop(v);
	}
	weft_singleflight_free(g);
}

TEST(SingleflightAllGetTheError, .bubble = true)
{
	struct log l = { .takes = WEFT_SECOND, .err = -EIO };
	weft_singleflight *g = begin(&l);
	struct got got[2] = { { .err = 9 }, { .err = 9 } };
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_go(ask, ctx, g, &l, &got[0]);
	weft_go(ask, NULL, g, &l, &got[1]);
	weft_sleep(2 * WEFT_SECOND);
	weft_settle();
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(got[i].err, -EIO);
		CHECK_EQ(got[i].v, NULL);
		CHECK(got[i].shared);
	}
	CHECK_EQ(l.calls, 1);
	weft_ctx_free(ctx);
	weft_singleflight_free(g);
}

TEST(SingleflightOneLeavesTheOthersStay, .bubble = true)
{
	struct log l = { .takes = WEFT_SECOND };
	weft_singleflight *g = begin(&l);
	weft_ctx *brief = weft_with_timeout(NULL, WEFT_MS), *ctx = weft_with_cancel(NULL);
	struct got got[2] = { { .err = 9 }, { .err = 9 } };

	weft_go(ask, brief, g, &l, &got[0]);	/* makes the call */
	weft_settle();
	weft_go(ask, ctx, g, &l, &got[1]);
	weft_sleep(2 * WEFT_MS);
	weft_settle();
	CHECK_EQ(got[0].err, -ETIMEDOUT);
	CHECK_EQ(got[1].err, 9);
	weft_sleep(WEFT_SECOND);
	weft_settle();
	CHECK_EQ(got[1].err, 0);
	CHECK(!got[1].shared);
	CHECK_EQ(l.calls, 1);
	CHECK_EQ(l.cancelled, 0);
	drop(got[1].v);
	weft_ctx_free(ctx);
	weft_ctx_free(brief);
	weft_singleflight_free(g);
}

TEST(SingleflightEndsWhenAllHaveLeft, .bubble = true)
{
	struct log l = { .takes = WEFT_SECOND };
	weft_singleflight *g = begin(&l);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_MS);
	struct got got[3] = { { .err = 9 }, { .err = 9 }, { .err = 9 } };
	int64_t start = weft_now();

	weft_go(ask, ctx, g, &l, &got[0]);
	ask(ctx, g, &l, &got[1]);
	weft_settle();
	CHECK_EQ(got[0].err, -ETIMEDOUT);
	ask(NULL, g, &l, &got[2]);	/* does not join what has been given up */
	CHECK_EQ(weft_now() - start, WEFT_SECOND + WEFT_MS);
	CHECK_EQ(got[1].err, -ETIMEDOUT);
	CHECK_EQ(got[2].err, 0);
	CHECK_EQ(l.cancelled, 1);
	CHECK_EQ(l.calls, 2);
	CHECK_EQ(got[2].v->number, 2);
	CHECK_EQ(l.refs, 1);		/* the first one's value was dropped */
	drop(got[2].v);
	weft_ctx_free(ctx);
	weft_singleflight_free(g);
}

/* ---- forget ---- */

TEST(SingleflightForgetCannotDeleteANewerCall, .bubble = true)
{
	struct log l = { .takes = 2 * WEFT_SECOND };
	weft_singleflight *g = begin(&l);
	struct got got[3] = { { .err = 9 } };

	weft_go(ask, NULL, g, &l, &got[0]);
	weft_sleep(WEFT_SECOND);
	weft_settle();
	weft_singleflight_forget(g, "key", 3);
	weft_go(ask, NULL, g, &l, &got[1]);	/* from 1 to 3 */
	weft_sleep(WEFT_SECOND + WEFT_MS);
	weft_settle();
	CHECK_EQ(got[0].v->number, 1);		/* the forgotten one has ended ... */
	weft_go(ask, NULL, g, &l, &got[2]);
	weft_sleep(WEFT_SECOND);
	weft_settle();
	CHECK_EQ(l.calls, 2);			/* ... and the new one could be joined after */
	CHECK_EQ(got[1].v, got[2].v);
	CHECK(got[1].shared);
	CHECK(!got[0].shared);
	weft_singleflight_forget(g, "other", 5);
	for (int i = 0; i < 3; i++)
		drop(got[i].v);
	CHECK_EQ(l.refs, 0);
	weft_singleflight_free(g);
}

/* ---- any order ---- */

static void cancel(weft_ctx *ctx)
{
	weft_cancel(ctx);
}

TEST(SingleflightEachHasAnAnswerOrHasLeft, .explore = 1000)
{
	struct log l = { .takes = weft_choose(2) };
	weft_singleflight *g = begin(&l);
	weft_ctx *ctx = weft_with_cancel(NULL), *other = weft_with_cancel(NULL);
	struct got got[3] = { { .err = 9 }, { .err = 9 }, { .err = 9 } };
	int refs = 0;

	weft_go(ask, ctx, g, &l, &got[0]);
	weft_go(cancel, ctx);
	weft_go(ask, ctx, g, &l, &got[1]);
	ask(other, g, &l, &got[2]);
	weft_sleep(WEFT_SECOND);
	weft_settle();
	CHECK_EQ(got[2].err, 0);
	for (int i = 0; i < 3; i++) {
		CHECK(got[i].err == 0 || (i < 2 && got[i].err == -ECANCELED));
		if (got[i].err == 0 && ++refs)
			CHECK(got[i].v->refs > 0);
	}
	CHECK_EQ(l.refs, refs);
	SOMETIMES(l.calls == 1 && refs == 1, "two left, one had it");
	SOMETIMES(l.calls == 1 && refs == 3, "all had the same");
	SOMETIMES(l.cancelled, "all who asked had left");
	for (int i = 0; i < 3; i++)
		if (got[i].err == 0)
			drop(got[i].v);
	CHECK_EQ(l.refs, 0);
	weft_ctx_free(ctx);
	weft_ctx_free(other);
	weft_singleflight_free(g);
}

/* ---- misuse ---- */

static int for_ever(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value)
{
	(void)ctx, (void)key, (void)len, (void)value;
	weft_singleflight_free(arg);
	return 0;
}

static int forget_and_free(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value)
{
	weft_singleflight_forget(arg, key, len);
	return for_ever(ctx, key, len, arg, value);
}

CHILD(SingleflightFreedInUse)
{
	weft_singleflight *g = weft_singleflight_new(NULL, NULL);
	void *v;

	return weft_singleflight_do(NULL, g, NULL, 0, for_ever, g, &v, NULL);
}

CHILD(SingleflightForgottenAndFreedInUse)
{
	weft_singleflight *g = weft_singleflight_new(NULL, NULL);
	void *v;

	return weft_singleflight_do(NULL, g, NULL, 0, forget_and_free, g, &v, NULL);
}

TEST(SingleflightMisuseStopsTheProgram)
{
	CHECK_DIES("SingleflightFreedInUse", "weft_singleflight_free: 1 calls are on");
	CHECK_DIES("SingleflightForgottenAndFreedInUse",
	    "weft_singleflight_free: 1 calls are on");
}

/* ---- a crowd ---- */

struct crowd { weft_singleflight *g; struct log l; _Atomic int answers, left; };

static void ask_often(struct crowd *c, int me)
{
	for (int i = 0; i < 2000; i++) {
		weft_ctx *ctx = (i + me) % 3 ? weft_with_timeout(NULL, i % 40 * WEFT_US) : NULL;
		struct got got = { .err = 9 };

		if ((i + me) % 50 == 0)
			weft_singleflight_forget(c->g, "key", 3);
		ask(ctx, c->g, &c->l, &got);
		if (got.err) {
			CHECK_EQ(got.err, -ETIMEDOUT);
			c->left++;
		} else {
			c->answers++;
			CHECK(got.v->number > 0);
			drop(got.v);
		}
		weft_ctx_free(ctx);
	}
}

TEST(SingleflightStress, .real = true)
{
	struct crowd c = { .l = { .takes = 5 * WEFT_US } };
	weft_waitgroup wg = { 0 };

	c.g = begin(&c.l);
	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, ask_often, &c, i);
	weft_waitgroup_wait(&wg);
	weft_singleflight_free(c.g);
	CHECK_EQ(c.answers + c.left, 16000);
	CHECK(c.answers >= 16000 / 3);
	CHECK_EQ(c.l.refs, 0);
	CHECK(c.l.calls < 16000);
}
