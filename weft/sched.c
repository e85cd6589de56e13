/*
 * sched.c - switching: park and ready, yield, spawn
 *
 * A goroutine that stops running picks its successor from its worker's own queue
 * and switches straight to it; only when there is none, and every 61st time, does
 * it switch to the worker's own stack, where find.c looks further.  What has to
 * happen once the registers are saved (publish "parked", queue again, free a dead
 * stack) is left in w->after and done first thing on the next stack.
 */
#include <sched.h>
#include <string.h>

#include "bubble.h"
#include "futex.h"
#include "sanitize.h"
#include "sync.h"
#include "profile_wait.h"
#include "queue.h"
#include "trace.h"

struct sched sched = { .poll_until = INT64_MAX };

void	swap(void **save, void *sp);
void	swap_entry(void);

enum { STREAK = 64 };	/* uses of next in a row before the queue has a turn */

/* ---- queueing ---- */

void sched_queue(struct worker *w, uintptr_t item)
{
	if (w) {
		queue_push(w, item);
	} else {
		lock(&sched.lock);
		queue_push_global(item);
		unlock(&sched.lock);
	}
	queue_fence();
	queue_announce();
}

/* The goroutine's waker comes here, after it has claimed it (park.h). */
void sched_ready(struct worker *w, struct g *g)
{
	uint8_t kind = g->kind;		/* not to be read after park_wake */

	if (likely(kind != KIND_THREAD))
		atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	if (!park_wake(&g->park))
		return;
	if (unlikely(kind != KIND_GOROUTINE)) {
		if (kind == KIND_THREAD)
			futex_wake((uint32_t *)&g->park.word);
		else
			bubble_ready(g->bubble, item_g(g));
		if (w)
			trace_ready(w, g);
		return;
	}
	if (!w || atomic_load_explicit(&w->running, memory_order_relaxed) == &w->sched) {
		if (w)
			trace_ready(w, g);
		sched_queue(w, item_g(g));
		return;
	}
	/* Runs next: its data is hot, and the waker is likely to wait soon. */
	uintptr_t old = atomic_exchange(&w->next, item_g(g));
	if (old) {
		if (!item_is_task(old))
			trace(w, TRACE_READY, old);
		queue_push(w, old);
		queue_fence();
		queue_announce();
		return;
	}
#ifndef __x86_64__
	queue_fence();	/* x86: the exchange is one */
#endif
	queue_announce_next();
}

/* ---- switching ---- */

/* Counts a switch.  True: it is time to look around, on the worker's own stack. */
static inline bool tick(struct worker *w)
{
	uint32_t n = atomic_load_explicit(&w->tick, memory_order_relaxed) + 1;

	atomic_store_explicit(&w->tick, n, memory_order_relaxed);
	return n % TICK == 0 || atomic_load_explicit(&w->relieved, memory_order_relaxed);
}

/* Owner: what it will run next, 0: look further, on the worker's own stack. */
static inline uintptr_t pick(struct worker *w)
{
	uintptr_t item;

	if (unlikely(tick(w)))
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
	g->bubble = t->bubble;
	g->kind = t->bubble ? KIND_BUBBLED : KIND_GOROUTINE;
	g->wg = t->wg;
	g->id = atomic_load_explicit(&t->id, memory_order_relaxed);
	g->object = t;			/* goroutine_main finds the spawner's release there */
	/* release: who finds the task free finds this status (group_look) */
	atomic_store_explicit(&g->status, G_RUNNING, memory_order_release);
	task_put(w, t);
	return g;
}

/* A stack of its own for a goroutine that begins. */
static struct g *begin(struct worker *w, struct task *t)
{
	struct g *g = stack_get(w, t->class);
	uintptr_t *sp = (uintptr_t *)g;

