/*
 * sync.c - wait group, once, cond
 *
 * Each has a state word for the case without waiters, and a lock that protects
 * its queue.  An object may be freed by whoever sees that it is free: so the last
 * thing done to one, by whoever releases it, is the change of the state word, or
 * the unlock before sleepers (who keep it alive) are woken.
 */
#include "sync.h"

#include "bubble.h"
#include "chan.h"
#include "sanitize.h"
#include "worker.h"

#define ATOMIC(p)	((_Atomic unsigned *)(p))

/* ---- wait group ---- */

/*
 * state is twice the count, plus one since somebody has waited; only the wake at
 * zero clears that, with the lock held, so that whoever sees zero alone and then the lock
 * free knows that nobody will touch the group any more.
 */
enum { WG_WAITED = 1, WG_ONE = 2 };

static void wg_wake_all(weft_waitgroup *wg)
{
	struct node *all;

	lock(ATOMIC(&wg->lock));
	all = waitq_pop_all(&wg->waiters);
	atomic_fetch_and(ATOMIC(&wg->count), ~(unsigned)WG_WAITED);
	unlock(ATOMIC(&wg->lock));	/* the last touch: see wg_wait */
	waitq_wake_all(all);
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
	STEP("is done");
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
			err = waitq_wait(&wg->waiters, ATOMIC(&wg->lock), ctx,
			    WAIT_GROUP, wg, pc);
	} else if (atomic_load_explicit(ATOMIC(&wg->lock), memory_order_acquire)) {
		lock(ATOMIC(&wg->lock));	/* whoever brought it to zero lets go of it */
		unlock(ATOMIC(&wg->lock));
	}
	if (!err)
		san_acquire(wg);
	return err;
}

void weft_waitgroup_wait(weft_waitgroup *wg)
{
	STEP("waits for a group");
	wg_wait(NULL, wg, CALLER);
}

int weft_waitgroup_wait_ctx(weft_ctx *ctx, weft_waitgroup *wg)
{
	STEP("waits for a group");
	return wg_wait(ctx, wg, CALLER);
}

void weft_waitgroup_spawn_(weft_waitgroup *wg, weft_entry_ *f, const intptr_t words[6],
    const struct weft_site *site)
{
	STEP("starts a goroutine");
	weft_waitgroup_add(wg, 1);
	sched_spawn(f, words, site, (struct home){ self()->group, bubble_current(), 0 }, wg);
}

/* ---- once ---- */

void weft_once_do(weft_once *once, void (*f)(void))
{
	STEP("does once");
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

	STEP_AT("waits for a condition", pc);
	if (ctx && !weft_done_(ctx))
		ctx = NULL;
	lock(ATOMIC(&c->lock));
	waitq_join(&c->waiters, &n, ctx, false);
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

	STEP("signals");
	lock(ATOMIC(&c->lock));
	n = waitq_pop(&c->waiters);
	unlock(ATOMIC(&c->lock));
	if (n)
		waitq_wake(n);
}

void weft_cond_broadcast(weft_cond *c)
{
	struct node *all;

	STEP("broadcasts");
	lock(ATOMIC(&c->lock));
	all = waitq_pop_all(&c->waiters);
	unlock(ATOMIC(&c->lock));
	waitq_wake_all(all);
}
