/*
 * Pitfall: the receiver closes the channel, and a sender still sends.
 * Go: panics in the sender, and only if it happens to send again.
 * Weft: stops the program, and shows the sender's stack beside all others.
 */
#include <weft/weft.h>

static void produce(weft_chan(int) out)
{
	for (int i = 0; ; i++)
		weft_send(out, i);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 0);
	int x;

	(void)argc, (void)argv;
	weft_go(produce, c);
	weft_recv(c, &x);
	weft_close(c);			/* only produce may do that */
	weft_sleep(WEFT_SECOND);
	return 0;
}
