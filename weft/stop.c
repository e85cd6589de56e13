/*
 * stop.c - stopping every thread of the process by a signal
 *
 * The epoch is odd while the world is to stand still.  A thread stops in the handler
 * when it finds it so, and goes on when it is another.  New threads may be started by
 * those that have not stopped yet, so the list is read until it brings no more.
 */
#include "stop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages.h"
#include "runtime.h"
#include "unwind.h"

enum { MOST = 1 << 15, PATIENCE = 1000 /* ms */ };

static struct {
	_Atomic unsigned lock;		/* from world_stop to world_start */
	_Atomic uint32_t epoch;
	_Atomic size_t	 n;		/* threads that have come to a stop */
	struct stopped	*threads;	/* room for MOST                    */
	pid_t		*told;		/* the same: who was told to        */
	size_t		 ntold;
	struct sigaction old;
} stop;

static void wait_for_start(uint32_t epoch)
{
	while (atomic_load(&stop.epoch) == epoch)
		syscall(SYS_futex, &stop.epoch, FUTEX_WAIT_PRIVATE, epoch, NULL, NULL, 0);
}

static void on_stop(int sig, siginfo_t *info, void *context)
{
	const stack_t *alt = &((ucontext_t *)context)->uc_stack;
	uint32_t epoch = atomic_load(&stop.epoch);
	int err = errno;
	size_t i;

	if (epoch % 2) {
		i = atomic_fetch_add(&stop.n, 1);
		if (i < MOST) {
			struct stopped *t = &stop.threads[i];

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
		wait_for_start(epoch);
	} else if (stop.old.sa_flags & SA_SIGINFO) {
		stop.old.sa_sigaction(sig, info, context);
	} else if (stop.old.sa_handler != SIG_DFL && stop.old.sa_handler != SIG_IGN) {
		stop.old.sa_handler(sig);
	}
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

/* Until all that were told have stopped, or ended. */
static int await(int64_t until)
{
	for (size_t i = 0; i < stop.ntold; i++)
		while (!has_stopped(stop.told[i])) {
			if (syscall(SYS_tgkill, getpid(), stop.told[i], 0))
				break;
			if (clock_now() > until)
				return -EBUSY;
			sched_yield();
		}
	return 0;
}

static int stop_all(void)
{
	int dir = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	int64_t until = clock_now() + PATIENCE * WEFT_MS;

	if (dir < 0)
		return -errno;
	do {
		n = tell_more(dir);
		if (n >= 0 && await(until))
			n = -EBUSY;
	} while (n > 0);
	close(dir);
	return n;
}

static void finish(void)
{
	sigaction(SIGURG, &stop.old, NULL);
	if (stop.threads)
		munmap(stop.threads, MOST * sizeof *stop.threads);
	if (stop.told)
		munmap(stop.told, MOST * sizeof *stop.told);
	unlock(&stop.lock);
}

int world_stop(struct stopped **threads, size_t *n)
{
	struct sigaction sa = { .sa_sigaction = on_stop,
	    .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	int err;

	lock(&stop.lock);
	stop.threads = pages(MOST * sizeof *stop.threads);
	stop.told = pages(MOST * sizeof *stop.told);
	stop.ntold = 0;
	atomic_store(&stop.n, 0);
	sigfillset(&sa.sa_mask);
	sigaction(SIGURG, NULL, &stop.old);	/* before a handler can need it */
	sigaction(SIGURG, &sa, NULL);
	if (!stop.threads || !stop.told) {
		finish();
		return -ENOMEM;
	}
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
