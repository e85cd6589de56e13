/*
 * bulkhead.c - a count of who is inside, and a queue with an end
 *
 * While somebody waits all places are taken: who leaves gives its place to the first
 * in the queue, and so the count stays.  That happens under the lock, and then the waiter
 * is woken; one that gave up meanwhile finds itself granted, and waits for its waker.
 */
#include "bulkhead.h"

#include <stdlib.h>

#include "../base/die.h"
#include "../base/list.h"
#include "../weft/sync.h"

struct weft_bulkhead {
	weft_mutex			m;	/* protects the rest; never held while waiting */
	struct weft_bulkhead_options	o;
	struct weft_bulkhead_stats	stats;
	struct list			waiters;
};

struct waiter { struct list in; bool granted; weft_waitgroup woken; };

weft_bulkhead *weft_bulkhead_new(struct weft_bulkhead_options o)
{
	weft_bulkhead *b;

	if (o.max_concurrent <= 0 || o.max_queue < 0 || o.max_wait < 0)
		die("weft_bulkhead_new: %d concurrent, %d waiting, for %lld ns",
		    o.max_concurrent, o.max_queue, (long long)o.max_wait);
	b = xmalloc(sizeof *b);
	*b = (weft_bulkhead){ .o = o };
	list_init(&b->waiters);
	return b;
}

void weft_bulkhead_free(weft_bulkhead *b)
{
	if (b && b->stats.inside)
		die("weft_bulkhead_free: %d are inside, %d wait", b->stats.inside,
		    b->stats.waiting);
	free(b);
}

/* As long as ctx and max_wait allow. */
static int wait(weft_ctx *ctx, weft_bulkhead *b, struct waiter *w)
{
	weft_ctx *both;
	int err;

	if (!b->o.max_wait)
		return weft_waitgroup_wait_ctx(ctx, &w->woken);
	both = weft_with_timeout(ctx, b->o.max_wait);
	err = weft_waitgroup_wait_ctx(both, &w->woken);
	weft_ctx_free(both);
	if (!err)
		return 0;
	err = weft_err(ctx);		/* its own: both may have ended with max_wait just before */
	return err ? err : -ETIME;
}

/* 0: it was let in all the same. */
static int withdraw(weft_bulkhead *b, struct waiter *w, int err)
{
	weft_mutex_lock(&b->m);
	if (w->granted) {
		weft_mutex_unlock(&b->m);
		weft_waitgroup_wait(&w->woken);
		return 0;
	}
	list_remove(&w->in);
	b->stats.waiting--;
	++*(err == -ETIME ? &b->stats.late : &b->stats.cancelled);
	weft_mutex_unlock(&b->m);
	return err;
}

/* With the lock, which it lets go of. */
static __attribute__((noinline)) int queue_up(weft_ctx *ctx, weft_bulkhead *b)
{
	struct waiter w = { .granted = false };
	int err;

	b->stats.waiting++;
	weft_waitgroup_add(&w.woken, 1);
	list_push_back(&b->waiters, &w.in);
	weft_mutex_unlock(&b->m);
	err = wait(ctx, b, &w);
	return err ? withdraw(b, &w, err) : 0;
}

int weft_bulkhead_enter(weft_ctx *ctx, weft_bulkhead *b)
{
	int err = 0;

	weft_mutex_lock(&b->m);
	if (likely(b->stats.inside < b->o.max_concurrent)) {
		b->stats.inside++;
		b->stats.entered++;
	} else if (b->stats.waiting < b->o.max_queue) {
		return queue_up(ctx, b);
	} else {
		b->stats.full++;
		err = -EBUSY;
	}
	weft_mutex_unlock(&b->m);
	return err;
}

void weft_bulkhead_leave(weft_bulkhead *b)
{
	struct list *e;

	weft_mutex_lock(&b->m);
	if (unlikely(!b->stats.inside))
		die("weft_bulkhead_leave: nobody is inside");
	e = list_pop_front(&b->waiters);
	if (e) {
		b->stats.waiting--;
		b->stats.entered++;
		container_of(e, struct waiter, in)->granted = true;
	} else {
		b->stats.inside--;
	}
	weft_mutex_unlock(&b->m);
	if (e)
		weft_waitgroup_done(&container_of(e, struct waiter, in)->woken);
}

struct weft_bulkhead_stats weft_bulkhead_stats(weft_bulkhead *b)
{
	struct weft_bulkhead_stats s;

	weft_mutex_lock(&b->m);
	s = b->stats;
	weft_mutex_unlock(&b->m);
	return s;
}
