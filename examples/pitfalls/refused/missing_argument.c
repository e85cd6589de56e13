/*
 * Pitfall: a goroutine is started with an argument too few.
 * Go: does not compile.
 * Weft: does not compile either, unlike pthread_create and its void pointer.
 */
#include <weft/weft.h>

static void add(weft_chan(int) out, int a, int b)
{
	weft_send(out, a + b);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 1);

	(void)argc, (void)argv;
	weft_go(add, c, 1);
	return 0;
}
