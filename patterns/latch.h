/*
 * latch.h - wait until so many things have happened
 *
 *	weft_latch ready;
 *
 *	weft_latch_init(&ready, 3);
 *	...				// weft_latch_count_down(&ready), three times
 *	err = weft_latch_wait(ctx, &ready);
 *
 * Java's CountDownLatch.  It opens once, for good, and never counts up: what a wait
 * group can do and a latch can not.  All-zero is an open one.  Whoever has seen it open may
 * free it, if nobody counts down any more.
 */
#ifndef PATTERNS_LATCH_H
#define PATTERNS_LATCH_H

#include "../weft/sync.h"
#include "../weft/weft.h"

typedef struct weft_latch weft_latch;
struct weft_latch {
	/* private */
	weft_waitgroup	closed;		/* one, until it opens */
	int		count;		/* atomic */
};

void	weft_latch_init(weft_latch *l, int count);	/* below 0 stops the program    */
void	weft_latch_count_down(weft_latch *l);		/* open already: nothing        */
int	weft_latch_wait(weft_ctx *ctx, weft_latch *l);	/* 0, -ECANCELED, -ETIMEDOUT    */
int	weft_latch_count(weft_latch *l);		/* how many are still to come   */

#endif
