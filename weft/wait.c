/*
 * wait.c - queues of waiters, and the runtime's lock when it is contended
 *
 * A waiter's nodes lie on its stack.  Whoever pops a node owns the waiter until
 * waitq_wake: popped nodes of a waiter that is in several queues are claimed first,
 * and those already claimed through another queue are dropped.  The queue's owner
 * holds the queue's lock around everything here but waitq_wake and waitq_wait.
 */
#include <sched.h>

#include "chan.h"
#include "sanitize.h"
#include "worker.h"

void lock_slow(_Atomic unsigned *l)
{
	for (unsigned round = 1;; round++) {
		unsigned pauses = round < 6 ? 1u << round : 32;

		for (unsigned i = 0; i < pauses; i++)
			cpu_pause();
		if (!atomic_load_explicit(l, memory_order_relaxed) && trylock(l))
			return;
		if (round % 64 == 0)
			sched_yield();	/* the holder may have lost its processor */
	}
}

void waitq_push_front(struct waitq *q, struct node *n)
{
	n->prev = NULL;
	n->next = q->head;
	if (q->head)
		q->head->prev = n;
	else
		q->tail = n;
	q->head = n;
	n->q = q;
}

void waitq_wake(struct node *n)
{
	struct g *g = n->g;

	g->woken = n;
	san_release(n);
	sched_ready(self()->w, g);
}

/* The queue's lock is held.  Everyone, linked by next; for waitq_wake_all. */
struct node *waitq_pop_all(struct waitq *q)
{
	struct node *first = NULL, **last = &first, *n;

	while ((n = waitq_pop(q))) {
		*last = n;
		last = &n->next;
	}
	*last = NULL;
	return first;
}

/* Without the lock. */
void waitq_wake_all(struct node *n)
{
	while (n) {
		struct node *next = n->next;	/* n is gone once its owner is awake */

		waitq_wake(n);
		n = next;
	}
}

/*
 * Joins done's receivers.  False: it is closed already, and the caller got itself
 * back; the lock says who was first.
 */
static bool watch(struct weft_chan *done, struct node *n)
{
	bool closed;

	lock(&done->lock);
	closed = done->closed;
	if (!closed)
		waitq_push(&done->recvq, n);
	unlock(&done->lock);
	return !closed || !park_cancel(&n->g->park);
}

int waitq_sleep(struct node *n, _Atomic unsigned *l, weft_ctx *ctx, enum reason why,
    const void *object, const void *pc)
{
	struct weft_chan *done = ctx ? weft_done_(ctx) : NULL;
	struct g *g = n->g;
	struct node quit = { .g = g, .gen = n->gen, .shared = true };

	if (done && !watch(done, &quit)) {
		lock(l);
		waitq_remove(n);
		unlock(l);
		park_end(&g->park);
		return weft_err(ctx);
	}
	if (!done) {
		sched_park(g, why, object, pc);
		san_acquire(n);
		return 0;
	}
	g->quits = true;
	sched_park(g, why, object, pc);
	g->quits = false;
	if (g->woken != &quit) {
		/* q changes under the lock only, and a canceller may be looking at quit */
		lock(&done->lock);
		waitq_remove(&quit);
		unlock(&done->lock);
	}
	if (g->woken == n) {
		san_acquire(n);
		return 0;
	}
	lock(l);
	waitq_remove(n);
	unlock(l);
	san_acquire(&quit);
	return weft_err(ctx);
}

void waitq_join(struct waitq *q, struct node *n, weft_ctx *ctx, bool front)
{
	n->g = self();
	n->shared = ctx != NULL;
	n->ok = false;
	n->g->woken = NULL;		/* before anyone can find us */
	n->gen = park_begin(&n->g->park);
	if (front)
		waitq_push_front(q, n);
	else
		waitq_push(q, n);
}

int waitq_wait(struct waitq *q, _Atomic unsigned *l, weft_ctx *ctx, enum reason why,
    const void *object, const void *pc)
{
	struct node n;

	if (ctx && !weft_done_(ctx))
		ctx = NULL;
	waitq_join(q, &n, ctx, false);
	unlock(l);
	return waitq_sleep(&n, l, ctx, why, object, pc);
}
