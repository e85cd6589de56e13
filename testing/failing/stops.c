/* stops.c - tests that stop the program: it leaves a trace; see check.sh */
#include <stdlib.h>

#include "../../weft/testing.h"
#include "../../weft/time.h"

TEST(StopsByDoubleClose, .bubble = true)
{
	weft_chan(int) c = weft_make(int, 0);

	(void)t;
	weft_close(c);
	weft_close(c);
	weft_logf("not reached");
}

static int endless(int depth)
{
	volatile char pad[32 << 10];

	pad[0] = (char)depth;
	return depth < 0 ? 0 : endless(depth + 1) + pad[0];
}

TEST(StopsByOverflow)
{
	(void)t;
	weft_logf("%d", endless(0));
}

TEST(StopsForWantOfMemory)
{
	(void)t;
	weft_make(char, (size_t)1 << 60);
	weft_logf("not reached");
}

TEST(StopsByFault)
{
	volatile intptr_t nowhere = 8;

	CHECK(!t);
	*(int *)nowhere = 1;
}

TEST(StopsByAbort)
{
	CHECK(!t);
	abort();
}

/*
 * Its frames are larger than ours, so the stack overflows in malloc, and with blocks of
 * this size under its lock: from there on the harness has to do without.
 */
static int endless_malloc(int depth)
{
	char *volatile p = malloc(100000);

	return depth < 0 ? 0 : endless_malloc(depth + 1) + (p != NULL);
}

static void overflow_in_malloc(weft_t *t)
{
	(void)t;
	weft_logf("%d", endless_malloc(0));
}

TEST(StopsInMalloc)
{
	weft_run(t, "here", overflow_in_malloc);
	weft_logf("not reached");
}

/* All of them name the trace of the one that is to blame. */
static weft_chan(int) other_runs;

TEST(StopsBesideTheOther, .parallel = true)
{
	(void)t;
	other_runs = weft_make(int, 1);
	weft_send(other_runs, 1);
	weft_sleep(3600 * WEFT_SECOND);
	weft_logf("not reached");
}

TEST(StopsBesideOne, .parallel = true)
{
	(void)t;
	while (!other_runs)
		weft_sleep(WEFT_MS);
	weft_recv(other_runs, NULL);
	weft_close((weft_chan(int))NULL);
}

BENCH(Stops)
{
	while (weft_loop(b))
		weft_close((weft_chan(int))NULL);
}
