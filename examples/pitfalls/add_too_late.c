/*
 * Pitfall: a goroutine adds itself to the wait group, after somebody has waited.
 * Go: the wait may return before anyone was added; wg.Go (since 1.25) cannot.
 * Weft: weft_waitgroup_go adds before it starts the goroutine.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <weft/sync.h>
#include <weft/weft.h>

static void work(_Atomic int *done)
{
	weft_sleep(10 * WEFT_MS);
	atomic_fetch_add(done, 1);
}

int weft_main(int argc, char **argv)
{
	weft_waitgroup wg = {0};
	_Atomic int done = 0;

	(void)argc, (void)argv;
	for (int i = 0; i < 100; i++)
		weft_waitgroup_go(&wg, work, &done);
	weft_waitgroup_wait(&wg);
	printf("%d of 100 done\n", done);
	return 0;
}
