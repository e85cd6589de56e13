/* pool_test.c - who runs when, how many at a time, and that every job is accounted for */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/debug.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "pool_impl.h"

struct crowd { _Atomic int now, most, done; };

static int work(struct crowd *c, int64_t takes)
{
	int n = ++c->now, most = c->most;

	while (n > most && !atomic_compare_exchange_weak(&c->most, &most, n))
		;
	weft_sleep(takes);
	c->now--;
	c->done++;
	return 0;
}

static int give(int value)
{
	return value;
}

static int until_done(weft_ctx *ctx)
{
	weft_recv(weft_done(ctx), NULL);
	return weft_err(ctx);
}

static int note(weft_chan(int) order, int me)
{
	weft_send(order, me);
	return 0;
}

static weft_workerpool_stats stats(weft_workerpool *p)
{
	weft_workerpool_stats s;

	weft_workerpool_get_stats(p, &s);
	CHECK_EQ(s.submitted, s.running + s.queued + s.done + s.dropped);
	return s;
}

/* A pool of one worker, which is busy until the channel is closed. */
static int block(weft_chan(int) gate)
{
	weft_recv(gate, NULL);
	return 0;
}

static weft_workerpool *blocked(weft_workerpool_options o, weft_chan(int) gate)
{
	weft_workerpool *p;

	o.workers = 1;
	p = weft_workerpool_new(o);
	CHECK_EQ(weft_workerpool_submit(NULL, p, weft_job(block, gate)), 0);
	return p;
}

/* ---- submit ---- */

TEST(PoolRunsAllJobs, .explore = 200)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 3 });
	struct crowd c = {0};

	for (int i = 0; i < 10; i++)
		CHECK_EQ(weft_workerpool_submit(NULL, p, weft_job(work, &c, i % 3)), 0);
	weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_DRAIN);
	CHECK_EQ(c.done, 10);
	CHECK(c.most <= 3);
	CHECK_EQ(stats(p).done, 10);
	SOMETIMES(c.most == 3, "all workers at once");
	weft_workerpool_free(p);
}

TEST(PoolAllZeroHasAWorkerForEachCpu)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){0});
	int result = 0;

	CHECK_EQ(stats(p).workers, weft_procs());
	CHECK_EQ(weft_workerpool_submit_wait(NULL, p, weft_job(give, 7), &result), 0);
	CHECK_EQ(result, 7);
	weft_workerpool_free(p);
	weft_workerpool_free(NULL);
}

TEST(PoolSubmitWaitsForRoom, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1,
	    .queue = 2 });
	struct crowd c = {0};
	int64_t start = weft_now();

	for (int i = 0; i < 3; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(weft_now(), start);
	CHECK_EQ(weft_workerpool_try_submit(p, weft_job(work, &c, WEFT_SECOND)), -EAGAIN);
	CHECK_EQ(weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND)), 0);
	CHECK_EQ(weft_now() - start, WEFT_SECOND);
	weft_workerpool_free(p);
	CHECK_EQ(weft_now() - start, 4 * WEFT_SECOND);
	CHECK_EQ(c.done, 4);
}

TEST(PoolQueueWithoutBound, .bubble = true)
{
	weft_chan(int) gate = weft_make(int, 0);
	weft_workerpool *p = blocked((weft_workerpool_options){ .queue = -1 }, gate);

	for (int i = 0; i < 5000; i++)
		CHECK_EQ(weft_workerpool_try_submit(p, weft_job(give, i)), 0);
	CHECK_EQ(stats(p).queued, 5000);
	weft_close(gate);
	weft_workerpool_free(p);
	weft_free(gate);
}

TEST(PoolCancelledSubmitLeavesNothing, .bubble = true)
{
	weft_chan(int) gate = weft_make(int, 0);
	weft_workerpool *p = blocked((weft_workerpool_options){ .queue = 1 }, gate);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	struct crowd c = {0};

	weft_workerpool_submit(NULL, p, weft_job(work, &c, 0));
	CHECK_EQ(weft_workerpool_submit(ctx, p, weft_job(work, &c, 0)), -ETIMEDOUT);
	CHECK_EQ(stats(p).submitters, 0);
	weft_close(gate);
	weft_workerpool_free(p);
	CHECK_EQ(c.done, 1);
	weft_ctx_free(ctx);
	weft_free(gate);
}

