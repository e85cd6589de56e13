/* ctx_test.c - contexts: the tree, deadlines, values, after functions, misuse */
#include <pthread.h>

#include "child_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

static const int key1, key2;

TEST(CancelSetsErrorOnce, .parallel = true)
{
	weft_ctx *ctx = weft_with_cancel(NULL);

	CHECK_EQ(weft_err(ctx), 0);
	CHECK_EQ(weft_cause(ctx), 0);
	CHECK_EQ(weft_poll(weft_on_done(ctx)), -1);
	weft_cancel(ctx);
	CHECK_EQ(weft_err(ctx), -ECANCELED);
	CHECK_EQ(weft_cause(ctx), -ECANCELED);
	CHECK_EQ(weft_poll(weft_on_done(ctx)), 0);
	CHECK(!weft_recv(weft_done(ctx), NULL));
	weft_cancel_cause(ctx, -EIO);
	CHECK_EQ(weft_cause(ctx), -ECANCELED);
	weft_ctx_free(ctx);
}

TEST(BackgroundIsNeverCancelled, .parallel = true)
{
	int64_t when = 5;

	CHECK_EQ(weft_err(NULL), 0);
	CHECK_EQ(weft_err(weft_background()), 0);
	CHECK_EQ(weft_cause(NULL), 0);
	CHECK_EQ(weft_cause(weft_background()), 0);
	CHECK(!weft_deadline(NULL, &when) && !weft_deadline(weft_background(), &when));
	CHECK(!weft_value(NULL, &key1) && !weft_value(weft_background(), &key1));
	CHECK(!weft_done(NULL) && !weft_done(weft_background()));
	CHECK_EQ(weft_poll(weft_on_done(NULL)), -1);
	weft_ctx_free(NULL);
	weft_ctx_free(weft_background());
	CHECK_EQ(weft_err(weft_background()), 0);
}

TEST(CancelReachesDescendantsOnly, .parallel = true)
{
	weft_ctx *top = weft_with_cancel(weft_background()), *left = weft_with_cancel(top),
	    *right = weft_with_timeout(top, WEFT_SECOND * 1000),
	    *leaf = weft_with_value(left, &key1, NULL);

	weft_cancel_cause(left, -EPIPE);
	CHECK_EQ(weft_err(top), 0);
	CHECK_EQ(weft_err(right), 0);
	CHECK_EQ(weft_err(left), -ECANCELED);
	CHECK_EQ(weft_err(leaf), -ECANCELED);
	CHECK_EQ(weft_cause(leaf), -EPIPE);
	weft_cancel(top);
	CHECK_EQ(weft_err(right), -ECANCELED);
	CHECK_EQ(weft_cause(right), -ECANCELED);
	CHECK_EQ(weft_cause(leaf), -EPIPE);
	weft_ctx_free(leaf);
	weft_ctx_free(right);
	weft_ctx_free(left);
	weft_ctx_free(top);
}

TEST(ChildOfCancelledIsCancelled, .parallel = true)
{
	weft_ctx *top = weft_with_cancel(NULL), *child, *timed;

	weft_cancel_cause(top, -EIO);
	child = weft_with_cancel(top);
	timed = weft_with_timeout(top, WEFT_SECOND * 1000);
	CHECK_EQ(weft_err(child), -ECANCELED);
	CHECK_EQ(weft_cause(child), -EIO);
	CHECK_EQ(weft_err(timed), -ECANCELED);
	CHECK_EQ(weft_poll(weft_on_done(child)), 0);
	weft_ctx_free(child);
	weft_ctx_free(timed);
	weft_ctx_free(top);
}

TEST(DeadlineEndsContext, .parallel = true)
{
	int64_t begun = weft_now(), when = 0;
	weft_ctx *ctx = weft_with_timeout(NULL, 2 * WEFT_MS), *child = weft_with_cancel(ctx);

	CHECK(weft_deadline(child, &when));
	CHECK(when >= begun + 2 * WEFT_MS && when <= weft_now() + 2 * WEFT_MS);
	CHECK(!weft_recv(weft_done(child), NULL));
	CHECK(weft_now() >= when);
	CHECK_EQ(weft_err(ctx), -ETIMEDOUT);
	CHECK_EQ(weft_err(child), -ETIMEDOUT);
	CHECK_EQ(weft_cause(child), -ETIMEDOUT);
	weft_cancel_cause(ctx, -EIO);
	CHECK_EQ(weft_err(ctx), -ETIMEDOUT);
	CHECK_EQ(weft_cause(ctx), -ETIMEDOUT);
	weft_ctx_free(child);
	weft_ctx_free(ctx);
}

TEST(PastDeadlineEndsAtOnce, .parallel = true)
{
	weft_ctx *a = weft_with_timeout(NULL, 0), *b = weft_with_timeout(NULL, -5),
	    *c = weft_with_deadline(NULL, weft_now() - 1), *d = weft_with_timeout(NULL, INT64_MAX);

	CHECK_EQ(weft_err(a), -ETIMEDOUT);
	CHECK_EQ(weft_err(b), -ETIMEDOUT);
	CHECK_EQ(weft_err(c), -ETIMEDOUT);
	CHECK_EQ(weft_err(d), 0);
	weft_ctx_free(a);
	weft_ctx_free(b);
	weft_ctx_free(c);
	weft_ctx_free(d);
}

