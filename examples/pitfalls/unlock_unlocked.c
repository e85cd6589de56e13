/*
 * Pitfall: unlocking a mutex that is not locked.
 * Go: a fatal error.
 * Weft: stops the program.
 */
#include <weft/sync.h>
#include <weft/weft.h>

int weft_main(int argc, char **argv)
{
	weft_mutex m = {0};

	(void)argc, (void)argv;
	weft_mutex_lock(&m);
	weft_mutex_unlock(&m);
	weft_mutex_unlock(&m);
	return 0;
}