TEST(PoolSubmitWaitGivesUpBeforeItsJobBegins, .bubble = true)
{
	weft_chan(int) gate = weft_make(int, 0);
	weft_workerpool *p = blocked((weft_workerpool_options){ .queue = 2 }, gate);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	struct crowd c = {0};
	int result = 5;

	CHECK_EQ(weft_workerpool_submit_wait(ctx, p, weft_job(work, &c, 0), &result), -ETIMEDOUT);
	CHECK_EQ(result, 5);
	CHECK_EQ(stats(p).queued, 0);
	weft_close(gate);
	weft_workerpool_free(p);
	CHECK_EQ(c.done, 0);
	weft_ctx_free(ctx);
	weft_free(gate);
}

TEST(PoolSubmitWaitWaitsForAJobThatRuns, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1 });
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int64_t start = weft_now();
	struct crowd c = {0};
	int result = 0;

	CHECK_EQ(weft_workerpool_submit_wait(ctx, p, weft_job(work, &c, 3 * WEFT_SECOND), NULL), 0);
	CHECK_EQ(weft_now() - start, 3 * WEFT_SECOND);
	CHECK_EQ(c.done, 1);
	CHECK_EQ(weft_workerpool_submit_wait(NULL, p, weft_job(until_done, ctx), &result), 0);
	CHECK_EQ(result, -ETIMEDOUT);
	CHECK_EQ(stats(p).failed, 1);
	weft_workerpool_free(p);
	weft_ctx_free(ctx);
}

static int sum_of(int64_t *to, int a, long b, const char *s, void *p, unsigned c)
{
	*to = a + b + (s == NULL) + (p == NULL) + c;
	return 0;
}

TEST(PoolJobsTakeSixArguments)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){0});
	int64_t sum = 0;

	weft_workerpool_submit_wait(NULL, p, weft_job(sum_of, &sum, -1, 20, NULL, NULL, 300), NULL);
	CHECK_EQ(sum, 321);
	weft_workerpool_free(p);
}

/* ---- priorities ---- */

TEST(PoolHighestFirstThenOldest, .bubble = true)
{
	static const int want[] = { 5, 2, 8, 0, 1, 4, 7, 9, 3, 6 };
	weft_chan(int) gate = weft_make(int, 0), order = weft_make(int, 10);
	weft_workerpool *p = blocked((weft_workerpool_options){0}, gate);
	int got;

	for (int i = 0; i < 10; i++) {
		int priority = i == 5 ? 32767 : i % 6 == 2 ? 3 : i == 3 ? -1 : i == 6 ? -32767 : 0;

		weft_workerpool_submit(NULL, p, weft_job_at(priority, note, order, i));
	}
	weft_close(gate);
	for (int i = 0; i < 10; i++) {
		weft_recv(order, &got);
		CHECK_EQ(got, want[i]);
	}
	weft_workerpool_free(p);
	weft_free(gate);
	weft_free(order);
}

/* ---- size ---- */

TEST(PoolResize, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 2 });
	struct crowd c = {0};

	for (int i = 0; i < 40; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	weft_settle();
	CHECK_EQ(c.now, 2);
	weft_workerpool_resize(p, 5, 5);
	weft_settle();
	CHECK_EQ(c.now, 5);			/* at once */
	weft_sleep(WEFT_SECOND / 2);
	weft_workerpool_resize(p, 1, 1);
	CHECK_EQ(stats(p).workers, 1);
	weft_settle();
	CHECK_EQ(c.now, 5);			/* nobody is disturbed */
	weft_sleep(WEFT_SECOND);
	CHECK_EQ(c.now, 1);
	weft_workerpool_free(p);
	CHECK_EQ(c.done, 40);
	CHECK_EQ(c.most, 5);
}

