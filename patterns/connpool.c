/*
 * connpool.c - idle connections, those who wait for one, and the keeper
 *
 * Under the lock: if anybody waits, nothing is idle, and either as many are being made
 * as wait, or total is at max.  idle is ordered by use, the last used in front.  total
 * counts every connection until its destroy has returned, so that max holds for what
 * the other side sees.  busy counts those that close waits for: the pool's own goroutines,
 * and those who wait, who touch the pool once more when they are told that it is closed.
 *
 * A waiter is on the stack of the one who waits, and leaves its list under the lock:
 * whoever gives it something takes it out.  So one who is cancelled either has it
 * already, and returns it, or was never given anything.
 *
 * When making fails, the error is for the first who waits, if it waited already when the
 * making began; for others, who came to wait for something else, another is begun.
 */
#include "connpool.h"

#include <stdlib.h>

#include "../base/list.h"
#include "../weft/sync.h"
#include "../weft/time.h"

/* In the list of idle ones, or out, or with the keeper, or in the hands of one who checks it. */
struct weft_connpool_lease {
	struct list	 at;
	weft_connpool	*p;
	void		*conn;
	int64_t		 ends;		/* its life */
	int64_t		 used;		/* when it came back last */
	uint64_t	 round;		/* of the keeper, that it was made or looked at in */
	bool		 out;
};

struct waiter {
	struct list		 at;
	weft_cond		 served;
	weft_connpool_lease	*lease;	/* or err */
	int			 err;
	uint64_t		 number;
};

struct weft_connpool {
	weft_connpool_options o;
	weft_ctx	*ctx;		/* of all callbacks; ends with close */
	weft_mutex	 lock;		/* all below; no callback is called under it */
	struct list	 idle, waiters;
	int		 waiting;	/* how long waiters is */
	uint64_t	 arrivals;	/* the last waiter's number */
	weft_cond	 gone;		/* total or busy became 0 */
	uint64_t	 round;		/* of the keeper */
	int		 busy;
	bool		 closed;
	weft_connpool_stats s;
};

enum why { TOO_IDLE, TOO_OLD, UNHEALTHY, OF_YOURS };

#define OR(x, otherwise)	((x) ? (x) : (otherwise))

/* ---- under the lock ---- */

static void make(weft_connpool *p, uint64_t for_whom);

static void make_what_is_missing(weft_connpool *p, int least)
{
	while (!p->closed && p->s.total < p->o.max &&
	    (p->waiting > p->s.making || p->s.total < least)) {
		p->s.total++, p->s.making++, p->busy++;
		weft_go(make, p, p->arrivals);
	}
}

static void serve(weft_connpool *p, struct waiter *w, weft_connpool_lease *l, int err)
{
	list_remove(&w->at);
	p->waiting--;
	w->lease = l;
	w->err = err;
	weft_cond_signal(&w->served);
}

static struct waiter *first(weft_connpool *p)
{
	return list_empty(&p->waiters) ? NULL : container_of(p->waiters.next, struct waiter, at);
}

static void hand_out(weft_connpool *p, weft_connpool_lease *l)
{
	l->out = true;
	p->s.out++;
	p->s.acquired++;
}

/* For the first who waits, or to be idle, in its place by use. */
static void give(weft_connpool *p, weft_connpool_lease *l)
{
	struct list *e = p->idle.next;

	if (p->waiting) {
		hand_out(p, l);
		serve(p, first(p), l, 0);
		return;
	}
	while (e != &p->idle && container_of(e, weft_connpool_lease, at)->used > l->used)
		e = e->next;
	list_push_back(e, &l->at);	/* before e */
	p->s.idle++;
}

static weft_connpool_lease *take(weft_connpool *p, struct list *e)
{
	list_remove(e);
	p->s.idle--;
	return container_of(e, weft_connpool_lease, at);
}

static void no_longer_busy(weft_connpool *p)
{
	if (--p->busy == 0)
		weft_cond_broadcast(&p->gone);
}

