/* unwind_test.c - stacks of the caller, of sleepers and of running goroutines */
#include <alloca.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"
#include "symbol.h"
#include "sync.h"
#include "testing.h"
#include "unwind.h"

enum { MAX = 32 };
struct stack { void *pcs[MAX]; size_t n; };

/* Keeps a call from becoming a jump. */
#define STAY()	__asm__ volatile("" ::: "memory")

/* The place of f's frame, or -1. */
static int frame_of(const struct stack *st, uintptr_t f)
{
	struct symbol s;

	for (size_t i = 0; i < st->n; i++) {
		uintptr_t pc = (uintptr_t)st->pcs[i] - 1;

		if (symbol_find(pc, &s) && pc - s.offset == f)
			return (int)i;
	}
	return -1;
}

__attribute__((noinline)) static void take(struct stack *st, size_t skip)
{
	st->n = unwind_self(st->pcs, MAX, skip);
	STAY();
}

__attribute__((noinline)) static void take_below(struct stack *st, size_t skip)
{
	take(st, skip);
	STAY();
}

TEST(UnwindSelfBeginsWithTheCaller)
{
	struct stack st;

	take_below(&st, 0);
	CHECK_EQ(frame_of(&st, (uintptr_t)take), 0);
	CHECK_EQ(frame_of(&st, (uintptr_t)take_below), 1);
	take_below(&st, 1);
	CHECK_EQ(frame_of(&st, (uintptr_t)take), -1);
	CHECK_EQ(frame_of(&st, (uintptr_t)take_below), 0);
}

TEST(UnwindStopsAtMax)
{
	void *pcs[3] = { NULL, NULL, NULL };

	CHECK_EQ(unwind_self(pcs, 2, 0), 2);
	CHECK(pcs[0] && pcs[1] && !pcs[2]);
}

/* A frame of varying size, which is found through a frame pointer. */
__attribute__((noinline)) static void wait_deep(weft_chan(int) c, int depth)
{
	char *p = alloca((size_t)depth * 40 + 16);

	memset(p, 0, 16);
	__asm__ volatile("" :: "r"(p) : "memory");
	if (depth)
		wait_deep(c, depth - 1);
	else
		weft_recv(c, NULL);
	STAY();
}

static void sleeper(weft_chan(int) c)
{
	wait_deep(c, 3);
	STAY();
}

struct sleeper { struct stack st; uintptr_t f; };

static void take_sleeper(struct g *g, const struct task *t, void *arg)
{
	struct sleeper *s = arg;

	(void)t;
	if (g && (uintptr_t)g->f == s->f)
		s->st.n = unwind_parked(g, s->st.pcs, MAX);
}

TEST(UnwindParkedShowsEveryFrame)
{
	weft_chan(int) c = weft_make(int, 0);
	struct sleeper s = { .f = (uintptr_t)sleeper };
	weft_waitgroup wg = { 0 };
	int first;

	weft_waitgroup_go(&wg, sleeper, c);
	do {
		weft_yield();
		g_each(group_current(), take_sleeper, &s);
		first = frame_of(&s.st, (uintptr_t)wait_deep);
	} while (first < 0);
	CHECK_EQ(frame_of(&s.st, (uintptr_t)sleeper), first + 4);
	weft_send(c, 1);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

static void bounce(weft_chan(int) in, weft_chan(int) out)
{
	for (int x; weft_recv(in, &x); )
		weft_send(out, x);
	STAY();
}

/* Caught at any moment, a stack is right or refused. */
TEST(UnwindParkedWhileItRuns, .real = true)
{
	weft_chan(int) there = weft_make(int, 0), back = weft_make(int, 0);
	struct sleeper s = { .f = (uintptr_t)bounce };
	weft_waitgroup wg = { 0 };
	int seen = 0;

	weft_waitgroup_go(&wg, bounce, there, back);
	weft_waitgroup_go(&wg, bounce, back, there);
	weft_send(there, 1);
	for (int i = 0; i < (weft_short() ? 500 : 5000) || !seen; i++) {
		if (i % 100 == 0)
			weft_yield();	/* there may be one worker */
		s.st.n = 0;
		g_each(group_current(), take_sleeper, &s);
		if (!s.st.n)
			continue;
		seen++;
		REQUIRE(frame_of(&s.st, (uintptr_t)bounce) >= 0);
	}
	weft_recv(there, NULL);
	weft_close(there);
	weft_close(back);
	weft_waitgroup_wait(&wg);
	weft_free(there);
	weft_free(back);
}

static _Atomic bool stop;
static _Atomic pid_t spinner_tid;

__attribute__((noinline)) static void spin(void)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		;
}

static void *spinner(void *arg)
{
	(void)arg;
	spinner_tid = gettid();
	spin();
	STAY();
	return NULL;
}

TEST(UnwindThreadShowsARunningThread, .real = true)
{
	struct stack st;
	pthread_t thread;

	stop = false;
	spinner_tid = 0;
	REQUIRE(!pthread_create(&thread, NULL, spinner, NULL));
	do {
		weft_yield();
		st.n = spinner_tid ? unwind_thread(spinner_tid, st.pcs, MAX) : 0;
	} while (frame_of(&st, (uintptr_t)spin) < 0);
	CHECK_EQ(frame_of(&st, (uintptr_t)spinner), frame_of(&st, (uintptr_t)spin) + 1);
	stop = true;
	pthread_join(thread, NULL);
	CHECK_EQ(unwind_thread(spinner_tid, st.pcs, MAX), 0);
}
