/* bridge.c - one inner channel after the other */
#include "bridge.h"

#include <stdlib.h>

#include "../base/die.h"

struct bridge {
	weft_ctx	 *ctx;
	struct weft_chan *in, *out;
	size_t		  size;
	weft_drop_fn	 *drop;
	char		  v[] __attribute__((aligned(16)));
};

static void end_part(struct weft_chan *part, size_t size, weft_drop_fn *drop)
{
	weft_pipe_drain_(part, size, drop);
	weft_chan_free_(part);
}

/* All of it; false: the context has ended. */
static bool pass(struct bridge *s, struct weft_chan *part)
{
	int got;

	while ((got = weft_pipe_recv_(s->ctx, part, s->v)) > 0)
		if ((got = weft_pipe_send_(s->ctx, s->out, s->v, s->drop)) < 0)
			break;
	return got == 0;
}

static void run(void *arg)
{
	struct bridge *s = arg;
	struct weft_chan *out = s->out, *part;
	bool on = true;

	while (on && weft_pipe_recv_(s->ctx, s->in, &part) > 0)
		if (part) {
			on = pass(s, part);
			end_part(part, s->size, s->drop);
		}
	free(s);
	weft_chan_close_(out);
}

void weft_bridge_(weft_ctx *ctx, struct weft_chan *in, struct weft_chan *out, size_t size,
    struct weft_bridge_options options, const struct weft_site *site)
{
	struct bridge *s = xmalloc(sizeof *s + size);

	s->ctx = ctx;
	s->in = in;
	s->out = out;
	s->size = size;
	s->drop = options.drop;
	weft_pipe_go_(site, run, s);
}

void weft_bridge_drain_(struct weft_chan *in, size_t size, weft_drop_fn *drop)
{
	for (struct weft_chan *part; weft_chan_recv_(in, &part); )
		if (part)
			end_part(part, size, drop);
}
