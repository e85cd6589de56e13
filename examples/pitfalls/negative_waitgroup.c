/*
 * Pitfall: done is called more often than add.
 * Go: panics.
 * Weft: stops the program; weft_waitgroup_go cannot get it wrong.
 */
#include <weft/sync.h>
#include <weft/weft.h>

int weft_main(int argc, char **argv)
{
	weft_waitgroup wg = {0};

	(void)argc, (void)argv;
	weft_waitgroup_add(&wg, 1);
	weft_waitgroup_done(&wg);
	weft_waitgroup_done(&wg);
	return 0;
}