TEST(PoolGrowsByItsQueue, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 2, .max = 4,
	    .grow_at = 3 });
	struct crowd c = {0};

	for (int i = 0; i < 2 + 6; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(stats(p).workers, 2);		/* three wait for each */
	weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(stats(p).workers, 3);
	CHECK_EQ(stats(p).queued, 6);
	for (int i = 0; i < 30; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(stats(p).workers, 4);
	weft_workerpool_free(p);
	CHECK_EQ(c.most, 4);
	CHECK_EQ(c.done, 39);
}

TEST(PoolShrinksWhenNotNeeded, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1, .max = 4,
	    .grow_at = 1, .shrink_after = 10 * WEFT_SECOND });
	struct crowd c = {0};

	for (int i = 0; i < 12; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(stats(p).workers, 4);
	weft_sleep(3 * WEFT_SECOND + 1);	/* at 3 s all is done */
	weft_sleep(10 * WEFT_SECOND - 2);
	CHECK_EQ(stats(p).workers, 4);
	weft_sleep(1);
	CHECK_EQ(stats(p).workers, 3);
	weft_sleep(5 * WEFT_SECOND);
	for (int i = 0; i < 3; i++)		/* all three are needed: it begins again */
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	weft_sleep(11 * WEFT_SECOND - 1);
	CHECK_EQ(stats(p).workers, 3);
	weft_sleep(1);
	CHECK_EQ(stats(p).workers, 2);
	weft_sleep(100 * WEFT_SECOND);
	CHECK_EQ(stats(p).workers, 1);
	weft_workerpool_free(p);
}

/* Who looked at the clock, and then had to wait for the lock, is late with an old time. */
TEST(PoolDoesNotGrowByAnOldTime, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1, .max = 2,
	    .grow_at = 1, .shrink_after = 10 * WEFT_SECOND });
	struct crowd c = {0};

	for (int i = 0; i < 3; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(stats(p).workers, 2);
	weft_sleep(3 * WEFT_SECOND);		/* both are free, and still there */
	weft_mutex_lock(&p->lock);
	CHECK(p->calm >= 0);
	workerpool_shrink(p, p->calm - 50 * WEFT_SECOND);
	CHECK_EQ(p->target, 2);
	weft_mutex_unlock(&p->lock);
	weft_workerpool_free(p);
}

TEST(PoolShrinksNotBelowWhatRuns, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1, .max = 3,
	    .grow_at = 1, .shrink_after = WEFT_SECOND });
	struct crowd c = {0};

	for (int i = 0; i < 2; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, 100 * WEFT_SECOND));
	for (int i = 0; i < 2; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(stats(p).workers, 2);		/* two wait for two workers */
	weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(stats(p).workers, 3);
	weft_sleep(90 * WEFT_SECOND);
	CHECK_EQ(stats(p).workers, 2);
	weft_workerpool_free(p);
}

/* ---- what is going on ---- */

TEST(PoolWorkersTellWhatTheyDo, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 2 });
	struct crowd c = {0};
	weft_worker w[4];

	for (int i = 0; i < 3; i++)
		weft_workerpool_submit_wait(NULL, p, weft_job(work, &c, WEFT_SECOND), NULL);
	weft_workerpool_submit_wait(NULL, p, weft_job(give, -EIO), NULL);
	CHECK_EQ(weft_workerpool_workers(p, w, 4), 1);	/* a second was never needed */
	CHECK_EQ(w[0].jobs, 4);
	CHECK_EQ(w[0].failed, 1);
	CHECK_EQ(w[0].busy, 3 * WEFT_SECOND);
	CHECK(!w[0].func);
	weft_workerpool_submit(NULL, p, weft_job_at(3, work, &c, 5 * WEFT_SECOND));
	weft_workerpool_submit(NULL, p, weft_job(work, &c, 5 * WEFT_SECOND));
	weft_sleep(2 * WEFT_SECOND);
	CHECK_EQ(weft_workerpool_workers(p, w, 1), 2);
	CHECK_STR(w[0].func, "work");
	CHECK_STR(w[0].file, __FILE__);
	CHECK_EQ(w[0].line, __LINE__ - 6);
	CHECK_EQ(w[0].priority, 3);
	CHECK_EQ(w[0].running, 2 * WEFT_SECOND);
	CHECK(w[0].goid > 0);
	weft_workerpool_free(p);
}

