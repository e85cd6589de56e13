/*
 * cycle.c - goroutines that wait for each other's locks
 *
 * A waiter has one lock that it waits for, and a lock one holder, so the graph is
 * a set of paths: whoever follows one either leaves it or runs in a circle.  The numbers
 * of goroutines in bubbles mean nothing outside, so it is one group's graph, or that of
 * all which are in no bubble.
 *
 * Others run meanwhile.  A circle counts only if nobody in it woke up between the look that
 * found it and one more: then all of it was true at once.
 */
#include "../base/sort.h"
#include "debug.h"
#include "pages.h"
#include "worker.h"

/* A goroutine that sleeps, waits for a lock, and for whom. */
struct edge { int64_t from, to; struct g *g; uint64_t sleep; size_t seen; };
struct edges { struct group *group; struct edge *e; size_t n, room; };

typedef void cycle_fn(const struct edges *k, const struct edge *first, size_t n, void *arg);

/* Whom g waits for, or 0; and which of its sleeps this is. */
static int64_t edge_of(const struct edges *k, struct g *g, uint64_t *sleep)
{
	*sleep = atomic_load(&g->park.word);
	return (k->group ? g->group == k->group : g->kind != KIND_BUBBLED) &&
	    atomic_load(&g->status) == G_WAITING && (*sleep & PARK_STATE) == PARK_PARKED ?
	    dump_holder(g) : 0;
}

static void add_edge(struct g *g, void *arg)
{
	struct edges *k = arg;
	uint64_t sleep;
	int64_t to = edge_of(k, g, &sleep);
	struct edge *more;

	if (!to)
		return;
	if (k->n == k->room) {
		size_t room = k->room ? 2 * k->room : 128;

		more = pages_grow(k->e, k->room * sizeof *more, room * sizeof *more);
		if (!more)
			return;
		k->e = more;
		k->room = room;
	}
	k->e[k->n++] = (struct edge){ g->id, to, g, sleep, 0 };
}

static const struct edge *next_edge(const struct edges *k, const struct edge *e)
{
	size_t lo = 0, hi = k->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (k->e[mid].from < e->to)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < k->n && k->e[lo].from == e->to ? &k->e[lo] : NULL;
}

/* How many are in this circle; 0: it is none any more. */
static size_t confirm(const struct edges *k, const struct edge *first)
{
	const struct edge *e = first;
	size_t n = 0;

	do {
		uint64_t sleep;

		if (edge_of(k, e->g, &sleep) != e->to || sleep != e->sleep)
			return 0;
		n++;
	}	while ((e = next_edge(k, e)) != first);
	return n;
}

/* Calls f for each circle.  How many goroutines are in one. */
static size_t find_cycles(struct group *gr, cycle_fn *f, void *arg)
{
	struct edges k = { .group = gr };
	size_t total = 0;

	if (!sched.started)
		return 0;
	stack_each(add_edge, &k);
	sort_by(k.e, k.n, from);
	for (size_t i = 0; i < k.n; i++) {
		struct edge *e = &k.e[i];
		size_t n;

		/* Follow until known ground: a cycle if it is this walk's own. */
		for (; e && !e->seen; e = (struct edge *)next_edge(&k, e))
			e->seen = i + 1;
		if (e && e->seen == i + 1 && (n = confirm(&k, e))) {
			f(&k, e, n, arg);
			total += n;
		}
	}
	if (k.e)
		munmap(k.e, k.room * sizeof *k.e);
	return total;
}

struct printer { struct out *o; const char *indent; };

static void print_cycle(const struct edges *k, const struct edge *first, size_t n, void *arg)
{
	const struct printer *p = arg;
	const struct edge *e = first;

	if (n == 1)
		out_printf(p->o, "%sdeadlock: a goroutine waits for itself\n", p->indent);
	else
		out_printf(p->o, "%sdeadlock: %zu goroutines wait for each other\n", p->indent, n);
	do {
		out_printf(p->o, "%s", p->indent);
		dump_goroutine(p->o, e->g, NULL, "  ", false);
	}	while ((e = next_edge(k, e)) != first);
}

size_t dump_cycle(struct out *o, struct group *gr, const char *indent)
{
	return find_cycles(gr, print_cycle, &(struct printer){ o, indent });
}

/*
 * Who waits alone for what it has itself may wait for another to unlock it, which is allowed;
 * and who waits with a context may give up.
 */
static void add_for_good(const struct edges *k, const struct edge *first, size_t n, void *sum)
{
	const struct edge *e = first;
	uint64_t h = 0;

	do {
		if (e->g->quits)
			return;
		h += e->sleep * (uint64_t)e->from * UINT64_C(0x9e3779b97f4a7c15);
	}	while ((e = next_edge(k, e)) != first);
	if (n > 1)
		*(uint64_t *)sum += h | 1;
}

uint64_t cycle_for_good(struct group *gr)
{
	uint64_t sum = 0;

	find_cycles(gr, add_for_good, &sum);
	return sum;
}

size_t weft_deadlocks(int fd)
{
	struct out o;
	size_t n;

	out_init(&o, fd);
	n = dump_cycle(&o, NULL, "");
	out_flush(&o);
	return n;
}
