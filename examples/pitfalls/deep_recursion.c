/*
 * Pitfall: recursion that does not end.
 * Go: stacks grow; the program ends when one has grown to 1 GB.
 * Weft: stacks have a fixed size, 64 KiB unless weft_go_stack asks for more.  The
 * page below is guarded, and the report names the goroutine and its origin.
 */
#include <stdio.h>
#include <weft/sync.h>
#include <weft/weft.h>

static int depth(int n)
{
	char text[64];

	snprintf(text, sizeof text, "%d", n);
	return n < 0 ? 0 : depth(n + 1) + text[0];
}

static void dive(void)
{
	printf("%d\n", depth(0));
}

int weft_main(int argc, char **argv)
{
	weft_waitgroup wg = {0};

	(void)argc, (void)argv;
	weft_waitgroup_go(&wg, dive);
	weft_waitgroup_wait(&wg);
	return 0;
}
