/*
 * leaks.c - goroutines that nothing alive can wake any more
 *
 * A goroutine that waits for others is alive when something alive points to it: whoever can
 * reach what it waits on can, for that points to its waiters, who queue with a record
 * on their stacks.  So this is a garbage collector's mark phase, with stacks among the objects.
 *
 *	roots	what the program has in static memory, in memory of its own mapping and
 *		in registers; stacks of threads; goroutines that run, can run, or wait for
 *		time, for a descriptor, or for the harness; armed timers
 *	edges	any aligned word that could be an address in a stack or a block of malloc
 *
 * All of it is done while no other thread moves.  The runtime's own notes point to every
 * goroutine and are left out; each is read the way it is meant instead.  What a thread did
 * not finish before it stopped, in malloc or in here, could mislead a look, but not two looks at
 * goroutines that did not move in between.
 */
#include <string.h>
#include <unistd.h>

#include "../base/sort.h"
#include "blocks.h"
#include "debug.h"
#include "maps.h"
#include "pages.h"
#include "sanitize.h"
#include "stop.h"
#include "trace.h"

enum { RED_ZONE = 128, BLOCK_HEAD = 16, HEAP_ALIGN = 64 << 20, GROWTHS = 256 };

/* noted: the runtime keeps addresses of records in it that keep nobody alive. */
struct range { uintptr_t lo, hi; bool noted; };

/* These grow; a look that finds no memory fails as a whole. */
struct ranges { struct range *at; size_t n, room; };

struct suspect { struct g *g; uint32_t sleep; bool alive; };
struct suspects { struct suspect *at; size_t n, room; };	/* by address */

struct heaps { struct blocks *at; size_t n, room; };

struct look {
	struct stopped	*threads;
	size_t		 nthreads;
	struct suspects	 suspects;
	struct ranges	 ours;		/* the runtime's notes, by address       */
	struct ranges	 stacks;	/* of schedulers, and their registers    */
	struct ranges	 roots, todo;
	struct heaps	 heaps;
	struct range	 lists[GROWTHS]; /* memory of these lists */
	size_t		 nlists;
	bool		 firing;	/* a timer, on a scheduler's stack  */
	const struct look *before;	/* its lists are there, too         */
	int		 err;
};

#define PUSH(look, list, ...) __extension__ ({				\
	__typeof__(list) push_ = (list);				\
	if (push_->n < push_->room ||					\
	    grow((look), (void **)&push_->at, &push_->room, sizeof *push_->at)) \
		push_->at[push_->n++] = (__typeof__(*push_->at)){ __VA_ARGS__ }; \
})

/* The old memory stays as it is: it may be among what is to be scanned. */
static bool grow(struct look *l, void **at, size_t *room, size_t size)
{
	size_t more = *room ? 4 * *room : 1024;
	void *bigger = l->nlists < GROWTHS ? pages(more * size) : NULL;

	if (!bigger) {
		l->err = -ENOMEM;
		return false;
	}
	if (*room)
		memcpy(bigger, *at, *room * size);
	l->lists[l->nlists++] = (struct range){ (uintptr_t)bigger,
	    (uintptr_t)bigger + more * size, true };
	*at = bigger;
	*room = more;
	return true;
}

static void look_free(struct look *l)
{
	for (size_t i = 0; i < l->heaps.n; i++)
		blocks_free(&l->heaps.at[i]);
	for (size_t i = 0; i < l->nlists; i++)
		munmap((void *)l->lists[i].lo, l->lists[i].hi - l->lists[i].lo);
}

/* ---- who is to be looked for ---- */

static bool waits_for_others(const struct g *g)
{
	return g->reason != WAIT_NONE && g->reason != WAIT_SLEEP &&
	    !(g->reason >= WAIT_READ && g->reason < WAIT_REASONS);
}

static bool is_suspect(struct g *g)
{
	uint64_t word = atomic_load(&g->park.word);

	return g->kind == KIND_GOROUTINE && atomic_load(&g->status) == G_WAITING &&
	    (word & (PARK_STATE | PARK_CLAIMED)) == PARK_PARKED && waits_for_others(g) &&
	    !timer_armed(&g->timer);
}

