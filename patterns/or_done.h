/*
 * or_done.h - a channel that also ends when a context does
 *
 *	for (int x; weft_or_done_recv(ctx, in, &x); )
 *		...
 *
 *	weft_or_done(ctx, in, out);
 *
 * "Concurrency in Go" has the second; the first needs neither goroutine nor channel, and
 * does for most loops.  The rules of all stages are in pipe.h.
 */
#ifndef PATTERNS_OR_DONE_H
#define PATTERNS_OR_DONE_H

#include "pipe.h"

/* As weft_recv; also false, with *p left alone, once ctx is cancelled: weft_err tells. */
#define weft_or_done_recv(ctx, c, p)	__extension__ ({		\
	__auto_type weft_c_ = (c);					\
	WEFT_STRICT_ WEFT_ELEM_(weft_c_) *weft_p_ = (p); WEFT_END_	\
	weft_pipe_recv_(ctx, (struct weft_chan *)weft_c_, weft_p_) > 0;	\
})

/* A stage: passes on what comes in.  Options: .drop */
#define weft_or_done(ctx, in, out, ...) __extension__ ({		\
	WEFT_SAME_(in, out)						\
	weft_or_done_(ctx, WEFT_RAW_(in), WEFT_RAW_(out), WEFT_SIZE_(in), \
	    (struct weft_or_done_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_or_done"));				\
})
struct weft_or_done_options { char none_; weft_drop_fn *drop; };

void	weft_or_done_(weft_ctx *ctx, struct weft_chan *in, struct weft_chan *out, size_t size,
	    struct weft_or_done_options options, const struct weft_site *site);

#endif
