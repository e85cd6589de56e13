/*
 * fan.c - one to many, and many to one
 *
 * An unordered fan_in is a goroutine for each input, so that inputs do not wait for each
 * other and their number costs nothing; the last to end closes the output.  The others
 * are one goroutine.
 */
#include "fan.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"

struct fan {
	weft_ctx		*ctx;
	struct weft_chan	*one, **many;	/* many is ours */
	size_t			 n, size;
	weft_drop_fn		*drop;
	weft_fan_less_fn_	*less;
	_Atomic size_t		 next, running;	/* of an unordered fan_in */
};

static struct fan *make(weft_ctx *ctx, struct weft_chan *one, const void *many, size_t n,
    size_t size, weft_drop_fn *drop)
{
	struct fan *s = xcalloc(1, sizeof *s);

	s->ctx = ctx;
	s->one = one;
	s->many = weft_pipe_copy_(many, n);
	s->n = n;
	s->size = size;
	s->drop = drop;
	return s;
}

static void destroy(struct fan *s)
{
	free(s->many);
	free(s);
}

/* ---- out ---- */

static void close_outs(struct fan *s)
{
	for (size_t i = 0; i < s->n; i++)
		weft_chan_close_(s->many[i]);
	destroy(s);
}

static void out_in_turn(void *arg)
{
	struct fan *s = arg;
	void *v = xmalloc(s->size);

	for (size_t i = 0; weft_pipe_recv_(s->ctx, s->one, v) > 0; i = (i + 1) % s->n)
		if (weft_pipe_send_(s->ctx, s->many[i], v, s->drop))
			break;
	free(v);
	close_outs(s);
}

static void out_to_any(void *arg)
{
	struct fan *s = arg;
	void *v = xmalloc(s->size);
	struct weft_case *cases = xmalloc((s->n + 1) * sizeof *cases);

	for (size_t i = 0; i < s->n; i++)
		cases[i] = weft_pipe_case_(s->many[i], v, 's');
	cases[s->n] = weft_on_done(s->ctx);
	while (weft_pipe_recv_(s->ctx, s->one, v) > 0)
		if ((size_t)weft_select_array(cases, s->n + 1) == s->n) {
			if (s->drop)
				s->drop(v);
			break;
		}
	free(cases);
	free(v);
	close_outs(s);
}

void weft_fan_out_(weft_ctx *ctx, struct weft_chan *in, size_t size, const void *outs,
    size_t n, struct weft_fan_options options, const struct weft_site *site)
{
	weft_pipe_check_outs_("weft_fan_out", n);
	weft_pipe_go_(site, options.ordered ? out_in_turn : out_to_any,
	    make(ctx, in, outs, n, size, options.drop));
}

/* ---- in ---- */

static void close_out(struct fan *s)
{
	struct weft_chan *out = s->one;

	destroy(s);
	weft_chan_close_(out);
}

static void in_from_one(void *arg)
{
	struct fan *s = arg;
	struct weft_chan *in = s->many[atomic_fetch_add(&s->next, 1)];
	void *v = xmalloc(s->size);

	while (weft_pipe_recv_(s->ctx, in, v) > 0)
		if (weft_pipe_send_(s->ctx, s->one, v, s->drop))
			break;
	free(v);
	if (atomic_fetch_sub(&s->running, 1) == 1)
		close_out(s);
}

static void in_in_turn(void *arg)
{
	struct fan *s = arg;
	void *v = xmalloc(s->size);

	for (size_t i = 0, left = s->n; left; ) {
		int got = weft_pipe_recv_(s->ctx, s->many[i], v);

		if (got < 0 || (got && weft_pipe_send_(s->ctx, s->one, v, s->drop)))
			break;
		if (got)
			i++;
		else
			memmove(&s->many[i], &s->many[i + 1], (--left - i) * sizeof s->many[0]);
		if (i == left)
			i = 0;
	}
	free(v);
	close_out(s);
}

void weft_fan_in_(weft_ctx *ctx, const void *ins, size_t n, struct weft_chan *out,
    size_t size, struct weft_fan_options options, const struct weft_site *site)
{
	struct fan *s = make(ctx, out, ins, n, size, options.drop);

	if (options.ordered || !n) {
		weft_pipe_go_(site, in_in_turn, s);
		return;
	}
	s->running = n;
	for (size_t i = 0; i < n; i++)
		weft_pipe_go_(site, in_from_one, s);
}

/* ---- merge: a binary heap of inputs, by the value that each holds ---- */

struct merge {
	struct fan	*s;
	char		*values;	/* of input i, at i * size */
	size_t		*heap, n;
};

static void *value(const struct merge *m, size_t input)
{
	return m->values + input * m->s->size;
}

static bool before(const struct merge *m, size_t a, size_t b)
{
	if (m->s->less(value(m, a), value(m, b)))
		return true;
	return a < b && !m->s->less(value(m, b), value(m, a));
}

static void sift_down(struct merge *m, size_t i)
{
	size_t input = m->heap[i];

	for (size_t c; (c = 2 * i + 1) < m->n; i = c) {
		if (c + 1 < m->n && before(m, m->heap[c + 1], m->heap[c]))
			c++;
		if (!before(m, m->heap[c], input))
			break;
		m->heap[i] = m->heap[c];
	}
	m->heap[i] = input;
}

/* A value of each input that has one; false: cancelled. */
static bool fill(struct merge *m)
{
	for (size_t i = 0; i < m->s->n; i++) {
		int got = weft_pipe_recv_(m->s->ctx, m->s->many[i], value(m, i));

		if (got < 0)
			return false;
		if (got)
			m->heap[m->n++] = i;
	}
	for (size_t i = m->n / 2; i-- > 0; )
		sift_down(m, i);
	return true;
}

static void merge_all(struct merge *m)
{
	struct fan *s = m->s;

	if (!fill(m))
		return;
	while (m->n) {
		size_t input = m->heap[0];
		int got = weft_pipe_send_(s->ctx, s->one, value(m, input), NULL);

		if (!got) {
			got = weft_pipe_recv_(s->ctx, s->many[input], value(m, input));
			if (got <= 0)		/* what it held has gone out */
				m->heap[0] = m->heap[--m->n];
		}
		if (got < 0)
			return;
		if (m->n)
			sift_down(m, 0);
	}
}

static void merge(void *arg)
{
	struct fan *s = arg;
	struct merge m = { s, xmalloc(s->n * s->size + 1), xcalloc(s->n + 1, sizeof(size_t)), 0 };

	merge_all(&m);
	for (size_t i = 0; i < m.n && s->drop; i++)
		s->drop(value(&m, m.heap[i]));
	free(m.values);
	free(m.heap);
	close_out(s);
}

void weft_fan_merge_(weft_ctx *ctx, const void *ins, size_t n, struct weft_chan *out,
    size_t size, weft_fan_less_fn_ *less, struct weft_fan_options options,
    const struct weft_site *site)
{
	struct fan *s = make(ctx, out, ins, n, size, options.drop);

	s->less = less;
	weft_pipe_go_(site, merge, s);
}