static void add_suspect(struct g *g, void *arg)
{
	struct look *l = arg;

	if (is_suspect(g))
		PUSH(l, &l->suspects, g, park_gen(atomic_load(&g->park.word)), false);
}

static struct suspect *suspect(const struct look *l, const struct g *g)
{
	size_t lo = 0, hi = l->suspects.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->suspects.at[mid].g < g)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->suspects.n && l->suspects.at[lo].g == g ? &l->suspects.at[lo] : NULL;
}

/* ---- marking ---- */

static void todo(struct look *l, uintptr_t lo, uintptr_t hi, bool noted)
{
	lo = (lo + sizeof lo - 1) & -sizeof lo;
	if (lo < hi)
		PUSH(l, &l->todo, lo, hi, noted);
}

/*
 * What a goroutine has: its stack from sp up, and what it was started with.  One that
 * does not run notes on its stack who was to run next; one that runs may be about to
 * wake somebody whom it has taken out of a queue.
 */
static void mark_goroutine(struct look *l, struct g *g, uintptr_t sp, bool runs)
{
	todo(l, sp, (uintptr_t)g, !runs);
	todo(l, (uintptr_t)g->words, (uintptr_t)(g->words + 6), true);
	todo(l, (uintptr_t)&g->wg, (uintptr_t)(&g->wg + 1), true);
}

static void mark_block(struct look *l, uintptr_t addr)
{
	for (size_t i = 0; i < l->heaps.n; i++) {
		struct blocks *b = &l->heaps.at[i];
		uintptr_t lo, hi;

		if (addr >= b->lo && addr < b->hi) {
			if (blocks_mark(b, addr, &lo, &hi))
				todo(l, lo, hi, false);
			return;
		}
	}
}

static void mark(struct look *l, uintptr_t addr, bool noted)
{
	struct g *g;
	struct suspect *s;

	if (addr - arena.base >= arena.size) {
		mark_block(l, addr);
		mark_block(l, addr - BLOCK_HEAD);	/* the very end of the one before */
		return;
	}
	g = stack_owner(addr);
	s = !g || (noted && addr >= (uintptr_t)g) ? NULL : suspect(l, g);
	if (!s || s->alive)
		return;
	s->alive = true;
	mark_goroutine(l, g, (uintptr_t)g->sp, false);
}

