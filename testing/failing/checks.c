/* checks.c - tests that fail in a check; see check.sh */
#include <stdio.h>

#include "../../weft/sync.h"
#include "../../weft/testing.h"

TEST(Check)
{
	int answer = 41;

	CHECK(answer == 42);
	CHECK(answer < 42);		/* holds */
	weft_logf("still here, with %d", answer);
}

TEST(CheckEq)
{
	int answer = 41, wanted = 42;

	CHECK_EQ(answer, 42);
	CHECK_EQ(answer, wanted);
	CHECK_EQ((long)1 << 40, -1);
}

TEST(CheckStr)
{
	CHECK_STR("one\ntwo", "one\t\"two\"");
	CHECK_STR((const char *)NULL, "");
}

TEST(RequireEndsTest)
{
	REQUIRE(!t);
	weft_logf("not reached");
}

static void require_nothing(weft_waitgroup *wg)
{
	REQUIRE(!wg);
	weft_logf("not reached");
}

/* The child ends; the test goes on and knows. */
TEST(RequireInChild)
{
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, require_nothing, &wg);
	weft_waitgroup_wait(&wg);
	weft_logf("the test went on");
}

static void good(weft_t *t)
{
	(void)t;
	weft_logf("good");
}

static void bad(weft_t *t, int depth)
{
	CHECK(depth > 1);
	if (depth)
		weft_run(t, "in side", bad, depth - 1);
}

TEST(Subtests)
{
	CHECK(weft_run(t, "a", good));
	CHECK(weft_run(t, "a", good));
	CHECK(!weft_run(t, "b", bad, 1));
	CHECK(weft_run(t, "", good));
}

static void say(void *what)
{
	weft_logf("%s", (const char *)what);
}

static void fail(void *what)
{
	REQUIRE(!what);
}

/* Last first, each of them, whatever happens in one. */
TEST(Cleanup)
{
	(void)t;
	weft_cleanup(say, "first registered, last to run");
	weft_cleanup(fail, "in between");
	weft_cleanup(say, "last registered, first to run");
	REQUIRE(0);
}

TEST(Skip)
{
	(void)t;
	weft_skip("nothing to do here");
	CHECK(0);
}

TEST(FailfastA) { CHECK(!t); }
TEST(FailfastB) { CHECK(!t); }

TEST(ParallelA, .parallel = true) { weft_logf("a"); }
TEST(ParallelB, .parallel = true) { weft_logf("b"); CHECK(!t); }

BENCH(NoLoop) { }

BENCH(Fails)
{
	while (weft_loop(b))
		REQUIRE(!b);
}
