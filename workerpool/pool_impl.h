/*
 * pool_impl.h - what a worker pool consists of; include pool.h instead
 *
 * Under the lock: jobs wait only while at least as many run as may (target), and
 * submitters only while the queue is full.  A worker that is in idle has no goroutine.  One
 * that runs has exactly one, which goes on to the next job if that is made at the same
 * place, and else starts another by that job's name and ends.
 *
 * Nothing watches the clock.  Since when a worker has not been needed (calm) is noted, and
 * how many there are is worked out from it whenever somebody looks.
 */
#ifndef WORKERPOOL_POOL_IMPL_H
#define WORKERPOOL_POOL_IMPL_H

#include <stdatomic.h>

#include "../base/heap.h"
#include "../base/list.h"
#include "../weft/sync.h"
#include "pool.h"

/* One who waits for a job: on its stack. */
struct caller {
	weft_cond	 told;
	struct queued	*q;		/* NULL: it was begun */
	bool		 done;
	int		 err, result;	/* when done */
};

/* One who waits for room: on its stack. */
struct submitter {
	struct list	 at;
	weft_cond	 told;
	struct queued	*q;
	bool		 done;
	int		 err;
};

struct queued {
	struct heap_node node;
	struct queued	*next;		/* spare */
	weft_job	 job;
	struct caller	*caller;	/* NULL: nobody waits for it */
};

struct worker {
	struct list	 at;		/* in idle; else it runs */
	weft_workerpool	*p;
	weft_job	 job;
	struct caller	*caller;
	bool		 runs;
	int64_t		 since;
	_Atomic int64_t	 goid;
	int64_t		 jobs, failed, busy;
};

struct weft_workerpool {
	weft_workerpool_options o;
	weft_ctx	*ctx;
	weft_mutex	 lock;		/* all below; no job and no callback runs under it */
	struct worker	**workers;
	size_t		 n;		/* of them */
	struct list	 idle;		/* the last one that ran in front */
	int		 target, running;
	int64_t		 calm;		/* since when fewer run than may; -1: they do not */
	struct heap	 queue;		/* by priority, then age */
	int64_t		 age;
	struct queued	*spare;		/* for reuse */
	struct list	 submitters;
	int		 waiting;	/* in submit and submit_wait */
	weft_cond	 ended;		/* running and waiting became 0 */
	bool		 stopping;
	weft_workerpool_stats s;
};

/* Under the lock: works out how many workers there are by now. */
void	workerpool_shrink(weft_workerpool *p, int64_t now);

#endif
