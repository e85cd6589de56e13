/*
 * breaker.h - a circuit breaker: leaves alone for a while what only fails
 *
 *	weft_breaker *b = weft_breaker_new((weft_breaker_options){ .consecutive = 5 });
 *
 *	err = weft_breaker_call(ctx, b, fetch, url);	// int fetch(weft_ctx *, void *)
 *
 *	weft_breaker_ticket t;				// or in two steps
 *	if (!(err = weft_breaker_allow(b, &t)))
 *		weft_breaker_done(b, t, err = fetch(ctx, url));
 *
 * Closed, calls go through.  After too many failures it opens, and calls are refused.
 * After a time it is half-open, and lets a few calls through as probes: when all of
 * them succeed it closes, when one fails it opens again.
 *
 * Go's sony/gobreaker, but: a probe whose result never comes loses its place when its
 * lease ends, instead of keeping it for ever, and changes are reported outside the
 * lock, in order.  Nothing here waits.
 */
#ifndef PATTERNS_BREAKER_H
#define PATTERNS_BREAKER_H

#include "../weft/weft.h"

/* Instead of the call's own result. */
#define WEFT_BREAKER_OPEN	(-EHOSTDOWN)	/* refused: it is open */
#define WEFT_BREAKER_BUSY	(-EBUSY)	/* refused: half-open, and all probes are out */

enum weft_breaker_state { WEFT_BREAKER_IS_CLOSED, WEFT_BREAKER_IS_OPEN,
	WEFT_BREAKER_IS_HALF_OPEN };
enum weft_breaker_verdict { WEFT_BREAKER_SUCCESS, WEFT_BREAKER_FAILURE, WEFT_BREAKER_IGNORE };

typedef struct weft_breaker weft_breaker;
typedef struct weft_breaker_options weft_breaker_options;
struct weft_breaker_options {
	/* It opens after so many failures in a row.  0: 5, or, if there is a rate, never. */
	int	consecutive;
	/*
	 * And when so large a share (0 to 1) of the calls of the last window failed, if
	 * they were at least min_calls.  The window moves on in steps, a bucket at a time.
	 */
	double	rate;			/* 0: never */
	int	min_calls;		/* 10 */
	int64_t	window;			/* ns; 10 s */
	int	buckets;		/* 10 */

	int64_t	open_for;		/* ns; 60 s */
	int	probes;			/* 1 */
	int64_t	lease;			/* ns that a probe may take; 60 s */
	/*
	 * What a result means; must not wait.  NULL: below 0 is a failure, but -ECANCELED,
	 * which tells nothing of the other side, is ignored.
	 */
	enum weft_breaker_verdict (*judge)(int result, void *arg);
	/*
	 * Each change, one after the other, by who caused it or who is reporting the one
	 * before.  May call anything here but free.
	 */
	void	(*on_change)(enum weft_breaker_state from, enum weft_breaker_state to, void *arg);
	void	*arg;
};

/* Nobody may be in a call when it is freed. */
weft_breaker *weft_breaker_new(weft_breaker_options o);
void	weft_breaker_free(weft_breaker *b);

/*
 * f's result, or, without calling it, WEFT_BREAKER_OPEN or WEFT_BREAKER_BUSY.  If those
 * are also results of f, use allow.
 */
int	weft_breaker_call(weft_ctx *ctx, weft_breaker *b, int (*f)(weft_ctx *ctx, void *arg),
	    void *arg);

/*
 * In two steps: when allow returned 0, done once, with that ticket, by any goroutine.  The
 * result of a call that was allowed before the last change of state counts for nothing, nor
 * does one of a probe whose place another has taken after its lease.  A call that has nothing
 * to tell may leave out done; a probe then keeps its place until the lease ends.
 */
typedef struct weft_breaker_ticket weft_breaker_ticket;
struct weft_breaker_ticket { uint64_t generation, probe; };
int	weft_breaker_allow(weft_breaker *b, weft_breaker_ticket *t);
void	weft_breaker_done(weft_breaker *b, weft_breaker_ticket t, int result);

enum weft_breaker_state weft_breaker_state(weft_breaker *b);

#endif
