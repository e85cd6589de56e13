/*
 * sync.c - mutex, rwmutex, wait group, once, cond
 *
 * Each has a state word for the case without waiters, and a lock that protects
 * its queue.  An object may be freed by whoever sees that it is free: so the last
 * thing done to one, by whoever releases it, is the change of the state word, or
 * the unlock before sleepers (who keep it alive) are woken.
 */
#include "sync.h"

#include "chan.h"
#include "sanitize.h"
#include "worker.h"

#define ATOMIC(p)	((_Atomic unsigned *)(p))
#define QUEUE(q)	((struct waitq *)(q))

/* ---- mutex ---- */

/*
 * LOCKED, and WAITING when the queue is not empty.  A woken waiter competes with
 * newcomers once; if it loses it queues in front and is then handed the lock, which
 * stays LOCKED on the way.  So nobody is overtaken for more than one turn, and
 * without contention nobody is woken in vain.
 */
enum { LOCKED = 1, WAITING = 2 };

struct mutex_node { struct node n; bool lost; };

static inline void own(weft_mutex *m)
{
	m->holder = self();
	m->self = m;
	san_acquire(m);
}

static inline bool mutex_try(weft_mutex *m)
{
	unsigned s = 0;

	/* acquire: pairs with the release in unlock */
	return atomic_compare_exchange_strong_explicit(ATOMIC(&m->state), &s, LOCKED,
	    memory_order_acquire, memory_order_relaxed);
}

/* Under m->lock: LOCKED taken, or WAITING set. */
static bool take_or_mark(weft_mutex *m)
{
	unsigned s = atomic_load_explicit(ATOMIC(&m->state), memory_order_relaxed);

	for (;;) {
		unsigned next = s & LOCKED ? s | WAITING : s | LOCKED;

		if (atomic_compare_exchange_weak_explicit(ATOMIC(&m->state), &s, next,
		    memory_order_acquire, memory_order_relaxed))
			return !(s & LOCKED);
	}
}

static void check_copy(weft_mutex *m)
{
	if (unlikely(m->self && m->self != m))
		die("mutex %p is a copy of %p, made while that was locked", (void *)m,
		    (void *)m->self);
}

/* A short look on another core; pointless when there is none or others wait. */
static bool spin(weft_mutex *m)
{
	for (int i = 0; sched.procs > 1 && i < 32; i++) {
		unsigned s = atomic_load_explicit(ATOMIC(&m->state), memory_order_relaxed);

		if (s & WAITING)
			return false;
		if (!s && mutex_try(m))
			return true;
		cpu_pause();
	}
	return false;
}

__attribute__((noinline)) static int lock_slow_path(weft_ctx *ctx, weft_mutex *m, const void *pc)
{
	struct mutex_node w = { .lost = false };
	int err;

	check_copy(m);
	if (ctx && !weft_done_(ctx))
		ctx = NULL;
	if (spin(m)) {
		own(m);
		return 0;
	}
	for (;;) {
		lock(ATOMIC(&m->lock));
		if (take_or_mark(m)) {
			unlock(ATOMIC(&m->lock));
			own(m);
			return 0;
		}
		waitq_join(QUEUE(&m->waiters), &w.n, ctx, w.lost);
		unlock(ATOMIC(&m->lock));
		err = waitq_sleep(&w.n, ATOMIC(&m->lock), ctx, WAIT_MUTEX, m, pc);
		if (err)
			return err;
		if (w.n.ok) {		/* handed over */
			own(m);
			return 0;
		}
		w.lost = true;
	}
}

static inline void mutex_lock(weft_mutex *m, const void *pc)
{
	if (likely(mutex_try(m)))
		own(m);
	else
		lock_slow_path(NULL, m, pc);
}

void weft_mutex_lock(weft_mutex *m)
{
	mutex_lock(m, CALLER);
}

int weft_mutex_lock_ctx(weft_ctx *ctx, weft_mutex *m)
{
	if (unlikely(!mutex_try(m)))
		return lock_slow_path(ctx, m, CALLER);
	own(m);
	return 0;
}

bool weft_mutex_trylock(weft_mutex *m)
{
	if (!mutex_try(m))
		return false;
	own(m);
	return true;
}

__attribute__((cold, noreturn)) static void not_locked(const char *call, const void *m)
{
	die("%s: %p is not locked", call, m);
}