/* The first of the runtime's notes that ends above addr. */
static size_t note_above(const struct look *l, uintptr_t addr)
{
	size_t lo = 0, hi = l->ours.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->ours.at[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Without what lies in the runtime's notes from note on. */
__attribute__((no_sanitize("address")))
static void scan_but(struct look *l, struct range r, size_t note)
{
	for (uintptr_t at = r.lo; at + sizeof at <= r.hi; at += sizeof at) {
		while (note < l->ours.n && l->ours.at[note].hi <= at)
			note++;
		if (note < l->ours.n && at >= l->ours.at[note].lo) {
			at = l->ours.at[note].hi - sizeof at;
			continue;
		}
		mark(l, *(const volatile uintptr_t *)at, r.noted);
	}
}

static void scan(struct look *l, struct range r)
{
	scan_but(l, r, r.noted ? l->ours.n : note_above(l, r.lo));
}

static void scan_page(uintptr_t lo, uintptr_t hi, void *look)
{
	scan(look, (struct range){ lo, hi, false });
}

static void mark_all(struct look *l)
{
	for (size_t i = 0; i < l->roots.n; i++) {
		maps_present(l->roots.at[i].lo, l->roots.at[i].hi, scan_page, l);
		while (l->todo.n)
			scan(l, l->todo.at[--l->todo.n]);
	}
	while (l->todo.n)
		scan(l, l->todo.at[--l->todo.n]);
}

/* ---- the runtime's own ---- */

static void ours(struct look *l, const void *p, size_t size)
{
	uintptr_t lo = (uintptr_t)p & -sizeof lo;

	PUSH(l, &l->ours, lo, ((uintptr_t)p + size + sizeof lo - 1) & -sizeof lo, true);
}

static void add_ours(void *p, size_t size, void *look)
{
	ours(look, p, size);
}

static void add_workers(struct look *l)
{
	for (int i = 0; i < sched.nworkers; i++) {
		struct worker *w = sched.worker[i];

		ours(l, w, sizeof *w);
		ours(l, (const void *)w->trace, TRACE_EVENTS * sizeof *w->trace);
		ours(l, w->seen, MAX_WORKERS * sizeof *w->seen);
		l->firing |= atomic_load(&w->timers.lock);
	}
	ours(l, &sched, sizeof sched);
	stack_notes(add_ours, l);
	task_notes(add_ours, l);
}

static void mark_task(struct task *t, void *arg)
{
	struct look *l = arg;

	for (int i = 0; i < 6; i++)
		mark(l, (uintptr_t)t->words[i], false);
	mark(l, (uintptr_t)t->wg, false);
}

static void mark_timers(struct look *l)
{
	for (int i = 0; i < sched.nworkers; i++) {
		const struct heap *h = &sched.worker[i]->timers.heap;

		for (size_t k = 0; k < h->n; k++)
			mark(l, (uintptr_t)h->at[k].node, false);
	}
}

/* ---- stacks ---- */

static struct worker *worker_of(pid_t tid)
{
	for (int i = 0; i < sched.nworkers; i++)
		if (atomic_load(&sched.worker[i]->tid) == tid)
			return sched.worker[i];
	return NULL;
}

/* A thread whose stack pointer is sp runs on a goroutine's stack. */
static bool runs_on(const struct look *l, const struct g *g, uintptr_t sp)
{
	if (stack_owner(sp) == g)
		return true;
	for (size_t i = 0; i < l->nthreads; i++)
		if (stack_owner(l->threads[i].sp) == g)
			return true;
	return false;
}

struct others { struct look *l; uintptr_t sp; };	/* the caller's */

/* Goroutines that can go on by themselves, but for those that threads run on. */
static void mark_other(struct g *g, void *arg)
{
	struct others *o = arg;
	enum status status = atomic_load(&g->status);
	bool saved = (atomic_load(&g->park.word) & PARK_STATE) == PARK_PARKED ||
	    status == G_RUNNABLE;

	if (status == G_FREE || suspect(o->l, g) || runs_on(o->l, g, o->sp))
		return;
	mark_goroutine(o->l, g, saved ? (uintptr_t)g->sp : (uintptr_t)g->stack_lo, !saved);
}

/*
 * Neither on a goroutine's stack nor on the worker's: in a handler of the program's, on the
 * thread's other stack, or on one that the program made itself.  What it left is not known
 * so well, and all of it counts.
 */
static bool is_elsewhere(const struct worker *w, uintptr_t sp)
{
	return !stack_owner(sp) && sp - w->stack_lo >= w->stack_hi - w->stack_lo;
}

static void mark_elsewhere(struct look *l, struct worker *w)
{
	struct g *g = atomic_load(&w->running);

	if (is_goroutine(g))
		mark_goroutine(l, g, (uintptr_t)g->stack_lo, true);
}

/*
 * A thread that stopped, or the caller's: t is NULL then.  Below sp its stack holds what is
 * over.  Of a worker's we know where it ends, and leave that out, and read the rest apart:
 * its notes name everybody.
 */
static void mark_thread(struct look *l, uintptr_t sp, pid_t tid, const struct stopped *t)
{
	struct g *g = stack_owner(sp);
	struct worker *w = worker_of(tid);

	if (w && is_elsewhere(w, sp)) {
		mark_elsewhere(l, w);
		return;
	}
	if (g)
		mark_goroutine(l, g, sp - RED_ZONE, true);
	if (w) {
		ours(l, (const void *)w->stack_lo, w->stack_hi - w->stack_lo);
		PUSH(l, &l->stacks, g ? (uintptr_t)w->sched.sp : sp - RED_ZONE, w->stack_hi,
		    !l->firing);
	}
	if (t && t->alt) {
		ours(l, (const void *)t->alt, (w && !g ? t->alt_end : t->frame) - t->alt);
		if (w && !g)		/* in the vector registers are only things of the past */
			PUSH(l, &l->stacks, t->regs, t->regs_end, !l->firing);
	}
}

/* ---- memory ---- */

static int add_mapping(const struct mapping *m, void *arg)
{
	struct look *l = arg;
	struct blocks b;
	int found;

	if (!m->written || m->lo - arena.base < arena.size)
		return 0;
	for (uintptr_t lo = m->lo, hi; lo < m->hi; lo = hi) {
		hi = m->hi;
		/* a thread's heap is aligned, and may follow something else without a gap */
		if (m->anonymous && hi > (lo / HEAP_ALIGN + 1) * HEAP_ALIGN)
			hi = (lo / HEAP_ALIGN + 1) * HEAP_ALIGN;
		found = m->brk || (m->anonymous && lo % HEAP_ALIGN == 0) ?
		    blocks_find(&b, lo, hi, m->brk) : 0;
		if (found < 0)
			return found;
		if (found) {
			hi = b.hi;
			PUSH(l, &l->heaps, b.lo, b.hi, b.begins, b.marks);
		} else {
			PUSH(l, &l->roots, lo, hi, false);
		}
	}
	return l->err;
}

static void add_lists(struct look *l, const struct look *of)
{
	for (size_t i = 0; i < of->nlists; i++)		/* there may be one more meanwhile */
		ours(l, (const void *)of->lists[i].lo, of->lists[i].hi - of->lists[i].lo);
}

/* Everything that a look is to know before it marks. */
static void prepare(struct look *l)
{
	add_workers(l);
	if (!l->err)
		l->err = maps_each(add_mapping, l);
	mark_thread(l, (uintptr_t)__builtin_frame_address(0), gettid(), NULL);
	for (size_t i = 0; i < l->nthreads; i++)
		mark_thread(l, l->threads[i].sp, l->threads[i].tid, &l->threads[i]);
	if (l->before)
		add_lists(l, l->before);
	add_lists(l, l);
	sort_by(l->ours.at, l->ours.n, lo);
}

/* While the world stands still. */
static void look(struct look *l)
{
	struct others others = { l, (uintptr_t)__builtin_frame_address(0) };

	stack_each(add_suspect, l);
	if (!l->suspects.n || l->err)
		return;
	prepare(l);
	if (l->err)
		return;
	for (size_t i = 0; i < l->stacks.n; i++)	/* which are among the notes */
		scan_but(l, l->stacks.at[i], l->ours.n);
	stack_each(mark_other, &others);
	task_each(mark_task, l);
	mark_timers(l);
	mark_all(l);
}

/* ---- debug.h ---- */

static int stop_and_look(struct look *l, const struct look *before)
{
	int err;

	l->before = before;
	err = world_stop(&l->threads, &l->nthreads);
	if (err)
		return err;
	look(l);
	world_start();
	return l->err;
}

/* Those that both found, at the front of the first one's. */
static size_t in_both(struct suspects *a, const struct look *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		struct suspect *x = &a->at[i], *y = suspect(b, x->g);

		if (!x->alive && y && !y->alive && y->sleep == x->sleep)
			a->at[n++] = *x;
	}
	return n;
}

static void report(int fd, const struct suspect *leaked, size_t n)
{
	struct g **g = pages(n * sizeof *g);

	if (!g)
		return;
	for (size_t i = 0; i < n; i++)
		g[i] = leaked[i].g;
	dump_these(fd, g, n);
	munmap(g, n * sizeof *g);
}

int64_t weft_leaks(int fd)
{
	struct look *l;
	int64_t n = 0;
	int err;

	if (SANITIZED)
		return -ENOTSUP;
	if (!sched.started)
		return 0;
	l = pages(2 * sizeof *l);
	if (!l)
		return -ENOMEM;
	err = stop_and_look(&l[0], NULL);
	if (!err && l[0].suspects.n)
		err = stop_and_look(&l[1], &l[0]);
	if (!err)
		n = (int64_t)in_both(&l[0].suspects, &l[1]);
	if (n && fd >= 0)
		report(fd, l[0].suspects.at, (size_t)n);
	look_free(&l[0]);
	look_free(&l[1]);
	munmap(l, 2 * sizeof *l);
	return err ? err : n;
}
