/* go_test.c - goroutines: arguments, ending, stacks, the first one */
#include <pthread.h>
#include <string.h>

#include "child_test.h"
#include "sanitize.h"
#include "short.h"
#include "sync.h"
#include "testing.h"

/* ---- arguments ---- */

static void take_ints(int a, int b, unsigned c, unsigned d, weft_chan(int) ok)
{
	weft_send(ok, a == -1 && b == INT32_MIN && c == UINT32_MAX && d == 0);
}

static void take_longs(long a, unsigned long b, int64_t c, size_t d, weft_chan(int) ok)
{
	weft_send(ok, a == -1 && b == UINT64_MAX && c == INT64_MIN && d == 1);
}

static void take_six(const char *a, int *b, void *c, int d, long e, weft_chan(int) ok)
{
	weft_send(ok, !strcmp(a, "text") && *b == 6 && !c && d == -4 && e == 5L << 40);
}

static _Atomic int nothing_ran;

static void take_nothing(void)
{
	nothing_ran++;
}

/* Each bit is set as often as not, within six standard deviations. */
TEST(RandomBits)
{
	int n[64] = {0};

	for (int i = 0; i < 10000; i++)
		for (uint64_t x = weft_random(), k = 0; k < 64; k++)
			n[k] += x >> k & 1;
	for (int k = 0; k < 64; k++)
		CHECK(n[k] > 4700 && n[k] < 5300);
}

static void random_on_thread(uint64_t *x)
{
	x[0] = weft_random();
	x[1] = weft_random();
}

static void *random_thread(void *x)
{
	random_on_thread(x);
	return NULL;
}

TEST(RandomOnAPlainThread, .real = true)
{
	uint64_t x[2] = {0};
	pthread_t thread;

	REQUIRE(pthread_create(&thread, NULL, random_thread, x) == 0);
	pthread_join(thread, NULL);
	CHECK(x[0] != x[1]);
}

TEST(ArgumentsArrive, .parallel = true)
{
	weft_chan(int) ok = weft_make(int, 0);
	int six = 6, good;
	short narrow = -1;

	weft_go(take_ints, -1, INT32_MIN, UINT32_MAX, 0, ok);
	CHECK(weft_recv(ok, &good) && good);
	weft_go(take_ints, narrow, INT32_MIN, -1, '\0', ok);
	CHECK(weft_recv(ok, &good) && good);
	weft_go(take_longs, -1, UINT64_MAX, INT64_MIN, true, ok);
	CHECK(weft_recv(ok, &good) && good);
	weft_go(take_six, "text", &six, NULL, -4, 5L << 40, ok);
	CHECK(weft_recv(ok, &good) && good);
	weft_free(ok);
}

TEST(NoArguments)
{
	weft_waitgroup wg = {0};

	nothing_ran = 0;
	weft_go(take_nothing);
	weft_waitgroup_go(&wg, take_nothing);
	weft_waitgroup_wait(&wg);
	while (nothing_ran < 2)
		weft_yield();
}

static void store(int *to, int x)
{
	*to = x;
}

TEST(ArgumentsAreEvaluatedAtTheCall, .parallel = true)
{
	weft_waitgroup wg = {0};
	int got[10];

	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&wg, store, &got[i], i * i);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(got[i], i * i);
}

static void send_int(weft_chan(int) c, int x)
{
	weft_send(c, x);
}

static void add_one(int *x)
{
	++*x;
}

static void triple(int *x)
{
	*x *= 3;
}

TEST(DeferRunsAtTheEndOfTheBlock, .parallel = true)
{
	int x = 1;

	{
		defer(add_one, &x);
		defer(triple, &x);
		CHECK_EQ(x, 1);
	}
	CHECK_EQ(x, 4);			/* the last one first */
}

TEST(ShortWords, .parallel = true)
{
	chan(int) c = weft_make(int, 0);
	int x = 0;

	defer(weft_chan_free_, c);
	go(send_int, c, 3);
	CHECK(weft_recv(c, &x));
	CHECK_EQ(x, 3);
}

/* ---- ending ---- */

static int exit_below(int depth)
{
	volatile char pad[64];

	pad[0] = 0;
	if (!depth)
		weft_goexit();
	return depth > 0 ? exit_below(depth - 1) + pad[0] : 0;
}

static void exit_from(int depth)
{
	exit_below(depth);
	CHECK(!"weft_goexit returned");
}

TEST(GoexitEndsTheGoroutine)
{
	weft_waitgroup wg = {0};

	for (int i = 0; i < 100; i++)
		weft_waitgroup_go(&wg, exit_from, i % 20);
	weft_waitgroup_wait(&wg);
}

static void exit_at_once(weft_waitgroup *wg)
{
	weft_waitgroup_done(wg);
	weft_goexit();
}

/* Each begins where the last one ended, with a whole stack. */
TEST(GoexitManyInARow)
{
	for (int round = 0; round < 20; round++) {
		weft_waitgroup wg = {0};

		weft_waitgroup_add(&wg, 1000);
		for (int i = 0; i < 1000; i++)
			weft_go(exit_at_once, &wg);
		weft_waitgroup_wait(&wg);
	}
}

/* Uses most of a goroutine's stack, then ends below it. */
static void exit_deep(weft_waitgroup *wg)
{
	volatile char big[40000];

	big[0] = big[sizeof big - 1] = 1;
	weft_waitgroup_done(wg);
	if (big[0])
		weft_goexit();
}

TEST(GoexitFromDeepStacks)
{
	weft_waitgroup wg = {0};

	weft_waitgroup_add(&wg, 1000);
	for (int i = 0; i < 1000; i++)
		weft_go(exit_deep, &wg);
	weft_waitgroup_wait(&wg);
}

/* ---- stacks ---- */

static long deep_sum(int depth)
{
	volatile char pad[900];

	pad[0] = (char)depth;
	return depth ? 1 + deep_sum(depth - 1) + 0 * pad[0] : 0;
}

static void recurse(int depth, weft_chan(long) out)
{
	weft_send(out, deep_sum(depth));
}

TEST(LargerStacks, .parallel = true)
{
	static const size_t sizes[] = { 100000, 200000, 1000000, 4000000 };
	weft_chan(long) c = weft_make(long, 0);
	long got;

	for (int i = 0; i < 4; i++) {
		int depth = (int)(sizes[i] / 1200);

		weft_go_stack(sizes[i], recurse, SANITIZED ? depth / 4 : depth, c);
		weft_recv(c, &got);
		CHECK_EQ(got, SANITIZED ? depth / 4 : depth);
	}
	weft_free(c);
}

CHILD(StackTooLarge)
{
	weft_go_stack((size_t)1 << 40, take_nothing);
	return 0;
}

TEST(TooLargeStackIsRefused)
{
	CHECK_DIES("StackTooLarge", "weft_go_stack");
}

/* ---- the first goroutine ---- */

static int add_args(int argc, char **argv)
{
	return argc + atoi(argv[0]);
}

/* A process may run several, one after the other, on any thread. */
static void *run_again(void *arg)
{
	char *args[] = { (char *)"40", NULL };

	(void)arg;
	return (void *)(intptr_t)(weft_run)(add_args, 2, args);
}

TEST(RunGivesTheValue)
{
	pthread_t thread;
	void *value;

	pthread_create(&thread, NULL, run_again, NULL);
	pthread_join(thread, &value);
	CHECK_EQ((intptr_t)value, 42);
}
