/* fan_test.c - each value to one, all into one, and in order where that is promised */
#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "account_test.h"
#include "fan.h"
#include "or_done.h"

enum { WAYS = 3 };

static void make_all(weft_chan(struct item) *c, int cap)
{
	for (int i = 0; i < WAYS; i++)
		c[i] = weft_make(struct item, cap);
}

static void free_all(weft_chan(struct item) *c)
{
	for (int i = 0; i < WAYS; i++) {
		weft_drain(c[i], drop_item);
		weft_free(c[i]);
	}
}

/* out to WAYS, a relay on each, and in again; returns how many came out of order */
static int through(struct account *a, weft_ctx *ctx, bool ordered, int wanted, int cap)
{
	weft_chan(struct item) in = weft_make(struct item, cap), out = weft_make(struct item, cap);
	weft_chan(struct item) there[WAYS], back[WAYS];
	int last = -1, misplaced = 0;

	make_all(there, cap);
	make_all(back, cap);
	weft_generator(ctx, in, make_item, a, .drop = drop_item);
	weft_fan_out(ctx, in, there, WAYS, .ordered = ordered, .drop = drop_item);
	for (int i = 0; i < WAYS; i++)
		weft_or_done(ctx, there[i], back[i], .drop = drop_item);
	weft_fan_in(ctx, back, WAYS, out, .ordered = ordered, .drop = drop_item);
	for (struct item it; a->received < wanted && weft_recv(out, &it); last = it.i) {
		misplaced += it.i != last + 1;
		receive_item(it);
	}
	if (ctx)
		weft_cancel(ctx);
	weft_drain(out, drop_item);
	weft_free(out);
	free_all(back);
	free_all(there);
	weft_drain(in, drop_item);
	weft_free(in);
	check_account(a, 1);
	return misplaced;
}

TEST(FanEachValueOnce, .explore = 200)
{
	struct account *a = open_account(10);
	int misplaced = through(a, NULL, false, 100, weft_choose(3));

	CHECK_EQ(a->received, 10);
	SOMETIMES(misplaced > 0, "the order changed");
	free(a);
}

TEST(FanOrdered, .explore = 200)
{
	struct account *a = open_account(10);

	CHECK_EQ(through(a, NULL, true, 100, weft_choose(3)), 0);
	CHECK_EQ(a->received, 10);
	free(a);
}

TEST(FanStopsAnywhere, .explore = 400)
{
	struct account *a = open_account(10);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};
	bool ordered = weft_choose(2);
	int misplaced;

	weft_waitgroup_go(&wg, cancel_after, ctx, weft_choose(40));
	misplaced = through(a, ctx, ordered, 1 + weft_choose(8), weft_choose(2));
	if (ordered)
		CHECK_EQ(misplaced, 0);
	SOMETIMES(a->dropped, "values were dropped");
	SOMETIMES(a->made == 10, "all had been made");
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
	free(a);
}

TEST(FanStress, .real = true)
{
	for (int ordered = 0; ordered < 2; ordered++) {
		struct account *a = open_account(ITEMS);
		int misplaced = through(a, NULL, ordered, ITEMS + 1, 4);

		CHECK_EQ(a->received, ITEMS);
		if (ordered)
			CHECK_EQ(misplaced, 0);
		free(a);
	}
}

TEST(FanOutGoesToWhoIsReady, .bubble = true)
{
	const int values[] = { 1, 2, 3 };
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(int) outs[] = { weft_make(int, 0), weft_make(int, 0) };
	int x = 0;

	weft_generator_of(NULL, in, values, 3);
	weft_fan_out(NULL, in, outs, 2);
	for (int i = 1; i <= 3; i++) {		/* nobody reads outs[0] */
		weft_recv(outs[1], &x);
		CHECK_EQ(x, i);
	}
	for (int i = 0; i < 2; i++) {
		CHECK(!weft_recv(outs[i], NULL));
		weft_free(outs[i]);
	}
	weft_free(in);
}

TEST(FanOutOrderedWaitsForItsTurn, .bubble = true)
{
	const int values[] = { 1, 2, 3 };
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(int) outs[] = { weft_make(int, 0), weft_make(int, 0) };
	int x = 0;

	weft_generator_of(NULL, in, values, 3);
	weft_fan_out(NULL, in, outs, 2, .ordered = true);
	weft_settle();
	CHECK_EQ(weft_poll(weft_on_recv(outs[1], &x)), -1);
	for (int i = 0; i < 3; i++) {
		weft_recv(outs[i % 2], &x);
		CHECK_EQ(x, values[i]);
	}
	for (int i = 0; i < 2; i++) {
		CHECK(!weft_recv(outs[i], NULL));
		weft_free(outs[i]);
	}
	weft_free(in);
}

