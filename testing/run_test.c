/* run_test.c - what tests, sub-tests, clean-up and benchmarks may rely on */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../weft/debug.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"

static void note_name(weft_t *t, int *ran, int by)
{
	CHECK(t != NULL);
	*ran += by;
}

TEST(SubtestsGetTheirArguments)
{
	int ran = 0;

	CHECK(weft_run(t, "one", note_name, &ran, 1));
	CHECK(weft_run(t, "ten", note_name, &ran, 10));
	CHECK_EQ(ran, 11);
}

static void nest(weft_t *t, int depth, int *deepest)
{
	*deepest = depth;
	if (depth < 5)
		CHECK(weft_run(t, "deeper", nest, depth + 1, deepest));
}

TEST(SubtestsNest)
{
	int deepest = 0;

	CHECK(weft_run(t, "deeper", nest, 1, &deepest));
	CHECK_EQ(deepest, 5);
}

static void pass_on(weft_t *t, weft_chan(int) from, weft_chan(int) to)
{
	int v = 0;

	(void)t;
	CHECK(weft_recv(from, &v));
	weft_send(to, v + 1);
}

static void answer(weft_chan(int) to, weft_chan(int) from)
{
	int v = 0;

	weft_send(to, 41);
	CHECK(weft_recv(from, &v));
	CHECK_EQ(v, 42);
}

/* A sub-test that waits for its parent's goroutine is not stuck. */
TEST(SubtestsMayWaitForTheParent)
{
	weft_chan(int) to = weft_make(int, 0), from = weft_make(int, 0);

	weft_go(answer, to, from);
	CHECK(weft_run(t, "sub", pass_on, to, from));
	weft_free(to);
	weft_free(from);
}

static void skip(weft_t *t)
{
	(void)t;
	weft_skip("on purpose");
}

TEST(SkippedSubtestsPass)
{
	CHECK(weft_run(t, "skipped", skip));
}

static struct { int n, order[3]; } cleaned;

static void append(void *arg)
{
	cleaned.order[cleaned.n++] = *(int *)arg;
}

static void register_three(weft_t *t)
{
	static int ids[3] = { 0, 1, 2 };

	(void)t;
	for (int i = 0; i < 3; i++)
		weft_cleanup(append, &ids[i]);
	CHECK_EQ(cleaned.n, 0);
}

TEST(CleanupRunsLastFirst)
{
	cleaned.n = 0;
	weft_run(t, "sub", register_three);
	REQUIRE(cleaned.n == 3);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(cleaned.order[i], 2 - i);
}

static void free_channel(void *c)
{
	weft_free((weft_chan(int))c);
}

/* The leak verdict comes after clean-up. */
TEST(CleanupMayFree)
{
	weft_chan(int) c = weft_make(int, 0);

	(void)t;
	weft_cleanup(free_channel, c);
}

static char kept[256];

static void use_tempdir(weft_t *t)
{
	char path[300];
	FILE *f;

	(void)t;
	snprintf(kept, sizeof kept, "%s", weft_tempdir());
	CHECK_STR(weft_tempdir(), kept);
	snprintf(path, sizeof path, "%s/below", kept);
	CHECK_EQ(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/below/file", kept);
	f = fopen(path, "w");
	REQUIRE(f != NULL);
	fclose(f);
}

TEST(TempdirIsRemoved)
{
	CHECK(weft_run(t, "sub", use_tempdir));
	CHECK(access(kept, F_OK) != 0);
}

static void count_down(weft_waitgroup *wg)
{
	weft_yield();
	weft_waitgroup_done(wg);
}

/* Goroutines that are about to end when the test does are not leaked. */
TEST(LateGoroutinesMayEnd)
{
	static weft_waitgroup wg;

	(void)t;
	weft_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		weft_go(count_down, &wg);
}

/* A timer that is due wakes a test in which nothing else happens. */
TEST(SleepingIsNotDeadlock)
{
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_MS);

	(void)t;
	weft_recv(weft_done(ctx), NULL);
	CHECK_EQ(weft_err(ctx), -ETIMEDOUT);
	weft_ctx_free(ctx);
}

/* More of them than run at a time: each must get its turn. */
static void yield_often(void)
{
	for (int i = 0; i < 100; i++)
		weft_yield();
}

TEST(ParallelA, .parallel = true) { CHECK(t != NULL); yield_often(); }
TEST(ParallelB, .parallel = true) { CHECK(t != NULL); yield_often(); }
TEST(ParallelC, .parallel = true) { CHECK(t != NULL); yield_often(); }

BENCH(Loop)
{
	int64_t n = 0;

	while (weft_loop(b))
		n++;
	CHECK(n > 0);
}

BENCH(Loops)
{
	volatile int64_t sum = 0;

	for (int64_t i = 0, n = weft_loops(b); i < n; i++)
		sum += i;
	weft_bytes(b, sizeof sum);
}

static void nothing(weft_waitgroup *wg)
{
	weft_waitgroup_done(wg);
}

BENCH(Spawn)
{
	weft_waitgroup wg = {0};

	while (weft_loop(b)) {
		weft_waitgroup_add(&wg, 1);
		weft_go(nothing, &wg);
		weft_waitgroup_wait(&wg);
	}
	weft_metric(b, 1, "goroutines/op");
}
