/*
 * Pitfall: a context with a deadline is dropped without being cancelled, and its
 * timer stays until it fires.
 * Go: go vet warns when the cancel function is thrown away.
 * Weft: a test that leaves a context behind fails.
 */
#include <weft/testing.h>
#include <weft/weft.h>

static int call(weft_ctx *parent)
{
	weft_ctx *ctx = weft_with_timeout(parent, 60 * WEFT_SECOND);

	return weft_sleep_ctx(ctx, WEFT_MS);
}

TEST(Call)
{
	CHECK_EQ(call(NULL), 0);
}
