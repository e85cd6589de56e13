/* A server that is busy twice, and says for how long; the caller comes back when told. */
#include <stdio.h>
#include <string.h>
#include <patterns/retry.h>

static int fetch(weft_ctx *ctx, weft_retry_try *t, void *url)
{
	(void)ctx;
	if (t->number < 3) {
		t->after = 2 * WEFT_MS;		/* as a Retry-After header would say */
		printf("%s: attempt %d: busy\n", (char *)url, t->number);
		return -EBUSY;
	}
	printf("%s: attempt %d: ok\n", (char *)url, t->number);
	return 0;
}

static int missing(weft_ctx *ctx, weft_retry_try *t, void *url)
{
	(void)ctx;
	printf("%s: attempt %d: not found\n", (char *)url, t->number);
	return -ENOENT;
}

int weft_main(int argc, char **argv)
{
	static weft_retry_budget budget = { .ratio = 0.2 };
	static const int lost[] = { -ENOENT, 0 };
	weft_retry r = { .attempts = 5, .min = WEFT_MS, .total = 10 * WEFT_SECOND,
	    .abort_on = lost, .budget = &budget };

	(void)argc, (void)argv;
	printf("%s\n", strerror(-weft_retry_do(NULL, &r, fetch, "/index")));
	printf("%s\n", strerror(-weft_retry_do(NULL, &r, missing, "/lost")));
	return 0;
}
