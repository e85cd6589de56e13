/*
 * stop.c - stopping every thread of the process by a signal
 *
 * The epoch is odd while the world is to stand still.  A thread stops in the handler
 * when it finds it so, and goes on when it is another.  New threads may be started by
 * those that have not stopped yet, so the list is read until it brings no more.
 *
 * Who is late may come when nobody waits for it any more, after a SIGSTOP for instance.  So
 * the notes stay for ever, and the world is stopped again only when all have left the handler:
 * by then they have also moved on from where they were.
 */
#include "stop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages.h"
#include "runtime.h"
#include "unwind.h"

enum { MOST = 1 << 15, PATIENCE = 1000 /* ms */ };

static struct {
	_Atomic unsigned lock;		/* from world_stop to world_start */
	_Atomic uint32_t epoch;
	_Atomic size_t	 inside;	/* threads in the handler           */
	_Atomic size_t	 n;		/* threads that have come to a stop */
	struct stopped	*threads;	/* room for MOST, kept              */
	pid_t		*told;		/* the same: who was told to        */
	size_t		 ntold;
	pid_t		 pid;		/* not that of a child meanwhile forked */
	struct sigaction old;
} stop;

static void wait_for_start(uint32_t epoch)
{
	while (atomic_load(&stop.epoch) == epoch)
		syscall(SYS_futex, &stop.epoch, FUTEX_WAIT_PRIVATE, epoch, NULL, NULL, 0);
}

static void note(void *context)
{
	const stack_t *alt = &((ucontext_t *)context)->uc_stack;
	size_t i = atomic_fetch_add(&stop.n, 1);
	struct stopped *t = &stop.threads[i];

	if (i >= MOST)
		return;
	t->sp = CONTEXT_SP(context);
	t->frame = (uintptr_t)__builtin_frame_address(0);
	t->regs = (uintptr_t)CONTEXT_REGS(context);
	t->regs_end = t->regs + sizeof CONTEXT_REGS(context);
	if (!(alt->ss_flags & SS_DISABLE)) {
		t->alt = (uintptr_t)alt->ss_sp;
		t->alt_end = t->alt + alt->ss_size;
	}
	/* release: pairs with the acquire in has_stopped */
	__atomic_store_n(&t->tid, gettid(), __ATOMIC_RELEASE);
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	if (stop.old.sa_flags & SA_SIGINFO)
		stop.old.sa_sigaction(sig, info, context);
	else if (stop.old.sa_handler != SIG_DFL && stop.old.sa_handler != SIG_IGN)
		stop.old.sa_handler(sig);
}

static void on_stop(int sig, siginfo_t *info, void *context)
{
	int err = errno;
	uint32_t epoch;
	bool stops;

	atomic_fetch_add(&stop.inside, 1);	/* before the epoch is read: see all_left */
	epoch = atomic_load(&stop.epoch);
	stops = epoch % 2 && getpid() == stop.pid;
	if (stops) {
		note(context);
		wait_for_start(epoch);
	}
	atomic_fetch_sub(&stop.inside, 1);
	if (!stops)
		pass_on(sig, info, context);
	errno = err;
}

static bool was_told(pid_t tid)
{
	for (size_t i = 0; i < stop.ntold; i++)
		if (stop.told[i] == tid)
			return true;
	return false;
}

static bool has_stopped(pid_t tid)
{
	size_t n = atomic_load(&stop.n);

	for (size_t i = 0; i < n && i < MOST; i++)
		if (__atomic_load_n(&stop.threads[i].tid, __ATOMIC_ACQUIRE) == tid)
			return true;
	return false;
}

struct entry {				/* as getdents64 writes it */
	uint64_t	ino;
	int64_t		off;
	uint16_t	size;
	uint8_t		type;
	char		name[];
};

/* Tells those that were not told yet.  How many, or -errno. */
static int tell_more(int dir)
{
	char buf[4096] __attribute__((aligned(8)));
	pid_t pid = getpid(), own = gettid();
	int more = 0;
	long n;

	lseek(dir, 0, SEEK_SET);
	while ((n = syscall(SYS_getdents64, dir, buf, sizeof buf)) > 0)
		for (long at = 0; at < n; ) {
			struct entry *e = (struct entry *)(buf + at);
			pid_t tid = (pid_t)strtol(e->name, NULL, 10);

			at += e->size;
			if (tid <= 0 || tid == own || was_told(tid))
				continue;
			if (stop.ntold == MOST)
				return -EAGAIN;
			if (!syscall(SYS_tgkill, pid, tid, SIGURG)) {
				stop.told[stop.ntold++] = tid;
				more++;
			}
		}
	return n < 0 ? -errno : more;
}

