/*
 * sched.c - run queues, stealing, park and ready
 *
 * A goroutine that stops running picks its successor from its worker's own queue
 * and switches straight to it; only when there is none, and every 61st time, does
 * it switch to the worker's own stack, where worker_loop looks further: the global
 * queue, timers, descriptors, other workers, and sleep at last.  What has to
 * happen once the registers are saved (publish "parked", queue again, free a dead
 * stack) is left in w->after and done first thing on the next stack.
 *
 * No wake is lost: whoever queues an item looks afterwards whether someone sleeps
 * and nobody searches; whoever goes to sleep says so first and then looks through
 * all queues once more.  Both sides have a full barrier in between.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "futex.h"
#include "sanitize.h"
#include "sync.h"
#include "worker.h"

struct sched sched = { .poll_until = INT64_MAX };
bool (*sched_idle_hook)(struct worker *w);

void	swap(void **save, void *sp);
void	swap_entry(void);
void	self_set(struct g *g);
void	signals_init(void);
void	sched_deadlock(void);

enum {
	STREAK = 64,		/* uses of next in a row before the queue has a turn */
	LOOK_NS = 50000,	/* how often a busy worker looks at its descriptors  */
	STALE_NS = 5000,	/* how long next is its owner's alone                */
	SPIN_NS = 50000,	/* how long a worker searches before it sleeps       */
};

/* ---- queues ---- */

static void push_global(uintptr_t item)
{
	size_t n = atomic_load_explicit(&sched.nglobal, memory_order_relaxed);

	if (n == sched.global_room) {
		size_t room = n ? 2 * n : 256;
		uintptr_t *ring = xmalloc(room * sizeof *ring);

		for (size_t i = 0; i < n; i++)
			ring[i] = sched.global[(sched.global_head + i) % n];
		free(sched.global);
		sched.global = ring;
		sched.global_head = 0;
		sched.global_room = room;
	}
	sched.global[(sched.global_head + n) % sched.global_room] = item;
	atomic_store(&sched.nglobal, n + 1);
}

static uintptr_t pop_global(void)
{
	size_t n = atomic_load_explicit(&sched.nglobal, memory_order_relaxed);
	uintptr_t item;

	if (!n)
		return 0;
	item = sched.global[sched.global_head];
	sched.global_head = (sched.global_head + 1) % sched.global_room;
	atomic_store(&sched.nglobal, n - 1);
	return item;
}

/* A full queue gives half of itself to the global one: pushing never waits. */
static void overflow(struct worker *w, uintptr_t item)
{
	uintptr_t half[RUNQ_SIZE / 2];
	uint32_t n = runq_steal(&w->q, half, RUNQ_SIZE / 2);

	lock(&sched.lock);
	for (uint32_t i = 0; i < n; i++)
		push_global(half[i]);
	push_global(item);
	unlock(&sched.lock);
}

static void push_local(struct worker *w, uintptr_t item)
{
	if (unlikely(!runq_push_owner(&w->q, item)))
		overflow(w, item);
}

/* Takes a fair share of the global queue. */
static uintptr_t take_global(struct worker *w)
{
	uintptr_t first;
	size_t n;

	if (!atomic_load(&sched.nglobal))
		return 0;
	lock(&sched.lock);
	n = sched.nglobal / (size_t)sched.procs + 1;
	if (n > RUNQ_SIZE / 2)
		n = RUNQ_SIZE / 2;
	first = pop_global();
	for (uintptr_t item; n-- > 1 && runq_len(&w->q) < RUNQ_SIZE / 2 &&
	    (item = pop_global()); )
		push_local(w, item);
	unlock(&sched.lock);
	return first;
}

static inline void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);	/* pairs with the one in go_idle */
}

/* After queueing: does someone sleep who could run it? */
static inline void announce(void)
{
	if (unlikely(atomic_load_explicit(&sched.nidle, memory_order_relaxed) ||
	    atomic_load_explicit(&sched.stuck, memory_order_relaxed)))
		sched_wake_one();
}

void sched_queue(struct worker *w, uintptr_t item)
{
	if (w) {
		push_local(w, item);
	} else {
		lock(&sched.lock);
		push_global(item);
		unlock(&sched.lock);
	}
	fence();
	announce();
}

