/*
 * singleflight_bench.c - calls that nobody shares, and one that eight do
 *
 * The twin of ../go/patterns/singleflight_test.go.
 */
#include "bench/bench.h"
#include "patterns/singleflight.h"
#include "weft/sync.h"
#include "weft/testing.h"

static int quick(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value)
{
	(void)ctx, (void)key, (void)len;
	*value = arg;
	return 0;
}

static int slow(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value)
{
	weft_yield();
	return quick(ctx, key, len, arg, value);
}

static void ask(weft_singleflight *g, weft_ctx *ctx, weft_singleflight_fn *f, int64_t n)
{
	void *v;

	while (n-- > 0)
		weft_singleflight_do(ctx, g, "key", 3, f, NULL, &v, NULL);
}

static void asks(weft_b *b, weft_ctx *ctx)
{
	weft_singleflight *g = weft_singleflight_new(NULL, NULL);

	ask(g, ctx, quick, weft_loops(b));
	weft_singleflight_free(g);
	weft_ctx_free(ctx);
}

/* One operation: a call that nobody joins, by somebody who stays (Go: Do). */
BENCH(Singleflight) { asks(b, NULL); }

/* The same, by somebody who could leave (Go: DoChan, and a select). */
BENCH(SingleflightCtx) { asks(b, weft_with_cancel(NULL)); }

/* One operation: an answer for one of eight, who all ask for the same. */
BENCH(SingleflightContended)
{
	weft_singleflight *g = weft_singleflight_new(NULL, NULL);
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, ask, g, NULL, slow, share(n, i, 8));
	weft_waitgroup_wait(&wg);
	weft_singleflight_free(g);
}
