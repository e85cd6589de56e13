/* clocks.c - tests whose clock would go on for ever, or is another one; see check.sh */
#include "../../weft/net.h"
#include "../../weft/testing.h"
#include "../../weft/time.h"

static void sleep_an_hour(void)
{
	weft_sleep(3600 * WEFT_SECOND);
}

/* A ticker that nobody reads ticks for ever, and nothing comes of it. */
TEST(BubbleStuckBesideTicker, .bubble = true)
{
	weft_ticker *k = weft_ticker_new(WEFT_SECOND), *fast = weft_ticker_new(WEFT_MS);

	weft_go(sleep_an_hour);
	weft_select();
	weft_ticker_free(fast);
	weft_ticker_free(k);
}

static void write_one(weft_conn *c)
{
	weft_write(NULL, c, "x", 1);
}

/* Who waits for a host that is cut off, without a deadline, waits for ever. */
TEST(BubbleStuckBehindCut, .bubble = true)
{
	weft_listener *l;
	weft_conn *c;
	char x;

	(void)t;
	weft_listen(NULL, "tcp://10.0.0.1:80", &l);
	weft_dial(NULL, "tcp://10.0.0.1:80", &c);
	weft_net_cut("tcp://10.0.0.1");
	weft_go(write_one, c);
	weft_read(NULL, c, &x, 1);
}

static weft_timer *outside;

TEST(BubbleTimerFromOutside, .leaks = true)
{
	outside = weft_timer_new(3600 * WEFT_SECOND);
}

TEST(BubbleTimerFromOutsideReset, .bubble = true)
{
	weft_timer_reset(outside, WEFT_SECOND);
	weft_logf("not reached");
}
