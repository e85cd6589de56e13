/*
 * Pitfall: the first function returns before the goroutines are done.
 * Go: the program ends, and they with it.
 * Weft: the same.  In a test they are reported as leaked (leaked_goroutine.c);
 * weft_waitgroup_go makes waiting one line.
 */
#include <stdio.h>
#include <weft/weft.h>

static void work(const char *file)
{
	weft_sleep(WEFT_SECOND);
	printf("wrote %s\n", file);
}

int weft_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	weft_go(work, "report.txt");
	puts("the end, and nothing was written");
	return 0;
}