/* The goroutine's waker comes here, after it has claimed it (park.h). */
void sched_ready(struct worker *w, struct g *g)
{
	bool thread = g->kind == KIND_THREAD;	/* not to be read after park_wake */

	if (!thread)
		atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	if (!park_wake(&g->park))
		return;
	if (thread) {
		futex_wake((uint32_t *)&g->park.word);
		return;
	}
	if (!w || atomic_load_explicit(&w->running, memory_order_relaxed) == &w->sched) {
		sched_queue(w, item_g(g));
		return;
	}
	/* Runs next: its data is hot, and the waker is likely to wait soon. */
	uintptr_t old = atomic_exchange(&w->next, item_g(g));
#ifndef __x86_64__
	fence();	/* x86: the exchange is one */
#endif
	if (old)
		push_local(w, old);
	announce();
}

/* ---- switching ---- */

/* Owner: what it will run next, 0: look further, on the worker's own stack. */
static inline uintptr_t pick(struct worker *w)
{
	uint32_t tick = atomic_load_explicit(&w->tick, memory_order_relaxed) + 1;
	uintptr_t item;

	atomic_store_explicit(&w->tick, tick, memory_order_relaxed);
	if (unlikely(tick % TICK == 0 ||
	    atomic_load_explicit(&w->relieved, memory_order_relaxed)))
		return 0;
	item = atomic_load_explicit(&w->next, memory_order_relaxed);
	if (item && ++w->streak < STREAK &&
	    atomic_compare_exchange_strong(&w->next, &item, 0))
		return item;
	w->streak = 0;
	return runq_pop_owner(&w->q);
}

static struct g *bind(struct worker *w, struct g *g, struct task *t)
{
	g->f = t->f;
	memcpy(g->words, t->words, sizeof g->words);
	g->site = t->site;
	g->group = t->group;
	g->wg = t->wg;
	g->id = atomic_load_explicit(&t->id, memory_order_relaxed);
	g->object = t;			/* goroutine_main finds the spawner's release there */
	task_put(w, t);
	return g;
}

static struct task *item_is_task(uintptr_t item)
{
	return item & 1 ? (struct task *)(item - 1) : NULL;
}

/* A stack of its own for a goroutine that begins. */
static struct g *begin(struct worker *w, struct task *t)
{
	struct g *g = stack_get(w, t->class);
	uintptr_t *sp = (uintptr_t *)g;

	san_stack_fresh(g);
	bind(w, g, t);
#if defined(__x86_64__)
	*--sp = 0;			/* keeps the stack aligned at swap_entry's call */
	*--sp = 0;
	*--sp = (uintptr_t)swap_entry;
	*--sp = 0;			/* rbp */
	*--sp = 0;			/* rbx */
	*--sp = (uintptr_t)g;		/* r12 */
	*--sp = 0;
	*--sp = 0;
	*--sp = 0;			/* r15 */
#elif defined(__aarch64__)
	sp -= 20;
	memset(sp, 0, 20 * sizeof *sp);
	sp[0] = (uintptr_t)g;		/* x19 */
	sp[11] = (uintptr_t)swap_entry;	/* x30 */
#else
#error "no context switch for this processor"
#endif
	g->sp = sp;
	return g;
}

static void after_park(struct worker *w, struct g *g)
{
	if (unlikely(!park_commit(&g->park)))
		sched_queue(w, item_g(g));	/* woken before its registers were saved */
}

/* What the last one left to be done; w is read anew: this may be another thread. */
static inline void after_switch(struct g *g)
{
	struct worker *w = g->w;
	void (*after)(struct worker *, struct g *) = w->after;

	w->after = NULL;
	if (likely(after == after_park))
		after_park(w, w->after_g);	/* nearly always; spares an indirect call */
	else if (after)
		after(w, w->after_g);
}

static inline void switch_to(struct worker *w, struct g *from, struct g *to,
    void (*after)(struct worker *, struct g *))
{
	to->w = w;
	w->after = after;
	w->after_g = from;
	atomic_store_explicit(&to->status, G_RUNNING, memory_order_relaxed);
	atomic_store_explicit(&w->running, to, memory_order_relaxed);
	san_switch(from, to, after == stack_put);
	swap(&from->sp, to->sp);
	san_switched(from);
	after_switch(from);
}

static struct g *item_to_g(struct worker *w, uintptr_t item)
{
	struct task *t = item_is_task(item);

	return t ? begin(w, t) : (struct g *)item;
}

/* From a goroutine to whatever comes next. */
static inline void switch_away(struct g *g, uintptr_t item,
    void (*after)(struct worker *, struct g *))
{
	struct worker *w = g->w;

	w->stats.switches++;
	switch_to(w, g, item ? item_to_g(w, item) : &w->sched, after);
}

