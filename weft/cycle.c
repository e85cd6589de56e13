/*
 * cycle.c - goroutines that wait for each other's locks
 *
 * A waiter has one lock that it waits for, and a lock one holder, so the graph is
 * a set of paths: whoever follows one either leaves it or runs in a circle.  The numbers
 * of goroutines in bubbles mean nothing outside, so it is one group's graph, or that of
 * all which are in no bubble.
 */
#include "pages.h"
#include "runtime.h"

/* A goroutine that waits for a lock, and for whom. */
struct edge { int64_t from, to; struct g *g; size_t seen; };
struct edges { struct group *group; struct edge *e; size_t n, room; };

/* The goroutine that g waits for, or 0. */
static int64_t edge_of(const struct edges *k, const struct g *g)
{
	return g && (k->group || g->kind != KIND_BUBBLED) &&
	    atomic_load(&g->status) == G_WAITING ? dump_holder(g) : 0;
}

static void count_edge(struct g *g, const struct task *t, void *arg)
{
	struct edges *k = arg;

	(void)t;
	if (edge_of(k, g))
		k->room++;
}

static void add_edge(struct g *g, const struct task *t, void *arg)
{
	struct edges *k = arg;
	int64_t to = edge_of(k, g);

	(void)t;
	if (to && k->n < k->room)
		k->e[k->n++] = (struct edge){ .from = g->id, .to = to, .g = g };
}

/* g_each goes by ids, so the edges are sorted. */
static struct edge *next_edge(const struct edges *k, const struct edge *e)
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

static void print_cycle(struct out *o, const struct edges *k, struct edge *first,
    const char *indent)
{
	struct edge *e = first;
	size_t n = 0;

	do
		n++;
	while ((e = next_edge(k, e)) != first);
	if (n == 1)
		out_printf(o, "%sdeadlock: a goroutine waits for itself\n", indent);
	else
		out_printf(o, "%sdeadlock: %zu goroutines wait for each other\n", indent, n);
	do {
		out_printf(o, "%s", indent);
		dump_goroutine(o, e->g, NULL, "  ", false);
	}	while ((e = next_edge(k, e)) != first);
}

void dump_cycle(struct out *o, struct group *gr, const char *indent)
{
	struct edges k = { .group = gr };

	g_each(gr, count_edge, &k);
	if (!k.room || !(k.e = pages(k.room * sizeof *k.e)))
		return;
	g_each(gr, add_edge, &k);
	for (size_t i = 0; i < k.n; i++) {
		struct edge *e = &k.e[i];

		/* Follow until known ground: a cycle if it is this walk's own. */
		for (; e && !e->seen; e = next_edge(&k, e))
			e->seen = i + 1;
		if (e && e->seen == i + 1)
			print_cycle(o, &k, e, indent);
	}
	munmap(k.e, k.room * sizeof *k.e);
}
