/*
 * heap.h - intrusive 4-ary heap, smallest key first (timers)
 *
 * The array holds the keys beside the pointers, so that sifting stays in the
 * array; a node knows its place, so that it can be removed from anywhere.  A node
 * whose place is 0 is in no heap; places count from 1.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"

struct heap_node { size_t place; };
struct heap_slot { int64_t key; struct heap_node *node; };
struct heap { struct heap_slot *at; size_t n, room; };

static inline void heap_put(struct heap *h, size_t i, struct heap_slot s)
{
	h->at[i] = s;
	s.node->place = i + 1;
}

static inline void heap_up(struct heap *h, size_t i, struct heap_slot s)
{
	while (i && h->at[(i - 1) / 4].key > s.key) {
		heap_put(h, i, h->at[(i - 1) / 4]);
		i = (i - 1) / 4;
	}
	heap_put(h, i, s);
}

static inline void heap_down(struct heap *h, size_t i, struct heap_slot s)
{
	for (size_t c; (c = 4 * i + 1) < h->n; ) {
		size_t best = c, end = c + 4 < h->n ? c + 4 : h->n;

		for (size_t k = c + 1; k < end; k++)
			if (h->at[k].key < h->at[best].key)
				best = k;
		if (h->at[best].key >= s.key)
			break;
		heap_put(h, i, h->at[best]);
		i = best;
	}
	heap_put(h, i, s);
}

/* Not with realloc: whoever stops us in the middle and looks finds all of it in its place. */
static inline void heap_grow(struct heap *h)
{
	size_t room = h->room ? 2 * h->room : 64;
	struct heap_slot *old = h->at, *more = xmalloc(room * sizeof *more);

	if (old)
		memcpy(more, old, h->n * sizeof *more);
	*(struct heap_slot *volatile *)&h->at = more;
	atomic_signal_fence(memory_order_seq_cst);	/* only then */
	h->room = room;
	free(old);
}

static inline void heap_push(struct heap *h, struct heap_node *node, int64_t key)
{
	if (h->n == h->room)
		heap_grow(h);
	heap_up(h, h->n++, (struct heap_slot){ key, node });
}

static inline void heap_remove(struct heap *h, struct heap_node *node)
{
	size_t i = node->place - 1;
	struct heap_slot last = h->at[--h->n];

	node->place = 0;
	if (i == h->n)
		return;
	if (i && h->at[(i - 1) / 4].key > last.key)
		heap_up(h, i, last);
	else
		heap_down(h, i, last);
}

#endif
