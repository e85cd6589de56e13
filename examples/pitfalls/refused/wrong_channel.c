/*
 * Pitfall: a goroutine is given a channel of something else.
 * Go: does not compile.
 * Weft: does not compile either; weft_go checks the call as if it were plain.
 */
#include <weft/weft.h>

static void print(weft_chan(const char *) lines)
{
	for (const char *s; weft_recv(lines, &s); )
		;
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) numbers = weft_make(int, 1);

	(void)argc, (void)argv;
	weft_go(print, numbers);
	return 0;
}