static int whoami(char *func, size_t size)
{
	struct weft_goroutine all[64];
	size_t n = weft_goroutines(all, 64);

	for (size_t i = 0; i < n && i < 64; i++)
		if (all[i].id == weft_goid())
			snprintf(func, size, "%s:%d", all[i].func, all[i].line);
	return 0;
}

TEST(PoolJobsNameTheirGoroutines)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1 });
	char a[64] = "", b[64] = "", want[64];

	weft_workerpool_submit(NULL, p, weft_job(give, 1));
	weft_workerpool_submit(NULL, p, weft_job(whoami, a, 64));
	snprintf(want, sizeof want, "whoami:%d", __LINE__ - 1);
	weft_workerpool_submit(NULL, p, weft_job(give, 1));
	weft_workerpool_submit_wait(NULL, p, weft_job(whoami, b, 64), NULL);
	CHECK_STR(a, want);
	CHECK(strcmp(a, b) != 0);		/* another line */
	weft_workerpool_free(p);
}

static int explode(const char *what)
{
	weft_close((weft_chan(int))what);	/* closing NULL is misuse */
	return 0;
}

static int deep(int n)
{
	volatile char here[512];

	here[0] = (char)n;
	return n ? deep(n - 1) + here[0] : 0;
}

CHILD(PoolJobDies)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 2 });

	for (int i = 0; i < 5; i++)
		weft_workerpool_submit(NULL, p, weft_job(give, i));
	return weft_workerpool_submit_wait(NULL, p, weft_job(explode, NULL), NULL);
}

CHILD(PoolJobOverflows)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1 });

	weft_workerpool_submit(NULL, p, weft_job(give, 0));
	return weft_workerpool_submit_wait(NULL, p, weft_job(deep, 1 << 20), NULL);
}

TEST(PoolJobThatDiesIsNamed)
{
	CHECK_DIES("PoolJobDies", "explode   spawned at workerpool/pool_test.c:");
	CHECK_DIES("PoolJobOverflows", "deep   spawned at workerpool/pool_test.c:");
}

/* ---- stop ---- */

TEST(PoolStopDrains, .bubble = true)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1 });
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND + 1);
	struct crowd c = {0};

	for (int i = 0; i < 3; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, WEFT_SECOND));
	CHECK_EQ(weft_workerpool_stop(ctx, p, WEFT_WORKERPOOL_DRAIN), -ETIMEDOUT);
	CHECK_EQ(weft_workerpool_submit(NULL, p, weft_job(give, 0)), -ESHUTDOWN);
	CHECK_EQ(weft_workerpool_try_submit(p, weft_job(give, 0)), -ESHUTDOWN);
	CHECK_EQ(weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_DRAIN), 0);
	CHECK_EQ(c.done, 3);
	CHECK_EQ(weft_err(weft_workerpool_ctx(p)), 0);
	weft_workerpool_free(p);
	weft_ctx_free(ctx);
}

static void drop(const weft_job *job, void *arg)
{
	CHECK_STR(job->site->func, "work");
	weft_yield();				/* no lock is held */
	++*(int *)arg;
}

TEST(PoolStopCancels, .bubble = true)
{
	int dropped = 0;
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1,
	    .dropped = drop, .arg = &dropped });
	struct crowd c = {0};
	weft_ctx *ctx;

	weft_workerpool_submit(NULL, p, weft_job(until_done, weft_workerpool_ctx(p)));
	for (int i = 0; i < 5; i++)
		weft_workerpool_submit(NULL, p, weft_job(work, &c, 0));
	ctx = weft_with_timeout(NULL, WEFT_SECOND);
	CHECK_EQ(weft_workerpool_stop(ctx, p, WEFT_WORKERPOOL_DRAIN), -ETIMEDOUT);
	CHECK_EQ(weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_CANCEL), 0);
	CHECK_EQ(c.done, 0);
	CHECK_EQ(dropped, 5);
	CHECK_EQ(stats(p).dropped, 5);
	weft_workerpool_free(p);
	weft_ctx_free(ctx);
}

static int at_once(const char *arg)
{
	return *arg;
}

