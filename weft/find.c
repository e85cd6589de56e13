/*
 * find.c - what a worker runs next when its own queue does not say
 *
 * On the worker's own stack, in this order: timers and descriptors that are due,
 * its own queue, the global one, its descriptors again, other workers' queues,
 * timers and descriptors, and sleep (idle.c).
 */
#include <sys/prctl.h>
#include <unistd.h>

#include "futex.h"
#include "queue.h"
#include "sanitize.h"

void	self_set(struct g *g);

enum {
	LOOK_NS = 50000,	/* how often a busy worker looks at its descriptors  */
	SPIN_NS = 50000,	/* how long a worker searches before it sleeps       */
};

/* The monitor keeps it fresh, if there is one; seldom, since all workers read it. */
static void note_time(int64_t now)
{
	if (now - atomic_load_explicit(&sched.coarse, memory_order_relaxed) > 10 * WEFT_MS)
		atomic_store_explicit(&sched.coarse, now, memory_order_relaxed);
}

/* Own timers and everyone's descriptors often; others' timers, who may be stuck, seldom. */
static void housekeeping(struct worker *w)
{
	int64_t now = clock_now();
	int n = atomic_load(&sched.nworkers);

	note_time(now);
	if (now >= atomic_load_explicit(&w->timers.next, memory_order_relaxed))
		timer_run(&w->timers, now);
	if (now - w->polled < LOOK_NS)
		return;
	w->polled = now;
	if (atomic_load_explicit(&sched.polling, memory_order_relaxed))
		poll_look(w);
	for (int i = 0; i < n; i++)
		if (now - WEFT_MS >= atomic_load_explicit(&sched.worker[i]->timers.next,
		    memory_order_relaxed))
			timer_run(&sched.worker[i]->timers, now);
}

/* Runs everyone's timers that are due and looks at everyone's descriptors. */
static bool look_around(struct worker *w)
{
	int n = atomic_load(&sched.nworkers);
	int64_t now = clock_now();
	bool found = false;

	note_time(now);
	for (int i = 0; i < n; i++) {
		struct worker *v = sched.worker[i];

		if (now >= atomic_load_explicit(&v->timers.next, memory_order_relaxed))
			found |= timer_run(&v->timers, now);
	}
	if (atomic_load_explicit(&sched.polling, memory_order_relaxed))
		found |= poll_look(w);
	return found;
}

/* v's next: taken at once if v is blocked, else once it has gone stale. */
static uintptr_t steal_next(struct worker *v, struct worker_seen *seen)
{
	uintptr_t item = atomic_load_explicit(&v->next, memory_order_relaxed);
	uint32_t tick = atomic_load_explicit(&v->tick, memory_order_relaxed);

	if (!item) {
		seen->next = 0;
		return 0;
	}
	if (!worker_is_blocked(v)) {
		if (seen->next != item || seen->tick != tick) {
			*seen = (struct worker_seen){ item, tick, clock_now() };
			return 0;
		}
		if (clock_now() - seen->since < WORKER_STALE_NS)
			return 0;
	}
	return atomic_compare_exchange_strong(&v->next, &item, 0) ? item : 0;
}

static uintptr_t steal(struct worker *w)
{
	int n = atomic_load(&sched.nworkers);
	int first = (int)rand_below(&w->rand, (uint32_t)n);
	uintptr_t loot[RUNQ_SIZE / 2], item;

	for (int i = 0; i < n; i++) {
		struct worker *v = sched.worker[(first + i) % n];
		uint32_t got;

		if (v == w)
			continue;
		got = runq_len(&v->q) ? runq_steal(&v->q, loot, RUNQ_SIZE / 2) : 0;
		if (got) {
			w->stats.steals += got;
			for (uint32_t k = 1; k < got; k++)
				queue_push(w, loot[k]);
			return loot[0];
		}
		item = steal_next(v, &w->seen[v->index]);
		if (item) {
			w->stats.steals++;
			return item;
		}
	}
	return 0;
}

