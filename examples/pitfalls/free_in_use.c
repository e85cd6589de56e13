/*
 * Pitfall: a channel is freed while others wait on it.  C's own; Go has no free.
 * Weft: stops the program, with the stacks of those that wait.
 */
#include <weft/weft.h>

static void consume(weft_chan(int) in)
{
	for (int x; weft_recv(in, &x); )
		;
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 0);

	(void)argc, (void)argv;
	weft_go(consume, c);
	weft_send(c, 1);
	weft_sleep(20 * WEFT_MS);
	weft_free(c);			/* instead: close, wait for consume, free */
	return 0;
}
