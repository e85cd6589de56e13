/* explored.c - tests that fail under some schedules only; see check.sh */
#include "../../weft/net.h"
#include "../../weft/sync.h"
#include "../../weft/testing.h"

static void transfer(weft_mutex *from, weft_mutex *to, weft_waitgroup *wg)
{
	weft_mutex_lock(from);
	weft_mutex_lock(to);
	weft_mutex_unlock(to);
	weft_mutex_unlock(from);
	weft_waitgroup_done(wg);
}

TEST(ExploreTwoLocks, .explore = 1000)
{
	weft_mutex a = {0}, b = {0};
	weft_waitgroup wg = {0};

	weft_waitgroup_add(&wg, 2);
	weft_go(transfer, &a, &b, &wg);
	weft_go(transfer, &b, &a, &wg);
	weft_waitgroup_wait(&wg);
}

/* Reads under the lock, and writes under it, but not in one. */
static void add(weft_mutex *m, int *sum)
{
	int was;

	weft_mutex_lock(m);
	was = *sum;
	weft_mutex_unlock(m);
	weft_mutex_lock(m);
	*sum = was + 1;
	weft_mutex_unlock(m);
}

TEST(ExploreLostUpdate, .explore = 1000)
{
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	int sum = 0;

	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, add, &m, &sum);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(sum, 3);
}

static void spin(weft_chan(int) c)
{
	while (weft_poll(weft_on_recv(c, NULL)) != 0)
		weft_yield();
}

/* It waits for what nobody sends, and never sleeps. */
TEST(ExploreEndless, .explore = 2)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(spin, c);
	spin(c);
	weft_free(c);
}

static void yield_on(void)
{
	for (;;)
		weft_yield();
}

/* What it leaves behind can always run, and does not end. */
TEST(ExploreLeakRuns, .explore = 3)
{
	(void)t;
	weft_go(yield_on);
}

static void lock_and_yield(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
	for (int i = 0; i < 1000; i++)
		weft_yield();
}

/* What it may leave behind follows the list that is being tried, and must not outlive it. */
TEST(ExploreLeaksAllowed, .explore = 200, .leaks = true)
{
	static weft_mutex m;

	for (int i = 0; i < 4; i++)
		weft_go(lock_and_yield, &m);
	weft_yield();
	CHECK(weft_choose(10) != 3);
}

TEST(ExploreNeverSeen, .explore = 10)
{
	weft_chan(int) c = weft_make(int, 1);

	(void)t;
	SOMETIMES(weft_len(c) == 1, "the channel was full");
	SOMETIMES(weft_choose(2) == 1, "one was drawn");
	weft_free(c);
}

static void close_it(weft_chan(int) c)
{
	weft_close(c);
}

/* The program stops; the seed is told. */
TEST(ExploreSendOnClosed, .explore = 100)
{
	weft_chan(int) c = weft_make(int, 1);

	weft_go(close_it, c);
	weft_send(c, 1);
	weft_settle();
	weft_free(c);
}

/* Not asked for a bubble: -explore skips it, and says why. */
TEST(ExploreBlocks)
{
	(void)t;
	weft_enter_blocking();
	weft_leave_blocking();
}

TEST(ExploreWantsADescriptor, .bubble = true)
{
	CHECK(weft_wait_fd(NULL, 0, 1) >= 0);
}

static void draws_one(weft_t *t)
{
	(void)t;
	CHECK(weft_choose(3) != 1);
}

/* -failfast does not keep the second run of the schedule from its sub-tests. */
TEST(ExploreSubtestFails, .explore = 100)
{
	weft_run(t, "sub", draws_one);
	for (int i = 0; i < 10; i++)
		weft_yield();		/* the end of the story */
}

/* In a loop: one for each text. */
TEST(ExploreNeverSeenByName, .explore = 10)
{
	int drawn = weft_choose(2);
	char text[] = "0 was drawn";

	(void)t;
	for (int i = 0; i < 3; i++) {
		text[0] = (char)('0' + i);
		SOMETIMES(drawn == i, text);
	}
}

/* No verdict, so nothing that was never seen either. */
TEST(ExploreSkips, .explore = 50)
{
	SOMETIMES(weft_choose(4) > 4, "never");
	if (weft_choose(4) == 3)
		weft_skip("no");
}

/* -timeout does not count what -stress takes. */
TEST(ExploreStress, .explore = 1)
{
	CHECK_EQ(weft_choose(1), 0);
}

/* Named once, though a schedule of it runs as well. */
TEST(ExploreTimeout, .explore = 2)
{
	(void)t;
	for (volatile bool on = true; on; )
		;
}

/* Two bugs: only the second needs no pre-emption, and is not what the first becomes. */
static void two_stages(weft_mutex *m, int *stage)
{
	for (int i = 1; i <= 2; i++) {
		weft_mutex_lock(m);
		*stage = i;
		weft_mutex_unlock(m);
	}
}

TEST(ExploreTwoBugs, .explore = 100)
{
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	int stage = 0, seen;

	weft_waitgroup_go(&wg, two_stages, &m, &stage);
	weft_mutex_lock(&m);
	seen = stage;
	weft_mutex_unlock(&m);
	weft_waitgroup_wait(&wg);
	CHECK(seen != 1);
	CHECK(seen != 0);
}