/* One searcher more, if there are few. */
static bool may_search(struct worker *w)
{
	int s = atomic_load(&sched.searching);

	if (w->searching)
		return true;
	if (s && 2 * s >= sched.active - sched.nidle)
		return false;
	atomic_fetch_add(&sched.searching, 1);
	return w->searching = true;
}

static uintptr_t search(struct worker *w)
{
	/* who dozed has searched before: one look will do while nothing has changed */
	bool brief = idle_others_churn(w) && w->doze;
	int64_t until = brief ? 0 : clock_now() + SPIN_NS;
	uintptr_t item;

	w->doze = false;
	if (!may_search(w))
		return 0;
	do {
		if ((item = queue_take_global(w)) || (item = steal(w)))
			return item;
		if (look_around(w) && (item = queue_pop(w)))
			return item;
		for (int i = 0; i < 20; i++)
			cpu_pause();
	} while (clock_now() < until && sched.procs > 1);
	w->doze = brief || idle_others_churn(w);
	return 0;
}

/* A worker that a spare stood in for hands over what it has and becomes a spare. */
static void retire(struct worker *w)
{
	lock(&sched.lock);
	if (sched.active - sched.stuck <= sched.procs) {
		unlock(&sched.lock);
		return;			/* another was quicker */
	}
	for (uintptr_t item; (item = queue_pop(w)); )
		queue_push_global(item);
	atomic_fetch_sub(&sched.active, 1);
	sched.spares[sched.nspares++] = w;
	atomic_store(&w->spare, true);
	unlock(&sched.lock);
	idle_stop_searching(w, false);
	queue_fence();
	queue_announce();
	/* whoever took it from the idle ones may set woken late: only spare counts */
	while (atomic_load(&w->spare)) {
		futex_wait((uint32_t *)&w->woken, 0, -1);
		atomic_store(&w->woken, 0);
	}
}

static void come_back(struct worker *w)
{
	if (sched.forked)
		sched_die_unless_running("a goroutine that waits");
	if (atomic_exchange(&w->relieved, false))
		atomic_fetch_sub(&sched.stuck, 1);
	if (sched.active - sched.stuck > sched.procs)
		retire(w);
}

static uintptr_t find(struct worker *w)
{
	uintptr_t item;

	for (;;) {
		if (unlikely(sched.active - sched.stuck > sched.procs ||
		    atomic_load_explicit(&w->relieved, memory_order_relaxed)))
			come_back(w);
		housekeeping(w);
		if (w->tick % TICK == 0 && (item = queue_take_global(w)))
			return item;
		if ((item = queue_pop(w)) || (item = queue_take_global(w)))
			return item;
		if (atomic_load(&sched.polling) && poll_look(w))
			continue;
		if ((item = search(w)))
			return item;
		idle_sleep(w);
	}
}

/* Of the thread's stack, what the loop uses. */
static void note_stack(struct worker *w)
{
	pthread_attr_t attr;
	size_t size;
	void *lo;

	if (pthread_getattr_np(pthread_self(), &attr))
		return;
	pthread_attr_getstack(&attr, &lo, &size);
	pthread_attr_destroy(&attr);
	w->stack_lo = (uintptr_t)lo;
	w->stack_hi = (uintptr_t)__builtin_frame_address(0);
}

void *worker_loop(void *arg)
{
	struct worker *w = arg;

	self_set(&w->sched);
	san_fiber_adopt(&w->sched);
	w->tid = gettid();
	note_stack(w);
	stack_overflow_init();
	prctl(PR_SET_TIMERSLACK, 1);
	lock(&sched.lock);		/* until worker_start has published us */
	unlock(&sched.lock);
	for (;;) {
		uintptr_t item = find(w);

		idle_stop_searching(w, true);
		if (unlikely(!atomic_load_explicit(&sched.monitor, memory_order_relaxed)))
			monitor_wake();
		sched_run(w, item);
	}
	return NULL;
}
