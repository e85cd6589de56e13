/*
 * readers.h - private: readers of a mutex that do not write to it
 *
 * Readers on many workers that all count themselves in one word spend their time
 * passing its cache line around.  So a mutex that sees such readers becomes BIASED:
 * a reader then puts the mutex's address into a slot of its worker's own, and takes
 * it out again when it leaves.  Readers cannot be told apart, so who leaves may as
 * well take out another's entry, or uncount one.
 *
 * A writer ends that first: it takes BIASED away and moves what it finds in the
 * slots into the count.  A reader that comes too late for that looks at BIASED again
 * after its entry could be seen, and withdraws.  Both sides have a full barrier
 * between their store and their load, so at least one of them sees the other.
 *
 * model_readers_test.c tries every interleaving.
 */
#ifndef WEFT_READERS_H
#define WEFT_READERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { WRITER = 1, QUEUED = 2, BIASED = 4, READER = 8 };

typedef _Atomic uintptr_t readers_slot;		/* the mutex's address, or 0 */

/* A reader on the slot's worker leaves.  False: it is counted in the state. */
static inline bool readers_leave(readers_slot *slot, const void *mutex)
{
	uintptr_t entry = (uintptr_t)mutex;

	/* release: pairs with the acquire in readers_move, or with the load that
	   finds the slot empty there */
	return atomic_load_explicit(slot, memory_order_relaxed) == entry &&
	    atomic_compare_exchange_strong_explicit(slot, &entry, 0,
	    memory_order_release, memory_order_relaxed);
}

/* A reader on the slot's worker comes.  False: it is to count itself in the state. */
static inline bool readers_enter(_Atomic unsigned *state, readers_slot *slot, const void *mutex)
{
	uintptr_t none = 0;

	if (!(atomic_load_explicit(state, memory_order_relaxed) & BIASED) ||
	    !atomic_compare_exchange_strong(slot, &none, (uintptr_t)mutex))
		return false;
	/* seq_cst, as is the exchange: pairs with the writer's in readers_unbias.  If the
	   entry is gone, a writer has moved it: we are in, and counted. */
	return atomic_load(state) & BIASED || !readers_leave(slot, mutex);
}

/* The writer, with newcomers kept out by QUEUED, before it moves all slots; once. */
static inline void readers_unbias(_Atomic unsigned *state)
{
	atomic_fetch_sub(state, BIASED);
}

static inline void readers_move(_Atomic unsigned *state, readers_slot *slot, const void *mutex)
{
	uintptr_t entry = (uintptr_t)mutex;

	/* seq_cst: see readers_enter; acquire: pairs with the release in readers_leave */
	if (atomic_load(slot) != entry)
		return;
	/* First counted, then out of the slot: never neither. */
	atomic_fetch_add_explicit(state, READER, memory_order_relaxed);
	if (!atomic_compare_exchange_strong_explicit(slot, &entry, 0,
	    memory_order_acq_rel, memory_order_acquire))
		atomic_fetch_sub_explicit(state, READER, memory_order_relaxed);
}

#endif