static void one_less(weft_connpool *p, int least)
{
	p->s.total--;
	make_what_is_missing(p, least);
	if (!p->s.total)
		weft_cond_broadcast(&p->gone);
}

/* ---- callbacks: not under the lock ---- */

/* Ends it, and takes the lock. */
static void destroy_and_lock(weft_connpool_lease *l, enum why why)
{
	weft_connpool *p = l->p;

	if (p->o.destroy)
		p->o.destroy(l->conn, p->o.arg);
	free(l);
	weft_mutex_lock(&p->lock);
	p->s.too_idle += why == TOO_IDLE;
	p->s.too_old += why == TOO_OLD;
	p->s.unhealthy += why == UNHEALTHY;
	one_less(p, p->o.min);
}

static bool is_good(weft_ctx *ctx, weft_connpool_lease *l)
{
	weft_connpool *p = l->p;
	int err;

	if (!p->o.check)
		return true;
	ctx = weft_with_timeout(ctx, p->o.check_timeout);
	err = p->o.check(ctx, l->conn, p->o.arg);
	weft_ctx_free(ctx);
	return !err;
}

static weft_connpool_lease *made(weft_connpool *p, void *conn)
{
	weft_connpool_lease *l = xmalloc(sizeof *l);
	int64_t now = weft_now(), more = p->o.jitter ?
	    (int64_t)(weft_random() % (uint64_t)p->o.jitter) : 0;

	*l = (weft_connpool_lease){ .p = p, .conn = conn, .used = now };
	if (__builtin_add_overflow(p->o.lifetime, more, &l->ends) ||
	    __builtin_add_overflow(l->ends, now, &l->ends))
		l->ends = INT64_MAX;	/* so far away is never */
	list_init(&l->at);
	return l;
}

static void make_failed(weft_connpool *p, uint64_t for_whom, int err)
{
	struct waiter *w = first(p);

	p->s.failed++;
	if (w && w->number <= for_whom)
		serve(p, w, NULL, err);
	one_less(p, 0);			/* the least are the keeper's next round */
}

static void make(weft_connpool *p, uint64_t for_whom)
{
	weft_ctx *ctx = weft_with_timeout(p->ctx, p->o.make_timeout);
	weft_connpool_lease *l = NULL;
	void *conn = NULL;
	int err = p->o.make(ctx, &conn, p->o.arg);

	weft_ctx_free(ctx);
	if (!err)
		l = made(p, conn);
	weft_mutex_lock(&p->lock);
	p->s.making--;
	if (err) {
		make_failed(p, for_whom, err);
	} else if (p->s.made++, p->closed) {
		weft_mutex_unlock(&p->lock);
		destroy_and_lock(l, OF_YOURS);
	} else {
		l->round = p->round;
		give(p, l);
	}
	no_longer_busy(p);
	weft_mutex_unlock(&p->lock);
}

/* ---- acquire ---- */

/* Under the lock. */
static int wait_in_line(weft_ctx *ctx, weft_connpool *p, weft_connpool_lease **out)
{
	struct waiter w = { .number = ++p->arrivals };
	int64_t since = weft_now();
	int err = weft_err(ctx);

	if (err) {
		p->s.cancelled++;
		return err;		/* nothing is made for one who is gone */
	}
	list_push_back(&p->waiters, &w.at);
	p->waiting++;
	p->busy++;
	make_what_is_missing(p, 0);
	while (!err && !w.lease && !w.err)
		err = weft_cond_wait_ctx(ctx, &w.served, &p->lock);
	no_longer_busy(p);
	if (w.lease || w.err) {		/* both: success wins */
		p->s.waited += w.lease != NULL;
		p->s.wait_time += w.lease ? weft_now() - since : 0;
		*out = w.lease;
		return w.err;
	}
	list_remove(&w.at);
	p->waiting--;
	p->s.cancelled++;
	return err;
}

static bool is_doubtful(const weft_connpool *p, const weft_connpool_lease *l, int64_t now)
{
	return p->o.check && p->o.check_after >= 0 && now - l->used >= p->o.check_after;
}

