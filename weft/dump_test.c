/* dump_test.c - the text of the reports */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child_test.h"
#include "debug.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"


/* Keeps a call from becoming a jump. */
#define STAY()	__asm__ volatile("" ::: "memory")

static char text[1 << 20];

static const char *report(void (*f)(int))
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	ssize_t n;

	f(fd);
	n = pread(fd, text, sizeof text - 1, 0);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static size_t in_cycles;

static void cycles(int fd)
{
	in_cycles = weft_deadlocks(fd);
}

static void receive(weft_chan(int) c)
{
	weft_recv(c, NULL);
	STAY();
}

TEST(DumpFoldsEqualStacks)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = { 0 };
	const char *s;

	for (int i = 0; i < 12; i++)
		weft_waitgroup_go(&wg, receive, c);
	settle(receive, WAIT_CHAN_RECV, 12);
	s = strstr(report(weft_dump), "\n12 goroutines [chan receive]: receive   spawned at ");
	REQUIRE(s);
	s = strchr(s + 1, '\n');
	CHECK(s && !strncmp(s, "\n    receive  ", 14) && strstr(s, "dump_test.c:"));
	CHECK(!strncmp(text, "goroutine ", 10) && strstr(text, " [running]: "));
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

static void hold_and_wait(weft_mutex *held, weft_mutex *wanted)
{
	weft_mutex_lock(held);
	weft_mutex_lock(wanted);
	weft_mutex_unlock(wanted);
	weft_mutex_unlock(held);
}

TEST(DumpNamesALocksHolder)
{
	weft_mutex a = { 0 }, b = { 0 };
	weft_waitgroup wg = { 0 };
	char want[128];

	weft_mutex_lock(&a);
	weft_waitgroup_go(&wg, hold_and_wait, &b, &a);
	settle(hold_and_wait, WAIT_MUTEX, 1);
	CHECK(!strstr(report(cycles), "hold_and_wait"));	/* we are not waiting */
	snprintf(want, sizeof want, "[mutex %p, held by %jd]: hold_and_wait   spawned at ",
	    (void *)&a, (intmax_t)weft_goid());
	CHECK(strstr(report(weft_dump), want));
	weft_mutex_unlock(&a);
	weft_waitgroup_wait(&wg);
}

static void lock_both(weft_mutex *a, weft_mutex *b, weft_chan(int) locked, weft_chan(int) go)
{
	weft_mutex_lock(a);
	weft_send(locked, 1);
	weft_recv(go, NULL);
	weft_mutex_lock(b);
	weft_mutex_unlock(b);
}

TEST(DumpNamesBothOfADeadlock, .real = true)
{
	weft_mutex a = { 0 }, b = { 0 };
	weft_chan(int) locked = weft_make(int, 0), go = weft_make(int, 0);
	weft_waitgroup wg = { 0 };

	weft_waitgroup_go(&wg, lock_both, &a, &b, locked, go);
	weft_waitgroup_go(&wg, lock_both, &b, &a, locked, go);
	weft_recv(locked, NULL);
	weft_recv(locked, NULL);
	weft_close(go);
	settle(lock_both, WAIT_MUTEX, 2);
	CHECK(strstr(report(cycles), "deadlock: 2 goroutines wait for each other\n  goroutine "));
	CHECK(strstr(text, "] lock_both   spawned at "));
	CHECK_EQ(in_cycles, 2);
	CHECK(cycle_for_good(group_current()));
	weft_mutex_unlock(&a);		/* anyone may */
	CHECK_EQ(weft_deadlocks(-1), 0);
	weft_mutex_unlock(&b);
	weft_waitgroup_wait(&wg);
	weft_free(locked);
	weft_free(go);
}

/* ---- descriptors that do not block ---- */

static void *read_all(void *fd)
{
	ssize_t n;

	for (size_t len = 0; (n = read((int)(intptr_t)fd, text + len, sizeof text - 1 - len)) > 0; )
		text[len += (size_t)n] = '\0';
	return NULL;
}

static void lock_one(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
}

/* Many times what the pipe holds: each waits for another lock, and is an entry. */
TEST(DumpWaitsForWhoeverReads)
{
	enum { N = 100 };
	weft_mutex m[N] = { 0 };
	weft_waitgroup wg = { 0 };
	pthread_t reader;
	int fd[2];

	for (int i = 0; i < N; i++) {
		weft_mutex_lock(&m[i]);
		weft_waitgroup_go(&wg, lock_one, &m[i]);
	}
	settle(lock_one, WAIT_MUTEX, N);
	REQUIRE(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0);
	fcntl(fd[0], F_SETFL, 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	pthread_create(&reader, NULL, read_all, (void *)(intptr_t)fd[0]);
	weft_dump(fd[1]);
	close(fd[1]);
	pthread_join(reader, NULL);
	close(fd[0]);
	for (int i = 0; i < N; i++) {
		char want[64];

		snprintf(want, sizeof want, "[mutex %p, held by ", (void *)&m[i]);
		CHECK(strstr(text, want));
		weft_mutex_unlock(&m[i]);
	}
	weft_waitgroup_wait(&wg);
}

CHILD(DieUnread)
{
	int fd[2];

	if (pipe2(fd, O_NONBLOCK))
		return 1;
	while (write(fd[1], text, sizeof text) > 0)
		;
	dup2(fd[1], STDERR_FILENO);
	die("nobody knows");
}

TEST(DeathDoesNotWaitForEver, .real = true)
{
	CHECK_DIES("DieUnread", "");
}