/* The argument is gone when the caller has been told. */
static void call_with_own(weft_workerpool *p, weft_chan(int) out)
{
	char *arg = xmalloc(1);
	int err = weft_workerpool_submit_wait(NULL, p, weft_job(at_once, arg), NULL);

	free(arg);
	weft_send(out, err);
}

static void drop_pointer(const weft_job *job, void *arg)
{
	free((char *)job->words[0]);
	++*(int *)arg;
}

TEST(PoolStopLeavesArgumentsToWhoWaits, .explore = 200)
{
	int err, dropped = 0;
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1,
	    .dropped = drop_pointer, .arg = &dropped });
	weft_chan(int) out = weft_make(int, 1);

	weft_workerpool_submit(NULL, p, weft_job(until_done, weft_workerpool_ctx(p)));
	weft_go(call_with_own, p, out);
	weft_settle();
	weft_workerpool_submit(NULL, p, weft_job(at_once, (char *)xmalloc(1)));
	CHECK_EQ(weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_CANCEL), 0);
	weft_recv(out, &err);
	CHECK_EQ(err, -ESHUTDOWN);
	CHECK_EQ(dropped, 1);
	CHECK_EQ(stats(p).dropped, 1);
	weft_workerpool_free(p);
	weft_free(out);
}

static void submit_into(weft_workerpool *p, int wait, weft_chan(int) out)
{
	weft_send(out, wait ? weft_workerpool_submit_wait(NULL, p, weft_job(give, 0), NULL) :
	    weft_workerpool_submit(NULL, p, weft_job(give, 0)));
}

TEST(PoolStopWakesWhoWaits, .explore = 200)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 1,
	    .queue = 1 });
	weft_chan(int) out = weft_make(int, 3);
	int err, shut = 0;

	weft_workerpool_submit(NULL, p, weft_job(until_done, weft_workerpool_ctx(p)));
	for (int i = 0; i < 3; i++)
		weft_go(submit_into, p, i < 2, out);
	weft_settle();
	weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_CANCEL);
	weft_workerpool_free(p);		/* they have left it */
	for (int i = 0; i < 3; i++) {
		weft_recv(out, &err);
		CHECK(!err || err == -ESHUTDOWN);
		shut += err == -ESHUTDOWN;
	}
	CHECK(shut >= 2);
	SOMETIMES(shut == 2, "the one who does not wait had queued");
	SOMETIMES(shut == 3, "one who waits had");
	weft_free(out);
}

static int stop_inside(weft_workerpool *p, int how)
{
	return weft_workerpool_stop(NULL, p, (enum weft_workerpool_how)how);
}

TEST(PoolStopFromInsideAJob, .explore = 200)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 2 });
	struct crowd c = {0};
	int a = 0, b = 0;

	weft_workerpool_submit(NULL, p, weft_job(work, &c, 1));
	CHECK_EQ(weft_workerpool_submit_wait(NULL, p,
	    weft_job(stop_inside, p, WEFT_WORKERPOOL_DRAIN), &a), 0);
	CHECK_EQ(a, -EINPROGRESS);
	CHECK_EQ(weft_workerpool_submit_wait(NULL, p, weft_job(give, 1), &b), -ESHUTDOWN);
	weft_workerpool_free(p);
	CHECK_EQ(c.done, 1);
}

TEST(PoolTwoJobsStopIt, .explore = 200)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 2 });

	for (int i = 0; i < 2; i++)
		weft_workerpool_submit(NULL, p, weft_job(stop_inside, p, WEFT_WORKERPOOL_CANCEL));
	CHECK_EQ(weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_DRAIN), 0);
	CHECK_EQ(stats(p).failed + stats(p).dropped, stats(p).submitted);
	weft_workerpool_free(p);
}

static int free_inside(weft_workerpool *p)
{
	weft_workerpool_free(p);
	return 0;
}

CHILD(PoolFreeInside)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){0});

	return weft_workerpool_submit_wait(NULL, p, weft_job(free_inside, p), NULL);
}

CHILD(PoolPriority)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){0});

	return weft_workerpool_submit(NULL, p, weft_job_at(40000, give, 0));
}

