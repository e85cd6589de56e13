/*
 * park.h - the parking protocol: to sleep, and to be woken exactly once
 *
 * Everything that waits (channels, select, locks, timers, I/O, cancellation)
 * sleeps and is woken through the one word below.  Its low half is the state,
 * its high half the generation, which counts the sleeps: a waker that kept a
 * generation too long finds another one and does nothing.
 *
 *	        park_begin            park_commit
 *	  RUN ------------> PARKING --------------> PARKED
 *	   ^                   |  (on the next stack)  |
 *	   |                   | park_wake             | park_wake: the waker
 *	   | park_end          v                       v runs the sleeper
 *	   +---------------- READY <-------------------+
 *
 * A sleeper may be found through several queues at once.  The waker that sets
 * CLAIMED wins; only the winner may touch the sleeper's memory, and it must call
 * park_wake when it has.  A queue that hands out a sleeper alone, under its
 * lock, needs no claim.
 *
 * The sleeper's registers are saved between park_begin and park_commit.  A wake
 * that comes in between finds PARKING and leaves READY behind; park_commit then
 * fails and whoever called it must run the sleeper.  So nobody runs a goroutine
 * whose registers are not saved, and no wake is lost.  model_park_test.c tries every
 * interleaving.
 */
#ifndef WEFT_PARK_H
#define WEFT_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PARK_RUN, PARK_PARKING, PARK_PARKED, PARK_READY, PARK_STATE = 3, PARK_CLAIMED = 4 };

struct park { _Atomic uint64_t word; };

static inline uint32_t park_gen(uint64_t word) { return (uint32_t)(word >> 32); }

/* The owner, before it shows itself in any queue.  Returns the generation. */
static inline uint32_t park_begin(struct park *p)
{
	uint64_t w = atomic_load_explicit(&p->word, memory_order_relaxed);
	uint64_t next = ((w >> 32) + 1) << 32 | PARK_PARKING;

	/* A stale waker's CAS may be under way, and fails either way; the queue's
	   lock publishes the rest. */
	atomic_store_explicit(&p->word, next, memory_order_relaxed);
	return park_gen(next);
}

/* Any waker.  True: it is yours to complete and to wake. */
static inline bool park_claim(struct park *p, uint32_t gen)
{
	uint64_t w = atomic_load_explicit(&p->word, memory_order_relaxed);

	do {
		uint32_t s = (uint32_t)w;
		if (park_gen(w) != gen || (s != PARK_PARKING && s != PARK_PARKED))
			return false;
		/* acquire: pairs with the release in park_commit, or with the lock
		   under which the sleeper queued itself */
	} while (!atomic_compare_exchange_weak_explicit(&p->word, &w, w | PARK_CLAIMED,
	    memory_order_acq_rel, memory_order_relaxed));
	return true;
}

/*
 * The owner, after park_begin and still running, would rather not sleep.  False:
 * somebody claimed it, and it must go through with the sleep, which will be short.
 */
static inline bool park_cancel(struct park *p)
{
	uint64_t w = atomic_load_explicit(&p->word, memory_order_relaxed);

	return (uint32_t)w == PARK_PARKING &&
	    atomic_compare_exchange_strong_explicit(&p->word, &w,
		w & ~(uint64_t)PARK_STATE, memory_order_acq_rel, memory_order_relaxed);
}

/* On the next stack, once the registers are saved.  False: woken already, run it. */
static inline bool park_commit(struct park *p)
{
	/* acquire: pairs with the release in park_wake; the sleeper runs at once */
	uint64_t w = atomic_load_explicit(&p->word, memory_order_acquire);

	do {
		if ((w & PARK_STATE) == PARK_READY)
			return false;
		/* release: whoever wakes it sees the saved registers */
	} while (!atomic_compare_exchange_weak_explicit(&p->word, &w,
	    (w & ~(uint64_t)PARK_STATE) | PARK_PARKED,
	    memory_order_acq_rel, memory_order_acquire));
	return true;
}

/*
 * The one waker: last touch of the sleeper's memory.  True: its registers are
 * saved and the caller must have it run; false: park_commit will.
 */
static inline bool park_wake(struct park *p)
{
	uint64_t w = atomic_load_explicit(&p->word, memory_order_relaxed);

	/* Only park_commit can come in between, and it changes the state alone.
	   release: pairs with park_commit's acquire and with the run queue;
	   acquire: pairs with park_commit's release */
	w = atomic_exchange_explicit(&p->word, w >> 32 << 32 | PARK_READY,
	    memory_order_acq_rel);
	return (w & PARK_STATE) == PARK_PARKED;
}

/* The owner, running again. */
static inline void park_end(struct park *p)
{
	uint64_t w = atomic_load_explicit(&p->word, memory_order_relaxed);

	atomic_store_explicit(&p->word, w >> 32 << 32, memory_order_relaxed);
}

#endif