__attribute__((noinline)) static void unlock_slow_path(weft_mutex *m)
{
	unsigned s = LOCKED;
	struct node *n;

	if (!(atomic_load_explicit(ATOMIC(&m->state), memory_order_relaxed) & LOCKED))
		not_locked("weft_mutex_unlock", m);
	lock(ATOMIC(&m->lock));
	n = waitq_pop(QUEUE(&m->waiters));
	if (waitq_empty(QUEUE(&m->waiters)))
		/* relaxed: LOCKED keeps everyone but lockers under m->lock out */
		atomic_fetch_and_explicit(ATOMIC(&m->state), ~(unsigned)WAITING,
		    memory_order_relaxed);
	if (n && container_of(n, struct mutex_node, n)->lost) {
		n->ok = true;
		unlock(ATOMIC(&m->lock));
		waitq_wake(n);
		return;
	}
	unlock(ATOMIC(&m->lock));
	if (n) {
		/* release: pairs with the acquire of the next owner; the last touch */
		atomic_fetch_and_explicit(ATOMIC(&m->state), ~(unsigned)LOCKED,
		    memory_order_release);
		waitq_wake(n);
		return;
	}
	/* nobody was there: as if from the beginning */
	if (!atomic_compare_exchange_strong_explicit(ATOMIC(&m->state), &s, 0,
	    memory_order_release, memory_order_relaxed))
		unlock_slow_path(m);
}

void weft_mutex_unlock(weft_mutex *m)
{
	unsigned s = LOCKED;

	san_release(m);
	m->self = NULL;
	if (unlikely(!atomic_compare_exchange_strong_explicit(ATOMIC(&m->state), &s, 0,
	    memory_order_release, memory_order_relaxed)))
		unlock_slow_path(m);
}

/* ---- reader/writer mutex ---- */

/*
 * state counts readers in steps of READER; WRITER and QUEUED are flags.  QUEUED
 * keeps newcomers of both kinds out, and whoever releases the mutex hands it to the
 * head of the queue: one writer, or all readers up to the next writer.
 */
enum { WRITER = 1, QUEUED = 2, READER = 4 };

struct rw_node { struct node n; bool writer; };

static inline bool rw_try(weft_rwmutex *m, bool writer)
{
	unsigned s = 0;

	if (likely(atomic_compare_exchange_strong_explicit(ATOMIC(&m->state), &s,
	    writer ? WRITER : READER, memory_order_acquire, memory_order_relaxed)))
		return true;
	while (!(s & (WRITER | QUEUED)) && !(writer && s))
		if (atomic_compare_exchange_weak_explicit(ATOMIC(&m->state), &s,
		    s + (writer ? WRITER : READER), memory_order_acquire,
		    memory_order_relaxed))
			return true;
	return false;
}

/* Under m->lock, with QUEUED set: gives the mutex to whom it can; returns them. */
static struct node *rw_grant(weft_rwmutex *m)
{
	struct node *first = NULL, **last = &first;

	for (;;) {
		unsigned s = atomic_load_explicit(ATOMIC(&m->state), memory_order_relaxed);
		struct node *head = m->waiters.head;
		bool writer = head && container_of(head, struct rw_node, n)->writer;

		if (!head) {
			atomic_fetch_and_explicit(ATOMIC(&m->state), ~(unsigned)QUEUED,
			    memory_order_relaxed);
			break;
		}
		if (s & WRITER || (writer && s >= READER))
			break;
		waitq_remove(head);
		if (head->shared && !park_claim(&head->g->park, head->gen))
			continue;	/* its context ended first */
		atomic_fetch_add_explicit(ATOMIC(&m->state), writer ? WRITER : READER,
		    memory_order_acquire);
		head->ok = true;
		*last = head;
		last = &head->next;
	}
	*last = NULL;
	return first;
}

static void rw_wake(struct node *n)
{
	while (n) {
		struct node *next = n->next;

		waitq_wake(n);
		n = next;
	}
}

__attribute__((noinline)) static int rw_slow_path(weft_ctx *ctx, weft_rwmutex *m, bool writer, const void *pc)
{
	struct rw_node w = { .writer = writer };
	struct node *woken;
	int err;

	if (m->self && m->self != m)
		die("rwmutex %p is a copy of %p, made while that was locked", (void *)m,
		    (void *)m->self);
	if (ctx && !weft_done_(ctx))
		ctx = NULL;
	lock(ATOMIC(&m->lock));
	if (!writer)			/* what rlock counted too early */
		atomic_fetch_sub_explicit(ATOMIC(&m->state), READER, memory_order_relaxed);
	atomic_fetch_or_explicit(ATOMIC(&m->state), QUEUED, memory_order_relaxed);
	waitq_join(QUEUE(&m->waiters), &w.n, ctx, false);
	woken = rw_grant(m);		/* perhaps us: it was released in between */
	unlock(ATOMIC(&m->lock));
	for (struct node **at = &woken; *at; at = &(*at)->next)
		if (*at == &w.n) {	/* we are still running: no sleep, no wake */
			*at = w.n.next;
			park_end(&w.n.g->park);
			rw_wake(woken);
			return 0;
		}
	rw_wake(woken);
	err = waitq_sleep(&w.n, ATOMIC(&m->lock), ctx, writer ? WAIT_RWMUTEX_W :
	    WAIT_RWMUTEX_R, m, pc);
	if (!err)
		return 0;
	lock(ATOMIC(&m->lock));		/* those behind us may go ahead now */
	woken = rw_grant(m);
	unlock(ATOMIC(&m->lock));
	rw_wake(woken);
	return err;
}

