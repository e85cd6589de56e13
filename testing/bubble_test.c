/* bubble_test.c - virtual time: what it shows, when it moves, when it stops */
#include "../weft/net.h"
#include "../weft/sync.h"
#include "../weft/time.h"
#include "harness.h"

enum { EPOCH_S = 946684800 };

TEST(BubbleClockBeginsIn2000, .bubble = true)
{
	CHECK_EQ(weft_now(), EPOCH_S * WEFT_SECOND);
}

TEST(BubbleSleepTakesNoTime, .bubble = true)
{
	int64_t real = clock_now(), before = weft_now();

	weft_sleep(24 * 3600 * WEFT_SECOND);
	CHECK_EQ(weft_now() - before, 24 * 3600 * WEFT_SECOND);
	CHECK(clock_now() - real < 3600 * WEFT_SECOND);
}

TEST(BubbleClockStandsWhileSomebodyRuns, .bubble = true)
{
	int64_t before = weft_now();

	for (int i = 0; i < 1000; i++)
		weft_yield();
	CHECK_EQ(weft_now(), before);
}

static void note_after(weft_chan(int) c, int64_t ns, int what)
{
	weft_sleep(ns);
	weft_send(c, what);
}

TEST(BubbleTimersFireInOrder, .bubble = true)
{
	weft_chan(int) c = weft_make(int, 0);
	int64_t begun = weft_now();
	int v;

	for (int i = 5; i >= 1; i--)
		weft_go(note_after, c, i * WEFT_SECOND + i, i);
	for (int i = 1; i <= 5; i++) {
		weft_recv(c, &v);
		CHECK_EQ(v, i);
		CHECK_EQ(weft_now() - begun, i * WEFT_SECOND + i);	/* to the nanosecond */
	}
	weft_free(c);
}

static void ponder(_Atomic int *steps)
{
	for (int i = 0; i < 10; i++) {
		weft_yield();
		++*steps;
	}
}

TEST(SettleWaitsForEveryoneElse, .bubble = true)
{
	_Atomic int steps = 0;
	int64_t before = weft_now();

	weft_go(ponder, &steps);
	weft_go(ponder, &steps);
	weft_settle();
	CHECK_EQ(steps, 20);
	CHECK_EQ(weft_now(), before);
}

static void take_then_set(weft_mutex *m, bool *got)
{
	weft_mutex_lock(m);
	*got = true;
	weft_mutex_unlock(m);
}

TEST(SettleCountsALockAsWaiting, .bubble = true)
{
	weft_mutex m = {0};
	bool got = false;

	weft_mutex_lock(&m);
	weft_go(take_then_set, &m, &got);
	weft_settle();
	CHECK(!got);
	weft_mutex_unlock(&m);
	weft_settle();
	CHECK(got);
}

TEST(SettleTwoAtOnce, .bubble = true)
{
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, weft_settle);
	weft_waitgroup_go(&wg, weft_settle);
	weft_settle();
	weft_waitgroup_wait(&wg);
}

TEST(BubbleContextsAndTickersTick, .bubble = true)
{
	weft_ticker *k = weft_ticker_new(10 * WEFT_MS);
	weft_ctx *ctx = weft_with_timeout(NULL, 95 * WEFT_MS);
	weft_chan(int64_t) ticks = weft_ticker_chan(k);
	int64_t begun = weft_now(), at;
	int n = 0;

	while (weft_select(weft_on_recv(ticks, &at), weft_on_done(ctx)) == 0) {
		n++;
		CHECK_EQ(at - begun, n * 10 * WEFT_MS);
	}
	CHECK_EQ(n, 9);
	CHECK_EQ(weft_err(ctx), -ETIMEDOUT);
	CHECK_EQ(weft_now() - begun, 95 * WEFT_MS);
	weft_ctx_free(ctx);
	weft_ticker_free(k);
}

static void add_one(void *arg) { atomic_fetch_add((_Atomic int *)arg, 1); }

