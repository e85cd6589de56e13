/*
 * pqueue.h - a queue whose least comes first, for many producers and consumers
 *
 *	weft_pqueue *q = weft_pqueue_new();
 *	weft_pqueue_item i = weft_pqueue_push(q, job, 10);
 *
 *	weft_pqueue_update(q, i, 1);		// false: somebody has it already
 *	while (weft_pqueue_pop(ctx, q, &job) == 0)
 *		...
 *
 * The least priority first, as in Java and Python; among equals the first to come.  It
 * has no bound.  Values are yours, also those in a queue that is freed; NULL is one like any
 * other.  A handle may be used for ever: when its value has left the queue it says so.
 */
#ifndef PATTERNS_PQUEUE_H
#define PATTERNS_PQUEUE_H

#include "../weft/weft.h"

typedef struct weft_pqueue weft_pqueue;
typedef struct weft_pqueue_item { uint64_t id; size_t at; } weft_pqueue_item;

weft_pqueue *weft_pqueue_new(void);
void	weft_pqueue_free(weft_pqueue *q);	/* NULL: nothing; nobody may wait */

/* Onto a closed queue stops the program.  Never waits; nor do the next two. */
weft_pqueue_item weft_pqueue_push(weft_pqueue *q, void *value, int64_t priority);

/* A new priority, behind those that have it; the same changes nothing.  false: it has left. */
bool	weft_pqueue_update(weft_pqueue *q, weft_pqueue_item i, int64_t priority);

/* Takes it out; the value is put into *value, which may be NULL.  false: it has left. */
bool	weft_pqueue_remove(weft_pqueue *q, weft_pqueue_item i, void **value);

/*
 * Takes the first value; waits for one, in order of arrival.  0; -ECANCELED or -ETIMEDOUT:
 * ctx ended first; -EPIPE: closed, and empty.  try_pop does not wait: -EAGAIN.
 */
int	weft_pqueue_pop(weft_ctx *ctx, weft_pqueue *q, void **value);
int	weft_pqueue_try_pop(weft_pqueue *q, void **value);

/* No more is pushed: what is there can still be popped.  Twice stops the program. */
void	weft_pqueue_close(weft_pqueue *q);

size_t	weft_pqueue_len(weft_pqueue *q);

#endif
