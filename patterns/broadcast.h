/*
 * broadcast.h - every value to all who listen at the time
 *
 *	weft_broadcast(int) prices = weft_broadcast_new(int);
 *
 *	weft_chan(int) mine = weft_make(int, 16);
 *	weft_subscriber *s = weft_broadcast_join(prices, mine, .slow = WEFT_DROP_OLDEST);
 *	...
 *	weft_broadcast_send(ctx, prices, 42);
 *	...
 *	lost = weft_broadcast_leave(s);
 *	weft_free(mine);
 *
 * A subscriber listens on a channel of its own, whose capacity is its buffer, and says
 * what is to happen when that is full (enum weft_slow, in pipe.h).  All get the values in the
 * same order.  Values are copied as bytes, and shared if they point at something.
 */
#ifndef PATTERNS_BROADCAST_H
#define PATTERNS_BROADCAST_H

#include "pipe.h"

struct weft_broadcast;
typedef struct weft_subscriber weft_subscriber;

/*
 * weft_broadcast(T) is a type as weft_chan(T) is.  Free one after all have left and nobody
 * sends any more; close need not have returned once its subscribers have seen the end.
 * NULL: nothing.
 */
#define weft_broadcast(T)	__typeof__(__typeof__(T) (*)(struct weft_broadcast *))
#define weft_broadcast_new(T)						\
	(__extension__(weft_broadcast(T))weft_broadcast_new_(sizeof(T)))
#define weft_broadcast_free(b)	weft_broadcast_free_(WEFT_BROADCAST_(b))

/*
 * Any number may send; one goes after the other.  Who has room gets the value at once; then
 * send waits for those with WEFT_BLOCK that had none, one after the other, until each has it
 * or leaves.  0; or -ECANCELED or -ETIMEDOUT, when ctx ended first: those that had no room by
 * then have lost the value, or nobody has it, if another send was under way all the time.
 * After close it stops the program.
 */
#define weft_broadcast_send(ctx, b, ...) __extension__ ({		\
	__auto_type weft_b_ = (b);					\
	WEFT_STRICT_ WEFT_BROADCAST_ELEM_(weft_b_) weft_v_ = (__VA_ARGS__); WEFT_END_ \
	weft_broadcast_send_(ctx, (struct weft_broadcast *)weft_b_, &weft_v_); \
})

/* Closes the channels of all subscribers, and of all who join later.  Waits for a send. */
#define weft_broadcast_close(b)	weft_broadcast_close_(WEFT_BROADCAST_(b))

/*
 * From now on values come into c, until leave.  c is yours; only close, above, closes it.
 * Options: .slow; with WEFT_DROP_OLDEST c must have a capacity.
 */
#define weft_broadcast_join(b, c, ...) __extension__ ({			\
	WEFT_STRICT_ if (0) {						\
		WEFT_ELEM_(c) *weft_p_ = (WEFT_BROADCAST_ELEM_(b) *)0;	\
		(void)weft_p_;						\
	} WEFT_END_							\
	weft_broadcast_join_(WEFT_BROADCAST_(b), WEFT_RAW_(c),		\
	    (struct weft_join_options){ .none_ = 0, __VA_ARGS__ });	\
})

/* How many values it has lost so far. */
int64_t	weft_broadcast_lost(weft_subscriber *s);

/*
 * Frees s and returns how many it lost: with those that came into its channel, all that were
 * sent since it joined.  A send that waits for it, or has yet to, gives up, and is one of
 * them.  Afterwards nobody sends on the channel; what is in it is yours.  Exactly once,
 * also after close.
 */
int64_t	weft_broadcast_leave(weft_subscriber *s);

/* ---- the machinery of the macros ---- */

struct weft_join_options { char none_; enum weft_slow slow; };
#define WEFT_BROADCAST_ELEM_(b)	__typeof__((b)((struct weft_broadcast *)0))
#define WEFT_BROADCAST_(b)	(__extension__(struct weft_broadcast *)	\
	(1 ? (b) : (WEFT_BROADCAST_ELEM_(b) (*)(struct weft_broadcast *))0))
struct weft_broadcast *weft_broadcast_new_(size_t size);
void	weft_broadcast_free_(struct weft_broadcast *b);
int	weft_broadcast_send_(weft_ctx *ctx, struct weft_broadcast *b, void *v);
void	weft_broadcast_close_(struct weft_broadcast *b);
weft_subscriber *weft_broadcast_join_(struct weft_broadcast *b, struct weft_chan *c,
	    struct weft_join_options options);

#endif
