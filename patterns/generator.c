/* generator.c - an array is a generator like another: with a cursor for its arg */
#include "generator.h"

#include <stdlib.h>
#include <string.h>

#include "../base/die.h"

struct generator {
	weft_ctx		*ctx;
	struct weft_chan	*out;
	weft_generator_fn_	*next;
	void			*arg;
	weft_drop_fn		*drop;
	struct cursor { const char *at; size_t left, size; } array;
	char			 v[] __attribute__((aligned(16)));
};

static void run(void *arg)
{
	struct generator *s = arg;
	struct weft_chan *out = s->out;

	while (!weft_err(s->ctx) && s->next(s->arg, s->v))
		if (weft_pipe_send_(s->ctx, out, s->v, s->drop))
			break;
	free(s);
	weft_chan_close_(out);
}

static struct generator *make(weft_ctx *ctx, struct weft_chan *out, size_t size,
    weft_generator_fn_ *next, void *arg, weft_drop_fn *drop)
{
	struct generator *s = xmalloc(sizeof *s + size);

	*s = (struct generator){ ctx, out, next, arg, drop, { NULL, 0, size } };
	return s;
}

void weft_generator_(weft_ctx *ctx, struct weft_chan *out, size_t size,
    weft_generator_fn_ *next, void *arg, struct weft_generator_options options,
    const struct weft_site *site)
{
	weft_pipe_go_(site, run, make(ctx, out, size, next, arg, options.drop));
}

static bool next_of(void *arg, void *out)
{
	struct cursor *c = arg;

	if (!c->left)
		return false;
	memcpy(out, c->at, c->size);
	c->at += c->size;
	c->left--;
	return true;
}

void weft_generator_of_(weft_ctx *ctx, struct weft_chan *out, size_t size,
    const void *values, size_t n, struct weft_generator_options options,
    const struct weft_site *site)
{
	struct generator *s = make(ctx, out, size, next_of, NULL, options.drop);

	s->array.at = values;
	s->array.left = n;
	s->arg = &s->array;
	weft_pipe_go_(site, run, s);
}
