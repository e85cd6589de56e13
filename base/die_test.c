/* die_test.c - ending the program, assertions, allocation that cannot fail */
#include "die.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../weft/child_test.h"
#include "../weft/testing.h"

/* Too large a size is for us to report, not for the sanitizers; and no child need
   wait for races when it ends. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1:atexit_sleep_ms=0";
}

/* ---- ending ---- */

CHILD(Die)
{
	die_hook = NULL;
	die("%s %d", "text", 7);
}

TEST(DieSaysOneLineAndExitsWith2)
{
	struct child *c = child_run("Die");

	CHECK_EQ(c->status, 2);
	CHECK_STR(c->err, "weft: text 7\n");
}

CHILD(Abort)
{
	struct rlimit none = {0};

	setrlimit(RLIMIT_CORE, &none);
	setenv("WEFT_ABORT", "1", 1);
	die_hook = NULL;
	die("text");
}

TEST(DieAbortsIfAsked)
{
	struct child *c = child_run("Abort");

	CHECK_EQ(c->status, -SIGABRT);
	CHECK_STR(c->err, "weft: text\n");
}

/* Around 1024, where the line is cut. */
CHILD(DieAtLength)
{
	const char *text = getenv("DIE_TEXT");

	die_hook = NULL;
	die("%s", text);
}

TEST(LongMessagesAreCut)
{
	static const size_t sizes[] = { 1015, 1016, 1017, 1018, 3000 };
	char text[3001];

	for (int i = 0; i < 5; i++) {
		size_t n = sizes[i], want = n < 1016 ? n : 1016;
		struct child *c;

		memset(text, 'x', n);
		text[n] = '\0';
		setenv("DIE_TEXT", text, 1);
		c = child_run("DieAtLength");
		CHECK_EQ(c->status, 2);
		CHECK_EQ(c->len, 6 + want + 1);
		CHECK(!memcmp(c->err, "weft: ", 6) && !memcmp(c->err + 6, text, want));
		CHECK_EQ(c->err[c->len - 1], '\n');
	}
	unsetenv("DIE_TEXT");
}

static void report(void)
{
	fputs("report\n", stderr);
}

CHILD(DieWithHook)
{
	die_hook = report;
	die("text");
}

static void die_again(void)
{
	fputs("report\n", stderr);
	die("again");
}

CHILD(DieInHook)
{
	die_hook = die_again;
	die("text");
}

TEST(TheHookRunsOnceAfterTheLine)
{
	struct child *c = child_run("DieWithHook");

	CHECK_EQ(c->status, 2);
	CHECK_STR(c->err, "weft: text\nreport\n");
	c = child_run("DieInHook");
	CHECK_EQ(c->status, 2);
	CHECK_STR(c->err, "weft: text\nreport\nweft: again\n");
}

static _Atomic bool reporting, second_comes;

static void *die_second(void *arg)
{
	while (!reporting)
		sched_yield();
	second_comes = true;
	die("second %p", arg);
}

static void slow_report(void)
{
	reporting = true;
	while (!second_comes)
		sched_yield();
	for (int i = 0; i < 1000; i++)	/* it has every chance to come first */
		sched_yield();
	fputs("report\n", stderr);
}

CHILD(DieInTwoThreads)
{
	pthread_t thread;

	die_hook = slow_report;
	pthread_create(&thread, NULL, die_second, NULL);
	die("first");
}

TEST(ASecondDeathLetsTheReportFinish)
{
	CHECK_DIES("DieInTwoThreads", "report\n");
}

/* ---- assertions ---- */

CHILD(AssertFails)
{
	int x = 1;

	assert_always(x == 1);
	assert_always(x == 2);
	return 0;
}

TEST(FailedAssertionsSayWhere)
{
	CHECK_DIES("AssertFails", "die_test.c:");
	CHECK_DIES("AssertFails", "assertion failed: x == 2");
}

TEST(AssertionsEvaluateOnceOrNever, .parallel = true)
{
	int always = 0, debug = 0;

	assert_always(++always);
	assert_debug(++debug);
	CHECK_EQ(always, 1);
#ifdef WEFT_DEBUG
	CHECK_EQ(debug, 1);
#else
	CHECK_EQ(debug, 0);
#endif
}

/* ---- memory ---- */

TEST(MemoryMayBeEmpty, .parallel = true)
{
	void *p[] = { xmalloc(0), xcalloc(0, 0), xcalloc(0, SIZE_MAX),
	    xcalloc(SIZE_MAX, 0), xrealloc(NULL, 0), xrealloc(xmalloc(100), 0) };

	for (int i = 0; i < 6; i++) {
		CHECK(p[i]);
		for (int k = 0; k < i; k++)
			CHECK(p[i] != p[k]);
	}
	for (int i = 0; i < 6; i++)
		free(p[i]);
}

TEST(MemoryIsUsable, .parallel = true)
{
	char *a = xmalloc(10), *b = xcalloc(1000, 10), *c = xstrdup(""), *d;
	int wrong = 0;

	for (int i = 0; i < 10000; i++)
		wrong += b[i] != 0;
	CHECK_EQ(wrong, 0);
	memcpy(a, "123456789", 10);
	a = xrealloc(a, 100000);
	CHECK_STR(a, "123456789");
	d = xstrdup(a);
	CHECK(d != a);
	CHECK_STR(d, a);
	CHECK_STR(c, "");
	free(a);
	free(b);
	free(c);
	free(d);
}

static void *volatile kept;		/* what is used is not optimised away */

CHILD(MallocTooMuch)
{
	kept = xmalloc(SIZE_MAX / 2);
	return 0;
}

CHILD(ReallocTooMuch)
{
	kept = xrealloc(xmalloc(1), SIZE_MAX / 2);
	return 0;
}

CHILD(CallocTooMuch)
{
	kept = xcalloc(SIZE_MAX / 4, 2);
	return 0;
}

/* The product is 0 to those who do not look. */
CHILD(CallocOverflow)
{
	kept = xcalloc((size_t)1 << 32, (size_t)1 << 32);
	return 0;
}

TEST(OutOfMemoryNamesTheSize)
{
	CHECK_DIES("MallocTooMuch", "weft: out of memory: 9223372036854775807 bytes\n");
	CHECK_DIES("ReallocTooMuch", "weft: out of memory: 9223372036854775807 bytes\n");
	CHECK_DIES("CallocTooMuch", "weft: out of memory: 9223372036854775806 bytes\n");
	CHECK_DIES("CallocOverflow", "weft: out of memory: 18446744073709551615 bytes\n");
}
