/*
 * waitq.c - queues of waiters
 *
 * A waiter's nodes lie on its stack.  Whoever pops a node owns the waiter until
 * waitq_wake: popped nodes of a waiter that is in several queues are claimed first,
 * and those already claimed through another queue are dropped.  The queue's owner
 * holds the queue's lock around everything here but waitq_wake and waitq_wake_all; waitq_wait
 * lets go of it.
 *
 * There are no choice points in here (choices.h): a descriptor's lock is held, which the
 * scheduler takes, too.
 */
#include "chan.h"
#include "sanitize.h"
#include "worker.h"

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