static void call(weft_entry_ *f, const intptr_t *a)
{
	((void (*)(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t))f)(
	    a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void finish(struct g *g)
{
	if (g->wg)
		weft_waitgroup_done(g->wg);
	g->group = NULL;
	g->w->ended++;
	atomic_store_explicit(&g->status, G_FREE, memory_order_relaxed);
}

__attribute__((noreturn)) static void next_on_this_stack(struct g *g);

void goroutine_main(struct g *g);
void goroutine_main(struct g *g)
{
	san_switched(g);
	after_switch(g);
	san_acquire(g->object);
	call(g->f, g->words);
	weft_goexit();
}

/* A goroutine that begins where another has just ended takes over its stack. */
static void next_on_this_stack(struct g *g)
{
	for (;;) {
		struct worker *w = g->w;
		uintptr_t item = pick(w);
		struct task *t = item_is_task(item);

		if (SANITIZED || !t || t->class != g->class) {
			switch_away(g, item, stack_put);
			__builtin_unreachable();
		}
		bind(w, g, t);
		atomic_store_explicit(&g->status, G_RUNNING, memory_order_relaxed);
		w->stats.switches++;
		call(g->f, g->words);
		finish(g);
	}
}

void weft_goexit(void)
{
	struct g *g = self();

	if (g->kind != KIND_GOROUTINE)
		die("weft_goexit: not called by a goroutine");
	finish(g);
	next_on_this_stack(g);
}

/* ---- park, yield ---- */

static void after_yield(struct worker *w, struct g *g)
{
	sched_queue(w, item_g(g));
}

static void park_thread(struct g *g)
{
	uint64_t w;

	if (!park_commit(&g->park))
		return;
	while (((w = atomic_load_explicit(&g->park.word, memory_order_acquire)) &
	    PARK_STATE) != PARK_READY) {
		int64_t left = g->timer.when ? g->timer.when - clock_now() : -1;

		if (g->timer.when && left <= 0 && park_claim(&g->park, park_gen(w))) {
			g->woken = NULL;
			return;
		}
		futex_wait((uint32_t *)&g->park.word, (uint32_t)w,
		    g->timer.when && left > 0 ? left : g->timer.when ? 1000000 : -1);
	}
}

void sched_park(struct g *g, enum reason why, const void *object, const void *pc)
{
	g->reason = (uint8_t)why;
	g->object = object;
	g->pc = pc;
	g->since = atomic_load_explicit(&sched.coarse, memory_order_relaxed);
	if (unlikely(g->kind != KIND_GOROUTINE)) {
		if (g->kind == KIND_SCHED)
			die("the runtime waits in its own scheduler (%s)", reason_name(why));
		park_thread(g);
	} else {
		assert_always((char *)__builtin_frame_address(0) > (char *)g->stack_lo);
		atomic_store_explicit(&g->status, G_WAITING, memory_order_relaxed);
		switch_away(g, pick(g->w), after_park);
	}
	g->reason = WAIT_NONE;
	park_end(&g->park);
}

void weft_yield(void)
{
	struct g *g = self();

	if (g->kind != KIND_GOROUTINE) {
		sched_yield();
		return;
	}
	struct worker *w = g->w;
	uintptr_t item = pick(w);

	if (!item && atomic_load_explicit(&w->tick, memory_order_relaxed) % TICK &&
	    !atomic_load_explicit(&w->relieved, memory_order_relaxed))
		return;			/* nobody else wants to run */
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	switch_away(g, item, after_yield);
}

/* ---- spawning ---- */

void *const weft_go_takes_only_integers_and_pointers;

static int64_t next_id(struct worker *w)
{
	if (!w)
		return atomic_fetch_add_explicit(&sched.ids, 1, memory_order_relaxed) + 1;
	if (w->next_id == w->last_id) {	/* numbers in lots, or their counter gets hot */
		int64_t lot = sched.procs == 1 ? 1 : 16;

		w->next_id = atomic_fetch_add_explicit(&sched.ids, lot,
		    memory_order_relaxed);
		w->last_id = w->next_id + lot;
	}
	return ++w->next_id;
}

void sched_spawn(weft_entry_ *f, const intptr_t words[6], const struct weft_site *site,
    struct group *gr, size_t stack, weft_waitgroup *wg)
{
	struct worker *w = self()->w;
	struct task *t;

	if (unlikely(!w || sched.forked))
		sched_die_unless_running("weft_go");
	t = task_get(w);
	t->f = f;
	memcpy(t->words, words, sizeof t->words);
	t->site = site;
	t->group = gr;
	t->wg = wg;
	t->class = (uint8_t)(stack ? stack_class(stack) : 0);
	if (w)
		w->stats.spawned++;
	else
		atomic_fetch_add(&sched.foreign_spawned, 1);
	san_release(t);
	/* relaxed: reports take it or leave it */
	atomic_store_explicit(&t->id, next_id(w), memory_order_relaxed);
	sched_queue(w, item_task(t));
}

void weft_spawn_(weft_entry_ *f, const intptr_t words[6], const struct weft_site *site,
    size_t stack)
{
	sched_spawn(f, words, site, self()->group, stack, NULL);
}

/* ---- looking further ---- */

/* Timers and descriptors, own ones often, others' (they may be stuck) seldom. */
static void housekeeping(struct worker *w)
{
	int64_t now = clock_now();
	int n = atomic_load(&sched.nworkers);

	atomic_store_explicit(&sched.coarse, now, memory_order_relaxed);
	if (now >= atomic_load_explicit(&w->timer_next, memory_order_relaxed))
		timer_run(w, now);
	if (now - w->polled < LOOK_NS)
		return;
	w->polled = now;
	if (atomic_load_explicit(&sched.polling, memory_order_relaxed))
		poll_look(w);
	for (int i = 0; i < n; i++)
		if (now - WEFT_MS >= atomic_load_explicit(&sched.worker[i]->timer_next,
		    memory_order_relaxed))
			timer_run(sched.worker[i], now);
}

/* Runs everyone's timers that are due and looks at everyone's descriptors. */
static bool look_around(void)
{
	int n = atomic_load(&sched.nworkers);
	int64_t now = clock_now();
	bool found = false;

	atomic_store_explicit(&sched.coarse, now, memory_order_relaxed);
	for (int i = 0; i < n; i++) {
		struct worker *v = sched.worker[i];

		if (now >= atomic_load_explicit(&v->timer_next, memory_order_relaxed))
			found |= timer_run(v, now);
		if (atomic_load_explicit(&sched.polling, memory_order_relaxed))
			found |= poll_look(v);
	}
	return found;
}

static bool is_blocked(struct worker *v)
{
	return atomic_load_explicit(&v->blocking, memory_order_relaxed) ||
	    atomic_load_explicit(&v->relieved, memory_order_relaxed);
}

/* A look at v's next: taken at once if v is blocked, else once it has gone stale. */
struct seen { uintptr_t next; uint32_t tick; int64_t since; };

static uintptr_t steal_next(struct worker *v, struct seen *seen)
{
	uintptr_t item = atomic_load_explicit(&v->next, memory_order_relaxed);
	uint32_t tick = atomic_load_explicit(&v->tick, memory_order_relaxed);

	if (!item) {
		seen->next = 0;
		return 0;
	}
	if (!is_blocked(v)) {
		if (seen->next != item || seen->tick != tick) {
			*seen = (struct seen){ item, tick, clock_now() };
			return 0;
		}
		if (clock_now() - seen->since < STALE_NS)
			return 0;
	}
	return atomic_compare_exchange_strong(&v->next, &item, 0) ? item : 0;
}

static uintptr_t steal(struct worker *w, struct seen *seen)
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
				push_local(w, loot[k]);
			return loot[0];
		}
		item = steal_next(v, &seen[v->index % 8]);
		if (item) {
			w->stats.steals++;
			return item;
		}
	}
	return 0;
}

