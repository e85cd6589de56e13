/*
 * bridge.h - a channel of channels as one channel
 *
 *	weft_chan(weft_chan(int)) parts = weft_make(weft_chan(int), 4);
 *
 *	weft_bridge(ctx, parts, out);
 *	...
 *	weft_send(parts, part);		// now the bridge's
 *	weft_send(part, 1);
 *	weft_close(part);		// by whoever sends on it
 *
 * The rules of all stages are in pipe.h.
 */
#ifndef PATTERNS_BRIDGE_H
#define PATTERNS_BRIDGE_H

#include "pipe.h"

/*
 * A stage: all values of the first channel that comes in, then all of the second, and so on,
 * so order is kept.  A NULL channel is left out.  The bridge frees a channel that it
 * has received, when it is closed and drained.  When ctx is cancelled in the middle of one the
 * bridge drains it before it ends: its sender is to obey ctx too, and to close it.  What is
 * still in the input then is yours: weft_bridge_drain frees all of it.  Options: .drop
 */
#define weft_bridge(ctx, in, out, ...) __extension__ ({			\
	WEFT_SAME_((WEFT_ELEM_(in))0, out)				\
	weft_bridge_(ctx, WEFT_RAW_(in), WEFT_RAW_(out), WEFT_SIZE_(out), \
	    (struct weft_bridge_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_bridge"));				\
})
struct weft_bridge_options { char none_; weft_drop_fn *drop; };

/*
 * weft_drain for a channel of channels: receives until it is closed, drains each that
 * comes, giving the values to drop, which may be NULL, and frees it.
 */
#define weft_bridge_drain(in, drop)					\
	weft_bridge_drain_(WEFT_RAW_(in), WEFT_SIZE_((WEFT_ELEM_(in))0), drop)

void	weft_bridge_(weft_ctx *ctx, struct weft_chan *in, struct weft_chan *out, size_t size,
	    struct weft_bridge_options options, const struct weft_site *site);
void	weft_bridge_drain_(struct weft_chan *in, size_t size, weft_drop_fn *drop);

#endif
