/*
 * queue.h - private: putting items into run queues; see queue.c
 */
#ifndef WEFT_QUEUE_H
#define WEFT_QUEUE_H

#include "worker.h"

void	queue_push_global(uintptr_t item);	/* sched.lock is held */
void	queue_overflow(struct worker *w, uintptr_t item);
void	queue_rescue(struct worker *w);
uintptr_t queue_take_global(struct worker *w);	/* and a fair share into its own */

/* The owner; tells nobody. */
static inline void queue_push(struct worker *w, uintptr_t item)
{
	if (unlikely(!runq_push_owner(&w->q, item)))
		queue_overflow(w, item);
}

/* The owner: next first. */
static inline uintptr_t queue_pop(struct worker *w)
{
	uintptr_t item = atomic_exchange(&w->next, 0);

	return item ? item : runq_pop_owner(&w->q);
}

/* Between queueing and looking who sleeps; idle_sleep has one on the other side. */
static inline void queue_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

/* After queueing: does someone sleep who could run it? */
static inline void queue_announce(void)
{
	if (unlikely(atomic_load_explicit(&sched.nidle, memory_order_relaxed) ||
	    atomic_load_explicit(&sched.stuck, memory_order_relaxed)))
		sched_wake_one();
}

/* The same for what is in next, which its owner probably runs soon: who dozes will look. */
static inline void queue_announce_next(void)
{
	if (unlikely(atomic_load_explicit(&sched.nidle, memory_order_relaxed) ||
	    atomic_load_explicit(&sched.stuck, memory_order_relaxed)) &&
	    !atomic_load_explicit(&sched.dozing, memory_order_relaxed))
		sched_wake_one();
}

#endif
