/*
 * lock.h - the runtime's own lock, for a few dozen instructions at a time
 *
 * Never held while parking, calling user code or allocating much.  Waiters
 * pause, longer each time: on two cores that halves the cost of a contended
 * channel.  A holder that lost its processor makes them yield theirs.
 */
#ifndef WEFT_LOCK_H
#define WEFT_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "../base/die.h"

void	lock_slow(_Atomic unsigned *l);

static inline void cpu_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("isb" ::: "memory");
#endif
}

static inline bool trylock(_Atomic unsigned *l)
{
	unsigned free = 0;

	/* acquire: pairs with the release in unlock */
	return atomic_compare_exchange_strong_explicit(l, &free, 1,
	    memory_order_acquire, memory_order_relaxed);
}

static inline void lock(_Atomic unsigned *l)
{
	if (unlikely(!trylock(l)))
		lock_slow(l);
}

static inline void unlock(_Atomic unsigned *l)
{
	/* release: pairs with the acquire in trylock */
	atomic_store_explicit(l, 0, memory_order_release);
}

#endif
