/* latch_test.c - opens when all have counted down, and stays open */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "latch.h"

static void count_down_after(weft_latch *l, int64_t ns)
{
	weft_sleep(ns);
	weft_latch_count_down(l);
}

TEST(LatchOpensWithTheLast, .bubble = true)
{
	weft_latch l;
	int64_t start = weft_now();

	weft_latch_init(&l, 3);
	for (int i = 1; i <= 3; i++)
		weft_go(count_down_after, &l, i * WEFT_SECOND);
	CHECK_EQ(weft_latch_wait(NULL, &l), 0);
	CHECK_EQ(weft_now() - start, 3 * WEFT_SECOND);
}

TEST(LatchStaysOpen)
{
	weft_latch l, zero = { 0 };

	weft_latch_init(&l, 1);
	CHECK_EQ(weft_latch_count(&l), 1);
	weft_latch_count_down(&l);
	weft_latch_count_down(&l);	/* as Java's: nothing */
	CHECK_EQ(weft_latch_count(&l), 0);
	CHECK_EQ(weft_latch_wait(NULL, &l), 0);
	CHECK_EQ(weft_latch_wait(NULL, &l), 0);
	CHECK_EQ(weft_latch_wait(NULL, &zero), 0);
	weft_latch_init(&l, 0);
	CHECK_EQ(weft_latch_wait(NULL, &l), 0);
}

TEST(LatchWaitEndsWithTheContext, .bubble = true)
{
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	weft_latch l;

	weft_latch_init(&l, 2);
	weft_latch_count_down(&l);
	CHECK_EQ(weft_latch_wait(ctx, &l), -ETIMEDOUT);
	CHECK_EQ(weft_latch_count(&l), 1);
	weft_latch_count_down(&l);
	CHECK_EQ(weft_latch_wait(ctx, &l), 0);
	weft_ctx_free(ctx);
}

static void worker(weft_latch *start, weft_latch *end, _Atomic int *n)
{
	CHECK_EQ(weft_latch_wait(NULL, start), 0);
	++*n;
	weft_latch_count_down(end);
}

TEST(LatchStartsAndEndsWorkers, .explore = 200)
{
	weft_latch start, end;
	_Atomic int n = 0;

	weft_latch_init(&start, 1);
	weft_latch_init(&end, 3);
	for (int i = 0; i < 3; i++)
		weft_go(worker, &start, &end, &n);
	CHECK_EQ(n, 0);
	weft_latch_count_down(&start);
	SOMETIMES(n == 0, "nobody has gone on yet");
	CHECK_EQ(weft_latch_wait(NULL, &end), 0);
	CHECK_EQ(n, 3);
}

CHILD(LatchBelowZero)
{
	weft_latch l;

	weft_latch_init(&l, -1);
	return 0;
}

TEST(LatchBelowZeroStopsTheProgram)
{
	CHECK_DIES("LatchBelowZero", "weft_latch_init: count -1");
}

static void count_down(weft_latch *l, int n)
{
	while (n-- > 0)
		weft_latch_count_down(l);
}

/* Each latch is gone as soon as it has been seen open. */
TEST(LatchStress)
{
	for (int round = 0; round < 2000; round++) {
		weft_waitgroup wg = { 0 };
		weft_latch l;

		weft_latch_init(&l, 40);
		for (int i = 0; i < 4; i++)
			weft_waitgroup_go(&wg, count_down, &l, 10);
		CHECK_EQ(weft_latch_wait(NULL, &l), 0);
		CHECK_EQ(weft_latch_count(&l), 0);
		weft_waitgroup_wait(&wg);
	}
}
