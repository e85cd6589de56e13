/*
 * ctx.c - the cancellation tree
 *
 * A context holds a reference to its parent; a live parent lists its children.  A
 * cancelled context has no children and no after-functions left, and its done
 * channel is closed.  Its error is set once, under its lock, before done is closed.
 *
 * Cancelling takes one lock at a time, from the top down, with a work list instead
 * of recursion: trees may be deeper than stacks.
 */
#include <sched.h>
#include <stdlib.h>

#include "bubble.h"
#include "chan.h"
#include "sanitize.h"
#include "worker.h"

struct weft_ctx {
	struct weft_chan  done;
	_Atomic int	  refs;		/* the owner's, the children's, a canceller's */
	_Atomic int	  err;
	_Atomic bool	  busy;		/* being cancelled, its descendants with it */
	int		  cause;
	_Atomic unsigned  lock;		/* children, afters, sibling of each child */
	struct list	  children, sibling, afters;
	weft_ctx	 *parent;
	weft_ctx	 *todo;		/* the canceller's work list */
	const void	 *key;
	void		 *value;
	int64_t		  deadline;	/* INT64_MAX: none */
	struct timer	  timer;
	_Atomic bool	  expiring;	/* the timer has fired, the rest is under way */
	struct track	  track;
};

struct weft_after_handle {
	struct list	  entry;	/* in ctx->afters; alone: started */
	weft_ctx	 *ctx;
	void		(*f)(void *);
	void		 *arg;
	struct group	 *group;
};

static weft_ctx *get(weft_ctx *ctx)
{
	atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
	return ctx;
}

static void put(weft_ctx *ctx)
{
	while (ctx) {
		weft_ctx *parent = ctx->parent;

		san_release(&ctx->refs);
		/* acq_rel: the last one sees what the others did */
		if (atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) != 1)
			break;
		san_acquire(&ctx->refs);
		free(ctx);
		ctx = parent;
	}
}

weft_ctx *weft_background(void)
{
	static weft_ctx background = {
		.done.magic = CHAN_LIVE, .refs = 1, .deadline = INT64_MAX,
		.children = { &background.children, &background.children },
		.sibling = { &background.sibling, &background.sibling },
		.afters = { &background.afters, &background.afters },
	};

	return &background;
}

static weft_ctx *live(weft_ctx *ctx)
{
	return ctx == weft_background() ? NULL : ctx;
}

static void run_after(struct weft_after_handle *h)
{
	static const struct weft_site site = { "weft_after_func", "ctx.c", 0 };

	san_acquire(h);			/* what its maker did before */
	sched_spawn((weft_entry_ *)h->f, (intptr_t[6]){ (intptr_t)h->arg }, &site,
	    (struct home){ h->group, bubble_current(), 0 }, NULL);
}

/*
 * Cancels one and puts its children, each with a reference, before *todo.  False: it
 * was cancelled before.
 */
static bool cancel_one(weft_ctx *ctx, int err, int cause, weft_ctx **todo)
{
	struct list *e;

	lock(&ctx->lock);
	if (ctx->err) {
		unlock(&ctx->lock);
		return false;
	}
	ctx->busy = true;
	ctx->cause = cause;
	san_release(&ctx->err);
	/* release: pairs with the acquire in weft_err */
	atomic_store_explicit(&ctx->err, err, memory_order_release);
	while ((e = list_pop_front(&ctx->children))) {
		weft_ctx *child = get(container_of(e, weft_ctx, sibling));

		child->todo = *todo;
		*todo = child;
	}
	while ((e = list_pop_front(&ctx->afters)))
		run_after(container_of(e, struct weft_after_handle, entry));
	unlock(&ctx->lock);
	chan_close(&ctx->done);
	return true;
}

/* Whoever cancels what another is just cancelling returns after him, not before. */
static void wait_for_canceller(weft_ctx *ctx)
{
	for (int i = 0; atomic_load(&ctx->busy); i++)
		if (i % 64)
			cpu_pause();
		else
			sched_yield();	/* the thread, not the goroutine: he never parks */
}

static void cancel(weft_ctx *ctx, int err, int cause)
{
	weft_ctx *todo = NULL, *finished = NULL, *c;

	if (!cancel_one(ctx, err, cause, &todo)) {
		wait_for_canceller(ctx);
		return;
	}
	while ((c = todo)) {
		todo = c->todo;
		if (cancel_one(c, err, cause, &todo)) {
			c->todo = finished;
			finished = c;
		} else {
			wait_for_canceller(c);
			put(c);
		}
	}
	while ((c = finished)) {
		finished = c->todo;
		atomic_store(&c->busy, false);
		put(c);
	}
	atomic_store(&ctx->busy, false);
}

/* The timer's lock is held: the cancelling is left to a goroutine. */
static void expire(void *arg)
{
	weft_ctx *ctx = arg;

	cancel(ctx, -ETIMEDOUT, -ETIMEDOUT);
	/* release: pairs with the acquire in track_ctx_armed; who waits has been woken */
	atomic_store_explicit(&ctx->expiring, false, memory_order_release);
	put(ctx);
}

static int64_t fire(struct timer *t, int64_t now)
{
	static const struct weft_site site = { "weft_with_deadline", "ctx.c", 0 };
	weft_ctx *ctx = container_of(t, weft_ctx, timer);

	(void)now;
	atomic_store_explicit(&ctx->expiring, true, memory_order_relaxed);
	sched_spawn((weft_entry_ *)expire, (intptr_t[6]){ (intptr_t)get(ctx) }, &site,
	    (struct home){ .bubble = t->in->bubble }, NULL);
	return 0;
}