static uintptr_t local(struct worker *w)
{
	uintptr_t item = atomic_exchange(&w->next, 0);

	return item ? item : runq_pop_owner(&w->q);
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

/* The last searcher that finds something passes the search on. */
static void stop_searching(struct worker *w, bool found)
{
	if (!w->searching)
		return;
	w->searching = false;
	if (atomic_fetch_sub(&sched.searching, 1) == 1 && found)
		sched_wake_one();
}

static uintptr_t search(struct worker *w)
{
	struct seen seen[8] = {{0}};
	int64_t until = clock_now() + SPIN_NS;
	uintptr_t item;

	if (!may_search(w))
		return 0;
	do {
		if ((item = take_global(w)) || (item = steal(w, seen)))
			return item;
		if (look_around() && (item = local(w)))
			return item;
		for (int i = 0; i < 20; i++)
			cpu_pause();
	} while (clock_now() < until && sched.procs > 1);
	return 0;
}

/* ---- sleep ---- */

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
	}
	unlock(&sched.lock);
	if (w)
		wake(w);
	else
		atomic_fetch_sub(&sched.searching, 1);
}

static int64_t earliest_timer(void)
{
	int n = atomic_load(&sched.nworkers);
	int64_t min = INT64_MAX;

	for (int i = 0; i < n; i++) {
		int64_t t = atomic_load(&sched.worker[i]->timer_next);

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
		struct seen seen = {0};
		uintptr_t item;
		while (v != w && (item = atomic_load(&v->next))) {
			uint32_t tick = atomic_load_explicit(&v->tick, memory_order_relaxed);

			if (!seen.next)
				seen = (struct seen){ item, tick, clock_now() };
			if (seen.next != item || seen.tick != tick)
				break;
			if (is_blocked(v) || clock_now() - seen.since >= STALE_NS)
				return true;
			cpu_pause();
		}
	}
	return clock_now() >= earliest_timer();
}

