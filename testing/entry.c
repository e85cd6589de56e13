/* entry.c - the main of a test program, unless it brings its own */
#include "../weft/testing.h"

int weft_main(int argc, char **argv)
{
	return weft_test_main(argc, argv);
}
