/*
 * Deadlines: one context bounds everything that is done on behalf of a request.
 * The slow call gives up by itself, because it passes the context on.
 */
#include <stdio.h>
#include <string.h>
#include <weft/time.h>
#include <weft/weft.h>

/* Asks the database, which takes this long.  0, or why not. */
static int query(weft_ctx *ctx, int64_t ns, int *answer)
{
	int err = weft_sleep_ctx(ctx, ns);

	if (err)
		return err;
	*answer = 42;
	return 0;
}

static void request(const char *name, int64_t takes)
{
	weft_ctx *ctx = weft_with_timeout(NULL, 100 * WEFT_MS);
	int64_t start = weft_now();
	int answer, err = query(ctx, takes, &answer);

	if (err)
		printf("%s: %s\n", name, strerror(-err));
	else
		printf("%s: %d\n", name, answer);
	if (weft_now() - start > 500 * WEFT_MS)
		printf("and it took too long\n");
	weft_ctx_free(ctx);
}

int weft_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	request("quick", WEFT_MS);
	request("slow", 3600 * WEFT_SECOND);
	return 0;
}
