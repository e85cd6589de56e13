/*
 * workers.c - starting the runtime and its threads
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"
#include "queue.h"

void	signals_init(void);

static sigset_t start_mask;		/* of the thread that started the runtime */

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
	atomic_store(&w->timers.next, INT64_MAX);
	w->seen = xcalloc(MAX_WORKERS, sizeof *w->seen);
	rand_seed(&w->rand, rand_entropy());
	trace_start(w);
	return w;
}

static void worker_free(struct worker *w)
{
	trace_stop(w);
	free(w->seen);
	free(w);
}

int worker_start(void)
{
	int i = sched.nworkers, err;
	struct worker *w;
	pthread_attr_t attr;
	sigset_t mask = start_mask, old;

	if (i == MAX_WORKERS)
		return -EAGAIN;
	w = worker_new(i);
	if (w->epfd < 0) {
		err = w->epfd;
		worker_free(w);
		return err;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* As the program wants it, and so its children: whoever starts this worker may
	   block more.  What kill(2) sends goes to the first thread anyway, if it can. */
	for (const int *f = (const int[]){ SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
	    SIGTRAP, SIGSYS, SIGPROF, SIGURG, 0 }; *f; f++)
		sigdelset(&mask, *f);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	err = pthread_create(&w->thread, &attr, worker_loop, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err) {
		poll_free(w->epfd);
		worker_free(w);
		return -err;
	}
	/* once published it stays: others look at it without a lock */
	sched.worker[i] = w;
	atomic_store(&sched.nworkers, i + 1);
	atomic_fetch_add(&sched.active, 1);
	return 0;
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

/* A goroutine that goes on in the child ends up in find() as soon as it waits. */
static void after_fork(void)
{
	struct worker *w = self()->w;

	if (w)
		atomic_store(&w->relieved, true);
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
