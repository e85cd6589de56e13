/* timer_test.c - sleep, timers, tickers, after: never early, never twice, never lost */
#include <pthread.h>

#include "child_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

enum { FAR = 1000 };	/* seconds: not in this test */

TEST(SleepLastsAtLeastItsTime, .parallel = true)
{
	static const int64_t times[] = { 1, WEFT_US, 50 * WEFT_US, WEFT_MS, 11 * WEFT_MS };

	for (int i = 0; i < 5; i++) {
		int64_t begun = weft_now();

		weft_sleep(times[i]);
		CHECK(weft_now() - begun >= times[i]);
	}
	weft_sleep(0);
	weft_sleep(-WEFT_SECOND);
	weft_sleep(INT64_MIN);
}

TEST(TimerTicksOnceNotEarly, .parallel = true)
{
	int64_t begun = weft_now(), when = 0;
	weft_timer *tm = weft_timer_new(2 * WEFT_MS);

	CHECK(weft_recv(weft_timer_chan(tm), &when));
	CHECK(when >= begun + 2 * WEFT_MS);
	CHECK(when <= weft_now());
	CHECK_EQ(weft_cap(weft_timer_chan(tm)), 1);
	weft_sleep(5 * WEFT_MS);
	CHECK_EQ(weft_poll(weft_on_recv(weft_timer_chan(tm), NULL)), -1);
	CHECK(!weft_timer_stop(tm));
	weft_timer_free(tm);
}

TEST(TimerOfZeroTicksAtOnce, .parallel = true)
{
	weft_timer *a = weft_timer_new(0), *b = weft_timer_new(-WEFT_SECOND),
	    *c = weft_timer_new(INT64_MIN);

	CHECK(weft_recv(weft_timer_chan(a), NULL));
	CHECK(weft_recv(weft_timer_chan(b), NULL));
	CHECK(weft_recv(weft_timer_chan(c), NULL));
	weft_timer_free(a);
	weft_timer_free(b);
	weft_timer_free(c);
	weft_timer_free(NULL);
}

TEST(StoppedTimerDoesNotTick, .parallel = true)
{
	weft_timer *tm = weft_timer_new(FAR * WEFT_SECOND);

	CHECK(weft_timer_stop(tm));
	CHECK(!weft_timer_stop(tm));
	CHECK_EQ(weft_poll(weft_on_recv(weft_timer_chan(tm), NULL)), -1);
	weft_timer_free(tm);
}

/* Waits for the tick to be in the channel, and leaves it there. */
static void until_ticked(weft_chan(int64_t) c)
{
	while (!weft_len(c))
		weft_yield();
}

TEST(StopTakesBackATick, .parallel = true, .real = true)
{
	weft_timer *tm = weft_timer_new(WEFT_US);

	until_ticked(weft_timer_chan(tm));
	CHECK(weft_timer_stop(tm));	/* nobody had seen it */
	CHECK_EQ(weft_len(weft_timer_chan(tm)), 0);
	CHECK(!weft_timer_stop(tm));
	weft_timer_free(tm);
}

TEST(ResetStartsAgain, .parallel = true)
{
	weft_timer *tm = weft_timer_new(FAR * WEFT_SECOND);
	int64_t begun = weft_now(), when = 0;

	CHECK(weft_timer_reset(tm, WEFT_MS));
	CHECK(weft_recv(weft_timer_chan(tm), &when));
	CHECK(when >= begun + WEFT_MS);
	CHECK(!weft_timer_reset(tm, FAR * WEFT_SECOND));
	CHECK(weft_timer_reset(tm, 0));
	CHECK(weft_recv(weft_timer_chan(tm), NULL));
	weft_timer_free(tm);
}

TEST(ResetDropsTheOldTick, .parallel = true, .real = true)
{
	weft_timer *tm = weft_timer_new(0);
	int64_t between, when = 0;

	until_ticked(weft_timer_chan(tm));
	between = weft_now();
	CHECK(weft_timer_reset(tm, WEFT_US));
	CHECK(weft_recv(weft_timer_chan(tm), &when));
	CHECK(when >= between + WEFT_US);
	weft_timer_free(tm);
}

