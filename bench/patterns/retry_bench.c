/*
 * retry_bench.c - calls that work at once, and after two failures
 *
 * The twin of ../go/patterns/retry_test.go.
 */
#include "patterns/retry.h"
#include "weft/sync.h"
#include "weft/testing.h"

static int third(weft_ctx *ctx, weft_retry_try *t, void *arg)
{
	(void)ctx;
	return t->number < *(int *)arg ? -EIO : 0;
}

BENCH(Retry)
{
	static const weft_retry r = { .attempts = 5 };
	int first = 1;

	while (weft_loop(b))
		weft_retry_do(NULL, &r, third, &first);
}

/* The waits are a nanosecond each. */
BENCH(RetryTwice)
{
	static const weft_retry r = { .attempts = 5, .min = 1, .max = 1 };
	int at = 3;

	while (weft_loop(b))
		weft_retry_do(NULL, &r, third, &at);
}

static void calls(const weft_retry *r, int64_t n)
{
	int first = 1;

	while (n--)
		weft_retry_do(NULL, r, third, &first);
}

/* Eight goroutines with a budget in common. */
BENCH(RetryBudget8)
{
	weft_retry_budget budget = {0};
	weft_retry r = { .attempts = 5, .budget = &budget };
	int64_t n = weft_loops(b);
	weft_waitgroup wg = {0};

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, calls, &r, (n + i) / 8);
	weft_waitgroup_wait(&wg);
}
