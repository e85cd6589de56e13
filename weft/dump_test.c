/* dump_test.c - the text of the reports */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "debug.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

void	dump_cycle(struct out *o);

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

static void cycles(int fd)
{
	struct out o;

	out_init(&o, fd);
	dump_cycle(&o);
	out_flush(&o);
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

TEST(DumpNamesBothOfADeadlock)
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
	weft_mutex_unlock(&a);		/* anyone may */
	weft_mutex_unlock(&b);
	weft_waitgroup_wait(&wg);
	weft_free(locked);
	weft_free(go);
}