/* Exactly one tick or one successful stop. */
static void stop_or_tick(int i, _Atomic int *both)
{
	weft_timer *t = weft_timer_new(i % 60 * WEFT_US);
	int n;

	weft_sleep(30 * WEFT_US);
	n = weft_poll(weft_on_recv(weft_timer_chan(t), NULL)) == 0;
	n += weft_timer_stop(t);
	n += weft_poll(weft_on_recv(weft_timer_chan(t), NULL)) == 0;
	*both += n != 1;
	weft_timer_free(t);
}

TEST(StopRacesWithTheTick)
{
	weft_waitgroup wg = {0};
	_Atomic int both = 0;

	for (int i = 0; i < 600; i++)
		weft_waitgroup_go(&wg, stop_or_tick, i, &both);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(both, 0);
}

static void reset_often(weft_timer *t, int n)
{
	while (n--)
		weft_timer_reset(t, n % 20 * WEFT_US);
}

TEST(ResetsRaceWithEachOther, .real = true)
{
	weft_timer *tm = weft_timer_new(0);
	weft_waitgroup wg = {0};

	for (int i = 0; i < 4; i++)
		weft_waitgroup_go(&wg, reset_often, tm, 500);
	weft_waitgroup_wait(&wg);
	weft_timer_reset(tm, 0);
	CHECK(weft_recv(weft_timer_chan(tm), NULL));
	CHECK(!weft_timer_stop(tm));
	CHECK_EQ(weft_len(weft_timer_chan(tm)), 0);
	weft_timer_free(tm);
}

static void wait_for_tick(int i, _Atomic int *n)
{
	int64_t wanted = weft_now() + i % 100 * 100 * WEFT_US, when = 0;
	weft_timer *t = weft_timer_new(i % 100 * 100 * WEFT_US);

	if (weft_recv(weft_timer_chan(t), &when) && when >= wanted)
		++*n;
	weft_timer_free(t);
}

TEST(TenThousandTimers, .real = true)
{
	weft_waitgroup wg = {0};
	_Atomic int n = 0;

	for (int i = 0; i < 10000; i++)
		weft_waitgroup_go(&wg, wait_for_tick, i, &n);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(n, 10000);
}

TEST(ManyTimersAreStoppedFromTheMiddle)
{
	enum { N = 2000 };
	static weft_timer *all[N];
	int stopped = 0;

	for (int i = 0; i < N; i++)
		all[i] = weft_timer_new(FAR * WEFT_SECOND + (i * 7919) % N * WEFT_SECOND);
	for (int i = 0; i < N; i++)
		stopped += weft_timer_stop(all[(i * 31) % N]);
	CHECK_EQ(stopped, N);
	for (int i = 0; i < N; i++)
		weft_timer_free(all[i]);
}

/* ---- tickers ---- */

TEST(TickerStaysOnItsGrid, .parallel = true)
{
	enum { PERIOD = 3000000 };
	weft_ticker *tm = weft_ticker_new(PERIOD);
	int64_t last = weft_now(), now;

	for (int i = 0; i < 5; i++) {
		CHECK(weft_recv(weft_ticker_chan(tm), &now));
		CHECK(now > last);
		last = now;
	}
	weft_ticker_free(tm);
	weft_ticker_free(NULL);
}

/* Five ticks take at least five periods from the start, whatever was lost. */
TEST(TickerIsNotEarly, .parallel = true)
{
	int64_t begun = weft_now(), now = 0;
	weft_ticker *tm = weft_ticker_new(2 * WEFT_MS);

	for (int i = 1; i <= 5; i++) {
		weft_recv(weft_ticker_chan(tm), &now);
		CHECK(now >= begun + i * 2 * WEFT_MS);
	}
	weft_ticker_free(tm);
}