/* Under the lock.  Looks at what is idle until one is good; *out is NULL if none is. */
static int take_idle(weft_ctx *ctx, weft_connpool *p, weft_connpool_lease **out)
{
	*out = NULL;
	while (!p->closed && !list_empty(&p->idle)) {
		weft_connpool_lease *l = take(p, p->idle.next);
		int64_t now = weft_now();
		bool old = now >= l->ends, good = !old, ended = false;

		/* from here on it counts in total only, so that close waits for us */
		if (good && is_doubtful(p, l, now)) {
			if (weft_err(ctx)) {	/* no time to ask, which is not its fault */
				give(p, l);
				p->s.cancelled++;
				return weft_err(ctx);
			}
			weft_mutex_unlock(&p->lock);
			good = is_good(ctx, l);
			ended = !good && weft_err(ctx);
			weft_mutex_lock(&p->lock);
		}
		if (good && !p->closed) {
			hand_out(p, l);
			*out = l;
			return 0;
		}
		weft_mutex_unlock(&p->lock);
		destroy_and_lock(l, old ? TOO_OLD : good || ended ? OF_YOURS : UNHEALTHY);
		if (ended) {
			p->s.cancelled++;
			return weft_err(ctx);
		}
	}
	return 0;
}

int weft_connpool_acquire(weft_ctx *ctx, weft_connpool *p, weft_connpool_lease **out)
{
	int err;

	weft_mutex_lock(&p->lock);
	err = take_idle(ctx, p, out);
	if (!err && !*out)
		err = p->closed ? -ESHUTDOWN : wait_in_line(ctx, p, out);
	weft_mutex_unlock(&p->lock);
	return err;
}

int weft_connpool_try_acquire(weft_connpool *p, weft_connpool_lease **out)
{
	int err = 0;

	weft_mutex_lock(&p->lock);
	if (p->closed) {
		err = -ESHUTDOWN;
	} else if (list_empty(&p->idle)) {
		err = -EAGAIN;
	} else {
		*out = take(p, p->idle.next);
		hand_out(p, *out);
	}
	weft_mutex_unlock(&p->lock);
	return err;
}

void *weft_connpool_conn(weft_connpool_lease *l)
{
	return l->conn;
}

/* ---- the end of a lease ---- */

/* Takes the lock. */
static void end_lease(weft_connpool_lease *l, const char *by)
{
	weft_mutex_lock(&l->p->lock);
	if (!l->out)
		die("weft_connpool_%s: lease %p has ended already", by, (void *)l);
	l->out = false;
	l->p->s.out--;
}

void weft_connpool_release(weft_connpool_lease *l)
{
	weft_connpool *p = l->p;
	int64_t now = weft_now();

	end_lease(l, "release");
	l->used = now;
	if (p->closed || now >= l->ends) {
		enum why why = p->closed ? OF_YOURS : TOO_OLD;

		weft_mutex_unlock(&p->lock);
		destroy_and_lock(l, why);
	} else {
		give(p, l);
	}
	weft_mutex_unlock(&p->lock);
}

void weft_connpool_destroy(weft_connpool_lease *l)
{
	weft_connpool *p = l->p;

	end_lease(l, "destroy");
	weft_mutex_unlock(&p->lock);
	destroy_and_lock(l, OF_YOURS);
	weft_mutex_unlock(&p->lock);
}

void *weft_connpool_hijack(weft_connpool_lease *l)
{
	weft_connpool *p = l->p;
	void *conn = l->conn;

	end_lease(l, "hijack");
	free(l);
	one_less(p, p->o.min);
	weft_mutex_unlock(&p->lock);
	return conn;
}

/* ---- the keeper ---- */

/* Why the pool has no use for it, or -1. */
static int surplus(const weft_connpool *p, const weft_connpool_lease *l, int64_t now)
{
	if (now >= l->ends)
		return TOO_OLD;
	return now - l->used >= p->o.idle && p->s.total > p->o.min ? TOO_IDLE : -1;
}

