/* A server that is down for a while is left alone, and then tried with one call. */
#include <stdio.h>
#include <patterns/breaker.h>

static int ask(weft_ctx *ctx, void *up)
{
	(void)ctx;
	return *(bool *)up ? 0 : -ECONNREFUSED;
}

static void tell(enum weft_breaker_state from, enum weft_breaker_state to, void *arg)
{
	static const char *const name[] = { "closed", "open", "half-open" };

	(void)arg;
	printf("  %s -> %s\n", name[from], name[to]);
}

static void call(weft_breaker *b, bool up)
{
	int err = weft_breaker_call(NULL, b, ask, &up);

	printf("%s\n", err == WEFT_BREAKER_OPEN ? "not even tried" : err ? "failed" : "answered");
}

int weft_main(int argc, char **argv)
{
	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .consecutive = 3,
	    .open_for = 20 * WEFT_MS, .on_change = tell });

	(void)argc, (void)argv;
	call(b, true);
	for (int i = 0; i < 3; i++)
		call(b, false);
	call(b, true);
	weft_sleep(20 * WEFT_MS);
	call(b, true);
	call(b, true);
	weft_breaker_free(b);
	return 0;
}
