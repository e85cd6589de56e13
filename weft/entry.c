/* entry.c - main for programs that define weft_main; linked in only then */
#include "weft.h"

int main(int argc, char **argv)
{
	return weft_run(weft_main, argc, argv);
}