TEST(BubbleAfterFuncsBelongToIt, .bubble = true)
{
	_Atomic int ran = 0;
	weft_timer *timer = weft_after(WEFT_SECOND, add_one, &ran);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_after_handle *h = weft_after_func(ctx, add_one, &ran);

	weft_settle();
	CHECK_EQ(ran, 0);
	weft_cancel(ctx);
	weft_settle();
	CHECK_EQ(ran, 1);
	weft_sleep(2 * WEFT_SECOND);
	CHECK_EQ(ran, 2);
	weft_after_stop(h);
	weft_timer_free(timer);
	weft_ctx_free(ctx);
}

static void sub(weft_t *t, int64_t *slept)
{
	(void)t;
	weft_sleep(WEFT_SECOND);
	*slept = weft_now();
}

TEST(BubbleSubTestsShareTheClock, .bubble = true)
{
	int64_t begun = weft_now(), slept = 0;

	weft_run(t, "sub", sub, &slept);
	CHECK_EQ(slept - begun, WEFT_SECOND);
	CHECK_EQ(weft_now() - begun, WEFT_SECOND);
}

static void waste_time(weft_t *t)
{
	(void)t;
	for (int i = 0; i < 50; i++)
		weft_sleep(3600 * WEFT_SECOND);
}

TEST(BubbleInParallel1, .bubble = true, .parallel = true) { waste_time(t); }
TEST(BubbleInParallel2, .bubble = true, .parallel = true) { waste_time(t); }
TEST(BubbleInParallel3, .bubble = true, .parallel = true) { waste_time(t); }

static void relay(weft_chan(int) from, weft_chan(int) to)
{
	int v;

	while (weft_recv(from, &v))
		weft_send(to, v + 1);
	weft_close(to);
}

TEST(BubbleManyGoroutines, .bubble = true)
{
	enum { N = 1000 };
	weft_chan(int) first = weft_make(int, 0), last = first, all[N];
	int v;

	for (int i = 0; i < N; i++) {
		all[i] = weft_make(int, 0);
		weft_go(relay, last, all[i]);
		last = all[i];
	}
	for (int i = 0; i < 5; i++) {
		weft_send(first, i);
		weft_recv(last, &v);
		CHECK_EQ(v, i + N);
	}
	weft_close(first);
	CHECK(!weft_recv(last, &v));
	weft_settle();
	weft_free(first);
	for (int i = 0; i < N; i++)
		weft_free(all[i]);
}

/* ---- not a deadlock ---- */

static void lock_in_time(weft_mutex *a, weft_mutex *b, weft_waitgroup *wg)
{
	weft_ctx *ctx = weft_with_timeout(NULL, 60 * WEFT_SECOND);

	weft_mutex_lock(a);
	weft_sleep(WEFT_SECOND);
	if (!weft_mutex_lock_ctx(ctx, b))
		weft_mutex_unlock(b);
	weft_mutex_unlock(a);
	weft_ctx_free(ctx);
	weft_waitgroup_done(wg);
}

TEST(BubbleWhoHasAContextGivesUp, .bubble = true)
{
	weft_mutex a = {0}, b = {0};
	weft_waitgroup wg = {0};

	weft_waitgroup_add(&wg, 2);
	weft_go(lock_in_time, &a, &b, &wg);
	weft_go(lock_in_time, &b, &a, &wg);
	weft_waitgroup_wait(&wg);
}

static void unlock_later(weft_mutex *m)
{
	weft_sleep(WEFT_SECOND);
	weft_mutex_unlock(m);
}

/* A mutex that another unlocks, as a signal. */
TEST(BubbleUnlockedByAnother, .bubble = true)
{
	weft_mutex m = {0};

	weft_mutex_lock(&m);
	weft_go(unlock_later, &m);
	weft_mutex_lock(&m);
	weft_mutex_unlock(&m);
}
