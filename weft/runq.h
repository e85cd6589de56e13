/*
 * runq.h - a worker's run queue: a ring of 256 items
 *
 * The owner pushes and pops; any number of thieves take half.  Items are words;
 * their meaning is the scheduler's.
 *
 * head packs two indices, taken by one CAS: real, where the next pop is, and
 * steal, where the oldest item still being copied by a thief is.  steal == real
 * when no thief is at work; only one can be.  steal <= real <= tail <= steal + 256,
 * counting modulo 2^32; the indices never go back, so a stale CAS fails.
 *
 *	     steal        real           tail
 *	-------+------------+--------------+--------
 *	  free | thief's    | queued       | free
 *
 * model_runq_test.c tries every interleaving of an owner and two thieves.
 */
#ifndef WEFT_RUNQ_H
#define WEFT_RUNQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef RUNQ_SIZE
#define RUNQ_SIZE 256
#endif

struct runq {
	_Atomic uint64_t  head;			/* steal << 32 | real */
	char		  pad[56];		/* thieves write head, the owner tail */
	_Atomic uint32_t  tail;			/* written by the owner only */
	_Atomic uintptr_t item[RUNQ_SIZE];
};

static inline uint64_t runq_pack(uint32_t steal, uint32_t real)
{
	return (uint64_t)steal << 32 | real;
}

/* Anyone; exact for the owner. */
static inline uint32_t runq_len(const struct runq *q)
{
	uint64_t h = atomic_load_explicit(&q->head, memory_order_acquire);
	uint32_t n = atomic_load_explicit(&q->tail, memory_order_acquire) - (uint32_t)h;

	return n > RUNQ_SIZE ? 0 : n;	/* the two were read at different times */
}

/* False: full. */
static inline bool runq_push_owner(struct runq *q, uintptr_t item)
{
	uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	/* acquire: pairs with the thief's release of what it has copied */
	uint32_t steal = (uint32_t)(atomic_load_explicit(&q->head, memory_order_acquire) >> 32);

	if (tail - steal >= RUNQ_SIZE)
		return false;
	atomic_store_explicit(&q->item[tail % RUNQ_SIZE], item, memory_order_relaxed);
	/* release: pairs with the acquire of tail in runq_steal */
	atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
	return true;
}

/* 0: empty. */
static inline uintptr_t runq_pop_owner(struct runq *q)
{
	uint64_t h = atomic_load_explicit(&q->head, memory_order_acquire);
	uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

	for (;;) {
		uint32_t steal = (uint32_t)(h >> 32), real = (uint32_t)h;
		uint64_t next;

		if (real == tail)
			return 0;
		next = runq_pack(steal == real ? real + 1 : steal, real + 1);
		if (atomic_compare_exchange_weak_explicit(&q->head, &h, next,
		    memory_order_acq_rel, memory_order_acquire))
			return atomic_load_explicit(&q->item[real % RUNQ_SIZE],
			    memory_order_relaxed);
	}
}

/*
 * A thief: takes half of q, at least one, at most max, into out; returns how many.
 * 0: nothing there, or another thief is at it.
 */
static inline uint32_t runq_steal(struct runq *q, uintptr_t *out, uint32_t max)
{
	uint64_t h = atomic_load_explicit(&q->head, memory_order_acquire);
	uint32_t steal, real, n;

	do {
		uint32_t tail = atomic_load_explicit(&q->tail, memory_order_acquire);

		steal = (uint32_t)(h >> 32);
		real = (uint32_t)h;
		n = tail - real;
		if (steal != real || n == 0 || n > RUNQ_SIZE)
			return 0;
		n -= n / 2;
		if (n > max)
			n = max;
	} while (!atomic_compare_exchange_weak_explicit(&q->head, &h,
	    runq_pack(steal, real + n), memory_order_acq_rel, memory_order_acquire));

	for (uint32_t i = 0; i < n; i++)
		out[i] = atomic_load_explicit(&q->item[(real + i) % RUNQ_SIZE],
		    memory_order_relaxed);

	h = atomic_load_explicit(&q->head, memory_order_relaxed);
	/* release: the slots are read; pairs with the acquire in runq_push_owner */
	while (!atomic_compare_exchange_weak_explicit(&q->head, &h,
	    runq_pack((uint32_t)h, (uint32_t)h), memory_order_acq_rel,
	    memory_order_relaxed))
		;
	return n;
}

#endif
