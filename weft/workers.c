/*
 * workers.c - starting the runtime and its threads
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

void	signals_init(void);

static struct worker *worker_new(int index)
{
	struct worker *w;

	if (posix_memalign((void **)&w, 64, sizeof *w))
		die("out of memory: %zu bytes", sizeof *w);
	memset(w, 0, sizeof *w);
	w->index = index;
	w->epfd = poll_new();
	w->sched.kind = KIND_SCHED;
	w->sched.w = w;
	w->running = &w->sched;
	atomic_store(&w->timer_next, INT64_MAX);
	rand_seed(&w->rand, rand_entropy());
	return w;
}

int worker_start(void)
{
	int i = sched.nworkers, err;
	struct worker *w;
	pthread_attr_t attr;
	sigset_t all, old;

	if (i == MAX_WORKERS)
		return -EAGAIN;
	w = worker_new(i);
	if (w->epfd < 0) {
		err = w->epfd;
		free(w);
		return err;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* signals go to the program's own threads; only faults come to workers */
	sigfillset(&all);
	for (const int *s = (const int[]){ SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
	    SIGTRAP, SIGSYS, SIGPROF, SIGURG, 0 }; *s; s++)
		sigdelset(&all, *s);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	sched.worker[i] = w;
	atomic_store(&sched.nworkers, i + 1);
	atomic_fetch_add(&sched.active, 1);
	err = pthread_create(&w->thread, &attr, worker_loop, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!err)
		return 0;
	atomic_fetch_sub(&sched.active, 1);
	atomic_store(&sched.nworkers, i);
	poll_free(w->epfd);
	free(w);
	return -err;
}

void sched_die_unless_running(const char *call)
{
	if (sched.forked)
		die("%s: this process was forked from one that runs goroutines; only the "
		    "parent goes on running them (call exec, or use posix_spawn)", call);
	if (!sched.started)
		die("%s: no runtime is running; define weft_main instead of main, or call "
		    "weft_run", call);
}

static sigset_t start_mask;

/* The child is a plain process: signals reach it as they did before the runtime. */
static void after_fork(void)
{
	pthread_sigmask(SIG_SETMASK, &start_mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	sched.forked = true;
	sched.started = false;
}

void sched_start(void)
{
	int err = 0;

	pthread_sigmask(SIG_SETMASK, NULL, &start_mask);
	stack_init();
	poll_init();
	atomic_store(&sched.coarse, clock_now());
	signals_init();
	pthread_atfork(NULL, NULL, after_fork);
	lock(&sched.lock);
	for (int i = 0; i < sched.procs && !err; i++)
		err = worker_start();
	unlock(&sched.lock);
	if (sched.nworkers == 0)
		die("cannot start a thread: %s (check ulimit -u and the cgroup's pids.max)",
		    strerror(-err));
	if (err) {
		fprintf(stderr, "weft: started %d of %d workers: %s (check ulimit -u and "
		    "the cgroup's pids.max)\n", sched.nworkers, sched.procs,
		    strerror(-err));
		sched.procs = sched.nworkers;
	}
	monitor_start();
	atomic_store(&sched.started, true);
}
