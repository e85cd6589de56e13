/*
 * singleflight.c - a table of calls, each with a list of those who wait for it
 *
 * A call is in the table while it can be joined: not after it was forgotten, has ended, or
 * has nobody left; it is taken out only as itself, never as what the key stands for by
 * then.  Who asks is on its call's list until it leaves or the call ends; the end takes
 * the list under the lock, and then gives everybody a value of its own and wakes it.  Who
 * finds itself no longer on the list has its answer, and waits for its waker.
 */
#include "singleflight.h"

#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/list.h"
#include "../base/map.h"
#include "../weft/sync.h"

struct weft_singleflight {
	weft_mutex	m;		/* protects calls, asked, each one's waiters and joinable */
	struct map	calls;		/* that can be joined */
	size_t		asked;		/* calls with somebody who waits for them */
	weft_waitgroup	running;	/* those in goroutines of their own */
	void		*(*copy)(void *);
	void		(*drop)(void *);
};

struct call {
	weft_singleflight	*g;
	weft_ctx		*ctx;		/* NULL: in its caller's goroutine */
	weft_singleflight_fn	*f;
	void			*arg;
	struct list		waiters;
	bool			joinable;
	uint64_t		hash;
	size_t			len;
	char			key[];
};

struct waiter {
	struct list	in;
	void		*value;
	int		err;
	bool		ended, shared;
	weft_waitgroup	woken;
};

weft_singleflight *weft_singleflight_new(void *(*copy)(void *), void (*drop)(void *))
{
	weft_singleflight *g = xmalloc(sizeof *g);

	*g = (weft_singleflight){ .copy = copy, .drop = drop };
	return g;
}

void weft_singleflight_free(weft_singleflight *g)
{
	if (!g)
		return;
	weft_mutex_lock(&g->m);
	if (g->asked)
		die("weft_singleflight_free: %zu calls are on", g->asked);
	weft_mutex_unlock(&g->m);
	weft_waitgroup_wait(&g->running);
	map_finish(&g->calls);
	free(g);
}

/* ---- under the lock ---- */

static struct call *find(weft_singleflight *g, const void *key, size_t len, uint64_t hash)
{
	struct map_entry *e = map_find(&g->calls, key, len, hash);

	return e ? e->value : NULL;
}

static struct call *add(weft_singleflight *g, const void *key, size_t len, uint64_t hash)
{
	struct call *c = xmalloc(sizeof *c + len);

	*c = (struct call){ .g = g, .joinable = true, .hash = hash, .len = len };
	if (len)
		memcpy(c->key, key, len);
	list_init(&c->waiters);
	map_insert(&g->calls, key, len, hash, NULL)->value = c;
	return c;
}

static void unlist(struct call *c)
{
	if (c->joinable)
		map_delete(&c->g->calls, c->key, c->len, c->hash, NULL);
	c->joinable = false;
}

/* ---- the call ---- */

/* Everybody but the last gets a copy, so the value itself is there until the end. */
static void give(struct call *c, struct list *waiters, void *value, int err)
{
	bool shared = waiters->next != waiters->prev;
	struct list *e;

	while ((e = list_pop_front(waiters))) {
		struct waiter *w = container_of(e, struct waiter, in);
		bool copy = !err && c->g->copy && !list_empty(waiters);

		w->value = copy ? c->g->copy(value) : value;
		w->err = err;
		w->shared = shared;
		weft_waitgroup_done(&w->woken);
	}
}

static void run(struct call *c)
{
	weft_singleflight *g = c->g;
	struct list waiters, *e;
	void *value = NULL;
	int err = c->f(c->ctx, c->key, c->len, c->arg, &value);

	if (err)
		value = NULL;
	list_init(&waiters);
	weft_mutex_lock(&g->m);
	unlist(c);
	g->asked -= !list_empty(&c->waiters);
	while ((e = list_pop_front(&c->waiters))) {
		container_of(e, struct waiter, in)->ended = true;
		list_push_back(&waiters, e);
	}
	weft_mutex_unlock(&g->m);
	if (list_empty(&waiters) && !err && g->drop)
		g->drop(value);
	give(c, &waiters, value, err);
	weft_ctx_free(c->ctx);
	free(c);
}

static void run_alone(struct call *c)
{
	weft_singleflight *g = c->g;

	run(c);
	weft_waitgroup_done(&g->running);
}

/* ---- those who ask ---- */

/* 0: it has its answer all the same. */
static int leave(weft_singleflight *g, struct call *c, struct waiter *w, int err)
{
	weft_mutex_lock(&g->m);
	if (w->ended) {
		weft_mutex_unlock(&g->m);
		weft_waitgroup_wait(&w->woken);
		return 0;
	}
	list_remove(&w->in);
	if (list_empty(&c->waiters)) {
		g->asked--;
		unlist(c);
		weft_cancel(c->ctx);	/* under the lock, or it could be gone */
	}
	weft_mutex_unlock(&g->m);
	return err;
}

int weft_singleflight_do(weft_ctx *ctx, weft_singleflight *g, const void *key, size_t len,
    weft_singleflight_fn *f, void *arg, void **value, bool *shared)
{
	uint64_t hash = map_hash(key, len);
	struct waiter w = { .ended = false };
	bool stays = !weft_done(ctx), first;
	struct call *c;
	int err;

	weft_waitgroup_add(&w.woken, 1);
	weft_mutex_lock(&g->m);
	c = find(g, key, len, hash);
	first = !c;
	if (first) {
		c = add(g, key, len, hash);
		c->ctx = stays ? NULL : weft_with_cancel(NULL);
		c->f = f;
		c->arg = arg;
		g->asked++;
		if (!stays)
			weft_waitgroup_add(&g->running, 1);
	}
	list_push_back(&c->waiters, &w.in);
	weft_mutex_unlock(&g->m);
	if (first && stays)
		run(c);
	else if (first)
		weft_go(run_alone, c);
	err = weft_waitgroup_wait_ctx(ctx, &w.woken);
	if (err && leave(g, c, &w, err))
		return err;
	if (!w.err)
		*value = w.value;
	if (shared)
		*shared = w.shared;
	return w.err;
}

void weft_singleflight_forget(weft_singleflight *g, const void *key, size_t len)
{
	struct call *c;

	weft_mutex_lock(&g->m);
	c = find(g, key, len, map_hash(key, len));
	if (c)
		unlist(c);
	weft_mutex_unlock(&g->m);
}