TEST(FanInOfNothing)
{
	weft_chan(int) out = weft_make(int, 0), *none = NULL;

	weft_fan_in(NULL, none, 0, out);
	CHECK(!weft_recv(out, NULL));
	weft_free(out);
}

static const int even[] = { 0, 2, 4, 6 }, odd[] = { 1, 3 }, more[] = { 3, 3, 9 };

static void start_three(weft_ctx *ctx, weft_chan(int) *ins)
{
	for (int i = 0; i < 3; i++)
		ins[i] = weft_make(int, i);
	weft_generator_of(ctx, ins[0], even, 4);
	weft_generator_of(ctx, ins[1], odd, 2);
	weft_generator_of(ctx, ins[2], more, 3);
}

/* What comes out, in decimal. */
static int64_t digits(weft_chan(int) out)
{
	int64_t all = 0;

	for (int x; weft_recv(out, &x); )
		all = all * 10 + x;
	return all;
}

TEST(FanInOrderedLeavesOutThoseThatEnded, .explore = 50)
{
	weft_chan(int) ins[3], out = weft_make(int, 0);

	start_three(NULL, ins);
	weft_fan_in(NULL, ins, 3, out, .ordered = true);
	CHECK_EQ(digits(out), 13233496);
	for (int i = 0; i < 3; i++)
		weft_free(ins[i]);
	weft_free(out);
}

static bool less(int *a, int *b)
{
	return *a < *b;
}

TEST(FanMerge, .explore = 50)
{
	weft_chan(int) ins[3], out = weft_make(int, 0);

	start_three(NULL, ins);
	weft_fan_merge(NULL, ins, 3, out, less);
	CHECK_EQ(digits(out), 12333469);
	for (int i = 0; i < 3; i++)
		weft_free(ins[i]);
	weft_free(out);
}

/* ---- merging items: by a tenth of the number, so that there are equals ---- */

static bool tenth_less(const struct item *a, const struct item *b)
{
	return a->i / 10 < b->i / 10;
}

struct part { struct account *of; int i, end, step; };

static bool make_part(struct part *p, struct item *out)
{
	if (p->i >= p->end)
		return false;
	*out = (struct item){ p->of, p->i };
	p->i += p->step;
	return true;
}

static void merge_parts(struct account *a, weft_ctx *ctx, int ways, int wanted)
{
	weft_chan(struct item) ins[8], out = weft_make(struct item, 1);
	struct part parts[8];
	struct item last = { a, -1 };
	int made = 0;

	for (int i = 0; i < ways; i++) {
		ins[i] = weft_make(struct item, i);
		parts[i] = (struct part){ a, i, a->limit, ways };
		weft_generator(ctx, ins[i], make_part, &parts[i], .drop = drop_item);
	}
	weft_fan_merge(ctx, ins, ways, out, tenth_less, .drop = drop_item);
	for (struct item it; a->received < wanted && weft_recv(out, &it); last = it) {
		/* sorted; and among equals the earlier input's first */
		CHECK(last.i < 0 || last.i / 10 < it.i / 10 ||
		    (last.i / 10 == it.i / 10 && last.i % ways <= it.i % ways));
		receive_item(it);
	}
	if (ctx)
		weft_cancel(ctx);
	weft_drain(out, drop_item);
	weft_free(out);
	for (int i = 0; i < ways; i++) {
		weft_drain(ins[i], drop_item);
		weft_free(ins[i]);
		made += (parts[i].i - i) / ways;
	}
	CHECK_EQ(a->received + a->dropped, made);
	for (int i = 0; i < a->limit; i++)
		CHECK(a->places[i] == (i < parts[i % ways].i));
}

TEST(FanMergeStopsAnywhere, .explore = 300)
{
	struct account *a = open_account(30);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, cancel_after, ctx, weft_choose(60));
	merge_parts(a, ctx, 1 + weft_choose(5), 1 + weft_choose(20));
	SOMETIMES(a->dropped > 4, "values were dropped");
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
	free(a);
}

TEST(FanMergeStress, .real = true)
{
	struct account *a = open_account(ITEMS);

	merge_parts(a, NULL, 7, ITEMS + 1);
	CHECK_EQ(a->received, ITEMS);
	free(a);
}

CHILD(FanOutToNobody)
{
	weft_chan(int) in = weft_make(int, 0);

	weft_fan_out(NULL, in, (weft_chan(int) *)NULL, 0);
	return 0;
}

CHILD(FanOutToTooMany)
{
	weft_chan(int) in = weft_make(int, 0), outs[1000] = { NULL };

	weft_fan_out(NULL, in, outs, 1000);
	return 0;
}

TEST(FanOutNeedsAnOutput)
{
	CHECK_DIES("FanOutToTooMany", "weft_fan_out: 1000 outputs");
	CHECK_DIES("FanOutToNobody", "weft_fan_out: no outputs");
}