TEST(EarlierDeadlineWins, .parallel = true)
{
	int64_t now = weft_now(), when;
	weft_ctx *far = weft_with_deadline(NULL, now + 1000 * WEFT_SECOND),
	    *near = weft_with_deadline(far, now + 500 * WEFT_SECOND),
	    *late = weft_with_deadline(near, now + 2000 * WEFT_SECOND);

	CHECK(weft_deadline(far, &when) && when == now + 1000 * WEFT_SECOND);
	CHECK(weft_deadline(near, &when) && when == now + 500 * WEFT_SECOND);
	CHECK(weft_deadline(late, &when) && when == now + 500 * WEFT_SECOND);
	weft_ctx_free(far);
	weft_ctx_free(near);
	weft_ctx_free(late);
}

TEST(ValuesAreFoundAbove, .parallel = true)
{
	int x, y, z;
	weft_ctx *a = weft_with_value(NULL, &key1, &x), *b = weft_with_cancel(a),
	    *c = weft_with_value(b, &key2, &y), *d = weft_with_value(c, &key1, &z);

	CHECK(weft_value(c, &key1) == &x);
	CHECK(weft_value(c, &key2) == &y);
	CHECK(weft_value(d, &key1) == &z);
	CHECK(weft_value(d, &key2) == &y);
	CHECK(!weft_value(b, &key2));
	CHECK(!weft_value(d, NULL));
	weft_ctx_free(d);
	weft_ctx_free(c);
	weft_ctx_free(b);
	weft_ctx_free(a);
}

/* Freeing cancels what is below, which may be freed before or after. */
TEST(FreeInAnyOrder, .parallel = true)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
		{ 2, 0, 1 }, { 2, 1, 0 } };

	for (int i = 0; i < 6; i++) {
		weft_ctx *c[3];
		int lowest = 3;

		c[0] = weft_with_cancel(NULL);
		c[1] = weft_with_timeout(c[0], 1000 * WEFT_SECOND);
		c[2] = weft_with_value(c[1], &key1, c);
		for (int k = 0; k < 3; k++) {
			int now = orders[i][k];

			for (int j = k; j < 3; j++)
				CHECK_EQ(weft_err(c[orders[i][j]]),
				    orders[i][j] > lowest ? -ECANCELED : 0);
			weft_ctx_free(c[now]);
			lowest = now < lowest ? now : lowest;
		}
	}
}

static weft_ctx *deep(weft_ctx *top, weft_ctx **all, int n)
{
	for (int i = 0; i < n; i++)
		all[i] = top = weft_with_cancel(top);
	return top;
}

enum { LEVELS = 100000 };

TEST(DeepTreeIsCancelledAndFreed)
{
	weft_ctx *top = weft_with_cancel(NULL), *leaf,
	    **all = malloc(LEVELS * sizeof *all);

	leaf = deep(top, all, LEVELS);
	weft_cancel_cause(top, -EIO);
	CHECK_EQ(weft_err(leaf), -ECANCELED);
	CHECK_EQ(weft_cause(leaf), -EIO);
	weft_ctx_free(top);
	/* from the top: all records go together with the last one */
	for (int i = 0; i < LEVELS; i++)
		weft_ctx_free(all[i]);
	free(all);
}

TEST(WideTreeIsCancelled)
{
	weft_ctx *top = weft_with_cancel(NULL), *all[1000];
	int cancelled = 0;

	for (int i = 0; i < 1000; i++)
		all[i] = weft_with_cancel(i % 3 ? top : NULL);
	weft_cancel(top);
	for (int i = 0; i < 1000; i++) {
		cancelled += weft_err(all[i]) == -ECANCELED;
		weft_ctx_free(all[i]);
	}
	CHECK_EQ(cancelled, 666);
	weft_ctx_free(top);
}

static void make_children(weft_ctx *top, int n, _Atomic int *live)
{
	for (int i = 0; i < n; i++) {
		weft_ctx *a = weft_with_cancel(top), *b = weft_with_timeout(a, i * 100);

		*live += weft_err(a) == 0;
		weft_ctx_free(i % 2 ? a : b);
		weft_ctx_free(i % 2 ? b : a);
	}
}

static void cancel_after(weft_ctx *ctx, weft_chan(int) go)
{
	weft_recv(go, NULL);
	weft_cancel(ctx);
}

TEST(CancelRacesWithNewChildren)
{
	for (int i = 0; i < 50; i++) {
		weft_ctx *top = weft_with_cancel(NULL), *late;
		weft_chan(int) go = weft_make(int, 0);
		weft_waitgroup wg = {0};
		_Atomic int live = 0;

		weft_waitgroup_go(&wg, cancel_after, top, go);
		for (int k = 0; k < 4; k++)
			weft_waitgroup_go(&wg, make_children, top, 50, &live);
		weft_close(go);
		weft_waitgroup_wait(&wg);
		late = weft_with_cancel(top);
		CHECK_EQ(weft_err(late), -ECANCELED);
		weft_ctx_free(late);
		weft_ctx_free(top);
		weft_free(go);
	}
}

