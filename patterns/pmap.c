/*
 * pmap.c - workers, and a ring that puts their results into order
 *
 * Ordered: values are numbered as they are received, one worker at a time.  Number i has slot
 * i % window of the ring, from when it is received until its result has gone out; room
 * has a value for each slot in use.  Whoever finishes the oldest sends it, and those behind
 * it that are finished, until it comes to one that is not; only one does at a time.
 */
#include "pmap.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "../base/die.h"
#include "../weft/sync.h"

enum slot { UNDER_WAY, RESULT, NO_RESULT };

struct pmap {
	weft_ctx		*ctx;
	struct weft_chan	*in, *out;
	size_t			 in_size, out_size;
	weft_pmap_fn_		*f;
	void			*arg;
	weft_drop_fn		*drop;
	_Atomic int		 running;	/* workers */
	/* ordered only: */
	size_t			 window;
	char			*results;	/* of slot i, at i * out_size */
	weft_chan(char)		 room;
	weft_mutex		 receiving;	/* protects next; held while one receives */
	uint64_t		 next;
	weft_mutex		 m;		/* protects the rest; not held while one sends */
	enum slot		*slots;
	uint64_t		 oldest;
	bool			 sending;
};

static void destroy(struct pmap *s)
{
	for (size_t i = 0; i < s->window; i++)
		if (s->slots[i] == RESULT && s->drop)
			s->drop(s->results + i * s->out_size);
	weft_free(s->room);
	free(s->results);
	free(s->slots);
	free(s);
}

static void leave(struct pmap *s)
{
	struct weft_chan *out = s->out;

	if (atomic_fetch_sub(&s->running, 1) != 1)
		return;
	destroy(s);
	weft_chan_close_(out);
}

static void unordered(void *arg)
{
	struct pmap *s = arg;
	void *in = xmalloc(s->in_size), *out = xmalloc(s->out_size);

	while (weft_pipe_recv_(s->ctx, s->in, in) > 0)
		if (s->f(s->arg, in, out) && weft_pipe_send_(s->ctx, s->out, out, s->drop))
			break;
	free(in);
	free(out);
	leave(s);
}

/* False: there is none any more. */
static bool receive(struct pmap *s, void *in, uint64_t *number)
{
	bool got = false;
	char slot = 0;

	if (weft_mutex_lock_ctx(s->ctx, &s->receiving))
		return false;
	if (!weft_pipe_send_(s->ctx, (struct weft_chan *)s->room, &slot, NULL)) {
		got = weft_pipe_recv_(s->ctx, s->in, in) > 0;
		if (got)
			*number = s->next++;
		else
			weft_recv(s->room, NULL);
	}
	weft_mutex_unlock(&s->receiving);
	return got;
}

/* With m, which it gives away meanwhile; false: the context has ended. */
static bool send_finished(struct pmap *s)
{
	for (enum slot *slot; *(slot = &s->slots[s->oldest % s->window]) != UNDER_WAY; ) {
		void *v = s->results + (size_t)(slot - s->slots) * s->out_size;
		bool is_result = *slot == RESULT;

		*slot = UNDER_WAY;	/* whose result v is now, is us */
		s->oldest++;
		weft_mutex_unlock(&s->m);
		if (is_result && weft_pipe_send_(s->ctx, s->out, v, s->drop)) {
			weft_mutex_lock(&s->m);
			return false;
		}
		weft_recv(s->room, NULL);
		weft_mutex_lock(&s->m);
	}
	return true;
}

static bool finish(struct pmap *s, uint64_t number, bool is_result)
{
	bool on = true;

	weft_mutex_lock(&s->m);
	s->slots[number % s->window] = is_result ? RESULT : NO_RESULT;
	if (!s->sending) {
		s->sending = true;
		on = send_finished(s);
		s->sending = false;
	}
	weft_mutex_unlock(&s->m);
	return on;
}

static void ordered(void *arg)
{
	struct pmap *s = arg;
	void *in = xmalloc(s->in_size);
	uint64_t number;

	while (receive(s, in, &number)) {
		void *out = s->results + number % s->window * s->out_size;

		if (!finish(s, number, s->f(s->arg, in, out)))
			break;
	}
	free(in);
	leave(s);
}

static void make_ring(struct pmap *s, size_t window)
{
	s->window = window;
	s->results = xmalloc(window * s->out_size);
	s->slots = xcalloc(window, sizeof *s->slots);
	s->room = weft_make(char, window);
}

void weft_pmap_(weft_ctx *ctx, struct weft_chan *in, size_t in_size, struct weft_chan *out,
    size_t out_size, weft_pmap_fn_ *f, void *arg, struct weft_pmap_options o,
    const struct weft_site *site)
{
	struct pmap *s = xcalloc(1, sizeof *s);
	int workers = o.workers ? o.workers : weft_procs();

	if (workers < 0 || o.window < 0)
		die("weft_pmap: %d workers, a window of %d", workers, o.window);
	s->ctx = ctx;
	s->in = in;
	s->out = out;
	s->in_size = in_size;
	s->out_size = out_size;
	s->f = f;
	s->arg = arg;
	s->drop = o.drop;
	s->running = workers;
	if (o.ordered)
		make_ring(s, o.window ? (size_t)o.window : 4 * (size_t)workers);
	for (int i = 0; i < workers; i++)
		weft_pipe_go_(site, o.ordered ? ordered : unordered, s);
}
