/*
 * bulkhead.h - so many calls at a time, so many waiting, and not for long
 *
 *	weft_bulkhead *b = weft_bulkhead_new((struct weft_bulkhead_options){
 *	    .max_concurrent = 10, .max_queue = 20, .max_wait = 50 * WEFT_MS });
 *
 *	err = weft_bulkhead_enter(ctx, b);
 *	if (err)
 *		return err;		// -EBUSY: too many wait; -ETIME: waited too long
 *	err = call_the_slow_service(ctx);
 *	weft_bulkhead_leave(b);
 *
 * Keeps one slow service from taking everything down with it: when it is full, callers
 * are told at once or soon.  Polly's and resilience4j's bulkhead; those who wait enter
 * in order of arrival.
 */
#ifndef PATTERNS_BULKHEAD_H
#define PATTERNS_BULKHEAD_H

#include "../weft/weft.h"

struct weft_bulkhead_options {
	int	max_concurrent;		/* above 0                                */
	int	max_queue;		/* who may wait to enter; 0: nobody       */
	int64_t	max_wait;		/* for how long, ns; 0: as long as ctx    */
};

struct weft_bulkhead_stats {
	int	inside, waiting;	/* now                                    */
	int64_t	entered;		/* since the start, and so are these:     */
	int64_t	full;			/* -EBUSY                                 */
	int64_t	late;			/* -ETIME                                 */
	int64_t	cancelled;		/* -ECANCELED, -ETIMEDOUT                 */
};

typedef struct weft_bulkhead weft_bulkhead;

weft_bulkhead *weft_bulkhead_new(struct weft_bulkhead_options options);
void	weft_bulkhead_free(weft_bulkhead *b);	/* NULL: nothing; nobody may wait or be inside */

/*
 * 0: you are inside, until you leave.  Else you are not: -EBUSY, at once: as many as may
 * are inside and waiting; -ETIME: waited for max_wait; -ECANCELED or -ETIMEDOUT: ctx ended
 * while waiting.  When there is room, that wins over all of these.
 */
int	weft_bulkhead_enter(weft_ctx *ctx, weft_bulkhead *b);

/* Without enter before it stops the program. */
void	weft_bulkhead_leave(weft_bulkhead *b);

struct weft_bulkhead_stats weft_bulkhead_stats(weft_bulkhead *b);	/* all of one moment */

#endif
