/*
 * rwmutex.c - reader/writer mutual exclusion
 *
 * state counts readers in steps of READER, but for those in their workers' slots
 * (readers.h); WRITER and QUEUED are flags.  QUEUED keeps newcomers of both kinds
 * out, and whoever releases the mutex hands it to the head of the queue: one writer,
 * or all readers up to the next writer.  BIASED, and so slots in use, never meets
 * WRITER or QUEUED but under the lock that protects the queue.
 *
 * Like a mutex it may be freed by whoever sees that it is free (mutex.c).
 */
#include "bubble.h"
#include "chan.h"
#include "readers.h"
#include "sanitize.h"
#include "worker.h"

#define STATE(m)	((_Atomic unsigned *)&(m)->state)
#define LOCK(m)		((_Atomic unsigned *)&(m)->lock)

struct rw_node { struct node n; bool writer; };

/*
 * After how many meetings of readers a mutex becomes BIASED, and how many more if a
 * writer has had to end that before, which costs it a look at every worker.
 */
enum { CROWD = 64, PATIENCE = 512 };

static inline readers_slot *reader_slot(struct worker *w, const weft_rwmutex *m)
{
	return &w->readers[((uintptr_t)m >> 6 ^ (uintptr_t)m >> 12) % READER_SLOTS];
}

