/*
 * spawn_test.c - programs that goroutines start are born as from any C program
 */
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_test.h"
#include "net.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

extern char **environ;

/* How the shell ends that runs the script: -signal, or its status. */
static int shell(const char *script)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	int status = 0;
	pid_t pid;

	REQUIRE(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0);
	weft_enter_blocking();
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	weft_leave_blocking();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(SpawnedProgramsHaveDefaultSignals)
{
	CHECK_EQ(shell("kill -TERM $$; exit 7"), -SIGTERM);
	CHECK_EQ(shell("kill -INT $$; exit 7"), -SIGINT);
	CHECK_EQ(shell("kill -PIPE $$; exit 7"), -SIGPIPE);
	CHECK_EQ(shell("exit 7"), 7);
}

static volatile sig_atomic_t raised;

static void on_usr1(int sig)
{
	raised = sig;
}

TEST(RaiseReachesTheHandler)
{
	struct sigaction sa = { .sa_handler = on_usr1 }, old;

	raised = 0;
	sigaction(SIGUSR1, &sa, &old);
	raise(SIGUSR1);
	CHECK_EQ(raised, SIGUSR1);
	sigaction(SIGUSR1, &old, NULL);
}

static int in_child(void (*f)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		f();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void sleep_a_little(void)
{
	weft_sleep(WEFT_MS);
}

CHILD(WaitAfterFork) { return in_child(sleep_a_little); }

CHILD(YieldAfterFork) { return in_child(weft_yield); }

/* They would go on with the parent's other goroutines a second time. */
TEST(ForkedChildMayNotWait)
{
	CHECK_DIES("WaitAfterFork", "forked from one that runs goroutines");
	CHECK_DIES("YieldAfterFork", "forked from one that runs goroutines");
}
