/*
 * Pitfall: a send on an unbuffered channel that nobody receives from.
 * Go: "all goroutines are asleep - deadlock!", when every goroutine waits.
 * Weft: the same words, the same rule, with what each waits for and where.
 */
#include <weft/weft.h>

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 0);
	int x;

	(void)argc, (void)argv;
	weft_send(c, 1);
	weft_recv(c, &x);
	return 0;
}