/* Under the lock, which it lets go of: looks at one that this round has not seen. */
static bool look_at_one(weft_connpool *p)
{
	struct list *e = p->idle.prev;
	weft_connpool_lease *l;
	int why;

	while (e != &p->idle && container_of(e, weft_connpool_lease, at)->round == p->round)
		e = e->prev;
	if (p->closed || e == &p->idle)
		return false;
	l = take(p, e);
	l->round = p->round;
	why = surplus(p, l, weft_now());
	weft_mutex_unlock(&p->lock);
	if (why < 0 && !is_good(p->ctx, l))
		why = UNHEALTHY;
	if (why >= 0) {
		destroy_and_lock(l, why);
		return true;
	}
	weft_mutex_lock(&p->lock);
	if (p->closed) {
		weft_mutex_unlock(&p->lock);
		destroy_and_lock(l, OF_YOURS);
	} else {
		give(p, l);
	}
	return true;
}

static void keeper(weft_connpool *p)
{
	while (!weft_sleep_ctx(p->ctx, p->o.period)) {
		weft_mutex_lock(&p->lock);
		p->round++;
		while (look_at_one(p))
			;
		make_what_is_missing(p, p->o.min);
		weft_mutex_unlock(&p->lock);
	}
	weft_mutex_lock(&p->lock);
	no_longer_busy(p);
	weft_mutex_unlock(&p->lock);
}

/* ---- the pool ---- */

weft_connpool *weft_connpool_new(weft_connpool_options o)
{
	weft_connpool *p = xcalloc(1, sizeof *p);

	o.max = OR(o.max, 4);
	o.idle = OR(o.idle, 1800 * WEFT_SECOND);
	o.lifetime = OR(o.lifetime, 3600 * WEFT_SECOND);
	o.period = OR(o.period, 60 * WEFT_SECOND);
	o.check_after = OR(o.check_after, WEFT_SECOND);
	o.check_timeout = OR(o.check_timeout, 5 * WEFT_SECOND);
	o.make_timeout = OR(o.make_timeout, 30 * WEFT_SECOND);
	if (!o.make || o.min < 0 || o.max < o.min || o.jitter < 0)
		die("weft_connpool_new: make is %p, min %d, max %d, jitter %lld", (void *)o.make,
		    o.min, o.max, (long long)o.jitter);
	if (o.idle < 0 || o.lifetime < 0 || o.period < 0 || o.check_timeout < 0 ||
	    o.make_timeout < 0)
		die("weft_connpool_new: a time is negative");
	p->o = o;
	p->ctx = weft_with_cancel(NULL);
	list_init(&p->idle);
	list_init(&p->waiters);
	p->busy = 1;
	weft_mutex_lock(&p->lock);
	weft_go(keeper, p);
	make_what_is_missing(p, o.min);
	weft_mutex_unlock(&p->lock);
	return p;
}

/* Under the lock. */
static void shut(weft_connpool *p)
{
	p->closed = true;
	weft_cancel(p->ctx);
	while (p->waiting)
		serve(p, first(p), NULL, -ESHUTDOWN);
	while (!list_empty(&p->idle)) {
		weft_connpool_lease *l = take(p, p->idle.prev);

		weft_mutex_unlock(&p->lock);
		destroy_and_lock(l, OF_YOURS);
	}
}

int weft_connpool_close(weft_ctx *ctx, weft_connpool *p)
{
	int err = 0;

	weft_mutex_lock(&p->lock);
	shut(p);
	while (!err && (p->s.total || p->busy))
		err = weft_cond_wait_ctx(ctx, &p->gone, &p->lock);
	if (!p->s.total && !p->busy)
		err = 0;
	weft_mutex_unlock(&p->lock);
	return err;
}

void weft_connpool_free(weft_connpool *p)
{
	if (!p)
		return;
	weft_connpool_close(NULL, p);
	weft_ctx_free(p->ctx);
	free(p);
}

void weft_connpool_get_stats(weft_connpool *p, weft_connpool_stats *out)
{
	weft_mutex_lock(&p->lock);
	*out = p->s;
	weft_mutex_unlock(&p->lock);
}
