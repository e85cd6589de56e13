/*
 * Pitfall: a value of another type than the channel's.
 * Go: does not compile.
 * Weft: does not compile either, whatever warnings are switched on.
 */
#include <weft/weft.h>

int weft_main(int argc, char **argv)
{
	weft_chan(int) ages = weft_make(int, 1);

	(void)argc, (void)argv;
	weft_send(ages, "forty-two");
	return 0;
}
