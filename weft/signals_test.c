/* signals_test.c - what stops a program, and that it is always told why */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child_test.h"
#include "sanitize.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"
#include "time.h"
#include "worker.h"

static void wait_on(weft_chan(int) c)
{
	weft_recv(c, NULL);
}

static void wait_lock(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
}

/* ---- deadlock ---- */

CHILD(Deadlock)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_recv(c, NULL);
	return 0;
}

CHILD(DeadlockOfMany)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_mutex m = {0};

	weft_mutex_lock(&m);
	for (int i = 0; i < 100; i++) {
		weft_go(wait_on, c);
		weft_go(wait_lock, &m);
	}
	weft_sleep(WEFT_MS);
	weft_mutex_lock(&m);
	return 0;
}

CHILD(DeadlockOfNothing)
{
	struct weft_case none[1];

	weft_select_array(none, 0);
	return 0;
}

CHILD(DeadlockOfNobody)
{
	weft_goexit();
}

/* It may also leave others behind, which end when they like. */
CHILD(DeadlockOfTheRest)
{
	weft_chan(int) c = weft_make(int, 1);

	weft_go(wait_on, c);
	settle(wait_on, WAIT_CHAN_RECV, 1);
	weft_send(c, 1);
	weft_goexit();
}

TEST(DeadlockIsReported)
{
	CHECK_DIES("Deadlock", "all goroutines are asleep - deadlock!");
	CHECK_DIES("DeadlockOfMany", "all goroutines are asleep - deadlock!");
	CHECK_DIES("DeadlockOfNothing", "all goroutines are asleep - deadlock!");
	CHECK_DIES("DeadlockOfNobody", "no goroutines (weft_main called weft_goexit)");
	CHECK_DIES("DeadlockOfTheRest", "no goroutines (weft_main called weft_goexit)");
}

/* Sleepers and threads of the program's own may still wake somebody. */
static void *close_later(void *arg)
{
	weft_chan(int) *c = arg;

	usleep(50000);
	weft_close(*c);
	return NULL;
}

CHILD(NoDeadlock)
{
	weft_chan(int) c = weft_make(int, 0);
	pthread_t thread;

	weft_sleep(20 * WEFT_MS);
	weft_select(weft_on_recv(c, NULL), weft_on_timeout(20 * WEFT_MS));
	pthread_create(&thread, NULL, close_later, &c);
	weft_recv(c, NULL);
	pthread_join(thread, NULL);
	weft_free(c);
	return 0;
}

TEST(WaitingIsNoDeadlock)
{
	CHECK_EXITS("NoDeadlock");
}

/* ---- stacks, memory ---- */

static int endless(int depth)
{
	volatile char pad[256];

	pad[0] = (char)depth;
	return depth < 0 ? 0 : endless(depth + 1) + pad[0];
}

static void overflow(void)
{
	endless(0);
}

CHILD(StackOverflow)
{
	weft_go(overflow);
	weft_sleep(10 * WEFT_SECOND);
	return 0;
}

TEST(StackOverflowIsReported)
{
	CHECK_DIES("StackOverflow", "stack overflow in goroutine");
}

/*
 * malloc's frames are larger than ours, and so the overflow happens in it; with blocks
 * of this size, under its lock.  The report must not need that.
 */
static int endless_malloc(int depth)
{
	char *volatile p = malloc(100000);

	return depth < 0 ? 0 : endless_malloc(depth + 1) + (p != NULL);
}

static void overflow_in_malloc(void)
{
	endless_malloc(0);
}

CHILD(OverflowInMalloc)
{
	weft_go(overflow_in_malloc);
	weft_sleep(10 * WEFT_SECOND);
	return 0;
}

TEST(StackOverflowInMallocIsReported)
{
	CHECK_DIES("OverflowInMalloc", "]: overflow_in_malloc");
}

/* A fault that is none of ours kills as it would without us. */
CHILD(Fault)
{
	volatile intptr_t nowhere = 8;

	*(int *)nowhere = 1;
	return 0;
}

TEST(OtherFaultsKill)
{
	if (SANITIZED)
		weft_skip("the sanitizer reports it instead");
	CHECK_EQ(child_run("Fault")->status, -SIGSEGV);
}

/* There are no stacks yet, and no record that the handler might read. */
CHILD(FaultFarOut)
{
	*(volatile char *)(arena.base + arena.size - 1) = 1;
	return 0;
}

static void exit_7(int sig)
{
	(void)sig;
	_exit(7);
}

__attribute__((constructor(101))) static void handle_before_us(void)
{
	const char *wanted = getenv("WEFT_CHILD");

	if (wanted && strcmp(wanted, "FaultFarOut") == 0)
		signal(SIGSEGV, exit_7);
}

TEST(OtherFaultsGoToTheHandlerBeforeUs)
{
	CHECK_EQ(child_run("FaultFarOut")->status, 7);
}

CHILD(OutOfMemory)
{
	weft_chan(char) c = weft_make(char, SIZE_MAX / 4);

	return weft_cap(c) != 0;
}

TEST(OutOfMemoryNamesTheSize)
{
	if (SANITIZED)
		weft_skip("the sanitizer's allocator has its own report");
	CHECK_DIES("OutOfMemory", "out of memory: ");
}

/* Whoever dies may hold any lock, and the report goes on. */
CHILD(DieUnderLock)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(wait_on, c);
	settle(wait_on, WAIT_CHAN_RECV, 1);
	lock(&sched.lock);
	die("no more of anything");
}

/* The stacks' lock, and no page for the report either. */
CHILD(NoMemoryForStacks)
{
	weft_chan(int) c = weft_make(int, 0);

	setrlimit(RLIMIT_DATA, &(struct rlimit){ 1, RLIM_INFINITY });
	weft_go_stack(100000, wait_on, c);
	weft_recv(c, NULL);
	return 0;
}

CHILD(Die)
{
	die("text");
}

/* Not how it went on from there, nor how it came to weft_main. */
TEST(ReportBeginsWhereDieWasCalled)
{
	struct child *c = child_run("Die");
	int line, end = 0;

	sscanf(c->err, "weft: text goroutine 1 [running]: weft_main "
	    "child_Die weft/signals_test.c:%d %n", &line, &end);
	if (!CHECK_EQ(end, c->len))
		weft_logf("%s", c->err);
}

TEST(DeathUnderLocksIsReported)
{
	CHECK_DIES("DieUnderLock", "[chan receive]: wait_on");
	if (SANITIZED)
		return;			/* it needs memory of its own */
	CHECK_DIES("NoMemoryForStacks", "cannot get memory for stacks");
}
