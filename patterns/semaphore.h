/*
 * semaphore.h - at most so much at a time, first come, first served
 *
 *	weft_semaphore *s = weft_semaphore_new(100);	// megabytes
 *
 *	err = weft_semaphore_acquire(ctx, s, size);
 *	if (err)
 *		return err;
 *	...
 *	weft_semaphore_release(s, size);
 *
 * Go's golang.org/x/sync/semaphore, but that an acquire whose permits are free succeeds
 * also when its context has ended.  A negative n stops the program.
 */
#ifndef PATTERNS_SEMAPHORE_H
#define PATTERNS_SEMAPHORE_H

#include "../weft/weft.h"

typedef struct weft_semaphore weft_semaphore;

weft_semaphore *weft_semaphore_new(int64_t size);	/* that many permits, all free     */
void	weft_semaphore_free(weft_semaphore *s);		/* NULL: nothing; nobody may wait  */

/*
 * Takes n permits, in order of arrival: who waits for many holds up those behind who want
 * few, and so is not starved by them.  0, or -ECANCELED or -ETIMEDOUT when ctx ended
 * first, and then nothing is taken.  More than the size can never be had: that waits for
 * ctx to end, and holds up nobody.
 */
int	weft_semaphore_acquire(weft_ctx *ctx, weft_semaphore *s, int64_t n);

/* Takes n permits, or none: when they are not free or others wait. */
bool	weft_semaphore_try_acquire(weft_semaphore *s, int64_t n);

/* Gives n permits back.  More than are held stops the program. */
void	weft_semaphore_release(weft_semaphore *s, int64_t n);

#endif