/* The n-th number after the state, in a line of /proc/self/task/TID/stat. */
static unsigned long number(const char *state, int n)
{
	while (state && n--)
		state = strchr(state + 1, ' ');
	return state ? strtoul(state, NULL, 10) : 0;
}

/*
 * Of a thread that has not stopped yet.  One that sleeps with SIGURG blocked will not; one
 * that runs none of the program's code need not: the first thread, after it has ended
 * before the others, and those with which the kernel serves io_uring.
 */
static enum { MAY_STOP, WILL_NOT, NEED_NOT } look_at(pid_t tid)
{
	enum { FLAGS = 6, BLOCKED = 29, IO_WORKER = 0x10, USER_WORKER = 0x4000 };
	char path[64], line[1024], *state;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, line, sizeof line - 1);
		close(fd);
	}
	line[n > 0 ? n : 0] = '\0';
	state = strrchr(line, ')');
	if (!state || !state[1])
		return MAY_STOP;
	state += 2;
	if (*state == 'Z' || *state == 'X' || number(state, FLAGS) & (IO_WORKER | USER_WORKER))
		return NEED_NOT;
	return *state == 'S' && number(state, BLOCKED) >> (SIGURG - 1) & 1 ? WILL_NOT : MAY_STOP;
}

/* Until it has stopped, or ended. */
static int await(pid_t tid, int64_t until)
{
	enum { LOOK = 1024 };

	for (unsigned i = 1; !has_stopped(tid); i++) {
		int how = i % LOOK ? MAY_STOP : look_at(tid);

		if (how == NEED_NOT || syscall(SYS_tgkill, getpid(), tid, 0))
			break;
		/* who stands in the handler by now has it blocked, too */
		if ((how == WILL_NOT && !has_stopped(tid)) || clock_now() > until)
			return -EBUSY;
		sched_yield();
	}
	return 0;
}

static int await_all(int64_t until)
{
	int err = 0;

	for (size_t i = 0; i < stop.ntold && !err; i++)
		err = await(stop.told[i], until);
	return err;
}

static int stop_all(void)
{
	int dir = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	int64_t until = clock_now() + PATIENCE * WEFT_MS;

	if (dir < 0)
		return -errno;
	do {
		n = tell_more(dir);
		if (n >= 0 && await_all(until))
			n = -EBUSY;
	} while (n > 0);
	close(dir);
	return n;
}

static void finish(void)
{
	sigaction(SIGURG, &stop.old, NULL);
	unlock(&stop.lock);
}

/* Under stop.lock, before the epoch changes: so who still comes finds the next one. */
static bool all_left(void)
{
	int64_t until = clock_now() + PATIENCE * WEFT_MS;

	while (atomic_load(&stop.inside)) {
		if (clock_now() > until)
			return false;
		sched_yield();
	}
	return true;
}

static int begin(void)
{
	size_t n = atomic_load(&stop.n);

	if (!all_left())
		return -EBUSY;
	if (!stop.threads)
		stop.threads = pages(MOST * sizeof *stop.threads);
	if (!stop.told)
		stop.told = pages(MOST * sizeof *stop.told);
	if (!stop.threads || !stop.told)
		return -ENOMEM;
	memset(stop.threads, 0, (n < MOST ? n : MOST) * sizeof *stop.threads);
	atomic_store(&stop.n, 0);
	stop.ntold = 0;
	stop.pid = getpid();
	return 0;
}

int world_stop(struct stopped **threads, size_t *n)
{
	struct sigaction sa = { .sa_sigaction = on_stop,
	    .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	int err;

	lock(&stop.lock);
	err = begin();
	if (err) {
		unlock(&stop.lock);
		return err;
	}
	sigfillset(&sa.sa_mask);
	sigaction(SIGURG, NULL, &stop.old);	/* before a handler can need it */
	sigaction(SIGURG, &sa, NULL);
	atomic_fetch_add(&stop.epoch, 1);
	err = stop_all();
	if (err) {
		world_start();
		return err;
	}
	*threads = stop.threads;
	*n = atomic_load(&stop.n);
	return 0;
}

void world_start(void)
{
	atomic_fetch_add(&stop.epoch, 1);
	syscall(SYS_futex, &stop.epoch, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	finish();
}
