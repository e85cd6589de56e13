/* tee_test.c - all to all; who may lose loses, and is told how much */
#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "account_test.h"
#include "tee.h"

static void read_items(weft_chan(struct item) c, int *n, int wanted)
{
	for (struct item it; *n < wanted && weft_recv(c, &it); ++*n) {
		CHECK_EQ(it.i, *n);	/* from the first, in order, without a gap */
		receive_item(it);
	}
}

TEST(TeeEveryValueToEach, .explore = 200)
{
	struct account *a = open_account(8);
	weft_chan(struct item) in = weft_make(struct item, 0), outs[3];
	weft_waitgroup wg = {0};
	int n[3] = {0};

	for (int i = 0; i < 3; i++)
		outs[i] = weft_make(struct item, weft_choose(3));
	weft_generator(NULL, in, make_item, a);
	weft_tee(NULL, in, outs, 3);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, read_items, outs[i], &n[i], 100);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(a->received, 24);
	check_account(a, 3);
	weft_free(in);
	for (int i = 0; i < 3; i++)
		weft_free(outs[i]);
	free(a);
}

/* Whoever is ready gets it, in whatever order they come. */
TEST(TeeSlowOutputDoesNotHoldUpTheSameValue, .bubble = true)
{
	const int values[] = { 1, 2 };
	weft_chan(int) in = weft_make(int, 0);
	weft_chan(int) outs[] = { weft_make(int, 0), weft_make(int, 0) };
	int x = 0;

	weft_generator_of(NULL, in, values, 2);
	weft_tee(NULL, in, outs, 2);
	weft_settle();
	weft_recv(outs[1], &x);
	CHECK_EQ(x, 1);
	weft_settle();
	CHECK_EQ(weft_poll(weft_on_recv(outs[1], &x)), -1);
	weft_recv(outs[0], &x);
	CHECK_EQ(x, 1);
	weft_recv(outs[0], &x);
	weft_recv(outs[1], &x);
	CHECK_EQ(x, 2);
	for (int i = 0; i < 2; i++) {
		CHECK(!weft_recv(outs[i], NULL));
		weft_free(outs[i]);
	}
	weft_free(in);
}

TEST(TeeDropsByPolicy, .bubble = true)
{
	struct account *a = open_account(10);
	weft_chan(struct item) in = weft_make(struct item, 0);
	weft_chan(struct item) outs[] = { weft_make(struct item, 0), weft_make(struct item, 3),
	    weft_make(struct item, 3) };
	_Atomic int64_t lost[3] = {0};
	struct item it;
	int n = 0;

	weft_generator(NULL, in, make_item, a);
	weft_tee(NULL, in, outs, 3, .lost = lost, .drop = drop_item,
	    .slow = (enum weft_slow[]){ WEFT_BLOCK, WEFT_DROP_NEWEST, WEFT_DROP_OLDEST });
	read_items(outs[0], &n, 100);
	CHECK_EQ(n, 10);
	for (int i = 0; i < 3; i++) {
		CHECK(weft_recv(outs[1], &it));
		CHECK_EQ(it.i, i);
		receive_item(it);
		CHECK(weft_recv(outs[2], &it));
		CHECK_EQ(it.i, 7 + i);
		receive_item(it);
	}
	CHECK_EQ(lost[0], 0);
	CHECK_EQ(lost[1], 7);
	CHECK_EQ(lost[2], 7);
	CHECK_EQ(a->dropped, 14);
	check_account(a, 3);
	weft_free(in);
	for (int i = 0; i < 3; i++) {
		CHECK(!weft_recv(outs[i], NULL));
		weft_free(outs[i]);
	}
	free(a);
}

TEST(TeeCountsWhatCancelLoses, .explore = 300)
{
	struct account *a = open_account(10);
	weft_chan(struct item) in = weft_make(struct item, 0), outs[2];
	weft_ctx *ctx = weft_with_cancel(NULL);
	_Atomic int64_t lost[2] = {0};
	weft_waitgroup wg = {0};
	int n[2] = {0};

	for (int i = 0; i < 2; i++)
		outs[i] = weft_make(struct item, weft_choose(2));
	weft_generator(ctx, in, make_item, a, .drop = NULL);
	weft_tee(ctx, in, outs, 2, .lost = lost, .drop = drop_item);
	for (int i = 0; i < 2; i++)	/* they stop, or do not */
		weft_waitgroup_go(&wg, read_items, outs[i], &n[i], 1 + weft_choose(12));
	weft_waitgroup_go(&wg, cancel_after, ctx, 5 + weft_choose(20));
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 2; i++)
		for (struct item it; weft_recv(outs[i], &it); n[i]++)
			receive_item(it);
	/* the items that the tee had: n + lost of each output */
	CHECK_EQ(n[0] + lost[0], n[1] + lost[1]);
	CHECK_EQ(a->dropped, lost[0] + lost[1]);
	CHECK(lost[0] <= 1 && lost[1] <= 1);
	SOMETIMES(lost[0] && lost[1], "both lost the last one");
	SOMETIMES(lost[0] != lost[1], "one of them lost the last one");
	weft_drain(in, NULL);
	weft_free(in);
	for (int i = 0; i < 2; i++)
		weft_free(outs[i]);
	weft_ctx_free(ctx);
	free(a);
}

TEST(TeeStress, .real = true)
{
	struct account *a = open_account(ITEMS);
	weft_chan(struct item) in = weft_make(struct item, 8), outs[4];
	_Atomic int64_t lost[4] = {0};
	weft_waitgroup wg = {0};
	int n[4] = {0};

	for (int i = 0; i < 4; i++)
		outs[i] = weft_make(struct item, i);
	weft_generator(NULL, in, make_item, a);
	weft_tee(NULL, in, outs, 4, .lost = lost, .drop = drop_item, .slow = (enum weft_slow[]){
	    WEFT_BLOCK, WEFT_BLOCK, WEFT_BLOCK, WEFT_DROP_OLDEST });
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, read_items, outs[i], &n[i], ITEMS);
	for (struct item it; weft_recv(outs[3], &it); n[3]++)
		receive_item(it);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(n[3] + lost[3], ITEMS);
	CHECK_EQ(a->dropped, lost[3]);
	check_account(a, 4);
	weft_free(in);
	for (int i = 0; i < 4; i++) {
		weft_drain(outs[i], NULL);
		weft_free(outs[i]);
	}
	free(a);
}

CHILD(TeeNoCapacity)
{
	weft_chan(int) in = weft_make(int, 0), outs[] = { weft_make(int, 0) };

	weft_tee(NULL, in, outs, 1, .slow = (enum weft_slow[]){ WEFT_DROP_OLDEST });
	return 0;
}

TEST(TeeNeedsCapacityToDropTheOldest)
{
	CHECK_DIES("TeeNoCapacity", "weft_tee: output 0 has no capacity");
}

CHILD(TeeToNobody)
{
	weft_chan(int) in = weft_make(int, 0);

	weft_tee(NULL, in, (weft_chan(int) *)NULL, 0);
	return 0;
}

CHILD(TeeToTooMany)
{
	weft_chan(int) in = weft_make(int, 0), outs[1000] = { NULL };

	weft_tee(NULL, in, outs, 1000);
	return 0;
}

TEST(TeeNeedsOutputs)
{
	CHECK_DIES("TeeToNobody", "weft_tee: no outputs");
	CHECK_DIES("TeeToTooMany", "weft_tee: 1000 outputs");
}