static void cancel_with(weft_ctx *ctx, int cause, _Atomic int *won)
{
	weft_cancel_cause(ctx, cause);
	if (weft_cause(ctx) == cause)
		++*won;
}

TEST(OneOfManyCausesWins)
{
	for (int i = 0; i < 200; i++) {
		weft_ctx *ctx = weft_with_cancel(NULL);
		weft_waitgroup wg = {0};
		_Atomic int won = 0;

		for (int k = 1; k <= 8; k++)
			weft_waitgroup_go(&wg, cancel_with, ctx, -k, &won);
		weft_waitgroup_wait(&wg);
		CHECK_EQ(won, 1);
		weft_ctx_free(ctx);
	}
}

/* ---- after functions ---- */

static void signal_done(void *arg)
{
	weft_chan(int) *c = arg;

	weft_send(*c, 1);
}

TEST(AfterFuncRunsOnCancel, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_ctx *top = weft_with_cancel(NULL), *ctx = weft_with_cancel(top);
	weft_after_handle *h = weft_after_func(ctx, signal_done, &c);

	CHECK_EQ(weft_poll(weft_on_recv(c, NULL)), -1);
	weft_cancel(top);
	weft_recv(c, NULL);
	CHECK(!weft_after_stop(h));
	weft_ctx_free(ctx);
	weft_ctx_free(top);
	weft_free(c);
}

TEST(AfterFuncRunsAtOnceWhenCancelled, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_after_handle *h;

	weft_cancel(ctx);
	h = weft_after_func(ctx, signal_done, &c);
	weft_recv(c, NULL);
	CHECK(!weft_after_stop(h));
	weft_ctx_free(ctx);
	weft_free(c);
}

static void never(void *arg)
{
	(void)arg;
	CHECK(!"a stopped after function ran");
}

TEST(AfterStopPrevents, .parallel = true)
{
	weft_ctx *ctx = weft_with_cancel(NULL);

	CHECK(weft_after_stop(weft_after_func(ctx, never, NULL)));
	CHECK(weft_after_stop(weft_after_func(NULL, never, NULL)));
	CHECK(weft_after_stop(weft_after_func(weft_background(), never, NULL)));
	weft_cancel(ctx);
	weft_ctx_free(ctx);
}

static void count_one(void *arg)
{
	++*(_Atomic int *)arg;
}

static void stop_after(weft_after_handle *h, _Atomic int *stopped)
{
	*stopped += weft_after_stop(h);
}

/* Either it ran or it was stopped, never both and never neither. */
TEST(AfterStopRacesWithCancel)
{
	_Atomic int ran = 0, stopped = 0;

	for (int i = 0; i < 1000; i++) {
		weft_ctx *ctx = weft_with_cancel(NULL);
		weft_after_handle *h = weft_after_func(ctx, count_one, &ran);
		weft_waitgroup wg = {0};

		weft_waitgroup_go(&wg, stop_after, h, &stopped);
		if (i % 2)
			weft_yield();
		weft_cancel(ctx);
		weft_waitgroup_wait(&wg);
		weft_ctx_free(ctx);
	}
	settle(count_one, WAIT_NONE, 0);
	while (ran + stopped < 1000)
		weft_yield();
	CHECK_EQ(ran + stopped, 1000);
}

static void *thread_waits(void *arg)
{
	weft_ctx *ctx = arg, *child = weft_with_timeout(ctx, 1000 * WEFT_SECOND);
	long err = weft_recv(weft_done(child), NULL) ? 0 : weft_err(child);

	weft_ctx_free(child);
	return (void *)err;
}

static void *thread_cancels(void *arg)
{
	weft_cancel(arg);
	return NULL;
}

TEST(PlainThreadsUseContexts)
{
	weft_ctx *a = weft_with_cancel(NULL), *b = weft_with_cancel(NULL);
	pthread_t waiter, canceller;
	void *err;

	pthread_create(&waiter, NULL, thread_waits, a);
	pthread_create(&canceller, NULL, thread_cancels, b);
	CHECK(!weft_recv(weft_done(b), NULL));
	weft_cancel(a);
	pthread_join(waiter, &err);
	pthread_join(canceller, NULL);
	CHECK_EQ((long)err, -ECANCELED);
	weft_ctx_free(a);
	weft_ctx_free(b);
}

CHILD(CancelNull)
{
	weft_cancel(NULL);
	return 0;
}

CHILD(CancelBackground)
{
	weft_cancel(weft_background());
	return 0;
}

TEST(ContextMisuseStopsTheProgram)
{
	CHECK_DIES("CancelNull", "the context is NULL");
	CHECK_DIES("CancelBackground", "the background cannot be cancelled");
}
