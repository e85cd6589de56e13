/*
 * Pitfall: receiving from a channel that was never made.
 * Go: waits for ever; reported only when everything else waits, too.
 * Weft: the same, for a select needs channels that are never ready; the report
 * says NULL channel, and where.  In a test it is an error at once.
 */
#include <weft/weft.h>

struct service { weft_chan(int) requests; };

int weft_main(int argc, char **argv)
{
	struct service s = {0};
	int x;

	(void)argc, (void)argv;
	return weft_recv(s.requests, &x);
}
