/* stuck.c - tests that never end, or end more than themselves; see check.sh */
#include <stdlib.h>

#include "../../weft/sync.h"
#include "../../weft/testing.h"

TEST(StuckOnChannel)
{
	weft_chan(int) c = weft_make(int, 0);

	(void)t;
	weft_recv(c, NULL);
	weft_logf("not reached");	/* and no tail call, so that the stack names us */
}

static weft_mutex a, b;
static weft_waitgroup both;

__attribute__((noinline)) static void transfer(weft_mutex *from, weft_mutex *to)
{
	weft_mutex_lock(from);
	weft_waitgroup_done(&both);
	weft_waitgroup_wait(&both);
	weft_mutex_lock(to);
	weft_logf("not reached");
}

TEST(StuckOnMutex)
{
	(void)t;
	weft_waitgroup_add(&both, 2);
	weft_go(transfer, &a, &b);
	transfer(&b, &a);
	weft_logf("not reached");
}

static void sleep_long(void)
{
	weft_sleep(3600 * WEFT_SECOND);
}

/* The test's own goroutine, and another, could still go on. */
TEST(StuckBesidesOthers)
{
	static weft_mutex c, d;

	(void)t;
	weft_waitgroup_add(&both, 2);
	weft_go(sleep_long);
	weft_go(transfer, &c, &d);
	weft_go(transfer, &d, &c);
	sleep_long();
	weft_logf("not reached");
}

static void wait_for_ever(weft_t *t)
{
	(void)t;
	weft_recv((weft_chan(int))NULL, NULL);
	weft_logf("not reached");
}

static void fine(weft_t *t)
{
	(void)t;
}

TEST(StuckSubtest)
{
	CHECK(!weft_run(t, "stuck", wait_for_ever));
	CHECK(weft_run(t, "next", fine));
}

TEST(StuckAfterwards)		/* runs, although the ones before it hang */
{
	(void)t;
	weft_logf("still running");
}

TEST(Goexit)
{
	(void)t;
	weft_goexit();
}

/* Asleep, so that its stack is the same whenever it is looked at. */
TEST(Timeout)
{
	(void)t;
	weft_sleep(3600 * WEFT_SECOND);
	weft_logf("not reached");
}

TEST(OwnTimeout, .timeout = 20 * WEFT_MS)
{
	(void)t;
	weft_sleep(3600 * WEFT_SECOND);
	weft_logf("not reached");
}

TEST(PanicSendOnClosed)
{
	weft_chan(int) c = weft_make(int, 1);

	CHECK(!t);
	weft_close(c);
	weft_send(c, 1);
	weft_logf("not reached");
}

TEST(ExitInTest)
{
	(void)t;
	exit(0);
}
