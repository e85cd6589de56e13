/* start_test.c - starting the runtime, where that is hard and where it is wrong */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child_test.h"
#include "debug.h"
#include "sanitize.h"
#include "testing.h"

static int nothing(int argc, char **argv)
{
	(void)argv;
	return argc;
}

/* Address space runs out before the threads' stacks have theirs; run as a program. */
static void limited(const char *name, int resource, rlim_t limit)
{
	const char *wanted = getenv("WEFT_CHILD");
	struct rlimit r = { limit, limit };

	if (!wanted || strcmp(wanted, name) != 0)
		return;
	setrlimit(resource, &r);
	_exit((weft_run)(nothing, 0, NULL));
}

__attribute__((constructor)) static void start_limited(void)
{
	limited("NoMemory", RLIMIT_AS, 100 << 20);
	limited("LittleMemory", RLIMIT_AS, 500 << 20);
	limited("NoDescriptors", RLIMIT_NOFILE, 4);
}

TEST(CannotStartSaysWhy)
{
	if (SANITIZED)
		weft_skip("the sanitizer does not start, either");
	CHECK_DIES("NoMemory", "ulimit -v");
	CHECK_DIES("NoDescriptors", "ulimit -n");
}

TEST(LittleAddressSpaceSuffices)
{
	if (SANITIZED)
		weft_skip("the sanitizer needs terabytes");
	CHECK_EXITS("LittleMemory");
}

static void noop(void)
{
}

__attribute__((constructor)) static void start_alone(void)
{
	const char *wanted = getenv("WEFT_CHILD");

	if (wanted && strcmp(wanted, "GoAlone") == 0)
		weft_go(noop);
	if (wanted && strcmp(wanted, "BadProcs") == 0) {
		setenv("WEFT_PROCS", "many", 1);
		(weft_run)(nothing, 0, NULL);
	}
}

enum { STARTERS = 8 };

static void *run_nothing(void *barrier)
{
	pthread_barrier_wait(barrier);
	return (void *)(intptr_t)(weft_run)(nothing, 0, NULL);
}

/* One of them starts the runtime, and the others find it. */
__attribute__((constructor)) static void start_together(void)
{
	const char *wanted = getenv("WEFT_CHILD");
	pthread_t thread[STARTERS];
	pthread_barrier_t barrier;
	struct weft_stats stats;

	if (!wanted || strcmp(wanted, "Together") != 0)
		return;
	alarm(120);
	setenv("WEFT_PROCS", "64", 1);	/* so that it takes a while */
	pthread_barrier_init(&barrier, NULL, STARTERS);
	for (int i = 0; i < STARTERS; i++)
		pthread_create(&thread[i], NULL, run_nothing, &barrier);
	for (int i = 0; i < STARTERS; i++)
		pthread_join(thread[i], NULL);
	weft_stats(&stats);		/* the monitor may have added one */
	_exit(stats.spawned != STARTERS || stats.threads > stats.workers + 1);
}

TEST(SeveralMayBeTheFirst)
{
	CHECK_EXITS("Together");
}

TEST(NoRuntimeIsReported)
{
	CHECK_DIES("GoAlone", "no runtime is running");
	CHECK_DIES("BadProcs", "WEFT_PROCS=many");
}
