/*
 * barrier.h - nobody goes on before all have come; round after round
 *
 *	weft_barrier *b = weft_barrier_new(4, NULL, NULL);
 *
 *	place = weft_barrier_wait(ctx, b);
 *	if (place < 0)
 *		return place;		// -EPIPE: somebody else has given up
 *	if (place == 0)
 *		...			// in each round one of the four
 *
 * Java's CyclicBarrier.  When one of a round gives up, because its context has ended, the
 * round cannot be completed: the barrier is broken for all who wait, and for all
 * who come, until it is reset.
 */
#ifndef PATTERNS_BARRIER_H
#define PATTERNS_BARRIER_H

#include "../weft/weft.h"

typedef struct weft_barrier weft_barrier;

/*
 * For rounds of so many parties, above 0.  The last to come runs action(arg), if there is
 * one, before anybody goes on; no lock is held, but the next round does not begin to gather
 * before it returns, so it must not wait for that.  A round that is complete cannot be
 * broken any more.
 */
weft_barrier *weft_barrier_new(int parties, void (*action)(void *), void *arg);
void	weft_barrier_free(weft_barrier *b);	/* NULL: nothing; nobody may wait */

/*
 * Until all have come.  Your place in the round: parties - 1 for the first to come, 0
 * for the last.  -ECANCELED or -ETIMEDOUT: ctx ended first, and now the barrier is broken;
 * -EPIPE: it is broken, or was reset while you waited.
 */
int	weft_barrier_wait(weft_ctx *ctx, weft_barrier *b);

/* Whoever waits gets -EPIPE; then a new round begins. */
void	weft_barrier_reset(weft_barrier *b);

bool	weft_barrier_broken(weft_barrier *b);
int	weft_barrier_waiting(weft_barrier *b);	/* how many of this round have come */

#endif
