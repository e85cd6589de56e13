/*
 * Pitfall: receiving into a variable that is too small.
 * Go: does not compile.
 * Weft: does not compile either.
 */
#include <weft/weft.h>

int weft_main(int argc, char **argv)
{
	weft_chan(int64_t) times = weft_make(int64_t, 1);
	int t;

	(void)argc, (void)argv;
	return weft_recv(times, &t);
}
