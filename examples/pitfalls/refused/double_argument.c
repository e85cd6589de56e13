/*
 * Pitfall: an argument that does not travel in an integer register.
 * Go: takes any type.
 * Weft: takes ints, longs and pointers, and refuses all else when it compiles.
 * Instead: pass a pointer to a struct.
 */
#include <weft/weft.h>

static void heat(double celsius)
{
	(void)celsius;
}

int weft_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	weft_go(heat, 36.6);
	return 0;
}
