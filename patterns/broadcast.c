/*
 * broadcast.c - a list of subscribers, and a send that first offers, then waits
 *
 * A send offers the value to all under m, which never waits.  For those that had no room
 * and want to be waited for it lets m go; the one it waits for is busy meanwhile, and
 * stays in the list.  Who leaves closes gone, which ends that wait, and goes when it is
 * not busy: so nobody who leaves waits for another subscriber.
 */
#include "broadcast.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "../base/die.h"
#include "../base/list.h"
#include "../weft/sync.h"

struct weft_broadcast {
	weft_mutex	 sending;	/* one send at a time; taken before m */
	weft_mutex	 m;		/* protects the rest; nobody waits with it */
	struct list	 subscribers;
	weft_cond	 not_busy;	/* somebody who leaves is not busy any more */
	bool		 closed;
	char		 old[] __attribute__((aligned(16)));	/* by m: one pushed out */
};

struct weft_subscriber {
	struct list		 entry;
	struct weft_broadcast	*b;
	struct weft_chan	*c;
	enum weft_slow		 slow;
	weft_chan(char)		 gone;		/* NULL unless it may be waited for */
	_Atomic int64_t		 lost;
	bool			 pending;	/* has still to get this value */
	bool			 busy, leaving;	/* being waited for; under m, all three */
};

struct weft_broadcast *weft_broadcast_new_(size_t size)
{
	struct weft_broadcast *b = xcalloc(1, sizeof *b + size);

	list_init(&b->subscribers);
	return b;
}

void weft_broadcast_free_(struct weft_broadcast *b)
{
	if (!b)
		return;
	weft_mutex_lock(&b->sending);	/* who closed it may not have let go of it yet */
	if (!list_empty(&b->subscribers))
		die("weft_broadcast_free: there are subscribers");
	weft_mutex_unlock(&b->sending);
	free(b);
}

/* ---- subscribers ---- */

weft_subscriber *weft_broadcast_join_(struct weft_broadcast *b, struct weft_chan *c,
    struct weft_join_options options)
{
	weft_subscriber *s = xcalloc(1, sizeof *s);

	if (options.slow == WEFT_DROP_OLDEST && !weft_chan_cap_(c))
		die("weft_broadcast_join: the channel has no capacity to drop the oldest from");
	s->b = b;
	s->c = c;
	s->slow = options.slow;
	if (s->slow == WEFT_BLOCK)
		s->gone = weft_make(char, 0);
	weft_mutex_lock(&b->m);
	list_push_back(&b->subscribers, &s->entry);
	if (b->closed)
		weft_chan_close_(c);
	weft_mutex_unlock(&b->m);
	return s;
}

static void lose(weft_subscriber *s)
{
	atomic_fetch_add_explicit(&s->lost, 1, memory_order_relaxed);
}

int64_t weft_broadcast_lost(weft_subscriber *s)
{
	return atomic_load_explicit(&s->lost, memory_order_relaxed);
}

int64_t weft_broadcast_leave(weft_subscriber *s)
{
	struct weft_broadcast *b = s->b;
	int64_t lost;

	weft_mutex_lock(&b->m);
	s->leaving = true;
	if (s->gone)
		weft_close(s->gone);
	while (s->busy)
		weft_cond_wait(&b->not_busy, &b->m);
	if (s->pending)
		lose(s);
	list_remove(&s->entry);
	weft_mutex_unlock(&b->m);
	lost = weft_broadcast_lost(s);
	weft_free(s->gone);
	free(s);
	return lost;
}

/* ---- sending ---- */

/* False: it is to be waited for. */
static bool offer(weft_subscriber *s, void *v)
{
	while (!weft_pipe_offer_(s->c, v)) {
		if (s->slow == WEFT_BLOCK)
			return false;
		if (s->slow == WEFT_DROP_NEWEST) {
			lose(s);
			return true;
		}
		if (weft_pipe_take_(s->c, s->b->old))
			lose(s);
	}
	return true;
}

/* Without m; it is busy.  Its leaving is no error.  Also when ctx has ended it may have room. */
static int wait_for(weft_ctx *ctx, weft_subscriber *s, void *v)
{
	struct weft_case k[] = {
		weft_pipe_case_(s->c, v, 's'),
		weft_on_recv(s->gone, NULL),
		weft_on_done(ctx),
	};
	int i = weft_pipe_offer_(s->c, v) ? 0 : weft_select_array(k, 3);

	if (i > 0)
		lose(s);
	return i == 2 ? weft_err(ctx) : 0;
}

static int send_pending(weft_ctx *ctx, struct weft_broadcast *b, void *v)
{
	int err = 0;

	list_for_each(e, &b->subscribers) {
		weft_subscriber *s = container_of(e, weft_subscriber, entry);
		int failed;

		if (!s->pending)
			continue;
		s->pending = false;
		s->busy = true;
		weft_mutex_unlock(&b->m);
		failed = wait_for(ctx, s, v);
		weft_mutex_lock(&b->m);
		s->busy = false;
		if (s->leaving)
			weft_cond_broadcast(&b->not_busy);
		if (failed)
			err = failed;
	}
	return err;
}

/* With both locks.  The first pass is all there is as long as everybody has room. */
static int send_all(weft_ctx *ctx, struct weft_broadcast *b, void *v)
{
	bool pending = false;

	if (b->closed) {
		weft_mutex_unlock(&b->m);
		die("weft_broadcast_send: it is closed");
	}
	list_for_each(e, &b->subscribers) {
		weft_subscriber *s = container_of(e, weft_subscriber, entry);

		s->pending = !s->leaving && !offer(s, v);
		pending |= s->pending;
	}
	return pending ? send_pending(ctx, b, v) : 0;
}

int weft_broadcast_send_(weft_ctx *ctx, struct weft_broadcast *b, void *v)
{
	int err = weft_mutex_lock_ctx(ctx, &b->sending);

	if (err)
		return err;
	weft_mutex_lock(&b->m);
	err = send_all(ctx, b, v);
	weft_mutex_unlock(&b->m);
	weft_mutex_unlock(&b->sending);
	return err;
}

void weft_broadcast_close_(struct weft_broadcast *b)
{
	weft_mutex_lock(&b->sending);
	weft_mutex_lock(&b->m);
	if (b->closed)
		die("weft_broadcast_close: it is closed");
	b->closed = true;
	list_for_each(e, &b->subscribers)
		weft_chan_close_(container_of(e, weft_subscriber, entry)->c);
	weft_mutex_unlock(&b->m);
	weft_mutex_unlock(&b->sending);
}
