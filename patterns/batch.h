/*
 * batch.h - values by the dozen: when there are enough, or when the first has waited enough
 *
 *	struct lines { size_t n; struct line v[]; };	// these two names
 *
 *	weft_chan(struct lines *) out = weft_make(struct lines *, 1);
 *
 *	weft_batch(ctx, in, out, 100, .within = 50 * WEFT_MS);
 *	for (struct lines *b; weft_recv(out, &b); free(b))
 *		store(b->v, b->n);
 *
 * The rules of all stages are in pipe.h.
 */
#ifndef PATTERNS_BATCH_H
#define PATTERNS_BATCH_H

#include "pipe.h"

/*
 * A stage.  out is a channel of pointers to a struct with a size_t n and behind it, as the
 * last member, an array v of the input's type.  Each batch is made by malloc, with room for
 * size values whatever the array's own, and is for the receiver to free; members but these
 * two are not set.  It has at least one value and at most size, which must be above 0.  Options:
 *	.within	ns: a batch is offered that long after its first value came, at the latest;
 *		until somebody takes it it still grows.  0: full ones only; not below 0
 *	.drop	gets each value of a batch that is not delivered
 * At the end of the input what there is goes out.
 */
#define weft_batch(ctx, in, out, size, ...) __extension__ ({		\
	typedef __typeof__(*(WEFT_ELEM_(out))0) weft_batch_t_;		\
	WEFT_STRICT_ if (0) {						\
		size_t *weft_n_ = &((weft_batch_t_ *)0)->n;		\
		WEFT_ELEM_(in) *weft_v_ = &((weft_batch_t_ *)0)->v[0];	\
		(void)weft_n_, (void)weft_v_;				\
	} WEFT_END_							\
	_Static_assert(!__builtin_types_compatible_p(			\
	    __typeof__(((weft_batch_t_ *)0)->v), __typeof__(&((weft_batch_t_ *)0)->v[0])), \
	    "weft_batch: v must be an array");				\
	_Static_assert(offsetof(weft_batch_t_, n) < offsetof(weft_batch_t_, v), \
	    "weft_batch: n must come before v");			\
	weft_batch_(ctx, WEFT_RAW_(in), WEFT_RAW_(out), size,		\
	    (struct weft_batch_layout_){ WEFT_SIZE_(in),		\
	    offsetof(weft_batch_t_, n), offsetof(weft_batch_t_, v), sizeof(weft_batch_t_) }, \
	    (struct weft_batch_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_batch"));					\
})
struct weft_batch_options { char none_; int64_t within; weft_drop_fn *drop; };

struct weft_batch_layout_ { size_t elem, n, v, least; };
void	weft_batch_(weft_ctx *ctx, struct weft_chan *in, struct weft_chan *out, size_t size,
	    struct weft_batch_layout_ layout, struct weft_batch_options options,
	    const struct weft_site *site);

#endif
