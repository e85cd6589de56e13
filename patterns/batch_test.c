/* batch_test.c - by count, by time, and never empty */
#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/time.h"
#include "account_test.h"
#include "batch.h"
#include "or_done.h"

struct ints { size_t n; int v[]; };
struct items { char label[3]; size_t n; struct item v[1]; };	/* anywhere, and room for one */

TEST(BatchByCount)
{
	const int values[] = { 1, 2, 3, 4, 5, 6, 7 };
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(struct ints *) out = weft_make(struct ints *, 0);
	size_t total = 0;

	weft_generator_of(NULL, in, values, 7);
	weft_batch(NULL, in, out, 3);
	for (struct ints *b; weft_recv(out, &b); free(b)) {
		CHECK_EQ(b->n, total < 6 ? 3 : 1);	/* what is left at the end, too */
		for (size_t i = 0; i < b->n; i++)
			CHECK_EQ(b->v[i], values[total++]);
	}
	CHECK_EQ(total, 7);
	weft_free(in);
	weft_free(out);
}

TEST(BatchOfNothing)
{
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(struct ints *) out = weft_make(struct ints *, 0);

	weft_batch(NULL, in, out, 3, .within = WEFT_MS);
	weft_close(in);
	CHECK(!weft_recv(out, NULL));
	weft_free(in);
	weft_free(out);
}

static void send_at(weft_chan(int) to, const int64_t *ms, int n)
{
	for (int i = 0; i < n; i++) {
		weft_sleep(ms[i] * WEFT_MS - weft_now() % WEFT_SECOND);
		weft_send(to, i);
	}
	weft_close(to);
}

/* The clock of a bubble begins at a full second. */
static void check_next(weft_chan(struct ints *) out, int64_t ms, size_t n, int first)
{
	struct ints *b = NULL;

	REQUIRE(weft_recv(out, &b));
	CHECK_EQ(weft_now() % WEFT_SECOND, ms * WEFT_MS);
	CHECK_EQ(b->n, n);
	CHECK_EQ(b->v[0], first);
	free(b);
}

TEST(BatchByTime, .bubble = true)
{
	static const int64_t ms[] = { 10, 20, 100, 200, 201, 202, 203, 215, 300, 301, 302,
	    380, 390, 500 };
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(struct ints *) out = weft_make(struct ints *, 0);

	weft_go(send_at, in, ms, 14);
	weft_batch(NULL, in, out, 3, .within = 50 * WEFT_MS);
	check_next(out, 60, 2, 0);	/* the first came at 10 */
	check_next(out, 150, 1, 2);
	check_next(out, 202, 3, 3);	/* full; its time does not count for the next */
	check_next(out, 253, 2, 6);
	check_next(out, 302, 3, 8);
	check_next(out, 430, 2, 11);	/* nor does it end between the two */
	check_next(out, 500, 1, 13);	/* the end */
	CHECK(!weft_recv(out, NULL));
	weft_free(in);
	weft_free(out);
}

TEST(BatchGrowsUntilSomebodyTakesIt, .bubble = true)
{
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(struct ints *) out = weft_make(struct ints *, 0);

	weft_batch(NULL, in, out, 4, .within = WEFT_MS);
	weft_send(in, 0);
	weft_sleep(10 * WEFT_MS);
	weft_send(in, 1);
	weft_send(in, 2);
	check_next(out, 10, 3, 0);
	for (int i = 3; i < 7; i++)
		weft_send(in, i);
	weft_settle();
	CHECK_EQ(weft_poll(weft_on_send(in, 7)), -1);	/* full, and not taken */
	check_next(out, 10, 4, 3);
	weft_close(in);
	CHECK(!weft_recv(out, NULL));
	weft_free(in);
	weft_free(out);
}

static void receive_batch(struct items *b)
{
	for (size_t i = 0; i < b->n; i++)
		receive_item(b->v[i]);
	free(b);
}

static void drop_batch(void *v)
{
	struct items *b = *(struct items **)v;

	for (size_t i = 0; i < b->n; i++)
		drop_item(&b->v[i]);
	free(b);
}

static void batch_items(struct account *a, weft_ctx *ctx, size_t size, int wanted, int cap)
{
	weft_chan(struct item) in = weft_make(struct item, cap);
	weft_chan(struct items *) out = weft_make(struct items *, cap);

	weft_generator(ctx, in, make_item, a, .drop = drop_item);
	weft_batch(ctx, in, out, size, .within = 2, .drop = drop_item);
	for (struct items *b; a->received < wanted && weft_recv(out, &b); ) {
		CHECK(b->n > 0 && b->n <= size);
		CHECK_EQ(b->v[0].i, a->received);
		receive_batch(b);
	}
	if (ctx)
		weft_cancel(ctx);
	weft_drain(out, drop_batch);
	weft_drain(in, drop_item);
	weft_free(in);
	weft_free(out);
	check_account(a, 1);
}

TEST(BatchStopsAnywhere, .explore = 400)
{
	struct account *a = open_account(12);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, cancel_after, ctx, weft_choose(40));
	batch_items(a, ctx, 1 + (size_t)weft_choose(4), 1 + weft_choose(12), weft_choose(2));
	SOMETIMES(a->dropped > 3, "a batch was dropped");
	SOMETIMES(a->received == 12, "all were received");
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
	free(a);
}

TEST(BatchStress, .real = true)
{
	struct account *a = open_account(ITEMS);

	batch_items(a, NULL, 16, ITEMS + 1, 4);
	CHECK_EQ(a->received, ITEMS);
	free(a);
}

CHILD(BatchOfZero)
{
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(struct ints *) out = weft_make(struct ints *, 0);

	weft_batch(NULL, in, out, 0);
	return 0;
}

CHILD(BatchOfTooMany)
{
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(struct ints *) out = weft_make(struct ints *, 0);

	weft_batch(NULL, in, out, SIZE_MAX / sizeof(int) + 2);	/* room for one, modulo 2^64 */
	weft_send(in, 1);
	return 0;
}

CHILD(BatchWithinLessThanNothing)
{
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(struct ints *) out = weft_make(struct ints *, 0);

	weft_batch(NULL, in, out, 1, .within = -WEFT_MS);
	return 0;
}

TEST(BatchNeedsASize)
{
	CHECK_DIES("BatchOfZero", "weft_batch: a size of 0");
	CHECK_DIES("BatchOfTooMany", "weft_batch: a size of 4611686018427387905");
	CHECK_DIES("BatchWithinLessThanNothing", "weft_batch: within -1000000 ns");
}