	san_stack_fresh(g);
	bind(w, g, t);
	trace_begin(w, g);
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

/* The same for goroutines of a bubble, whose turn has been passed on, or is now. */

static void after_bubbled(struct worker *w, struct g *g)
{
	(void)w;
	if (self()->kind == KIND_SCHED)
		bubble_pass(g->bubble);
}

static void after_bubbled_park(struct worker *w, struct g *g)
{
	if (!park_commit(&g->park))
		bubble_ready(g->bubble, item_g(g));
	after_bubbled(w, g);
}

static void after_bubbled_end(struct worker *w, struct g *g)
{
	struct bubble *b = g->bubble;

	stack_put(w, g);
	if (self()->kind == KIND_SCHED)
		bubble_pass(b);
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
	trace_run(w, from, to);
	to->w = w;
	w->after = after;
	w->after_g = from;
	atomic_store_explicit(&to->status, G_RUNNING, memory_order_relaxed);
	atomic_store_explicit(&w->running, to, memory_order_relaxed);
	san_switch(from, to, after == stack_put || after == after_bubbled_end);
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

/* What the bubble runs next, 0: it will be seen on the worker's own stack. */
static uintptr_t pick_in(struct worker *w, struct bubble *b, bool going_on)
{
	uintptr_t item;

	san_release(b);			/* whoever settles comes after all that we did */
	item = bubble_take(b, going_on);
	if (tick(w)) {
		b->chosen = item;
		return 0;
	}
	return item;
}

/* Ready again at once; others may come first. */
static void yield_in(struct g *g, struct bubble *b, bool going_on)
{
	uintptr_t item;

	bubble_ready(b, item_g(g));	/* whoever has the turn may do so early */
	item = pick_in(g->w, b, going_on);
	if (item == item_g(g))
		return;
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
	switch_away(g, item, after_bubbled);
}

void bubble_step(const char *what, const void *pc)
{
	struct g *g = self();
	struct bubble *b = bubble_current();

	if (b && b->step && b->step(b, g, what, pc))
		yield_in(g, b, true);
}

/* Of choices.h, which redefines what is used here. */
void	choice_point(void);
void	choice_spin(void);
void	choice_lock_slow(_Atomic unsigned *l);

void choice_point(void)
{
	STEP("is at an atomic");
}

void choice_spin(void)
{
	STEP(SPINS);
	cpu_pause();
}

void choice_lock_slow(_Atomic unsigned *l)
{
	while (!trylock(l))
		choice_spin();
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
	san_acquire(g);
	call(g->f, g->words);
	finish(g);
	next_on_this_stack(g);
}

__attribute__((noreturn)) static void end(struct g *g, uintptr_t item)
{
	switch_away(g, item, stack_put);
	__builtin_unreachable();
}

__attribute__((noreturn)) static void end_in(struct g *g, struct bubble *b)
{
	switch_away(g, pick_in(g->w, b, false), after_bubbled_end);
	__builtin_unreachable();
}

/* A goroutine that begins where another has just ended takes over its stack. */
static void next_on_this_stack(struct g *g)
{
	for (;;) {
		struct worker *w = g->w;
		uintptr_t item;
		struct task *t;

		if (unlikely(g->kind == KIND_BUBBLED))
			end_in(g, g->bubble);
		item = pick(w);
		t = item_is_task(item);
		if (SANITIZED || !t || t->class != g->class)
			end(g, item);
		bind(w, g, t);
		trace_begin(w, g);
		w->stats.switches++;
		call(g->f, g->words);
		finish(g);
	}
}

void weft_goexit(void)
{
	struct g *g = self();

	if (!is_goroutine(g))
		die("weft_goexit: not called by a goroutine");
	san_goexit(g);
	finish(g);
	/* not here: the next one is to begin at the top of its stack */
	if (g->kind == KIND_BUBBLED)
		end_in(g, g->bubble);
	end(g, pick(g->w));
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

static void park(struct g *g, enum reason why, const void *object, const void *pc)
{
	g->reason = (uint8_t)why;
	g->object = object;
	g->pc = pc;
	g->since = atomic_load_explicit(&sched.coarse, memory_order_relaxed);
	if (likely(is_goroutine(g))) {
		assert_always(stack_pointer() > (uintptr_t)g->stack_lo);
		atomic_store_explicit(&g->status, G_WAITING, memory_order_relaxed);
		if (likely(g->kind == KIND_GOROUTINE)) {
			switch_away(g, pick(g->w), after_park);
		} else {
			bool locked = reason_is_lock(why);

			g->since = g->bubble->now;
			g->bubble->locked += locked;
			switch_away(g, pick_in(g->w, g->bubble, false), after_bubbled_park);
			g->bubble->locked -= locked;
		}
	} else {
		if (g->kind == KIND_SCHED)
			die("the runtime waits in its own scheduler (%s)", reason_name(why));
		park_thread(g);
	}
	g->reason = WAIT_NONE;
	park_end(&g->park);
}

void sched_park(struct g *g, enum reason why, const void *object, const void *pc)
{
	int64_t begun;

	if (likely(!atomic_load_explicit(&profile_rate, memory_order_relaxed))) {
		park(g, why, object, pc);
		return;
	}
	begun = profile_wait_begins(g);
	park(g, why, object, pc);
	if (begun)
		profile_wait_ended(g, why, begun);
}

void weft_yield(void)
{
	struct g *g = self();

	if (unlikely(g->kind != KIND_GOROUTINE)) {
		if (g->kind == KIND_BUBBLED) {
			if (g->bubble->step)
				g->bubble->step(g->bubble, g, YIELDS, CALLER);
			yield_in(g, g->bubble, false);
		} else
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
    struct home home, weft_waitgroup *wg)
{
	struct worker *w = self()->w;
	struct task *t;

	if (unlikely(!w || sched.forked))
		sched_die_unless_running("weft_go");
	t = task_get(w);
	t->f = f;
	memcpy(t->words, words, sizeof t->words);
	t->site = site;
	t->group = home.group;
	t->bubble = home.bubble;
	t->wg = wg;
	t->class = (uint8_t)(home.stack ? stack_class(home.stack) : 0);
	if (w)
		w->stats.spawned++;
	else
		atomic_fetch_add(&sched.foreign_spawned, 1);
	san_release(t);
	/* relaxed: reports take it or leave it */
	atomic_store_explicit(&t->id, home.bubble ? ++home.bubble->ids : next_id(w),
	    memory_order_relaxed);
	if (unlikely(home.bubble))
		bubble_ready(home.bubble, item_task(t));
	else
		sched_queue(w, item_task(t));
}

void weft_spawn_(weft_entry_ *f, const intptr_t words[6], const struct weft_site *site,
    size_t stack)
{
	STEP("starts a goroutine");
	struct g *g = self();

	sched_spawn(f, words, site, (struct home){ g->group, bubble_current(), stack }, NULL);
}

/* ---- from a worker's own stack ---- */

void sched_run(struct worker *w, uintptr_t item)
{
	atomic_store_explicit(&w->tick, w->tick + 1, memory_order_relaxed);
	w->stats.switches++;
	switch_to(w, &w->sched, item_to_g(w, item), NULL);
}
