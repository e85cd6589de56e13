/*
 * track.c - groups: which goroutines and objects belong to one test
 *
 * A group's objects are on its list.  Its goroutines are not: they are found by
 * walking all records, which only a test's end and a report do; the heap may be
 * what is broken, so memory comes from mmap, and what has no room is left out.
 */
#include <string.h>

#include "../base/sort.h"
#include "pages.h"
#include "worker.h"

bool	track_timer_armed(struct track *track);
bool	track_ctx_armed(struct track *track);
void	track_timer_cancel(struct track *track);
void	track_ctx_cancel(struct track *track);

void group_init(struct group *gr)
{
	memset(gr, 0, sizeof *gr);
	list_init(&gr->objects);
}

void group_set(struct group *gr)
{
	self()->group = gr;
}

struct group *group_current(void)
{
	return self()->group;
}

void track_add(struct track *t, enum track_kind kind, const struct weft_site *site,
    const void *pc)
{
	struct group *gr = self()->group;

	t->group = gr;
	t->kind = (uint8_t)kind;
	t->site = site;
	t->pc = pc;
	if (likely(!gr))
		return;
	lock(&gr->lock);
	list_push_back(&gr->objects, &t->entry);
	unlock(&gr->lock);
}

void track_del(struct track *t)
{
	struct group *gr = t->group;

	if (likely(!gr))
		return;
	lock(&gr->lock);
	list_remove(&t->entry);
	unlock(&gr->lock);
}

/* ---- walking ---- */

struct found { struct g *g; struct task *t; int64_t id; };
struct walk { struct group *group; bool all; struct found *found; size_t n, room; };

static bool grow(struct walk *k)
{
	size_t room = k->room ? 2 * k->room : 128;
	struct found *bigger = pages_grow(k->found, k->room * sizeof *bigger,
	    room * sizeof *bigger);

	if (!bigger)
		return false;
	k->found = bigger;
	k->room = room;
	return true;
}

static void add(struct walk *k, struct g *g, struct task *t, int64_t id)
{
	if (k->n < k->room || grow(k))
		k->found[k->n++] = (struct found){ g, t, id };
}

static void add_g(struct g *g, void *arg)
{
	struct walk *k = arg;

	/* relaxed: a snapshot */
	if (atomic_load_explicit(&g->status, memory_order_relaxed) != G_FREE &&
	    (k->all || g->group == k->group))
		add(k, g, NULL, g->id);
}

static void add_task(struct task *t, void *arg)
{
	struct walk *k = arg;

	if (k->all || t->group == k->group)
		add(k, NULL, t, t->id);
}

static struct walk walk(struct group *gr)
{
	struct walk k = { .group = gr, .all = !gr };

	if (!sched.started)
		return k;
	stack_each(add_g, &k);
	task_each(add_task, &k);
	sort_by(k.found, k.n, id);
	return k;
}

void g_each(struct group *gr, void (*f)(struct g *, const struct task *, void *), void *arg)
{
	struct walk k = walk(gr);

	for (size_t i = 0; i < k.n; i++)
		f(k.found[i].g, k.found[i].t, arg);
	if (k.found)
		munmap(k.found, k.room * sizeof *k.found);
}

/* ---- what a group is doing ---- */

struct look { struct group *group; struct group_state *out; };

static void look_g(struct g *g, void *arg)
{
	struct look *l = arg;
	struct group_state *s = l->out;
	enum status status = atomic_load(&g->status);
	uint64_t word = atomic_load(&g->park.word);
	bool armed = timer_armed(&g->timer);

	if (status == G_FREE || g->group != l->group)
		return;
	/* the generation counts its sleeps, the number the goroutines before it */
	s->activity += (int64_t)park_gen(word) + g->id * 1000003;
	/* What is claimed is about to run, and so is what has changed while we looked: a
	   timer is armed from before its owner sleeps until it has been claimed. */
	if (status != G_WAITING || (word & (PARK_STATE | PARK_CLAIMED)) != PARK_PARKED ||
	    atomic_load(&g->park.word) != word)
		s->runnable++;
	else if (armed)
		s->sleeping++;
	else if (g->reason >= WAIT_READ && g->reason <= WAIT_FD)
		s->polling++;
	else
		s->blocked++;
}

static void look_task(struct task *t, void *arg)
{
	struct look *l = arg;

	if (t->group == l->group)
		l->out->runnable++;
}

static void look_timed(struct group *gr, struct group_state *out)
{
	lock(&gr->lock);
	list_for_each(e, &gr->objects) {
		struct track *t = container_of(e, struct track, entry);

		if (t->kind == TRACK_TIMER && track_timer_armed(t))
			out->sleeping++;
		if (t->kind == TRACK_CTX && track_ctx_armed(t))
			out->sleeping++;
	}
	unlock(&gr->lock);
}

void group_look(struct group *gr, struct group_state *out)
{
	struct look l = { gr, out };

	memset(out, 0, sizeof *out);
	/* In this order, so that what changes meanwhile is seen twice rather than never:
	   a task begins; a timer fires and wakes a goroutine. */
	look_timed(gr, out);
	task_each(look_task, &l);
	stack_each(look_g, &l);
	look_timed(gr, out);
}

static void cancel_g(struct g *g, void *arg)
{
	struct group *gr = arg;

	if (g->group == gr && g->timer.heap.place)
		timer_del(&g->timer);
}

void group_cancel_timers(struct group *gr)
{
	stack_each(cancel_g, gr);
	lock(&gr->lock);
	list_for_each(e, &gr->objects) {
		struct track *t = container_of(e, struct track, entry);

		if (t->kind == TRACK_TIMER)
			track_timer_cancel(t);
		if (t->kind == TRACK_CTX)
			track_ctx_cancel(t);
	}
	unlock(&gr->lock);
}
