/*
 * Pitfall: two goroutines close the same channel, each when it is done.
 * Go: panics.
 * Weft: stops the program, with the stack of the one that came second.
 * Instead: one goroutine that waits for all senders closes (03_worker_pool.c).
 */
#include <weft/weft.h>

static void produce(weft_chan(int) out, int x)
{
	weft_send(out, x);
	weft_close(out);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 2);

	(void)argc, (void)argv;
	weft_go(produce, c, 1);
	weft_sleep(20 * WEFT_MS);
	weft_close(c);
	return 0;
}
