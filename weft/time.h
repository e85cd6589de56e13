/*
 * time.h - the monotonic clock, timers and tickers
 *
 * Times and durations are int64_t nanoseconds.  Both channels are
 * weft_chan(int64_t) of capacity 1 and carry the time of the tick; they belong
 * to the timer, are never closed, and are freed with it.
 */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include "weft.h"

int64_t	weft_now(void);			/* monotonic; no relation to the wall clock */

/* One tick, ns from now.  A negative or zero ns ticks at once. */
typedef struct weft_timer weft_timer;
weft_timer *weft_timer_new(int64_t ns);
weft_chan(int64_t) weft_timer_chan(weft_timer *t);
bool	weft_timer_stop(weft_timer *t);	/* true: it had not ticked; no tick is left over */
bool	weft_timer_reset(weft_timer *t, int64_t ns);	/* the same, then starts again   */
void	weft_timer_free(weft_timer *t);	/* NULL: nothing; nobody may wait on its channel */

/*
 * A tick every ns, which must be above zero.  A slow receiver loses ticks; the
 * ones it gets stay on the grid.
 */
typedef struct weft_ticker weft_ticker;
weft_ticker *weft_ticker_new(int64_t ns);
weft_chan(int64_t) weft_ticker_chan(weft_ticker *t);
void	weft_ticker_stop(weft_ticker *t);
void	weft_ticker_reset(weft_ticker *t, int64_t ns);
void	weft_ticker_free(weft_ticker *t);

/*
 * weft_after runs f(arg) in a goroutine of its own, ns from now.  The timer has
 * no channel; stop, reset and free it like any other.
 */
weft_timer *weft_after(int64_t ns, void (*f)(void *), void *arg);

#endif