TEST(PoolMisuse)
{
	CHECK_DIES("PoolFreeInside", "weft_workerpool_free: called in a job");
	CHECK_DIES("PoolPriority", "weft_job_at: priority is 40000");
}

/* ---- crowds ---- */

struct tally { weft_workerpool *p; _Atomic int64_t ran, ok, gave_up, full, shut, dropped; };

static int count(struct tally *c, int takes)
{
	if (takes)
		weft_sleep(takes);
	c->ran++;
	return 0;
}

static void note_drop(const weft_job *job, void *arg)
{
	(void)job;
	((struct tally *)arg)->dropped++;
}

static int submit_somehow(struct tally *c, weft_ctx *ctx)
{
	int priority = (int)(weft_random() % 3), takes = weft_random() % 8 == 0;

	switch (weft_random() % 4) {
	case 0:
		return weft_workerpool_try_submit(c->p, weft_job_at(priority, count, c, takes));
	case 1:
		return weft_workerpool_submit_wait(ctx, c->p, weft_job(count, c, takes), NULL);
	default:
		return weft_workerpool_submit(ctx, c->p, weft_job_at(priority, count, c, takes));
	}
}

static void customer(struct tally *c, int n)
{
	while (n--) {
		weft_ctx *ctx = weft_with_timeout(NULL, 1 + (int64_t)(weft_random() % 3));

		switch (submit_somehow(c, ctx)) {
		case 0:
			c->ok++;
			break;
		case -EAGAIN:
			c->full++;
			break;
		case -ETIMEDOUT:
			c->gave_up++;
			break;
		case -ESHUTDOWN:
			c->shut++;
			break;
		default:
			CHECK(!"another error");
		}
		weft_ctx_free(ctx);
		if (weft_random() % 16 == 0)
			weft_workerpool_resize(c->p, 1 + (int)(weft_random() % 3), 4);
	}
}

/* A job whose submit_wait was told that it will not be begun counts in shut only. */
static void everybody(struct tally *c, int customers, int n, enum weft_workerpool_how how)
{
	weft_waitgroup wg = {0};
	weft_workerpool_stats s;

	c->p = weft_workerpool_new((weft_workerpool_options){ .workers = 2, .queue = 3, .max = 4,
	    .grow_at = 1, .shrink_after = 1, .dropped = note_drop, .arg = c });
	for (int i = 0; i < customers; i++)
		weft_waitgroup_go(&wg, customer, c, n);
	if (how == WEFT_WORKERPOOL_DRAIN)
		weft_waitgroup_wait(&wg);
	else
		weft_sleep(1);
	CHECK_EQ(weft_workerpool_stop(NULL, c->p, how), 0);
	weft_waitgroup_wait(&wg);
	s = stats(c->p);
	CHECK_EQ(s.running + s.queued + s.submitters, 0);
	CHECK_EQ(s.done, c->ran);
	CHECK_EQ(s.dropped, c->dropped);
	CHECK_EQ(c->ok + c->full + c->gave_up + c->shut, (int64_t)customers * n);
	CHECK(s.submitted >= c->ok && s.submitted <= c->ok + c->dropped);
	weft_workerpool_free(c->p);
}

TEST(PoolCrowd, .explore = 200)
{
	struct tally c = {0};

	everybody(&c, 3, 5, WEFT_WORKERPOOL_DRAIN);
	CHECK_EQ(c.ran, c.ok);
	SOMETIMES(c.gave_up, "one gave up");
	SOMETIMES(c.full, "the queue was full");
	SOMETIMES(c.ok == 15, "there was room for all");
}

TEST(PoolCrowdIsCancelled, .explore = 200)
{
	struct tally c = {0};

	everybody(&c, 3, 5, WEFT_WORKERPOOL_CANCEL);
	SOMETIMES(c.dropped, "some were dropped");
	SOMETIMES(c.shut, "some came too late");
}

TEST(PoolStress)
{
	struct tally c = {0}, d = {0};

	everybody(&c, 8, 1000, WEFT_WORKERPOOL_DRAIN);
	CHECK_EQ(c.ran, c.ok);
	everybody(&d, 8, 1000, WEFT_WORKERPOOL_CANCEL);
}