static weft_ctx *ctx_new(weft_ctx *parent, const void *pc)
{
	weft_ctx *ctx = xcalloc(1, sizeof *ctx);

	chan_init(&ctx->done, 1, 0);
	ctx->refs = 1;
	ctx->deadline = INT64_MAX;
	list_init(&ctx->children);
	list_init(&ctx->sibling);
	list_init(&ctx->afters);
	track_add(&ctx->track, TRACK_CTX, NULL, pc);
	parent = live(parent);
	if (!parent)
		return ctx;
	ctx->parent = get(parent);
	ctx->deadline = parent->deadline;
	lock(&parent->lock);
	if (!parent->err)
		list_push_back(&parent->children, &ctx->sibling);
	unlock(&parent->lock);
	if (weft_err(parent))
		cancel(ctx, weft_err(parent), weft_cause(parent));
	return ctx;
}

weft_ctx *weft_with_cancel(weft_ctx *parent)
{
	return ctx_new(parent, CALLER);
}

static weft_ctx *with_deadline(weft_ctx *parent, int64_t now, int64_t when, const void *pc)
{
	weft_ctx *ctx = ctx_new(parent, pc);

	if (ctx->deadline <= when)
		return ctx;		/* the parent's comes first */
	ctx->deadline = when;
	if (when <= now) {
		cancel(ctx, -ETIMEDOUT, -ETIMEDOUT);
	} else if (!weft_err(ctx)) {
		ctx->timer.fire = fire;
		timer_add(&ctx->timer, timer_bucket(now, when));
	}
	return ctx;
}

weft_ctx *weft_with_deadline(weft_ctx *parent, int64_t when)
{
	return with_deadline(parent, now_here(), when, CALLER);
}

weft_ctx *weft_with_timeout(weft_ctx *parent, int64_t ns)
{
	int64_t now = now_here();

	return with_deadline(parent, now, deadline_after(now, ns), CALLER);
}

weft_ctx *weft_with_value(weft_ctx *parent, const void *key, void *value)
{
	weft_ctx *ctx = ctx_new(parent, CALLER);

	ctx->key = key;
	ctx->value = value;
	return ctx;
}

void weft_cancel_cause(weft_ctx *ctx, int cause)
{
	if (!ctx)
		die("weft_cancel: the context is NULL");
	if (!live(ctx))
		die("weft_cancel: the background cannot be cancelled");
	STEP("cancels");
	if (ctx->timer.in)
		timer_del(&ctx->timer);
	cancel(ctx, -ECANCELED, cause ? cause : -ECANCELED);
}

void weft_cancel(weft_ctx *ctx)
{
	weft_cancel_cause(ctx, 0);
}

int weft_err(weft_ctx *ctx)
{
	int err;

	if (!ctx)
		return 0;
	STEP("looks at a context");
	/* acquire: pairs with the release in cancel_one */
	err = atomic_load_explicit(&ctx->err, memory_order_acquire);
	if (err)
		san_acquire(&ctx->err);
	return err;
}

int weft_cause(weft_ctx *ctx)
{
	return weft_err(ctx) ? ctx->cause : 0;
}

void *weft_value(weft_ctx *ctx, const void *key)
{
	for (; ctx; ctx = ctx->parent)
		if (key && ctx->key == key)
			return ctx->value;
	return NULL;
}

bool weft_deadline(weft_ctx *ctx, int64_t *when)
{
	if (!ctx || ctx->deadline == INT64_MAX)
		return false;
	*when = ctx->deadline;
	return true;
}

struct weft_chan *weft_done_(weft_ctx *ctx)
{
	return ctx && live(ctx) ? &ctx->done : NULL;
}

void weft_ctx_free(weft_ctx *ctx)
{
	if (!ctx || !live(ctx))
		return;
	if (ctx->timer.in)
		timer_del(&ctx->timer);
	if (ctx->parent) {
		lock(&ctx->parent->lock);
		list_remove(&ctx->sibling);
		unlock(&ctx->parent->lock);
	}
	cancel(ctx, -ECANCELED, -ECANCELED);
	track_del(&ctx->track);
	put(ctx);
}

weft_after_handle *weft_after_func(weft_ctx *ctx, void (*f)(void *), void *arg)
{
	struct weft_after_handle *h = xcalloc(1, sizeof *h);
	bool now = false;

	list_init(&h->entry);
	h->f = f;
	h->arg = arg;
	h->group = self()->group;
	if (!ctx || !live(ctx))
		return h;
	h->ctx = get(ctx);
	san_release(h);
	lock(&ctx->lock);
	if (ctx->err)
		now = true;
	else
		list_push_back(&ctx->afters, &h->entry);
	unlock(&ctx->lock);
	if (now)
		run_after(h);
	return h;
}

bool weft_after_stop(weft_after_handle *h)
{
	bool stopped = true;

	if (h->ctx) {
		lock(&h->ctx->lock);
		stopped = !list_empty(&h->entry);
		list_remove(&h->entry);
		unlock(&h->ctx->lock);
		put(h->ctx);
	}
	free(h);
	return stopped;
}

bool	track_ctx_armed(struct track *track);
void	track_ctx_cancel(struct track *track);

bool track_ctx_armed(struct track *track)
{
	weft_ctx *ctx = container_of(track, weft_ctx, track);

	return timer_armed(&ctx->timer) ||
	    atomic_load_explicit(&ctx->expiring, memory_order_acquire);
}

void track_ctx_cancel(struct track *track)
{
	timer_del(&container_of(track, weft_ctx, track)->timer);
}