static void rw_own(weft_rwmutex *m, bool writer)
{
	if (writer) {
		m->holder = self();
		m->self = m;
		san_acquire(&m->self);	/* readers' releases */
	}
	san_acquire(m);			/* the writer's */
}

/*
 * A reader counts itself first and looks then, which does not fail when many do so
 * at once.  If it may not enter, the slow path takes the count back under the lock
 * and looks whom it has kept out in the meantime.
 */
static inline bool rw_enter(weft_rwmutex *m)
{
	/* acquire: pairs with the release of the writer */
	return !(atomic_fetch_add_explicit(ATOMIC(&m->state), READER,
	    memory_order_acquire) & (WRITER | QUEUED));
}

static int rw_lock(weft_ctx *ctx, weft_rwmutex *m, bool writer, const void *pc)
{
	bool got = writer ? rw_try(m, true) : rw_enter(m);
	int err = got ? 0 : rw_slow_path(ctx, m, writer, pc);

	if (!err)
		rw_own(m, writer);
	return err;
}

void weft_rwmutex_rlock(weft_rwmutex *m)
{
	rw_lock(NULL, m, false, CALLER);
}

int weft_rwmutex_rlock_ctx(weft_ctx *ctx, weft_rwmutex *m)
{
	return rw_lock(ctx, m, false, CALLER);
}

void weft_rwmutex_lock(weft_rwmutex *m)
{
	rw_lock(NULL, m, true, CALLER);
}

int weft_rwmutex_lock_ctx(weft_ctx *ctx, weft_rwmutex *m)
{
	return rw_lock(ctx, m, true, CALLER);
}

bool weft_rwmutex_tryrlock(weft_rwmutex *m)
{
	if (!rw_try(m, false))
		return false;
	rw_own(m, false);
	return true;
}

bool weft_rwmutex_trylock(weft_rwmutex *m)
{
	if (!rw_try(m, true))
		return false;
	rw_own(m, true);
	return true;
}

/* Takes what off the state; if others wait, under the lock that they wait under. */
__attribute__((noinline)) static void rw_release_slow(weft_rwmutex *m, unsigned what,
    const char *call)
{
	struct node *woken;

	for (;;) {
		unsigned s = atomic_load_explicit(ATOMIC(&m->state), memory_order_relaxed);

		while (!(s & QUEUED)) {
			if (what == WRITER ? !(s & WRITER) : s < READER)
				not_locked(call, m);
			if (atomic_compare_exchange_weak_explicit(ATOMIC(&m->state), &s,
			    s - what, memory_order_release, memory_order_relaxed))
				return;
		}
		if (what == WRITER ? !(s & WRITER) : s < READER)
			not_locked(call, m);
		lock(ATOMIC(&m->lock));
		if (!waitq_empty(QUEUE(&m->waiters)))
			break;
		/* they all gave up: release it as if they had never come */
		atomic_fetch_and_explicit(ATOMIC(&m->state), ~(unsigned)QUEUED,
		    memory_order_relaxed);
		unlock(ATOMIC(&m->lock));
	}
	atomic_fetch_sub_explicit(ATOMIC(&m->state), what, memory_order_release);
	woken = rw_grant(m);
	unlock(ATOMIC(&m->lock));
	rw_wake(woken);
}

static inline void rw_release(weft_rwmutex *m, unsigned what, const char *call)
{
	unsigned s = what;

	if (unlikely(!atomic_compare_exchange_strong_explicit(ATOMIC(&m->state), &s, 0,
	    memory_order_release, memory_order_relaxed)))
		rw_release_slow(m, what, call);
}

void weft_rwmutex_runlock(weft_rwmutex *m)
{
	san_release(&m->self);
	rw_release(m, READER, "weft_rwmutex_runlock");
}

void weft_rwmutex_unlock(weft_rwmutex *m)
{
	san_release(m);
	m->self = NULL;
	rw_release(m, WRITER, "weft_rwmutex_unlock");
}

/* ---- wait group ---- */

/*
 * state is twice the count, plus one since somebody has waited; only the wake at
 * zero clears that, so that whoever sees zero alone knows that nobody will touch
 * the group any more.
 */
enum { WG_WAITED = 1, WG_ONE = 2 };