/* Sleeps until woken, in the netpoller if nobody is there. */
static void sleep_until_woken(struct worker *w)
{
	struct worker *none = NULL;

	w->stats.parks++;
	if (atomic_compare_exchange_strong(&sched.pollster, &none, w)) {
		int64_t until;

		do {
			until = earliest_timer();
			atomic_store(&sched.poll_until, until);
			/* a timer added before it saw poll_until is seen now */
		} while (earliest_timer() < until);
		if (!atomic_load(&w->woken))
			poll_sleep(w, until);
		atomic_store(&sched.poll_until, INT64_MIN);
		atomic_store(&sched.pollster, NULL);
	} else {
		while (!atomic_load(&w->woken) && atomic_load(&sched.pollster))
			futex_wait((uint32_t *)&w->woken, 0, -1);
	}
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

static void go_idle(struct worker *w)
{
	lock(&sched.lock);
	sched.idle[sched.nidle] = w;
	atomic_store(&sched.nidle, sched.nidle + 1);
	w->idle = true;
	unlock(&sched.lock);
	stop_searching(w, false);
	fence();			/* pairs with the one in sched_queue */
	if (!anything(w)) {
		check_deadlock(w);
		sleep_until_woken(w);
	}
	lock(&sched.lock);
	leave_idle(w);
	unlock(&sched.lock);
}

/* A worker that a spare stood in for hands over what it has and becomes a spare. */
static void retire(struct worker *w)
{
	lock(&sched.lock);
	if (sched.active - sched.stuck <= sched.procs) {
		unlock(&sched.lock);
		return;			/* another was quicker */
	}
	for (uintptr_t item; (item = local(w)); )
		push_global(item);
	atomic_fetch_sub(&sched.active, 1);
	sched.spares[sched.nspares++] = w;
	atomic_store(&w->spare, true);
	unlock(&sched.lock);
	stop_searching(w, false);
	fence();
	announce();
	while (!atomic_load(&w->woken))
		futex_wait((uint32_t *)&w->woken, 0, -1);
	atomic_store(&w->woken, 0);
}

static void come_back(struct worker *w)
{
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
		if (w->tick % TICK == 0 && (item = take_global(w)))
			return item;
		if ((item = local(w)) || (item = take_global(w)))
			return item;
		if (atomic_load(&sched.polling) && poll_look(w))
			continue;
		if ((item = search(w)))
			return item;
		go_idle(w);
	}
}

static void *worker_loop(void *arg)
{
	struct worker *w = arg;

	self_set(&w->sched);
	san_fiber_adopt(&w->sched);
	w->tid = gettid();
	stack_overflow_init();
	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		uintptr_t item = find(w);

		stop_searching(w, true);
		if (unlikely(!atomic_load_explicit(&sched.monitor, memory_order_relaxed)))
			monitor_wake();
		atomic_store_explicit(&w->tick, w->tick + 1, memory_order_relaxed);
		w->stats.switches++;
		switch_to(w, &w->sched, item_to_g(w, item), NULL);
	}
	return NULL;
}

/* ---- starting ---- */

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

/* Under sched.lock. */
static int start_worker(void)
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
		ok = start_worker() == 0;
	unlock(&sched.lock);
	if (w)
		wake(w);
	return ok;
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

static void after_fork(void)
{
	sched.forked = true;
	sched.started = false;
}

void sched_start(void)
{
	int err = 0;

	stack_init();
	poll_init();
	atomic_store(&sched.coarse, clock_now());
	signals_init();
	pthread_atfork(NULL, NULL, after_fork);
	lock(&sched.lock);
	for (int i = 0; i < sched.procs && !err; i++)
		err = start_worker();
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
