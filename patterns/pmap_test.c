/* pmap_test.c - every value once, in order if promised, by so many at a time */
#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/time.h"
#include "account_test.h"
#include "pmap.h"

struct crew { struct account *a; _Atomic int now, most, called; int skip; };

/* A worker: some take longer than others; every skip-th has no result. */
static bool work(struct crew *c, struct item *in, struct item *out)
{
	int n = ++c->now, most = c->most;

	while (n > most && !atomic_compare_exchange_weak(&c->most, &most, n))
		;
	c->called++;
	for (int i = in->i % 3; i > 0; i--)
		weft_yield();
	c->now--;
	*out = *in;
	if (!c->skip || in->i % c->skip)
		return true;
	drop_item(in);
	return false;
}

struct plan { int workers, window, wanted, cap; bool ordered; };

static int map_items(struct crew *c, weft_ctx *ctx, struct plan p)
{
	weft_chan(struct item) in = weft_make(struct item, p.cap);
	weft_chan(struct item) out = weft_make(struct item, p.cap);
	int last = -1, misplaced = 0;

	weft_generator(ctx, in, make_item, c->a, .drop = drop_item);
	weft_pmap(ctx, in, out, work, c, .workers = p.workers, .ordered = p.ordered,
	    .window = p.window, .drop = drop_item);
	for (struct item it; c->a->received < p.wanted && weft_recv(out, &it); last = it.i) {
		misplaced += it.i < last;
		receive_item(it);
	}
	if (ctx)
		weft_cancel(ctx);
	weft_drain(out, drop_item);
	weft_drain(in, drop_item);
	weft_free(in);
	weft_free(out);
	check_account(c->a, 1);
	CHECK(c->most <= p.workers);
	return misplaced;
}

TEST(PmapEachOnce, .explore = 200)
{
	struct crew c = { .a = open_account(10) };
	struct plan p = { .workers = 3, .wanted = 100, .cap = weft_choose(3) };
	int misplaced = map_items(&c, NULL, p);

	CHECK_EQ(c.a->received, 10);
	CHECK_EQ(c.called, 10);
	SOMETIMES(misplaced, "the order changed");
	SOMETIMES(c.most == 3, "all workers were busy");
	free(c.a);
}

TEST(PmapOrdered, .explore = 300)
{
	struct crew c = { .a = open_account(10), .skip = weft_choose(4) };
	struct plan p = { .workers = 3, .wanted = 100, .cap = weft_choose(3), .ordered = true,
	    .window = weft_choose(5) };

	CHECK_EQ(map_items(&c, NULL, p), 0);
	CHECK_EQ(c.called, 10);
	CHECK_EQ(c.a->dropped, c.skip ? (9 + c.skip) / c.skip : 0);
	SOMETIMES(c.most == 3, "all workers were busy");
	free(c.a);
}

TEST(PmapStopsAnywhere, .explore = 600)
{
	struct crew c = { .a = open_account(12) };
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};
	struct plan p = { .workers = 1 + weft_choose(3), .window = weft_choose(4),
	    .wanted = 1 + weft_choose(10), .cap = weft_choose(2), .ordered = weft_choose(2) };

	weft_waitgroup_go(&wg, cancel_after, ctx, weft_choose(60));
	if (map_items(&c, ctx, p))
		CHECK(!p.ordered);
	SOMETIMES(p.ordered && c.a->dropped > 3, "results were dropped");
	SOMETIMES(c.called > c.a->received, "work was done for nothing");
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
	free(c.a);
}

/* ---- time, and the bound on memory ---- */

static bool slow_first(_Atomic int *called, int *in, int64_t *out)
{
	++*called;
	weft_sleep(*in ? WEFT_MS : 100 * WEFT_MS);
	*out = *in;
	return true;
}

TEST(PmapWindowBoundsWhatIsUnderWay, .bubble = true)
{
	weft_chan(int) in = weft_make(int, 100);
	weft_chan(int64_t) out = weft_make(int64_t, 100);
	_Atomic int called = 0;
	int64_t begin = weft_now();

	for (int i = 0; i < 50; i++)
		weft_send(in, i);
	weft_close(in);
	weft_pmap(NULL, in, out, slow_first, &called, .workers = 2, .ordered = true,
	    .window = 10);
	weft_sleep(99 * WEFT_MS);
	CHECK_EQ(called, 10);		/* the other worker went on, and then no further */
	CHECK_EQ(weft_len(out), 0);
	for (int i = 0; i < 50; i++) {
		int64_t x = -1;

		CHECK(weft_recv(out, &x));
		CHECK_EQ(x, i);
	}
	CHECK(!weft_recv(out, NULL));
	CHECK_EQ(weft_now() - begin, 120 * WEFT_MS);	/* 40 more, by two */
	weft_free(in);
	weft_free(out);
}

TEST(PmapUnorderedDoesNotWait, .bubble = true)
{
	weft_chan(int) in = weft_make(int, 100);
	weft_chan(int64_t) out = weft_make(int64_t, 100);
	_Atomic int called = 0;
	int64_t x = 0;

	for (int i = 0; i < 50; i++)
		weft_send(in, i);
	weft_close(in);
	weft_pmap(NULL, in, out, slow_first, &called, .workers = 2);
	weft_sleep(99 * WEFT_MS);
	CHECK_EQ(called, 50);
	CHECK_EQ(weft_len(out), 49);
	for (int i = 1; i <= 50; i++) {
		CHECK(weft_recv(out, &x));
		CHECK_EQ(x, i % 50);		/* the first comes last */
	}
	CHECK(!weft_recv(out, NULL));
	weft_free(in);
	weft_free(out);
}

static bool nothing(void *arg, int *in, int *out)
{
	(void)arg;
	*out = *in;
	return true;
}

TEST(PmapDefaults)
{
	const int values[] = { 1, 2, 3, 4, 5 };
	weft_chan(int) in = weft_make(int, 0), out = weft_make(int, 0);
	int n = 0;

	weft_generator_of(NULL, in, values, 5);
	weft_pmap(NULL, in, out, nothing, NULL, .ordered = true);
	for (int x; weft_recv(out, &x); )
		CHECK_EQ(x, ++n);
	CHECK_EQ(n, 5);
	weft_free(in);
	weft_free(out);
}

TEST(PmapStress, .real = true)
{
	for (int i = 0; i < 8; i++) {
		struct crew c = { .a = open_account(ITEMS), .skip = 5 * (i & 1) };
		struct plan p = { .workers = 8, .wanted = ITEMS + 1, .cap = i & 2,
		    .ordered = i & 4 };
		int misplaced = map_items(&c, NULL, p);

		CHECK_EQ(c.called, ITEMS);
		if (p.ordered)
			CHECK_EQ(misplaced, 0);
		free(c.a);
	}
}

CHILD(PmapNegative)
{
	weft_chan(int) in = weft_make(int, 0), out = weft_make(int, 0);

	weft_pmap(NULL, in, out, nothing, NULL, .workers = -1);
	return 0;
}

TEST(PmapOfNegativeWorkers)
{
	CHECK_DIES("PmapNegative", "weft_pmap: -1 workers");
}
