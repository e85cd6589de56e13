/*
 * ratelimit.h - so many events in so long: a token bucket
 *
 *	weft_ratelimit *l = weft_ratelimit_new(100, WEFT_SECOND, 10);
 *
 *	if (weft_ratelimit_allow(l, 1))			// now or not at all
 *		serve();
 *	err = weft_ratelimit_wait(ctx, l, 1);		// or when its time has come
 *	weft_ratelimit_free(l);
 *
 * Go's golang.org/x/time/rate, in integers: 3 a second are 3,000,000 in 1,000,000 seconds, to
 * the nanosecond.  The bucket holds burst tokens and starts full; an event takes one or
 * more.  In any time t at most rate * t + burst tokens are taken (and as many more as one
 * waiter wants that woke up late).  A burst of 1 spaces events evenly, as a ticker does:
 * they are due on a grid, and what nobody came for is not made up for.
 *
 * ratelimit_redis.h makes a limiter that several processes share; all but
 * weft_ratelimit_new is the same for both.  Any number of goroutines may use one.
 *
 * Errors of reserve and wait: -ERANGE: not at any time, for n is above the burst, or the rate
 * is 0 and too few are left.  A shared limiter has more of them.
 */
#ifndef PATTERNS_RATELIMIT_H
#define PATTERNS_RATELIMIT_H

#include "../weft/weft.h"

typedef struct weft_ratelimit weft_ratelimit;

#define WEFT_RATELIMIT_INF	INT64_MAX	/* as a rate: all are allowed, whatever the burst */

/*
 * rate tokens in per ns; per and burst.  A rate of 0 gives out the burst, and no more; a burst
 * of 0 nothing, unless the rate is infinite.  What is below that stops the program.
 */
weft_ratelimit *weft_ratelimit_new(int64_t rate, int64_t per, int burst);
void	weft_ratelimit_free(weft_ratelimit *l);	/* NULL: nothing; nobody may wait */

/*
 * While others use it: the tokens there are, or those owed, stay the same in number, and
 * who waits will do so for as long as the new rate says.
 */
void	weft_ratelimit_set_limit(weft_ratelimit *l, int64_t rate, int64_t per);
void	weft_ratelimit_set_burst(weft_ratelimit *l, int burst);

/* Takes n tokens if they are there and nobody waits for them: the others are to be dropped. */
bool	weft_ratelimit_allow(weft_ratelimit *l, int n);
/*
 * The same for events that carry their time, such as lines of a log, in ns of any clock; with
 * that one only.  Where it goes back it counts as standing still.  Not of a shared limiter.
 */
bool	weft_ratelimit_allow_at(weft_ratelimit *l, int64_t now, int n);

/*
 * Until n tokens are there, first come first served.  0; or, without them, -ECANCELED or
 * -ETIMEDOUT from ctx, the latter at once if its deadline comes before the tokens.  One
 * that ends early has taken nothing: those behind it move up.
 */
int	weft_ratelimit_wait(weft_ctx *ctx, weft_ratelimit *l, int n);

/*
 * Takes n tokens which may not be there yet, and tells from when on they are good: sleep
 * until then, or cancel.  That is a promise, so whoever is in wait comes after it.
 * cancel gives back, before that time, what was not promised to others behind it; later,
 * or again, it does nothing.
 */
struct weft_ratelimit_reservation {
	int64_t	 at;		/* on weft_now(); may be past */
	int	 n;
	uint64_t mark_;
};
int	weft_ratelimit_reserve(weft_ratelimit *l, int n, struct weft_ratelimit_reservation *r);
void	weft_ratelimit_cancel(weft_ratelimit *l, struct weft_ratelimit_reservation *r);

#endif
