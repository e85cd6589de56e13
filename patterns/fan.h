/*
 * fan.h - one input to many outputs, each value to one; and many inputs to one output
 *
 *	weft_fan_out(ctx, in, shards, n);
 *	weft_fan_in(ctx, shards, n, out);
 *	weft_fan_merge(ctx, logs, n, out, earlier);
 *
 * Goroutines that only share work need no fan_out: they can all receive from one channel.
 * The rules of all stages are in pipe.h.
 */
#ifndef PATTERNS_FAN_H
#define PATTERNS_FAN_H

#include "pipe.h"

/*
 * A stage.  outs is an array of n channels, 1 to 999, which is copied.  A value goes to an
 * output that is ready, or else to the first that becomes so.  Options:
 *	.ordered	the i-th value goes to outs[i % n], also if another is ready
 *	.drop
 */
#define weft_fan_out(ctx, in, outs, n, ...) __extension__ ({		\
	WEFT_SAME_(in, (outs)[0])					\
	weft_fan_out_(ctx, WEFT_RAW_(in), WEFT_SIZE_(in), (outs), n, \
	    (struct weft_fan_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_fan_out"));				\
})

/*
 * A stage.  ins is an array of n channels, which is copied; the stage ends when all of them
 * have.  Values from one input stay in order.  Options:
 *	.ordered	one value from each in turn, waiting for it, and leaving out those that
 *			have ended.  So the values of an ordered fan_out that came through
 *			one to one are in the order that they had.
 *	.drop
 */
#define weft_fan_in(ctx, ins, n, out, ...) __extension__ ({		\
	WEFT_SAME_((ins)[0], out)					\
	weft_fan_in_(ctx, (ins), n, WEFT_RAW_(out), WEFT_SIZE_(out), \
	    (struct weft_fan_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_fan_in"));				\
})

/*
 * A stage: merges inputs of which each is sorted by bool less(T *a, T *b).  Among equals that
 * of the earlier input comes first.  It holds one value of each.  Options: .drop
 */
#define weft_fan_merge(ctx, ins, n, out, less, ...) __extension__ ({	\
	WEFT_SAME_((ins)[0], out)					\
	WEFT_CALLS_("weft_fan_merge", less, (WEFT_ELEM_(out) *)0, (WEFT_ELEM_(out) *)0) \
	weft_fan_merge_(ctx, (ins), n, WEFT_RAW_(out), WEFT_SIZE_(out), \
	    (weft_fan_less_fn_ *)(less),				\
	    (struct weft_fan_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_fan_merge"));				\
})
struct weft_fan_options { char none_; bool ordered; weft_drop_fn *drop; };

typedef bool weft_fan_less_fn_(void *a, void *b);
void	weft_fan_out_(weft_ctx *ctx, struct weft_chan *in, size_t size, const void *outs,
	    size_t n, struct weft_fan_options options, const struct weft_site *site);
void	weft_fan_in_(weft_ctx *ctx, const void *ins, size_t n, struct weft_chan *out,
	    size_t size, struct weft_fan_options options, const struct weft_site *site);
void	weft_fan_merge_(weft_ctx *ctx, const void *ins, size_t n, struct weft_chan *out,
	    size_t size, weft_fan_less_fn_ *less, struct weft_fan_options options,
	    const struct weft_site *site);

#endif
