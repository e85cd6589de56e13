/*
 * breaker_bench.c - calls through a closed breaker, and refused ones
 *
 * The twin of ../go/patterns/breaker_test.go.
 */
#include "patterns/breaker.h"
#include "weft/sync.h"
#include "weft/testing.h"

static int works(weft_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	return 0;
}

static int fails(weft_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	return -EIO;
}

static void calls(weft_breaker *br, int64_t n)
{
	while (n--)
		weft_breaker_call(NULL, br, works, NULL);
}

static void by(int goroutines, int64_t n, weft_breaker_options o)
{
	weft_breaker *br = weft_breaker_new(o);
	weft_waitgroup wg = {0};

	for (int i = 0; i < goroutines; i++)
		weft_waitgroup_go(&wg, calls, br, (n + i) / goroutines);
	weft_waitgroup_wait(&wg);
	weft_breaker_free(br);
}

BENCH(Breaker)
{
	by(1, weft_loops(b), (weft_breaker_options){0});
}

BENCH(Breaker8)
{
	by(8, weft_loops(b), (weft_breaker_options){0});
}

/* With a window of ten buckets. */
BENCH(BreakerRate)
{
	by(1, weft_loops(b), (weft_breaker_options){ .rate = 0.5 });
}

BENCH(BreakerRate8)
{
	by(8, weft_loops(b), (weft_breaker_options){ .rate = 0.5 });
}

BENCH(BreakerOpen)
{
	weft_breaker *br = weft_breaker_new((weft_breaker_options){ .consecutive = 1 });

	weft_breaker_call(NULL, br, fails, NULL);
	calls(br, weft_loops(b));
	weft_breaker_free(br);
}
