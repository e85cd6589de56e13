/* bridge_test.c - parts one after the other; none is left over */
#include "../weft/sync.h"
#include "account_test.h"
#include "bridge.h"
#include "or_done.h"

/* Sends parts of three items; the last may be shorter. */
static void send_parts(weft_ctx *ctx, struct account *a, weft_chan(weft_chan(struct item)) to)
{
	bool on = true;

	while (on && a->made < a->limit) {
		weft_chan(struct item) part = weft_make(struct item, a->made % 2);

		if (weft_select(weft_on_send(to, part), weft_on_done(ctx)) == 1) {
			weft_free(part);
			break;
		}
		for (int i = 0; on && i < 3 && a->made < a->limit; i++) {
			struct item it = { a, a->made++ };

			on = weft_select(weft_on_send(part, it), weft_on_done(ctx)) == 0;
			if (!on)
				drop_item(&it);
		}
		weft_close(part);
	}
	weft_close(to);
}

static void bridge_items(struct account *a, weft_ctx *ctx, int wanted, int cap)
{
	weft_chan(weft_chan(struct item)) parts = weft_make(weft_chan(struct item), cap);
	weft_chan(struct item) out = weft_make(struct item, cap);

	weft_go(send_parts, ctx, a, parts);
	weft_bridge(ctx, parts, out, .drop = drop_item);
	for (struct item it; a->received < wanted && weft_recv(out, &it); ) {
		CHECK_EQ(it.i, a->received);
		receive_item(it);
	}
	if (ctx)
		weft_cancel(ctx);
	weft_drain(out, drop_item);
	weft_bridge_drain(parts, drop_item);
	weft_free(out);
	weft_free(parts);
	check_account(a, 1);
}

TEST(BridgeKeepsOrder, .explore = 100)
{
	struct account *a = open_account(10);

	bridge_items(a, NULL, 100, weft_choose(3));
	CHECK_EQ(a->received, 10);
	free(a);
}

TEST(BridgeStopsAnywhere, .explore = 400)
{
	struct account *a = open_account(10);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, cancel_after, ctx, weft_choose(30));
	bridge_items(a, ctx, 1 + weft_choose(8), weft_choose(3));
	SOMETIMES(a->dropped > 1, "values were dropped");
	SOMETIMES(a->received == 0, "it ended before the first");
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
	free(a);
}

TEST(BridgeLeavesOutNull)
{
	const int values[] = { 1, 2 };
	weft_chan(weft_chan(int)) parts = weft_make(weft_chan(int), 3);
	weft_chan(int) out = weft_make(int, 0), part = weft_make(int, 0);
	int sum = 0;

	weft_send(parts, NULL);
	weft_send(parts, part);
	weft_send(parts, NULL);
	weft_close(parts);
	weft_generator_of(NULL, part, values, 2);
	weft_bridge(NULL, parts, out);
	for (int x; weft_recv(out, &x); )
		sum = 10 * sum + x;
	CHECK_EQ(sum, 12);
	weft_free(parts);
	weft_free(out);
}

TEST(BridgeStress, .real = true)
{
	struct account *a = open_account(ITEMS);

	bridge_items(a, NULL, ITEMS + 1, 2);
	CHECK_EQ(a->received, ITEMS);
	free(a);
}
