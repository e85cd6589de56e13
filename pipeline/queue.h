/*
 * queue.h - what waits for an output: batches, and gaps where batches were dropped
 *
 * A bounded queue with one who puts (the collector) and one who takes (the output).  Dropping
 * the oldest turns it into a gap that stays in its place, because the output
 * must pass over it in order: what was dropped is counted, and its bytes count as settled.
 */
#ifndef WEFT_PIPELINE_QUEUE_H
#define WEFT_PIPELINE_QUEUE_H

#include "batch.h"
#include "source.h"
#include "state.h"
#include "weft/sync.h"

/* Lines that were dropped. */
struct gap {
	struct stream	*stream;
	struct span	 span;
	struct account	 account;
};

struct item {
	struct item	*next;
	struct batch	*batch;		/* NULL: a gap */
	struct gap	 gap;
};

struct queue {
	weft_mutex	 lock;		/* all of it */
	weft_cond	 changed;
	struct item	*first, **last;
	size_t		 bytes, limit;	/* of the batches in it; what they may be */
	uint64_t	 batches;
	bool		 closed, poked;
	bool		 left;		/* by the one who took */
	uint64_t	 waits;		/* so often a put had to wait */
};

void	queue_init(struct queue *q, size_t limit);
void	queue_limit(struct queue *q, size_t limit);
void	queue_finish(struct queue *q);		/* must be empty */
bool	queue_full(struct queue *q);
/* Takes over a reference.  put waits while it is full: 0, or an error of ctx. */
int	queue_put(weft_ctx *ctx, struct queue *q, struct batch *b);
void	queue_put_over(struct queue *q, struct batch *b);	/* full or not */
void	queue_put_gap(struct queue *q, const struct gap *g);
/* The oldest batch; its place in the queue becomes a gap, filled in before anyone sees it. */
bool	queue_drop_oldest(struct queue *q, void (*fill)(struct batch *b, struct gap *g, void *arg),
	    void *arg);
/* Waits for something until when (weft_now); NULL: nothing came, or it is closed and empty. */
struct item *queue_take(struct queue *q, int64_t when);
void	queue_item_free(struct item *it);	/* with its batch */
void	queue_poke(struct queue *q);		/* the next take returns at once, maybe with NULL */
void	queue_close(struct queue *q);
bool	queue_leave(struct queue *q);	/* ends the taking; false: it is open again, or not empty */
bool	queue_reopen(struct queue *q);	/* false: it is too late, who takes has left */
void	queue_restart(struct queue *q);	/* somebody takes again */
bool	queue_ended(struct queue *q);		/* closed and empty */

#endif
