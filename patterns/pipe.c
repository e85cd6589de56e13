/* pipe.c - receive and send with a context, on channels of any type */
#include "pipe.h"

#include <stdlib.h>
#include <string.h>

#include "../base/die.h"

struct weft_case weft_pipe_case_(struct weft_chan *c, void *v, char op)
{
	return (struct weft_case){ .chan = c, .ptr = v, .op = op };
}

int weft_pipe_recv_(weft_ctx *ctx, struct weft_chan *c, void *v)
{
	bool ok;
	int err;

	if (!ctx)
		return weft_chan_recv_(c, v);
	if ((err = weft_err(ctx)))
		return err;
	struct weft_case k[] = { weft_pipe_case_(c, v, 0), weft_on_done(ctx) };
	k[0].ok = &ok;
	return weft_select_array(k, 2) == 0 ? ok : weft_err(ctx);
}

int weft_pipe_send_(weft_ctx *ctx, struct weft_chan *c, void *v, weft_drop_fn *drop)
{
	int err;

	if (!ctx) {
		weft_chan_send_(c, v);
		return 0;
	}
	err = weft_err(ctx);
	if (!err) {
		struct weft_case k[] = { weft_pipe_case_(c, v, 's'), weft_on_done(ctx) };

		if (weft_select_array(k, 2) == 0)
			return 0;
		err = weft_err(ctx);
	}
	if (drop)
		drop(v);
	return err;
}

bool weft_pipe_offer_(struct weft_chan *c, void *v)
{
	struct weft_case k = weft_pipe_case_(c, v, 's');

	return weft_poll_array(&k, 1) == 0;
}

bool weft_pipe_take_(struct weft_chan *c, void *v)
{
	struct weft_case k = weft_pipe_case_(c, v, 0);
	bool ok;

	k.ok = &ok;
	return weft_poll_array(&k, 1) == 0 && ok;
}

void weft_pipe_drain_(struct weft_chan *c, size_t size, weft_drop_fn *drop)
{
	void *v = xmalloc(size);

	while (weft_chan_recv_(c, v))
		if (drop)
			drop(v);
	free(v);
}

/* Handles are pointers to functions: their bytes are copied, not read as another type. */
struct weft_chan **weft_pipe_copy_(const void *chans, size_t n)
{
	struct weft_chan **copy = xcalloc(n, sizeof *copy);

	if (n)
		memcpy(copy, chans, n * sizeof *copy);
	return copy;
}

/* All of them are waited for by one select, with the context. */
void weft_pipe_check_outs_(const char *stage, size_t n)
{
	if (!n)
		die("%s: no outputs", stage);
	if (n > 999)
		die("%s: %zu outputs, at most 999 are possible", stage, n);
}

void weft_pipe_go_(const struct weft_site *site, void (*f)(void *), void *arg)
{
	weft_spawn_((weft_entry_ *)f, (const intptr_t[6]){ (intptr_t)arg }, site, 0);
}
