/*
 * Pitfall: closing a channel that was never made.
 * Go: panics.
 * Weft: stops the program.
 */
#include <weft/weft.h>

struct service { weft_chan(int) requests; };

int weft_main(int argc, char **argv)
{
	struct service s = {0};

	(void)argc, (void)argv;
	weft_close(s.requests);
	return 0;
}
