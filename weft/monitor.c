/*
 * monitor.c - relief for stuck workers
 *
 * C code is never interrupted.  A thread looks every 10 ms whether a worker is
 * still in the same goroutine; if so, and nobody idle could do its work, another
 * worker is started or woken, which finds the stuck one's timers and descriptors by
 * looking around; what the stuck one has queued is put into the global queue.  When it
 * comes back it hands over what it has and becomes a spare (come_back in find.c).
 *
 * It also gives back the memory of stacks that have not been used for a second.
 *
 * When nothing has run for a while the monitor sleeps, too: an idle program has no
 * wake-ups at all.  The first worker to run something afterwards wakes it.
 */
#include <signal.h>

#include "bubble.h"
#include "futex.h"
#include "net.h"
#include "queue.h"

enum { TICK_NS = 10000000, QUIET_TICKS = 10, COLD_TICKS = 100 };

static bool is_stuck(struct worker *w)
{
	uint32_t tick = atomic_load_explicit(&w->tick, memory_order_relaxed);
	bool same = tick == w->seen_tick;

	w->seen_tick = tick;
	return same && !w->spare && !w->relieved &&
	    atomic_load_explicit(&w->running, memory_order_relaxed) != &w->sched;
}

static void relieve(struct worker *w)
{
	atomic_fetch_add(&sched.stuck, 1);
	if (atomic_exchange(&w->relieved, true)) {
		atomic_fetch_sub(&sched.stuck, 1);
		return;
	}
	if (sched_relieve())
		w->stats.handoffs++;
	else if (atomic_exchange(&w->relieved, false))
		atomic_fetch_sub(&sched.stuck, 1);	/* no thread to be had: next time */
}

static bool anyone_free(void)
{
	return atomic_load(&sched.nidle) || atomic_load(&sched.searching);
}

/* True: something ran since the last time. */
static bool tick(void)
{
	int n = atomic_load(&sched.nworkers);
	bool busy = false;

	atomic_store_explicit(&sched.coarse, clock_now(), memory_order_relaxed);
	for (int i = 0; i < n; i++) {
		struct worker *w = sched.worker[i];
		uint32_t before = w->seen_tick;

		/* who runs something when all others are stuck wakes us first */
		if (is_stuck(w) && !anyone_free()) {
			busy = true;
			relieve(w);
		}
		if (atomic_load_explicit(&w->relieved, memory_order_relaxed))
			queue_rescue(w);
		busy |= w->seen_tick != before;
	}
	/* the pollster went to work and nobody took its place */
	if (atomic_load(&sched.nidle) && !atomic_load(&sched.pollster))
		sched_wake_one();
	return busy;
}

static void *monitor_loop(void *arg)
{
	int quiet = 0;

	(void)arg;
	for (;;) {
		struct timespec ts = { 0, TICK_NS };

		nanosleep(&ts, NULL);
		quiet = tick() ? 0 : quiet + 1;
		stack_trim(clock_now() - COLD_TICKS * TICK_NS);
		if (quiet < QUIET_TICKS)
			continue;
		while (stack_trim(INT64_MAX))	/* nobody may come by for long */
			;
		atomic_store(&sched.monitor, 0);
		if (tick()) {		/* it ran before it could see that we sleep */
			atomic_store(&sched.monitor, 1);
			continue;
		}
		while (!atomic_load(&sched.monitor))
			futex_wait((uint32_t *)&sched.monitor, 0, -1);
		quiet = 0;
	}
	return NULL;
}

void monitor_wake(void)
{
	if (!atomic_exchange(&sched.monitor, 1))
		futex_wake((uint32_t *)&sched.monitor);
}

void monitor_start(void)
{
	pthread_t thread;
	sigset_t all, old;

	atomic_store(&sched.monitor, 1);
	sigfillset(&all);
	sigdelset(&all, SIGURG);	/* stops every thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, monitor_loop, NULL))
		sched_no_monitor();
	else
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Somebody has to look after timers and descriptors. */
static bool others_run(struct worker *w)
{
	int n = atomic_load(&sched.nworkers);

	for (int i = 0; i < n; i++) {
		struct worker *v = sched.worker[i];

		if (v != w && !v->spare && !worker_is_blocked(v))
			return true;
	}
	return false;
}

void weft_enter_blocking(void)
{
	struct worker *w = self()->w;

	if (!w || !is_goroutine(self()))
		return;
	/* it might wait for another goroutine of the bubble, which has no turn meanwhile */
	bubble_refuse("weft_enter_blocking", false);
	atomic_store(&w->blocking, true);
	if (!anyone_free() && (atomic_load(&w->next) || runq_len(&w->q) ||
	    atomic_load(&sched.nglobal) || !others_run(w)))
		relieve(w);
}

void weft_leave_blocking(void)
{
	struct worker *w = self()->w;

	if (w)
		atomic_store(&w->blocking, false);
}
