/*
 * tee.c - offer to all, then wait for those that had no room
 *
 * cases[0] is the context; behind it are the sends that are left to do for this value.
 */
#include "tee.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"

struct tee {
	weft_ctx		*ctx;
	struct weft_chan	*in, **outs;
	size_t			 n;
	enum weft_slow		*slow;
	_Atomic int64_t		*lost;
	weft_drop_fn		*drop;
	struct weft_case	*cases;
	size_t			*which;		/* the output of each case */
	char			*v, *old;	/* the value, and one pushed out by it */
};

static void lose(struct tee *s, size_t i, void *v)
{
	if (s->lost)
		atomic_fetch_add_explicit(&s->lost[i], 1, memory_order_relaxed);
	if (s->drop)
		s->drop(v);
}

/* False: it is to be waited for. */
static bool offer(struct tee *s, size_t i)
{
	while (!weft_pipe_offer_(s->outs[i], s->v)) {
		if (s->slow[i] == WEFT_BLOCK)
			return false;
		if (s->slow[i] == WEFT_DROP_NEWEST) {
			lose(s, i, s->v);
			return true;
		}
		if (weft_pipe_take_(s->outs[i], s->old))
			lose(s, i, s->old);
	}
	return true;
}

/* Of the cases from 1 to left; false: the context has ended, and they have lost it. */
static bool wait_for(struct tee *s, size_t left)
{
	while (left) {
		size_t i = (size_t)weft_select_array(s->cases, left + 1);

		if (i == 0)
			break;
		s->cases[i] = s->cases[left];
		s->which[i] = s->which[left--];
	}
	for (size_t i = 1; i <= left; i++)
		lose(s, s->which[i], s->v);
	return left == 0;
}

static bool to_all(struct tee *s)
{
	size_t left = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!offer(s, i)) {
			s->cases[++left] = weft_pipe_case_(s->outs[i], s->v, 's');
			s->which[left] = i;
		}
	return wait_for(s, left);
}

static void run(void *arg)
{
	struct tee *s = arg;
	struct weft_chan **outs = s->outs;
	size_t n = s->n;

	while (weft_pipe_recv_(s->ctx, s->in, s->v) > 0)
		if (!to_all(s))
			break;
	free(s->slow);
	free(s->cases);
	free(s->which);
	free(s->v);
	free(s->old);
	free(s);
	for (size_t i = 0; i < n; i++)
		weft_chan_close_(outs[i]);
	free(outs);
}

static void check(const struct tee *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->slow[i] == WEFT_DROP_OLDEST && !weft_chan_cap_(s->outs[i]))
			die("weft_tee: output %zu has no capacity to drop the oldest from", i);
}

void weft_tee_(weft_ctx *ctx, struct weft_chan *in, size_t size, const void *outs, size_t n,
    struct weft_tee_options options, const struct weft_site *site)
{
	struct tee *s = xcalloc(1, sizeof *s);

	weft_pipe_check_outs_("weft_tee", n);
	s->ctx = ctx;
	s->in = in;
	s->outs = weft_pipe_copy_(outs, n);
	s->n = n;
	s->slow = xcalloc(n, sizeof *s->slow);
	if (options.slow)
		memcpy(s->slow, options.slow, n * sizeof *s->slow);
	s->lost = options.lost;
	s->drop = options.drop;
	s->cases = xcalloc(n + 1, sizeof *s->cases);
	s->cases[0] = weft_on_done(ctx);
	s->which = xcalloc(n + 1, sizeof *s->which);
	s->v = xmalloc(size);
	s->old = xmalloc(size);
	check(s);
	weft_pipe_go_(site, run, s);
}
