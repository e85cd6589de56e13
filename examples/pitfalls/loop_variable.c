/*
 * Pitfall: goroutines started in a loop all see its variable's last value.
 * Go: so it was until 1.22, where each turn got a variable of its own.
 * Weft: cannot happen.  There are no closures: weft_go copies the arguments when it
 * is called.  (A pointer to the variable, which must be spelled &i, is C as ever.)
 */
#include <stdio.h>
#include <weft/sync.h>
#include <weft/weft.h>

static void mark(char *seen, int i)
{
	seen[i] = (char)('0' + i);
}

int weft_main(int argc, char **argv)
{
	char seen[] = "........";
	weft_waitgroup wg = {0};

	(void)argc, (void)argv;
	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, mark, seen, i);
	weft_waitgroup_wait(&wg);
	puts(seen);
	return 0;
}
