/*
 * generator.h - values from a function or an array, as a channel
 *
 *	static bool next(struct cursor *c, int *out);	// false: that was all
 *
 *	weft_generator(ctx, out, next, &cursor);
 *	weft_generator_of(ctx, out, values, n);
 *
 * A generator runs ahead of its reader by the channel's capacity and one value more.  The
 * rules of all stages are in pipe.h.
 */
#ifndef PATTERNS_GENERATOR_H
#define PATTERNS_GENERATOR_H

#include "pipe.h"

/*
 * A stage without an input: sends what bool next(arg, T *out) puts into *out, until it returns
 * false.  arg is a pointer.  It runs in the stage's goroutine and may wait; then it
 * is to obey ctx.  Options: .drop
 */
#define weft_generator(ctx, out, next, arg, ...) __extension__ ({	\
	WEFT_CALLS_("weft_generator", next, arg, (WEFT_ELEM_(out) *)0)	\
	weft_generator_(ctx, WEFT_RAW_(out), WEFT_SIZE_(out),		\
	    (weft_generator_fn_ *)(next), (void *)(arg),		\
	    (struct weft_generator_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_generator"));				\
})

/* The same for the n values of an array, which is to live until the stage has ended. */
#define weft_generator_of(ctx, out, values, n, ...) __extension__ ({	\
	WEFT_STRICT_ const WEFT_ELEM_(out) *weft_v_ = (values); WEFT_END_ \
	weft_generator_of_(ctx, WEFT_RAW_(out), WEFT_SIZE_(out), weft_v_, n, \
	    (struct weft_generator_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_generator_of"));				\
})
struct weft_generator_options { char none_; weft_drop_fn *drop; };

typedef bool weft_generator_fn_(void *arg, void *out);
void	weft_generator_(weft_ctx *ctx, struct weft_chan *out, size_t size,
	    weft_generator_fn_ *next, void *arg, struct weft_generator_options options,
	    const struct weft_site *site);
void	weft_generator_of_(weft_ctx *ctx, struct weft_chan *out, size_t size,
	    const void *values, size_t n, struct weft_generator_options options,
	    const struct weft_site *site);

#endif
