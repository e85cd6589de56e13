/*
 * tee.h - every value to every output
 *
 *	weft_chan(int) outs[] = { store, metrics };
 *	_Atomic int64_t lost[2] = {0};
 *
 *	weft_tee(ctx, in, outs, 2);
 *	weft_tee(ctx, in, outs, 2, .lost = lost,
 *	    .slow = (enum weft_slow[]){ WEFT_BLOCK, WEFT_DROP_NEWEST });
 *
 * Each output gets the values in the order of the input.  By default none is lost: the next
 * value is received when all outputs have taken this one, in whatever order they come,
 * so the slowest sets the pace, by its capacity later.  The rules of all stages are in pipe.h.
 */
#ifndef PATTERNS_TEE_H
#define PATTERNS_TEE_H

#include "pipe.h"

/*
 * A stage.  outs is an array of n channels, 1 to 999, which is copied.  Options:
 *	.slow	an array of n, copied: what to do at each output when it has no room
 *	.lost	an array of n counters, to live until the stage has ended: what each lost,
 *		by its .slow or at the end by ctx
 *	.drop	gets each copy that is not delivered, as often as it is counted
 */
#define weft_tee(ctx, in, outs, n, ...) __extension__ ({		\
	WEFT_SAME_(in, (outs)[0])					\
	weft_tee_(ctx, WEFT_RAW_(in), WEFT_SIZE_(in), (outs), n, \
	    (struct weft_tee_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_tee"));					\
})
struct weft_tee_options {
	char			 none_;
	const enum weft_slow	*slow;
	_Atomic int64_t		*lost;
	weft_drop_fn		*drop;
};

void	weft_tee_(weft_ctx *ctx, struct weft_chan *in, size_t size, const void *outs, size_t n,
	    struct weft_tee_options options, const struct weft_site *site);

#endif