static inline bool rw_try(weft_rwmutex *m, bool writer)
{
	unsigned s = 0;

	if (likely(atomic_compare_exchange_strong_explicit(STATE(m), &s,
	    writer ? WRITER : READER, memory_order_acquire, memory_order_relaxed)))
		return true;
	while (!(s & (WRITER | QUEUED)) && !(writer && s))
		if (atomic_compare_exchange_weak_explicit(STATE(m), &s,
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
		unsigned s = atomic_load_explicit(STATE(m), memory_order_relaxed);
		struct node *head = m->waiters.head;
		bool writer = head && container_of(head, struct rw_node, n)->writer;

		if (!head) {
			atomic_fetch_and_explicit(STATE(m), ~(unsigned)QUEUED,
			    memory_order_relaxed);
			break;
		}
		if (s & WRITER || (writer && s >= READER))
			break;
		waitq_remove(head);
		if (head->shared && !park_claim(&head->g->park, head->gen))
			continue;	/* its context ended first */
		atomic_fetch_add_explicit(STATE(m), writer ? WRITER : READER,
		    memory_order_acquire);
		head->ok = true;
		*last = head;
		last = &head->next;
	}
	*last = NULL;
	return first;
}

/*
 * Under m->lock: everyone who reads is counted, and newcomers queue.  BIASED, once
 * QUEUED is set, is only taken away, and under the lock.
 */
static void rw_count_all(weft_rwmutex *m)
{
	int n;

	if (!(atomic_fetch_or_explicit(STATE(m), QUEUED, memory_order_relaxed) & BIASED))
		return;
	readers_unbias(STATE(m));
	n = atomic_load(&sched.nworkers);	/* not before: one may just have started */
	for (int i = 0; i < n; i++)
		readers_move(STATE(m), reader_slot(sched.worker[i], m), m);
	__atomic_store_n(&m->crowd, -PATIENCE, __ATOMIC_RELAXED);
}

static inline void rw_own(weft_rwmutex *m, bool writer)
{
	if (writer) {
		m->holder = ~stack_pointer();
		m->self = m;
		san_acquire(&m->self);	/* readers' releases */
	}
	san_acquire(m);			/* the writer's */
}

/* 0: it is the caller's. */
__attribute__((noinline)) static int rw_lock_slow(weft_ctx *ctx, weft_rwmutex *m,
    bool writer, const void *pc)
{
	struct rw_node w = { .writer = writer };
	struct node *woken;
	int err;

	if (m->self && m->self != m)
		die("rwmutex %p is a copy of %p, made while that was locked", (void *)m,
		    (void *)m->self);
	if (ctx && !weft_done_(ctx))
		ctx = NULL;
	lock(LOCK(m));
	if (!writer)			/* what rlock counted too early */
		atomic_fetch_sub_explicit(STATE(m), READER, memory_order_relaxed);
	rw_count_all(m);
	waitq_join(&m->waiters, &w.n, ctx, false);
	woken = rw_grant(m);		/* perhaps us: it was released in between */
	unlock(LOCK(m));
	for (struct node **at = &woken; *at; at = &(*at)->next)
		if (*at == &w.n) {	/* we are still running: no sleep, no wake */
			*at = w.n.next;
			park_end(&w.n.g->park);
			waitq_wake_all(woken);
			rw_own(m, writer);
			return 0;
		}
	waitq_wake_all(woken);
	err = waitq_sleep(&w.n, LOCK(m), ctx, writer ? WAIT_RWMUTEX_W :
	    WAIT_RWMUTEX_R, m, pc);
	if (!err) {
		rw_own(m, writer);
		return 0;
	}
	lock(LOCK(m));		/* those behind us may go ahead now */
	woken = rw_grant(m);
	unlock(LOCK(m));
	waitq_wake_all(woken);
	return err;
}

/* Another reader was in when one came. */
__attribute__((noinline)) static void rw_crowded(weft_rwmutex *m)
{
	/* relaxed: a hint, and some may get lost */
	int crowd = __atomic_load_n(&m->crowd, __ATOMIC_RELAXED) + 1;
	unsigned s = atomic_load_explicit(STATE(m), memory_order_relaxed);

	if (sched.procs == 1)
		return;
	if (crowd < CROWD) {
		__atomic_store_n(&m->crowd, crowd, __ATOMIC_RELAXED);
		return;
	}
	/* relaxed: what is in a slot is published by the exchange there */
	while (!(s & (WRITER | QUEUED | BIASED)) &&
	    !atomic_compare_exchange_weak_explicit(STATE(m), &s, s | BIASED,
	    memory_order_relaxed, memory_order_relaxed))
		;
}

/*
 * A reader counts itself first and looks then, which does not fail when many do so
 * at once.  If it may not enter, the slow path takes the count back under the lock
 * and looks whom it has kept out in the meantime.
 */
static inline bool rw_count(weft_rwmutex *m)
{
	/* acquire: pairs with the release of the writer */
	unsigned s = atomic_fetch_add_explicit(STATE(m), READER, memory_order_acquire);

	if (likely(!s))
		return true;
	if (s & (WRITER | QUEUED))
		return false;
	if (s >= READER)
		rw_crowded(m);
	return true;
}

/* The general case: with a context, or through the slot of the caller's worker. */
__attribute__((noinline)) static int rw_rlock(weft_ctx *ctx, weft_rwmutex *m, const void *pc)
{
	struct worker *w = self()->w;		/* NULL: a thread, which has no slots */

	if (!(w && readers_enter(STATE(m), reader_slot(w, m), m)) && !rw_count(m))
		return rw_lock_slow(ctx, m, false, pc);
	rw_own(m, false);
	return 0;
}

/* No stack frame on the way of one who is alone. */
void weft_rwmutex_rlock(weft_rwmutex *m)
{
	unsigned s = atomic_load_explicit(STATE(m), memory_order_relaxed);

	STEP("locks to read");
	if (unlikely(s & BIASED))
		rw_rlock(NULL, m, CALLER);
	else if (unlikely(!rw_count(m)))
		rw_lock_slow(NULL, m, false, CALLER);
	else
		rw_own(m, false);
}

int weft_rwmutex_rlock_ctx(weft_ctx *ctx, weft_rwmutex *m)
{
	STEP("locks to read");
	return rw_rlock(ctx, m, CALLER);
}

static int rw_wlock(weft_ctx *ctx, weft_rwmutex *m, const void *pc)
{
	if (unlikely(!rw_try(m, true)))
		return rw_lock_slow(ctx, m, true, pc);
	rw_own(m, true);
	return 0;
}

void weft_rwmutex_lock(weft_rwmutex *m)
{
	STEP("locks to write");
	rw_wlock(NULL, m, CALLER);
}

int weft_rwmutex_lock_ctx(weft_ctx *ctx, weft_rwmutex *m)
{
	STEP("locks to write");
	return rw_wlock(ctx, m, CALLER);
}

bool weft_rwmutex_tryrlock(weft_rwmutex *m)
{
	STEP("tries to lock to read");
	if (!rw_try(m, false))
		return false;
	rw_own(m, false);
	return true;
}

bool weft_rwmutex_trylock(weft_rwmutex *m)
{
	STEP("tries to lock to write");
	if (atomic_load_explicit(STATE(m), memory_order_relaxed) & BIASED) {
		struct node *woken;

		lock(LOCK(m));
		rw_count_all(m);
		woken = rw_grant(m);
		unlock(LOCK(m));
		waitq_wake_all(woken);
	}
	if (!rw_try(m, true))
		return false;
	rw_own(m, true);
	return true;
}

static inline bool rw_held(unsigned s, unsigned what)
{
	return what == WRITER ? s & WRITER : s >= READER;
}

/* Takes what off the state; if others wait, under the lock that they wait under. */
__attribute__((noinline)) static void rw_release_slow(weft_rwmutex *m, unsigned what,
    const char *call)
{
	struct node *woken;

	for (;;) {
		unsigned s = atomic_load_explicit(STATE(m), memory_order_relaxed);

		while (!(s & QUEUED) && rw_held(s, what))
			if (atomic_compare_exchange_weak_explicit(STATE(m), &s, s - what,
			    memory_order_release, memory_order_relaxed))
				return;
		lock(LOCK(m));
		/* a reader that came on another worker is in that one's slot */
		rw_count_all(m);
		s = atomic_load_explicit(STATE(m), memory_order_relaxed);
		if (!rw_held(s, what)) {
			unlock(LOCK(m));
			die("%s: %p is not locked", call, (void *)m);
		}
		if (!waitq_empty(&m->waiters))
			break;
		/* nobody waits: release it as if nobody had ever come */
		atomic_fetch_and_explicit(STATE(m), ~(unsigned)QUEUED,
		    memory_order_relaxed);
		unlock(LOCK(m));
	}
	atomic_fetch_sub_explicit(STATE(m), what, memory_order_release);
	woken = rw_grant(m);
	unlock(LOCK(m));
	waitq_wake_all(woken);
}

static inline void rw_release(weft_rwmutex *m, unsigned what, const char *call)
{
	unsigned s = what;

	if (unlikely(!atomic_compare_exchange_strong_explicit(STATE(m), &s, 0,
	    memory_order_release, memory_order_relaxed)))
		rw_release_slow(m, what, call);
}

__attribute__((noinline)) static void rw_leave_biased(weft_rwmutex *m)
{
	struct worker *w = self()->w;

	if (!(w && readers_leave(reader_slot(w, m), m)))
		rw_release(m, READER, "weft_rwmutex_runlock");
}

void weft_rwmutex_runlock(weft_rwmutex *m)
{
	STEP("unlocks after reading");
	san_release(&m->self);
	if (unlikely(atomic_load_explicit(STATE(m), memory_order_relaxed) & BIASED))
		rw_leave_biased(m);
	else
		rw_release(m, READER, "weft_rwmutex_runlock");
}

void weft_rwmutex_unlock(weft_rwmutex *m)
{
	STEP("unlocks after writing");
	san_release(m);
	m->self = NULL;
	rw_release(m, WRITER, "weft_rwmutex_unlock");
}
