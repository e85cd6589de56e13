/* bubbles.c - tests that fail in virtual time; see check.sh */
#include "../../weft/sync.h"
#include "../../weft/testing.h"

static void wait_for_ever(weft_chan(int) c)
{
	weft_recv(c, NULL);
}

/* Nothing is timed: the verdict comes at once, with every goroutine. */
TEST(BubbleStuck, .bubble = true)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(wait_for_ever, c);
	weft_sleep(90 * WEFT_SECOND);
	weft_send(c, 1);
	weft_send(c, 2);
}

static void lock_both(weft_mutex *a, weft_mutex *b)
{
	weft_mutex_lock(a);
	weft_sleep(WEFT_SECOND);
	weft_mutex_lock(b);
}

static void sleep_an_hour(void)
{
	weft_sleep(3600 * WEFT_SECOND);
}

TEST(BubbleLockOrder, .bubble = true)
{
	weft_mutex a = {0}, b = {0};

	weft_go(lock_both, &a, &b);
	lock_both(&b, &a);
}

static void tick(void)
{
	for (;;)
		weft_sleep(WEFT_SECOND);
}

/* The clock would go on for ever. */
TEST(BubbleLockedUp, .bubble = true)
{
	static weft_mutex a, b;

	(void)t;
	weft_go(tick);
	weft_go(lock_both, &a, &b);
	weft_go(lock_both, &b, &a);
	tick();
	weft_logf("not reached");
}

static void locked_up_sub(weft_t *t)
{
	static weft_mutex a, b;

	(void)t;
	weft_go(lock_both, &a, &b);
	lock_both(&b, &a);
	weft_logf("not reached");
}

TEST(BubbleLockedUpSubtest, .bubble = true)
{
	weft_go(sleep_an_hour);
	CHECK(!weft_run(t, "sub", locked_up_sub));
	weft_sleep(2 * 3600 * WEFT_SECOND);	/* the parent goes on */
}

static void sleep_on(void)
{
	weft_sleep(WEFT_SECOND);
}

/* The clock stops with the test. */
TEST(BubbleLeak, .bubble = true)
{
	(void)t;
	weft_go(sleep_on);
	weft_sleep(WEFT_MS);
}

static void stuck_sub(weft_t *t)
{
	(void)t;
	weft_settle();
	weft_select();
}

TEST(BubbleStuckSubtest, .bubble = true)
{
	CHECK(weft_run(t, "sub", stuck_sub));
	weft_sleep(WEFT_SECOND);	/* the parent goes on */
}
