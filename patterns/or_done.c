/* or_done.c - the simplest stage */
#include "or_done.h"

#include <stdlib.h>

#include "../base/die.h"

struct or_done {
	weft_ctx	 *ctx;
	struct weft_chan *in, *out;
	weft_drop_fn	 *drop;
	char		  v[] __attribute__((aligned(16)));
};

static void run(void *arg)
{
	struct or_done *s = arg;
	struct weft_chan *out = s->out;

	while (weft_pipe_recv_(s->ctx, s->in, s->v) > 0)
		if (weft_pipe_send_(s->ctx, out, s->v, s->drop))
			break;
	free(s);
	weft_chan_close_(out);
}

void weft_or_done_(weft_ctx *ctx, struct weft_chan *in, struct weft_chan *out, size_t size,
    struct weft_or_done_options options, const struct weft_site *site)
{
	struct or_done *s = xmalloc(sizeof *s + size);

	s->ctx = ctx;
	s->in = in;
	s->out = out;
	s->drop = options.drop;
	weft_pipe_go_(site, run, s);
}
