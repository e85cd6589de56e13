/*
 * virtual_time.c - an hour in no time, to the nanosecond
 *
 * In a bubble the clock jumps whenever everyone waits.
 */
#include <weft/testing.h>
#include <weft/time.h>

/* What we test: a light that goes out when nobody has pressed the button for an hour. */
static void stairs_light(weft_chan(int) button, _Atomic bool *on)
{
	int pressed;

	while (weft_recv(button, &pressed)) {
		*on = true;
		while (weft_select(weft_on_recv(button, &pressed),
		    weft_on_timeout(3600 * WEFT_SECOND)) == 0)
			;
		*on = false;
		if (weft_poll(weft_on_recv(button, NULL)) == 0)
			return;
	}
}

TEST(LightGoesOutAfterAnHour, .bubble = true)
{
	weft_chan(int) button = weft_make(int, 0);
	_Atomic bool on = false;

	weft_go(stairs_light, button, &on);
	weft_send(button, 1);
	weft_sleep(3599 * WEFT_SECOND);
	CHECK(on);
	weft_send(button, 1);			/* another hour */
	weft_sleep(3599 * WEFT_SECOND);
	CHECK(on);
	weft_sleep(WEFT_SECOND);
	weft_settle();				/* the light's turn, at the same instant */
	CHECK(!on);
	weft_close(button);
	weft_settle();
	weft_free(button);
}
