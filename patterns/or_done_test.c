/* or_done_test.c - the rules of pipe.h, shown on the simplest stages; and weft_drain */
#include <stdlib.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/time.h"
#include "account_test.h"
#include "or_done.h"

TEST(OrDonePassesOn, .explore = 100)
{
	const int values[] = { 3, 1, 4, 1, 5, 9 };
	weft_chan(int) in = weft_make(int, weft_choose(3)), out = weft_make(int, weft_choose(3));
	int n = 0;

	weft_generator_of(NULL, in, values, 6);
	weft_or_done(NULL, in, out);
	for (int x; weft_recv(out, &x); )
		CHECK_EQ(x, values[n++]);
	CHECK_EQ(n, 6);
	weft_free(in);
	weft_free(out);
}

TEST(OrDoneClosesOnCancel, .bubble = true)
{
	weft_chan(int) silent = weft_make(int, 0), out = weft_make(int, 0);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int64_t begin = weft_now();

	weft_or_done(ctx, silent, out);
	CHECK(!weft_recv(out, NULL));
	CHECK_EQ(weft_now() - begin, WEFT_SECOND);
	weft_free(silent);
	weft_free(out);
	weft_ctx_free(ctx);
}

TEST(OrDoneObeysCancelBeforeValues)
{
	weft_chan(int) in = weft_make(int, 8), out = weft_make(int, 8);
	weft_ctx *ctx = weft_with_cancel(NULL);
	int v = 7;

	for (int i = 0; i < 8; i++)
		weft_send(in, i);
	weft_cancel(ctx);
	weft_or_done(ctx, in, out);
	CHECK(!weft_recv(out, NULL));
	CHECK_EQ(weft_len(in), 8);	/* what it has not received is ours */
	CHECK(!weft_or_done_recv(ctx, in, &v));
	CHECK_EQ(v, 7);
	CHECK_EQ(weft_len(in), 8);
	weft_free(in);
	weft_free(out);
	weft_ctx_free(ctx);
}

TEST(OrDoneRecv, .bubble = true)
{
	weft_chan(int) c = weft_make(int, 2);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int sum = 0;

	weft_send(c, 1);
	weft_send(c, 2);
	for (int x; weft_or_done_recv(ctx, c, &x); )
		sum += x;
	CHECK_EQ(sum, 3);
	CHECK_EQ(weft_err(ctx), -ETIMEDOUT);
	weft_close(c);
	CHECK(!weft_or_done_recv(NULL, c, &sum));
	CHECK_EQ(sum, 0);
	weft_free(c);
	weft_ctx_free(ctx);
}

/* The reader stops after some, or ctx ends by itself; either may come first. */
static void stop_anywhere(int limit, int wanted, int yields)
{
	struct account *a = open_account(limit);
	weft_chan(struct item) in = weft_make(struct item, weft_choose(3));
	weft_chan(struct item) out = weft_make(struct item, weft_choose(3));
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};

	weft_generator(ctx, in, make_item, a, .drop = drop_item);
	weft_or_done(ctx, in, out, .drop = drop_item);
	if (yields)
		weft_waitgroup_go(&wg, cancel_after, ctx, yields);
	for (struct item it; a->received < wanted && weft_recv(out, &it); )
		receive_item(it);
	weft_cancel(ctx);
	weft_drain(out, drop_item);
	weft_drain(in, drop_item);
	weft_free(out);
	weft_free(in);
	check_account(a, 1);
	SOMETIMES(a->dropped > 0, "values were dropped");
	SOMETIMES(a->received == wanted, "the reader stopped");
	SOMETIMES(a->received < wanted, "ctx stopped first");
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
	free(a);
}

TEST(OrDoneLosesNothingWhenItStops, .explore = 400)
{
	stop_anywhere(10, 1 + weft_choose(6), weft_choose(12));
}

TEST(OrDoneStress, .real = true)
{
	struct account *a = open_account(ITEMS);
	weft_chan(struct item) in = weft_make(struct item, 4), out = weft_make(struct item, 4);
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_generator(ctx, in, make_item, a, .drop = drop_item);
	weft_or_done(ctx, in, out, .drop = drop_item);
	for (struct item it; weft_recv(out, &it); )
		receive_item(it);
	CHECK_EQ(a->received, ITEMS);
	check_account(a, 1);
	weft_free(in);
	weft_free(out);
	weft_ctx_free(ctx);
	free(a);
}

/* A stage is in reports under its own name, at the place where it was started. */
CHILD(OrDoneStuck)
{
	weft_chan(int) never = weft_make(int, 0), out = weft_make(int, 0);

	weft_or_done(NULL, never, out);
	weft_recv(out, NULL);
	return 0;
}

TEST(OrDoneIsNamedInReports)
{
	CHECK_DIES("OrDoneStuck", "weft_or_done   spawned at patterns/or_done_test.c:");
}
