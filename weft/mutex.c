/*
 * mutex.c - mutual exclusion
 *
 * state is 0 when the mutex is free.  While it is locked it holds LOCKED and bits of
 * its own address, so that a copy of a locked mutex is known for what it is.  WAITING
 * is set while the queue, which lock protects, is not empty.  A woken waiter competes
 * with newcomers once; if it loses it queues in front and is then handed the mutex,
 * which stays LOCKED on the way.  So nobody is overtaken for more than one turn, and
 * without contention nobody is woken in vain.
 *
 * A mutex may be freed by whoever sees that it is free: the last thing that unlock
 * does to it is the change of state, or the unlock before a sleeper, who keeps it
 * alive, is woken.
 */
#include "bubble.h"
#include "chan.h"
#include "sanitize.h"
#include "worker.h"

#define STATE(m)	((_Atomic unsigned *)&(m)->state)
#define LOCK(m)		((_Atomic unsigned *)&(m)->lock)

enum { LOCKED = 1, WAITING = 2, FLAGS = 3 };

struct mutex_node { struct node n; bool lost; };

/* What the state of a locked m is, but for WAITING; m is a multiple of 8. */
static inline unsigned locked(const weft_mutex *m)
{
	return (unsigned)((uintptr_t)m >> 1) | LOCKED;
}

static inline void own(weft_mutex *m)
{
	m->holder = ~stack_pointer();
	san_acquire(m);
}

static inline bool mutex_try(weft_mutex *m)
{
	unsigned s = 0;

	/* acquire: pairs with the release in unlock */
	return atomic_compare_exchange_strong_explicit(STATE(m), &s, locked(m),
	    memory_order_acquire, memory_order_relaxed);
}

/* Under m->lock: LOCKED taken, or WAITING set. */
static bool take_or_mark(weft_mutex *m)
{
	unsigned s = atomic_load_explicit(STATE(m), memory_order_relaxed);

	for (;;) {
		unsigned next = s & LOCKED ? s | WAITING : s | locked(m);

		if (atomic_compare_exchange_weak_explicit(STATE(m), &s, next,
		    memory_order_acquire, memory_order_relaxed))
			return !(s & LOCKED);
	}
}

__attribute__((cold, noreturn)) static void is_copy(const weft_mutex *m)
{
	die("mutex %p is a copy of another one, made while that was locked", (const void *)m);
}

static inline void check_copy(weft_mutex *m)
{
	unsigned s = atomic_load_explicit(STATE(m), memory_order_relaxed);

	if (unlikely(s & LOCKED && (s & ~(unsigned)WAITING) != locked(m)))
		is_copy(m);
}

/* A short look on another core; pointless when there is none or others wait. */
static bool spin(weft_mutex *m)
{
	for (int i = 0; sched.procs > 1 && i < 32; i++) {
		unsigned s = atomic_load_explicit(STATE(m), memory_order_relaxed);

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
		lock(LOCK(m));
		if (take_or_mark(m)) {
			unlock(LOCK(m));
			own(m);
			return 0;
		}
		waitq_join(&m->waiters, &w.n, ctx, w.lost);
		unlock(LOCK(m));
		err = waitq_sleep(&w.n, LOCK(m), ctx, WAIT_MUTEX, m, pc);
		if (err)
			return err;
		if (w.n.ok) {		/* handed over */
			own(m);
			return 0;
		}
		w.lost = true;
	}
}

void mutex_lock(weft_mutex *m, const void *pc)
{
	STEP_AT("locks", pc);
	if (likely(mutex_try(m)))
		own(m);
	else
		lock_slow_path(NULL, m, pc);
}

void weft_mutex_lock(weft_mutex *m)
{
	STEP("locks");
	if (likely(mutex_try(m)))
		own(m);
	else
		lock_slow_path(NULL, m, CALLER);
}

int weft_mutex_lock_ctx(weft_ctx *ctx, weft_mutex *m)
{
	STEP("locks");
	if (unlikely(!mutex_try(m)))
		return lock_slow_path(ctx, m, CALLER);
	own(m);
	return 0;
}

bool weft_mutex_trylock(weft_mutex *m)
{
	STEP("tries to lock");
	if (!mutex_try(m))
		return false;
	own(m);
	return true;
}

__attribute__((noinline)) static void unlock_slow_path(weft_mutex *m)
{
	unsigned s = locked(m);
	struct node *n;

	check_copy(m);
	if (!(atomic_load_explicit(STATE(m), memory_order_relaxed) & LOCKED))
		die("weft_mutex_unlock: %p is not locked", (void *)m);
	lock(LOCK(m));
	n = waitq_pop(&m->waiters);
	if (waitq_empty(&m->waiters))
		/* relaxed: LOCKED keeps everyone but lockers under m->lock out */
		atomic_fetch_and_explicit(STATE(m), ~(unsigned)WAITING,
		    memory_order_relaxed);
	if (n && container_of(n, struct mutex_node, n)->lost) {
		n->ok = true;
		unlock(LOCK(m));
		waitq_wake(n);
		return;
	}
	unlock(LOCK(m));
	if (n) {
		/* release: pairs with the acquire of the next owner; the last touch */
		atomic_fetch_and_explicit(STATE(m), WAITING, memory_order_release);
		waitq_wake(n);
		return;
	}
	/* nobody was there: as if from the beginning */
	if (!atomic_compare_exchange_strong_explicit(STATE(m), &s, 0,
	    memory_order_release, memory_order_relaxed))
		unlock_slow_path(m);
}

void weft_mutex_unlock(weft_mutex *m)
{
	unsigned s = locked(m);

	STEP("unlocks");
	san_release(m);
	/* who has it next notes himself only once he runs: until then it is nobody, not us */
	m->holder = 0;
	if (unlikely(!atomic_compare_exchange_strong_explicit(STATE(m), &s, 0,
	    memory_order_release, memory_order_relaxed)))
		unlock_slow_path(m);
}

__attribute__((no_sanitize("address", "thread")))
uintptr_t mutex_holder(const weft_mutex *m)
{
	return m->state & LOCKED && m->holder ? ~m->holder : 0;
}