TEST(SlowReceiverLosesTicks, .parallel = true)
{
	weft_ticker *tm = weft_ticker_new(WEFT_MS);

	weft_sleep(20 * WEFT_MS);
	CHECK(weft_len(weft_ticker_chan(tm)) <= 1);
	CHECK_EQ(weft_cap(weft_ticker_chan(tm)), 1);
	weft_ticker_stop(tm);
	CHECK_EQ(weft_poll(weft_on_recv(weft_ticker_chan(tm), NULL)), -1);
	weft_sleep(3 * WEFT_MS);
	CHECK_EQ(weft_poll(weft_on_recv(weft_ticker_chan(tm), NULL)), -1);
	weft_ticker_reset(tm, WEFT_MS);
	CHECK(weft_recv(weft_ticker_chan(tm), NULL));
	weft_ticker_free(tm);
}

/* ---- after ---- */

static void tell(void *arg)
{
	weft_chan(int) *c = arg;

	weft_send(*c, 1);
}

TEST(AfterRunsInAGoroutine, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 0);
	int64_t begun = weft_now();
	weft_timer *tm = weft_after(WEFT_MS, tell, &c);

	CHECK(!weft_timer_chan(tm));
	CHECK(weft_recv(c, NULL));
	CHECK(weft_now() - begun >= WEFT_MS);
	CHECK(!weft_timer_stop(tm));
	CHECK(!weft_timer_reset(tm, 0));
	CHECK(weft_recv(c, NULL));
	weft_timer_free(tm);
	weft_free(c);
}

static void fail(void *arg)
{
	(void)arg;
	CHECK(!"a stopped timer ran its function");
}

TEST(AfterCanBeStopped, .parallel = true)
{
	weft_timer *tm = weft_after(FAR * WEFT_SECOND, fail, NULL),
	    *u = weft_after(FAR * WEFT_SECOND, fail, NULL);

	CHECK(weft_timer_stop(tm));
	CHECK(!weft_timer_stop(tm));
	weft_timer_free(tm);
	weft_timer_free(u);		/* stops it, too */
}

static void count_run(void *arg)
{
	++*(_Atomic int *)arg;
}

TEST(AfterRunsOrIsStopped)
{
	_Atomic int ran = 0;
	int stopped = 0;

	for (int i = 0; i < 500; i++) {
		weft_timer *tm = weft_after(i % 30 * WEFT_US, count_run, &ran);

		weft_sleep(i % 20 * WEFT_US);
		stopped += weft_timer_stop(tm);
		weft_timer_free(tm);
	}
	while (ran + stopped < 500)
		weft_yield();
	CHECK_EQ(ran + stopped, 500);
}

static void *thread_timer(void *arg)
{
	int64_t begun = weft_now(), when = 0;
	weft_timer *t = weft_timer_new(WEFT_MS);
	bool good;

	weft_sleep(WEFT_MS);
	good = weft_recv(weft_timer_chan(t), &when) && when - begun >= WEFT_MS;
	good = good && weft_timer_reset(t, FAR * WEFT_SECOND) == false && weft_timer_stop(t);
	weft_timer_free(t);
	return good ? arg : NULL;
}

TEST(PlainThreadsUseTimers)
{
	pthread_t thread;
	void *good;
	int x;

	pthread_create(&thread, NULL, thread_timer, &x);
	pthread_join(thread, &good);
	CHECK(good == &x);
}

CHILD(TickerOfZero)
{
	weft_ticker_new(0);
	return 0;
}

TEST(TickerNeedsAPeriod)
{
	CHECK_DIES("TickerOfZero", "the period must be above zero");
}

/* About 292 years: not "at once", for all that the sum of it and now overflows. */
TEST(LongestTimeoutsAreLong)
{
	weft_ctx *ctx = weft_with_timeout(NULL, 20 * WEFT_MS);

	CHECK_EQ(weft_sleep_ctx(ctx, INT64_MAX), -ETIMEDOUT);
	CHECK_EQ(weft_select(weft_on_timeout(INT64_MAX), weft_on_done(ctx)), 1);
	weft_ctx_free(ctx);
}
