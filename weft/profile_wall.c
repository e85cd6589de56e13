/*
 * profile_wall.c - where all goroutines are, running and waiting, many times a second
 *
 * A thread of its own looks; nobody is stopped.  What a look costs is bounded: it takes a
 * sample of the goroutines, drawn anew each time, and counts each for those that it
 * stands for.  It is counted for the time since the look before, so that one that comes
 * late loses nothing.
 */
#include "profile.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "futex.h"
#include "tally.h"
#include "unwind.h"
#include "worker.h"

/* How many records of each class it looks at, how many stacks, and slabs of tasks. */
enum { RECORDS = 4096, STACKS = 256, SLABS = 4 };

static struct {
	_Atomic unsigned lock;		/* of start and stop */
	_Atomic uint32_t stop;		/* futex */
	char		*path;		/* NULL: not running */
	int		 hz;
	int64_t		 begun;
	pthread_t	 thread;
	/* the thread's */
	int64_t		 last;		/* look */
	struct rand	 rand;
	uintptr_t	 ran[STACKS + 1];	/* ~ of addresses, or weft_leaks would mind */
	size_t		 nran;
} wall;
static struct tally tally;

static void count(const struct place *at, double stands_for, double ns)
{
	tally_add(&tally, at, (double[TALLY_VALUES]){ stands_for, stands_for * ns });
}

/* The stack from the call that it waits in, as in a report. */
static void begin_at(struct place *at, const void *pc)
{
	for (size_t i = 0; pc && i < at->n; i++)
		if (at->pcs[i] == pc) {
			at->n -= i;
			memmove(at->pcs, at->pcs + i, at->n * sizeof *at->pcs);
			return;
		}
}

static void take_running(struct place *at, struct g *g)
{
	pid_t tid = g->w ? atomic_load(&g->w->tid) : 0;

	at->n = unwind_blocked(g, tid, at->pcs, TALLY_FRAMES);
	if (at->n)
		at->state = "system call";
	else
		at->n = unwind_running(g, tid, at->pcs, TALLY_FRAMES);
}

static void look_at(struct g *g, double stands_for, double ns)
{
	struct place at = { .site = g->site, .state = goroutine_state(g, NULL) };
	bool waits = atomic_load(&g->status) == G_WAITING;
	weft_entry_ *f = g->f;
	const void *pc = g->pc;
	int64_t id = g->id;

	if (waits)
		at.n = unwind_parked(g, at.pcs, TALLY_FRAMES);
	else if (atomic_load(&g->status) == G_RUNNING)
		take_running(&at, g);
	if (g->id != id || !f)		/* another one has the stack by now */
		return;
	if (waits)
		begin_at(&at, pc);
	if (!at.n && waits && pc)
		at.pcs[at.n++] = (void *)(uintptr_t)pc;
	if (!at.n)
		at.pcs[at.n++] = (char *)(uintptr_t)f + 1;
	count(&at, stands_for, ns);
}

/*
 * Those that run are few, and looked at by their workers.  Which is noted: one that stops
 * meanwhile is not to be counted twice, and one that begins to run is not to be missed.
 */
static void look_at_runners(double ns)
{
	size_t n = (size_t)atomic_load(&sched.nworkers), each = n / STACKS + 1;

	wall.nran = 0;
	for (size_t i = rand_below(&wall.rand, (uint32_t)each); i < n; i += each) {
		struct g *g = atomic_load(&sched.worker[i]->running);

		if (!g || !is_goroutine(g) || atomic_load(&g->status) != G_RUNNING)
			continue;
		wall.ran[wall.nran++] = ~(uintptr_t)g;
		look_at(g, (double)each, ns);
	}
}

static bool is_other(const struct g *g)
{
	if (atomic_load_explicit(&g->status, memory_order_relaxed) == G_FREE)
		return false;
	for (size_t i = 0; i < wall.nran; i++)
		if (wall.ran[i] == ~(uintptr_t)g)
			return false;
	return true;
}

/*
 * To see that a record is of nobody is cheap, to look at a stack is not.  So it goes through
 * the same records twice, and in the end takes one in each so many of those that live.
 */
struct others { size_t n, each, next; double ns; };

static void count_other(struct g *g, double stands_for, void *arg)
{
	struct others *o = arg;

	(void)stands_for;
	o->n += is_other(g);
}

static void other(struct g *g, double stands_for, void *arg)
{
	struct others *o = arg;

	if (!is_other(g) || o->next-- != 0)
		return;
	o->next = o->each - 1;
	look_at(g, stands_for * (double)o->each, o->ns);
}

static void look_at_others(double ns)
{
	struct rand again = wall.rand;
	struct others o = { .ns = ns };

	stack_some(RECORDS, &wall.rand, count_other, &o);
	o.each = o.n / STACKS + 1;
	o.next = rand_below(&wall.rand, (uint32_t)o.each);
	stack_some(RECORDS, &again, other, &o);
}

static void task(struct task *t, double stands_for, void *ns)
{
	struct place at = { .site = t->site, .state = "runnable", .n = 1 };

	at.pcs[0] = (char *)(uintptr_t)t->f + 1;
	count(&at, stands_for, *(double *)ns);
}

static void look(void)
{
	int64_t now = clock_now();
	double ns = (double)(now - wall.last);

	wall.last = now;
	look_at_runners(ns);
	look_at_others(ns);
	task_some(SLABS, &wall.rand, task, &ns);
}

/* The last look is at the end, for the time since the one before. */
static void *wall_loop(void *arg)
{
	int64_t step = WEFT_SECOND / wall.hz;

	(void)arg;
	for (int64_t next = wall.last + step; !atomic_load(&wall.stop); ) {
		int64_t left = next - clock_now();

		if (left > 0) {
			futex_wait((uint32_t *)&wall.stop, 0, left);
			continue;
		}
		look();
		next += step * (1 - left / step);	/* without those that it is too late for */
	}
	look();
	return NULL;
}

/* Signals are for other threads, but for the one that stops all. */
static int start_thread(void)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	sigdelset(&all, SIGURG);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&wall.thread, NULL, wall_loop, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

int weft_profile_wall_start(const char *path, int hz)
{
	int err = 0;

	lock(&wall.lock);
	if (wall.path)
		err = -EBUSY;
	if (!err) {
		tally_clear(&tally);
		wall.hz = hz <= 0 ? 100 : hz < 10000 ? hz : 10000;
		wall.begun = wall.last = clock_now();
		rand_seed(&wall.rand, rand_entropy());
		atomic_store(&wall.stop, 0);
		atomic_fetch_add(&sched.helpers, 1);
		err = start_thread();
		if (err)
			atomic_fetch_sub(&sched.helpers, 1);
		else
			wall.path = xstrdup(path);
	}
	unlock(&wall.lock);
	return err;
}

int weft_profile_wall_stop(void)
{
	static const struct pprof_type types[] = { { "samples", "count" },
	    { "wall", "nanoseconds" } };
	int err = -EINVAL;

	lock(&wall.lock);
	if (wall.path) {
		atomic_store(&wall.stop, 1);
		futex_wake((uint32_t *)&wall.stop);
		pthread_join(wall.thread, NULL);
		atomic_fetch_sub(&sched.helpers, 1);
		err = tally_write(&tally, types, 2, WEFT_SECOND / wall.hz, wall.path,
		    wall.last - wall.begun);
		free(wall.path);
		wall.path = NULL;
	}
	unlock(&wall.lock);
	return err;
}
