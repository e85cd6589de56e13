/*
 * queue.c - the global queue, which takes what does not fit into a worker's own
 *
 * A ring that grows, under sched.lock; nglobal may be read without it.
 */
#include "queue.h"

#include <stdlib.h>

#include "sanitize.h"

void queue_push_global(uintptr_t item)
{
	size_t n = atomic_load_explicit(&sched.nglobal, memory_order_relaxed);

	if (n == sched.global_room) {
		size_t room = n ? 2 * n : 256;
		uintptr_t *ring;

		san_ignore_begin();
		ring = xmalloc(room * sizeof *ring);
		for (size_t i = 0; i < n; i++)
			ring[i] = sched.global[(sched.global_head + i) % n];
		free(sched.global);
		sched.global = ring;
		sched.global_head = 0;
		sched.global_room = room;
		san_ignore_end();
	}
	sched.global[(sched.global_head + n) % sched.global_room] = item;
	atomic_store(&sched.nglobal, n + 1);
}

static uintptr_t pop_global(void)
{
	size_t n = atomic_load_explicit(&sched.nglobal, memory_order_relaxed);
	uintptr_t item;

	if (!n)
		return 0;
	item = sched.global[sched.global_head];
	sched.global_head = (sched.global_head + 1) % sched.global_room;
	atomic_store(&sched.nglobal, n - 1);
	return item;
}

/* A full queue gives half of itself to the global one: pushing never waits. */
void queue_overflow(struct worker *w, uintptr_t item)
{
	uintptr_t half[RUNQ_SIZE / 2];
	uint32_t n = runq_steal(&w->q, half, RUNQ_SIZE / 2);

	lock(&sched.lock);
	for (uint32_t i = 0; i < n; i++)
		queue_push_global(half[i]);
	queue_push_global(item);
	unlock(&sched.lock);
}

/*
 * Whoever looks, not the owner: what a stuck worker has queued goes where those who are
 * busy look, too.  Only the idle steal, and nobody may ever be idle.
 */
void queue_rescue(struct worker *w)
{
	uintptr_t loot[RUNQ_SIZE / 2];
	uintptr_t next = atomic_exchange(&w->next, 0);
	uint32_t n = runq_steal(&w->q, loot, RUNQ_SIZE / 2);

	while (n || next) {
		lock(&sched.lock);
		if (next)
			queue_push_global(next);
		for (uint32_t i = 0; i < n; i++)
			queue_push_global(loot[i]);
		unlock(&sched.lock);
		queue_fence();
		queue_announce();
		next = 0;
		n = runq_steal(&w->q, loot, RUNQ_SIZE / 2);
	}
}

/* Takes a fair share of the global queue. */
uintptr_t queue_take_global(struct worker *w)
{
	uintptr_t first;
	size_t n;

	if (!atomic_load(&sched.nglobal))
		return 0;
	lock(&sched.lock);
	n = sched.nglobal / (size_t)sched.procs + 1;
	if (n > RUNQ_SIZE / 2)
		n = RUNQ_SIZE / 2;
	first = pop_global();
	for (uintptr_t item; n-- > 1 && (item = pop_global()); )
		if (!runq_push_owner(&w->q, item)) {	/* we have the lock: no overflow */
			queue_push_global(item);
			break;
		}
	unlock(&sched.lock);
	return first;
}
