/*
 * batch.c - one select for all that can happen
 *
 * There is always a batch with room or one that is offered, or both: it is received into
 * while n < size, offered when it is full or due, and its n is right before either.
 * The timer runs from the first value until the batch is due or gone.
 */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../weft/time.h"

enum { RECV, SEND, TIMER, DONE, CASES };

struct batch {
	weft_ctx		  *ctx;
	struct weft_chan	  *in, *out;
	size_t			   size, room;	/* in values; in bytes */
	struct weft_batch_layout_  l;
	int64_t			   within;
	weft_drop_fn		  *drop;
	weft_timer		  *timer;	/* made when first needed */
	char			  *b;		/* the batch */
	size_t			   n;		/* values in it */
	bool			   due, ended;	/* it, the input */
	bool			   open;
};

static void *place(struct batch *s, size_t i)
{
	return s->b + s->l.v + i * s->l.elem;
}

static void begin(struct batch *s)
{
	s->b = xmalloc(s->room);
	s->n = 0;
	s->due = false;
}

static void set_timer(struct batch *s)
{
	if (s->timer)
		weft_timer_reset(s->timer, s->within);
	else
		s->timer = weft_timer_new(s->within);
}

static void received(struct batch *s)
{
	if (!s->open) {
		s->ended = s->due = true;
		return;
	}
	s->n++;
	memcpy(s->b + s->l.n, &s->n, sizeof s->n);
	if (s->n == 1 && s->within > 0)
		set_timer(s);
}

static void sent(struct batch *s)
{
	if (s->timer)
		weft_timer_stop(s->timer);
	begin(s);
}

/* The next thing that can happen; false: the context has ended. */
static bool step(struct batch *s)
{
	struct weft_case k[CASES] = {
		[RECV] = weft_pipe_case_(s->ended || s->n == s->size ? NULL : s->in,
		    place(s, s->n), 0),
		[SEND] = weft_pipe_case_(s->n && (s->due || s->n == s->size) ? s->out : NULL,
		    &s->b, 's'),
		[TIMER] = weft_pipe_case_(s->timer && !s->due ?
		    (struct weft_chan *)weft_timer_chan(s->timer) : NULL, NULL, 0),
		[DONE] = weft_on_done(s->ctx),
	};

	k[RECV].ok = &s->open;
	if (weft_err(s->ctx))
		return false;
	switch (weft_select_array(k, CASES)) {
	case RECV:
		received(s);
		return true;
	case SEND:
		sent(s);
		return true;
	case TIMER:
		s->due = true;
		return true;
	}
	return false;
}

static void run(void *arg)
{
	struct batch *s = arg;
	struct weft_chan *out = s->out;

	begin(s);
	while (!(s->ended && s->n == 0) && step(s))
		;
	for (size_t i = 0; i < s->n && s->drop; i++)
		s->drop(place(s, i));
	free(s->b);
	weft_timer_free(s->timer);
	free(s);
	weft_chan_close_(out);
}

static size_t room_for(size_t size, struct weft_batch_layout_ l)
{
	size_t room;

	if (!size)
		die("weft_batch: a size of 0");
	if (__builtin_mul_overflow(size, l.elem, &room) ||
	    __builtin_add_overflow(room, l.v, &room))
		die("weft_batch: a size of %zu", size);
	return room > l.least ? room : l.least;
}

void weft_batch_(weft_ctx *ctx, struct weft_chan *in, struct weft_chan *out, size_t size,
    struct weft_batch_layout_ layout, struct weft_batch_options options,
    const struct weft_site *site)
{
	struct batch *s = xcalloc(1, sizeof *s);

	if (options.within < 0)
		die("weft_batch: within %lld ns", (long long)options.within);
	s->ctx = ctx;
	s->in = in;
	s->out = out;
	s->size = size;
	s->room = room_for(size, layout);
	s->l = layout;
	s->within = options.within;
	s->drop = options.drop;
	weft_pipe_go_(site, run, s);
}
