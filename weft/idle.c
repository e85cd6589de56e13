/*
 * idle.c - workers that sleep, and how they are woken
 *
 * No wake is lost: whoever queues an item looks afterwards whether someone sleeps
 * and nobody searches; whoever goes to sleep says so first and then looks through
 * all queues once more.  Both have a full barrier in between.  One sleeper, the
 * pollster, sleeps in the netpoller until the earliest of all timers; the others
 * sleep on a futex.
 */
#include "futex.h"
#include "queue.h"
#include "trace.h"

bool (*sched_idle_hook)(struct worker *w);
void	sched_deadlock(void);

/* The last searcher that finds something passes the search on. */
void idle_stop_searching(struct worker *w, bool found)
{
	if (!w->searching)
		return;
	w->searching = false;
	if (atomic_fetch_sub(&sched.searching, 1) == 1 && found)
		sched_wake_one();
}

static void leave_idle(struct worker *w)	/* sched.lock held */
{
	int n = sched.nidle;

	if (!w->idle)
		return;
	for (int i = 0; i < n; i++)
		if (sched.idle[i] == w) {
			sched.idle[i] = sched.idle[n - 1];
			break;
		}
	w->idle = false;
	atomic_store(&sched.nidle, n - 1);
}

static void wake(struct worker *w)
{
	w->stats.wakes++;
	atomic_store(&w->woken, 1);
	/* seq_cst, both here and in sleep_until: one of us sees the other */
	if (atomic_load(&sched.pollster) == w)
		poll_kick();
	futex_wake((uint32_t *)&w->woken);
}

void sched_wake_one(void)
{
	struct worker *w = NULL;
	int none = 0;

	if (atomic_load(&sched.searching) ||
	    !atomic_compare_exchange_strong(&sched.searching, &none, 1))
		return;
	lock(&sched.lock);
	if (sched.nidle) {
		w = sched.idle[sched.nidle - 1];
		leave_idle(w);
		w->searching = true;
	} else
		/* before anyone else can go idle: he would rely on our search */
		atomic_fetch_sub(&sched.searching, 1);
	unlock(&sched.lock);
	if (w)
		wake(w);
}

static int64_t earliest_timer(void)
{
	int n = atomic_load(&sched.nworkers);
	int64_t min = INT64_MAX;

	for (int i = 0; i < n; i++) {
		int64_t t = atomic_load(&sched.worker[i]->timers.next);

		if (t < min)
			min = t;
	}
	return min;
}

/* The last look before sleep, after everyone could see that we are idle. */
static bool anything(struct worker *w)
{
	int n = atomic_load(&sched.nworkers);

	if (atomic_load(&sched.nglobal))
		return true;
	for (int i = 0; i < n; i++) {
		struct worker *v = sched.worker[i];

		if (runq_len(&v->q))
			return true;
		/* what is in next and moves on is its owner's; wait until it does */
		struct worker_seen seen = {0};
		uintptr_t item;
		while (v != w && (item = atomic_load(&v->next))) {
			uint32_t tick = atomic_load_explicit(&v->tick, memory_order_relaxed);

			if (!seen.next)
				seen = (struct worker_seen){ item, tick, clock_now() };
			if (seen.next != item || seen.tick != tick)
				break;
			if (worker_is_blocked(v) || clock_now() - seen.since >= WORKER_STALE_NS)
				return true;
			cpu_pause();
		}
	}
	return clock_now() >= earliest_timer();
}

/*
 * When two goroutines wake each other in turn on another worker, its next is never
 * free for long, and never stale: to be woken for it again and again is of no use
 * and costs that worker a system call each time.  So who sees that others switch
 * fast and has found nothing to steal dozes: what goes into a queue still wakes it,
 * what goes into a next does not (queue_announce_next), and it looks by itself after
 * DOZE_NS.  When it finds the others slower it searches and sleeps as usual.
 */
enum { DOZE_NS = 100000, CHURN = 32 };

bool idle_others_churn(struct worker *w)
{
	int n = atomic_load(&sched.nworkers);
	uint32_t now = 0, before = w->others;

	for (int i = 0; i < n; i++)
		if (sched.worker[i] != w)
			now += atomic_load_explicit(&sched.worker[i]->tick,
			    memory_order_relaxed);
	w->others = now;
	return now - before >= CHURN;
}

/* Sleeps until woken, in the netpoller if nobody is there; not beyond limit. */
static void sleep_until_woken(struct worker *w, int64_t limit)
{
	struct worker *none = NULL;

	w->stats.parks++;
	if (atomic_compare_exchange_strong(&sched.pollster, &none, w)) {
		int64_t until;

		do {
			until = earliest_timer();
			until = until < limit ? until : limit;
			atomic_store(&sched.poll_until, until);
			/* a timer added before it saw poll_until is seen now */
		} while (earliest_timer() < until);
		if (!atomic_load(&w->woken))
			poll_sleep(w, until);
		atomic_store(&sched.poll_until, INT64_MIN);
		atomic_store(&sched.pollster, NULL);
	} else if (limit != INT64_MAX) {
		int64_t left = limit - clock_now();

		if (left > 0)
			futex_wait((uint32_t *)&w->woken, 0, left);
	} else {
		while (!atomic_load(&w->woken) && atomic_load(&sched.pollster))
			futex_wait((uint32_t *)&w->woken, 0, -1);
	}
	w->doze = limit != INT64_MAX && !atomic_load(&w->woken);
	atomic_store(&w->woken, 0);
}

/* Everyone sleeps, nothing is timed, no descriptor is watched: for good? */
static bool all_asleep(void)
{
	return sched.nidle == sched.active && !sched.nglobal;
}

static void check_deadlock(struct worker *w)
{
	bool all;

	lock(&sched.lock);
	all = all_asleep();
	unlock(&sched.lock);
	if (!all)
		return;
	if (sched_idle_hook)
		sched_idle_hook(w);
	else if (earliest_timer() == INT64_MAX && !atomic_load(&sched.polling))
		sched_deadlock();
}

void idle_sleep(struct worker *w)
{
	bool doze = w->doze;

	/* before anyone can wake us, and make us a searcher again */
	idle_stop_searching(w, false);
	atomic_fetch_add(&sched.dozing, doze);
	lock(&sched.lock);
	sched.idle[sched.nidle] = w;
	atomic_store(&sched.nidle, sched.nidle + 1);
	w->idle = true;
	unlock(&sched.lock);
	queue_fence();			/* pairs with the one in sched_queue */
	if (!anything(w)) {
		check_deadlock(w);
		trace(w, TRACE_SLEEP, 0);
		trace_time(w);
		sleep_until_woken(w, doze ? clock_now() + DOZE_NS : INT64_MAX);
		trace(w, TRACE_WAKE, 0);
		trace_time(w);
	}
	/* seq_cst: what went into a next quietly is seen when we look next */
	atomic_fetch_sub(&sched.dozing, doze);
	lock(&sched.lock);
	leave_idle(w);
	unlock(&sched.lock);
}

bool sched_relieve(void)
{
	struct worker *w = NULL;
	bool ok = true;

	lock(&sched.lock);
	if (sched.nidle) {
		w = sched.idle[sched.nidle - 1];
		leave_idle(w);
		w->searching = true;
		atomic_fetch_add(&sched.searching, 1);
	} else if (sched.nspares) {
		w = sched.spares[--sched.nspares];
		atomic_store(&w->spare, false);
		atomic_fetch_add(&sched.active, 1);
	} else
		ok = worker_start() == 0;
	unlock(&sched.lock);
	if (w)
		wake(w);
	return ok;
}
