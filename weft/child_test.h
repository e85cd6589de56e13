/*
 * child_test.h - for tests: what stops a process is tried in another one
 *
 *	CHILD(SendOnClosed)
 *	{
 *		...
 *		return 0;
 *	}
 *
 *	TEST(SendOnClosedDies)
 *	{
 *		CHECK_DIES("SendOnClosed", "send on closed channel");
 *	}
 *
 * The test program runs itself again, with the child's name in WEFT_CHILD; there
 * the body is the first goroutine, without the harness, and its value the exit
 * status.
 */
#ifndef WEFT_CHILD_TEST_H
#define WEFT_CHILD_TEST_H

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"
#include "testing.h"

#define CHILD(name)							\
	static int child_##name(int argc, char **argv);			\
	__attribute__((constructor)) static void child_start_##name(void) \
	{								\
		child_start_(#name, child_##name);			\
	}								\
	static int child_##name(__attribute__((unused)) int argc,	\
	    __attribute__((unused)) char **argv)

static inline void child_start_(const char *name, int (*f)(int, char **))
{
	const char *wanted = getenv("WEFT_CHILD");
	int status;

	if (!wanted || strcmp(wanted, name) != 0)
		return;
	alarm(120);			/* one that hangs does not hang the tests */
	status = (weft_run)(f, 0, NULL);
	fflush(NULL);
	_exit(status);
}

/* status is the exit status, or minus the signal; err what it wrote to stderr. */
struct child { int status; size_t len; char err[1 << 16]; };

static inline void child_read_(struct child *c, int fd)
{
	char more[4096];
	ssize_t n;

	while ((n = read(fd, c->err + c->len, sizeof c->err - 1 - c->len)) > 0)
		c->len += (size_t)n;
	while (read(fd, more, sizeof more) > 0)
		;			/* it must not block, nor die of SIGPIPE */
	c->err[c->len] = '\0';
}

extern char **environ;

static inline pid_t child_spawn_(const char *name, int err)
{
	posix_spawn_file_actions_t files;
	char var[128], *argv[] = { (char *)"child", NULL }, *env[512];
	pid_t pid;
	size_t n = 0;

	snprintf(var, sizeof var, "WEFT_CHILD=%s", name);
	env[n++] = var;
	for (char **e = environ; *e && n < 511; e++)
		env[n++] = *e;
	env[n] = NULL;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
	if (posix_spawn(&pid, "/proc/self/exe", &files, NULL, argv, env))
		pid = -1;
	posix_spawn_file_actions_destroy(&files);
	return pid;
}

/* Valid until the next call: the tests that use it run one at a time. */
static inline struct child *child_run(const char *name)
{
	static struct child c;
	int fd[2], status = 0;
	pid_t pid;

	if (getenv("WEFT_EMULATED"))
		weft_skip("a program cannot run itself again under an emulator");
	c.len = 0;
	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	pid = child_spawn_(name, fd[1]);
	close(fd[1]);
	REQUIRE(pid > 0);
	weft_enter_blocking();
	child_read_(&c, fd[0]);
	waitpid(pid, &status, 0);
	weft_leave_blocking();
	close(fd[0]);
	c.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	return &c;
}

static inline void child_check_(const char *name, int status, const char *text,
    const char *file, int line)
{
	struct child *c = child_run(name);
	bool ok = weft_check_eq_(c->status, status, name, "status", file, line);

	if (!weft_check_(ok && strstr(c->err, text), text, file, line))
		weft_logf_(file, line, "%.3000s", c->err);
}

/* Stopped by the runtime, and says so. */
#define CHECK_DIES(name, text)	child_check_(name, 2, text, __FILE__, __LINE__)
#define CHECK_EXITS(name)	child_check_(name, 0, "", __FILE__, __LINE__)

#endif
