/* leaks.c - tests that leave something behind; see check.sh */
#include "../../weft/net.h"
#include "../../weft/testing.h"
#include "../../weft/time.h"

static void forward(weft_chan(int) c)
{
	weft_send(c, 1);
}

TEST(LeakGoroutine)
{
	weft_chan(int) c = weft_make(int, 0);

	(void)t;
	weft_go(forward, c);
}

TEST(LeakChannel)
{
	weft_chan(int) c = weft_make(int, 3);

	CHECK(c != NULL);
}

TEST(LeakContext)
{
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_cancel(ctx);		/* is not enough */
	CHECK_EQ(weft_err(ctx), -ECANCELED);
}

TEST(LeakTimer)
{
	CHECK(weft_timer_new(3600 * WEFT_SECOND) != NULL);
}

TEST(LeakDescriptor)
{
	weft_listener *l;

	CHECK_EQ(weft_listen(NULL, "tcp://127.0.0.1:0", &l), 0);
}

static void sleep_long(void)
{
	weft_sleep(3600 * WEFT_SECOND);
}

TEST(LeakSleeper)
{
	(void)t;
	weft_go(sleep_long);
	weft_go(sleep_long);
}

static void leak_here(weft_t *t)
{
	(void)t;
	weft_go(sleep_long);
}

/* The sub-test is to blame, and it alone. */
TEST(LeakInSubtest)
{
	weft_run(t, "sub", leak_here);
}

/* Nothing to report: it says so itself. */
TEST(LeaksAllowed, .leaks = true)
{
	(void)t;
	weft_go(sleep_long);
	CHECK(weft_make(int, 0) != NULL);
}
