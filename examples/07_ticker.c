/*
 * Something to do every 20 ms, until a timer ends it.  A ticker that is not read in
 * time drops ticks rather than queueing them.
 */
#include <stdio.h>
#include <weft/time.h>
#include <weft/weft.h>

int weft_main(int argc, char **argv)
{
	weft_ticker *ticker = weft_ticker_new(20 * WEFT_MS);
	weft_timer *end = weft_timer_new(250 * WEFT_MS);
	int64_t start = weft_now(), when;
	int ticks = 0;

	(void)argc, (void)argv;
	while (weft_select(weft_on_recv(weft_ticker_chan(ticker), &when),
	    weft_on_recv(weft_timer_chan(end), NULL)) == 0)
		if (++ticks <= 3)
			printf("tick %d after %d ms\n", ticks,
			    (int)((when - start) / WEFT_MS));
	printf("%d ticks in all\n", ticks);
	weft_ticker_free(ticker);
	weft_timer_free(end);
	return 0;
}
