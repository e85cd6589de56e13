/*
 * Pitfall: a closed channel is always ready, so a select in a loop spins on it.
 * Go: the same; the advice is to set the variable to nil.
 * Weft: the same; .ok tells closed from a value, and NULL takes the case out.
 */
#include <stdio.h>
#include <weft/weft.h>

static void send_one(weft_chan(int) out, int x, long delay)
{
	weft_sleep(delay);
	weft_send(out, x);
	weft_close(out);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);
	int x, rounds = 0, sum = 0;
	bool ok;

	(void)argc, (void)argv;
	weft_go(send_one, a, 1, 0);
	weft_go(send_one, b, 2, 20 * WEFT_MS);
	for (; a || b; rounds++) {
		int which = weft_select(weft_on_recv(a, &x, .ok = &ok),
		    weft_on_recv(b, &x, .ok = &ok));

		if (ok)
			sum += x;
		else if (which == 0)
			a = NULL;
		else
			b = NULL;
	}
	printf("sum %d after %d rounds\n", sum, rounds);
	return 0;
}
