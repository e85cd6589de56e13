/*
 * lock.c - the runtime's lock when it is contended
 */
#include "lock.h"

#include <sched.h>

void lock_slow(_Atomic unsigned *l)
{
	for (unsigned round = 1;; round++) {
		unsigned pauses = round < 6 ? 1u << round : 32;

		for (unsigned i = 0; i < pauses; i++)
			cpu_pause();
		if (!atomic_load_explicit(l, memory_order_relaxed) && trylock(l))
			return;
		if (round % 64 == 0)
			sched_yield();	/* the holder may have lost its processor */
	}
}
