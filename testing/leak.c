/*
 * leak.c - what a test left behind
 *
 * Asked after the test and its clean-up have ended.  The verdict is exact: first
 * everything of the group that can still run does, until all of it has ended or
 * waits; what waits then waits for ever, since nobody is left to wake it, and
 * what is still registered was never freed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../weft/chan.h"
#include "harness.h"

static const struct { const char *name, *plural, *fate; } kinds[TRACK_KINDS] = {
	[TRACK_CHAN] = { "channel", "channels", "freed" },
	[TRACK_CTX] = { "context", "contexts", "freed" },
	[TRACK_TIMER] = { "timer", "timers", "freed" },
	[TRACK_FD] = { "descriptor", "descriptors", "closed" },
};

/* Objects, found first and named later: nothing may be taken under the group's lock. */
struct left {
	struct group	*group;
	struct track	**objects;
	size_t		 n;
	int		 goroutines, moving, kind[TRACK_KINDS];
};

/* What can still run would run for ever, and is not let. */
static bool stopped(const weft_t *t)
{
	return t->bubble && bubble_frozen(t->bubble);
}

/*
 * Its own goroutine may be in its last steps, and others may still run to their
 * end.  What sleeps would run again at a time that no verdict should depend on.
 * One look may miss a goroutine that starts another and waits while it is taken;
 * two that agree have not.
 */
static void settle(weft_t *t)
{
	struct group_state before = { .runnable = 1 }, now;

	while (!stopped(t)) {
		group_look(&t->group, &now);
		if (!now.runnable && !before.runnable && now.activity == before.activity)
			return;
		if (!now.runnable)
			group_cancel_timers(&t->group);
		before = now;
		weft_yield();
	}
}

static void count_goroutine(struct g *g, const struct task *task, void *arg)
{
	struct left *left = arg;

	left->goroutines++;
	left->moving += task || (atomic_load(&g->park.word) & (PARK_STATE | PARK_CLAIMED)) !=
	    PARK_PARKED;
}

static void take_objects(struct left *left)
{
	struct group *gr = left->group;
	size_t n = 0;

	lock(&gr->lock);
	list_for_each(e, &gr->objects)
		n++;
	unlock(&gr->lock);
	left->objects = xcalloc(n, sizeof *left->objects);
	lock(&gr->lock);
	list_for_each(e, &gr->objects) {
		if (left->n == n)
			break;		/* a plain thread made more */
		left->objects[left->n] = container_of(e, struct track, entry);
		left->kind[left->objects[left->n++]->kind]++;
	}
	unlock(&gr->lock);
}

static void print_goroutine(struct g *g, const struct task *task, void *out)
{
	dump_goroutine(out, g, task, "      ", false);
}

static void print_object(struct out *o, const struct track *t)
{
	const struct weft_site *site = t->site;

	out_printf(o, "      %s", kinds[t->kind].name);
	if (t->kind == TRACK_CHAN) {
		const struct weft_chan *c = container_of(t, struct weft_chan, track);
		out_printf(o, " %p  cap %zu,", (const void *)c, c->cap);
	}
	out_printf(o, " made at ");
	if (site)
		out_printf(o, "%s:%d", check_basename(site->file), site->line);
	else
		dump_pc(o, t->pc);
	out_printf(o, ", never %s\n", kinds[t->kind].fate);
}

static void print_all(struct out *o, void *arg)
{
	struct left *left = arg;

	g_each(left->group, print_goroutine, o);
	for (size_t i = 0; i < left->n; i++)
		print_object(o, left->objects[i]);
}

static const char *add_count(struct buf *b, const char *comma, int n, const char *one,
    const char *many)
{
	if (!n)
		return comma;
	buf_printf(b, "%s%d %s", comma, n, n == 1 ? one : many);
	return ", ";
}

static void report(weft_t *t, struct left *left)
{
	struct buf b = {0};
	const char *comma;

	buf_adds(&b, "    leaked ");
	comma = add_count(&b, "", left->goroutines, "goroutine", "goroutines");
	for (int k = 0; k < TRACK_KINDS; k++)
		comma = add_count(&b, comma, left->kind[k], kinds[k].name, kinds[k].plural);
	buf_addc(&b, '\n');
	watch_dump(&b, print_all, left);
	harness_lock();
	atomic_store(&t->failed, true);
	report_log_locked(t, b.data, b.len);
	harness_unlock();
	buf_finish(&b);
}

bool leak_check(weft_t *t)
{
	struct left left = { .group = &t->group };
	bool clean;

	t->elapsed = clock_now() - t->started;
	if (t->test->leaks) {
		weft_yield();
		return false;		/* it may go on using its record */
	}
	do {			/* one may be on its way into a wait that is over */
		settle(t);
		left.goroutines = left.moving = 0;
		g_each(&t->group, count_goroutine, &left);
	} while (left.moving && !stopped(t));
	take_objects(&left);
	clean = !left.goroutines && !left.n;
	if (!clean)
		report(t, &left);
	free(left.objects);
	return clean;
}
