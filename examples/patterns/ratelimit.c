/* Requests to a service that takes ten a second: a burst, an even pace, and no time to wait. */
#include <stdio.h>
#include <string.h>
#include <patterns/ratelimit.h>

int weft_main(int argc, char **argv)
{
	weft_ratelimit *l = weft_ratelimit_new(10, WEFT_SECOND, 3);
	weft_ctx *ctx = weft_with_timeout(NULL, 250 * WEFT_MS);
	int sent = 0, err;

	(void)argc, (void)argv;
	while (weft_ratelimit_allow(l, 1))
		sent++;
	printf("at once: %d\n", sent);
	for (sent = 0; !(err = weft_ratelimit_wait(ctx, l, 1)); )
		sent++;
	/* the error comes at 200 ms: there is no use in waiting for what comes at 300 */
	printf("in time: %d, then: %s\n", sent, strerror(-err));
	weft_ctx_free(ctx);
	weft_ratelimit_free(l);
	return 0;
}