static void wg_wake_all(weft_waitgroup *wg)
{
	struct node *first = NULL, **last = &first, *n;

	lock(ATOMIC(&wg->lock));
	atomic_fetch_and(ATOMIC(&wg->count), ~(unsigned)WG_WAITED);
	while ((n = waitq_pop(QUEUE(&wg->waiters)))) {
		*last = n;
		last = &n->next;
	}
	*last = NULL;
	unlock(ATOMIC(&wg->lock));
	while ((n = first)) {
		first = n->next;
		waitq_wake(n);
	}
}

void weft_waitgroup_add(weft_waitgroup *wg, int n)
{
	unsigned s;

	if (n < 0)
		san_release(wg);
	/* release: pairs with the acquire of a wait that sees zero */
	s = atomic_fetch_add_explicit(ATOMIC(&wg->count), (unsigned)n * WG_ONE,
	    memory_order_acq_rel) + (unsigned)n * WG_ONE;
	if (unlikely((int)s < 0))
		die("wait group %p: count below zero (%d)", (void *)wg, (int)s / WG_ONE);
	if (s == WG_WAITED)
		wg_wake_all(wg);
}

void weft_waitgroup_done(weft_waitgroup *wg)
{
	weft_waitgroup_add(wg, -1);
}

static int wg_wait(weft_ctx *ctx, weft_waitgroup *wg, const void *pc)
{
	unsigned s = atomic_load_explicit(ATOMIC(&wg->count), memory_order_acquire);
	int err = 0;

	/* WG_WAITED alone: somebody is about to wake all, and must find the group alive */
	if (s) {
		lock(ATOMIC(&wg->lock));
		do
			s = atomic_load(ATOMIC(&wg->count));
		while (s && !atomic_compare_exchange_weak(ATOMIC(&wg->count), &s,
		    s | WG_WAITED));
		if (!s)
			unlock(ATOMIC(&wg->lock));
		else
			err = waitq_wait(QUEUE(&wg->waiters), ATOMIC(&wg->lock), ctx,
			    WAIT_GROUP, wg, pc);
	}
	if (!err)
		san_acquire(wg);
	return err;
}

void weft_waitgroup_wait(weft_waitgroup *wg)
{
	wg_wait(NULL, wg, CALLER);
}

int weft_waitgroup_wait_ctx(weft_ctx *ctx, weft_waitgroup *wg)
{
	return wg_wait(ctx, wg, CALLER);
}

void weft_waitgroup_spawn_(weft_waitgroup *wg, weft_entry_ *f, const intptr_t words[6],
    const struct weft_site *site)
{
	weft_waitgroup_add(wg, 1);
	sched_spawn(f, words, site, self()->group, 0, wg);
}

/* ---- once ---- */

void weft_once_do(weft_once *once, void (*f)(void))
{
	/* acquire: pairs with the release below */
	if (!atomic_load_explicit(ATOMIC(&once->done), memory_order_acquire)) {
		mutex_lock(&once->m, CALLER);
		if (!once->done) {
			f();
			san_release(&once->done);
			atomic_store_explicit(ATOMIC(&once->done), 1,
			    memory_order_release);
		}
		weft_mutex_unlock(&once->m);
	}
	san_acquire(&once->done);
}

/* ---- condition variable ---- */

static int cond_wait(weft_ctx *ctx, weft_cond *c, weft_mutex *m, const void *pc)
{
	struct node n;
	int err;

	if (ctx && !weft_done_(ctx))
		ctx = NULL;
	lock(ATOMIC(&c->lock));
	waitq_join(QUEUE(&c->waiters), &n, ctx, false);
	unlock(ATOMIC(&c->lock));
	weft_mutex_unlock(m);
	err = waitq_sleep(&n, ATOMIC(&c->lock), ctx, WAIT_COND, c, pc);
	mutex_lock(m, pc);
	return err;
}

void weft_cond_wait(weft_cond *c, weft_mutex *m)
{
	cond_wait(NULL, c, m, CALLER);
}

int weft_cond_wait_ctx(weft_ctx *ctx, weft_cond *c, weft_mutex *m)
{
	return cond_wait(ctx, c, m, CALLER);
}

void weft_cond_signal(weft_cond *c)
{
	struct node *n;

	lock(ATOMIC(&c->lock));
	n = waitq_pop(QUEUE(&c->waiters));
	unlock(ATOMIC(&c->lock));
	if (n)
		waitq_wake(n);
}

void weft_cond_broadcast(weft_cond *c)
{
	struct node *first = NULL, **last = &first, *n;

	lock(ATOMIC(&c->lock));
	while ((n = waitq_pop(QUEUE(&c->waiters)))) {
		*last = n;
		last = &n->next;
	}
	*last = NULL;
	unlock(ATOMIC(&c->lock));
	while ((n = first)) {
		first = n->next;
		waitq_wake(n);
	}
}
