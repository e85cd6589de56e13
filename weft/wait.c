/*
 * wait.c - waiting in a queue until one is woken or a context ends
 */
#include "chan.h"
#include "sanitize.h"
#include "worker.h"

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
