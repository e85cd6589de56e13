/* explore_test.c - what exploration tries, and what stays the same under it */
#include <stdlib.h>

#include "../weft/sync.h"
#include "../weft/time.h"
#include "schedule.h"

static void add(weft_mutex *m, int *sum)
{
	weft_mutex_lock(m);
	++*sum;
	weft_mutex_unlock(m);
}

TEST(ExploreRightCodePasses, .explore = 300)
{
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	int sum = 0;

	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, add, &m, &sum);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(sum, 3);
}

static void put(weft_chan(int) c, int v)
{
	weft_send(c, v);
}

/* Every order of three goroutines comes up. */
TEST(ExploreSeesEveryOrder, .explore = 300)
{
	weft_chan(int) c = weft_make(int, 3);
	int order = 0, v;

	for (int i = 1; i <= 3; i++)
		weft_go(put, c, i);
	for (int i = 0; i < 3; i++) {
		weft_recv(c, &v);
		order = 10 * order + v;
	}
	SOMETIMES(order == 123, "123");
	SOMETIMES(order == 132, "132");
	SOMETIMES(order == 213, "213");
	SOMETIMES(order == 231, "231");
	SOMETIMES(order == 312, "312");
	SOMETIMES(order == 321, "321");
	weft_free(c);
}

TEST(ExploreSeesEveryReadyCase, .explore = 100)
{
	weft_chan(int) a = weft_make(int, 1), b = weft_make(int, 1);
	int got;

	weft_send(a, 1);
	weft_send(b, 1);
	got = weft_select(weft_on_recv(a, NULL), weft_on_recv(b, NULL));
	SOMETIMES(got == 0, "the first case");
	SOMETIMES(got == 1, "the second case");
	weft_free(a);
	weft_free(b);
}

TEST(ExploreDrawsForTheTest, .explore = 100)
{
	int v = weft_choose(3);

	CHECK(v >= 0 && v < 3);
	SOMETIMES(v == 0, "0");
	SOMETIMES(v == 1, "1");
	SOMETIMES(v == 2, "2");
}

TEST(ChooseIsZeroElsewhere, .real = true)
{
	for (int i = 0; i < 100; i++)
		CHECK_EQ(weft_choose(10), 0);
}

static void note_late(weft_chan(int64_t) c)
{
	weft_sleep(WEFT_SECOND);
	weft_send(c, weft_now());
}

/* However it is scheduled, time is what the timers say. */
TEST(ExploreKeepsTime, .explore = 50)
{
	weft_chan(int64_t) c = weft_make(int64_t, 0);
	weft_ctx *ctx = weft_with_timeout(NULL, 3 * WEFT_SECOND);
	int64_t begun = weft_now(), at;

	weft_go(note_late, c);
	weft_recv(c, &at);
	CHECK_EQ(at - begun, WEFT_SECOND);
	CHECK_EQ(weft_sleep_ctx(ctx, 10 * WEFT_SECOND), -ETIMEDOUT);
	CHECK_EQ(weft_now() - begun, 3 * WEFT_SECOND);
	weft_ctx_free(ctx);
	weft_free(c);
}

static void sub(weft_t *t, weft_chan(int) c, int v)
{
	(void)t;
	weft_go(put, c, v);
	weft_recv(c, &v);
}

TEST(ExploreSubTests, .explore = 50)
{
	weft_chan(int) c = weft_make(int, 0);

	for (int i = 0; i < 3; i++)
		CHECK(weft_run(t, "sub", sub, c, i));
	weft_free(c);
}

static void yield_until(_Atomic bool *flag)
{
	while (!*flag)
		weft_yield();
}

static void set(_Atomic bool *flag)
{
	*flag = true;
}

/* Who spins, however important, must let the others have a turn. */
TEST(ExploreSpinnersEnd, .explore = 200)
{
	_Atomic bool flag = false;

	weft_go(set, &flag);
	yield_until(&flag);
}

static void yield_often(int n)
{
	while (n--)
		weft_yield();
}

/* Most of the time chaos is to be as the others are. */
TEST(ExploreChaosStarvesForAFifth, .explore = 6)
{
	const struct schedule *s = t->schedule;
	uint64_t starved = 0, until = 0, before;

	if (!s || seed_strategy(s->seed) != STRATEGY_CHAOS)
		return;
	weft_go(yield_often, 30000);
	weft_go(yield_often, 30000);
	for (int i = 0; i < 30000; i++) {
		before = s->made.n;
		weft_yield();		/* perhaps for as long as that takes */
		if (s->starve > until)
			starved += s->starve - before;
		until = s->starve;
	}
	weft_settle();
	CHECK(starved > 0);
	CHECK(starved < s->made.n / 4);
}

TEST(SeedsNameTheirStrategy)
{
	uint64_t seed = seed_make(STRATEGY_PCT, 3, 10, 57);

	CHECK_EQ(seed_strategy(seed), STRATEGY_PCT);
	CHECK_EQ(seed & 0xffff, 57);
	CHECK_EQ(seed_strategy(57), STRATEGY_RANDOM);
	CHECK(seed != seed_make(STRATEGY_PCT, 2, 10, 57));
	CHECK(seed != seed_make(STRATEGY_PCT, 3, 11, 57));
}

TEST(ScheduleFilesRoundTrip)
{
	struct choices list = {0};
	struct replay r;
	struct buf path = {0}, error = {0};
	struct rand rnd;

	rand_seed(&rnd, 7);
	for (int i = 0; i < 1000; i++)
		choices_add(&list, (struct choice){ .id = 1 + rand_below(&rnd, 3) });
	buf_printf(&path, "%s/x.schedule", weft_tempdir());
	REQUIRE(replay_write(buf_str(&path), "TestSome", UINT64_C(0x2308000000000039), &list));
	REQUIRE(replay_read(buf_str(&path), &r, &error));
	CHECK_STR(r.test, "TestSome");
	CHECK(r.seed == UINT64_C(0x2308000000000039));
	REQUIRE(r.choices.n == list.n);
	for (size_t i = 0; i < list.n; i++)
		CHECK_EQ(r.choices.at[i].id, list.at[i].id);
	replay_finish(&r);
	free(list.at);
	buf_finish(&path);
}
