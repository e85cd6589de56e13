/*
 * task.c - records of goroutines that have not run yet
 *
 * A goroutine needs a stack only once it runs, and then gets a hot one that has
 * just been given back; until then it is a task of two cache lines.  Tasks come
 * from slabs that are never freed, so that reports can walk them: id is 0 in a
 * free one.
 */
#include "worker.h"

enum { SLAB = 256 };

/* jump leads over some older ones, so that any is found in few steps (skew binary numbers). */
struct slab { struct slab *next, *jump; size_t older; struct task task[SLAB]; };
static _Atomic(struct slab *) slabs;	/* the youngest; changes under sched.lock */

static void link_slab(struct slab *s, struct slab *next)
{
	struct slab *a = next ? next->jump : NULL, *b = a ? a->jump : NULL;

	s->next = next;
	s->older = next ? next->older + 1 : 0;
	/* two jumps of a length in a row become one */
	s->jump = b && next->older - a->older == a->older - b->older ? b : next;
}

/* That has so many older ones. */
static struct slab *slab_of(struct slab *s, size_t older)
{
	while (s->older > older)
		s = s->jump->older >= older ? s->jump : s->next;
	return s;
}

/* Under sched.lock: a batch of free tasks. */
static struct task *batch_get(void)
{
	struct slab *s;
	struct task *t = sched.tasks;

	if (t) {
		sched.tasks = t->batch;
		return t;
	}
	s = xcalloc(1, sizeof *s);
	link_slab(s, atomic_load_explicit(&slabs, memory_order_relaxed));
	/* release: pairs with the acquire in task_each */
	atomic_store_explicit(&slabs, s, memory_order_release);
	for (int i = 0; i < SLAB; i++) {
		s->task[i].link = t;
		t = &s->task[i];
	}
	return t;
}

/* Under sched.lock. */
static void batch_put(struct task *t)
{
	t->batch = sched.tasks;
	sched.tasks = t;
}

/* For a worker that has none.  A batch may be short, and then the next gets shorter. */
static void refill(struct worker *w)
{
	if (w->full_tasks) {
		w->tasks = w->full_tasks;
		w->full_tasks = NULL;
	} else {
		lock(&sched.lock);
		w->tasks = batch_get();
		unlock(&sched.lock);
	}
	w->ntasks = SLAB;
}

/* For a thread, which keeps none: the rest of the batch goes back. */
static struct task *get_one(void)
{
	struct task *t;

	lock(&sched.lock);
	t = batch_get();
	if (t->link)
		batch_put(t->link);
	unlock(&sched.lock);
	return t;
}

struct task *task_get(struct worker *w)
{
	struct task *t;

	if (unlikely(!w))
		return get_one();
	if (unlikely(!w->tasks))
		refill(w);
	t = w->tasks;
	w->tasks = t->link;
	w->ntasks--;
	__builtin_prefetch(t->link, 1);		/* another worker may have had it */
	return t;
}

/* A worker has at most two batches: the one in use, and a full one. */
void task_put(struct worker *w, struct task *t)
{
	struct task *surplus = w->full_tasks;

	/* release: pairs with the acquire in task_each, whose caller looks at the
	   goroutine next */
	atomic_store_explicit(&t->id, 0, memory_order_release);
	t->link = w->tasks;
	w->tasks = t;
	if (likely(++w->ntasks < SLAB))
		return;
	w->full_tasks = w->tasks;
	w->tasks = NULL;
	w->ntasks = 0;
	if (surplus) {
		lock(&sched.lock);
		batch_put(surplus);
		unlock(&sched.lock);
	}
}

void task_notes(void (*f)(void *p, size_t size, void *arg), void *arg)
{
	struct slab *s = atomic_load_explicit(&slabs, memory_order_acquire);

	for (; s; s = s->next)
		f(s, sizeof *s, arg);
}

static void tasks_of(struct slab *s, void (*f)(struct task *, void *), void *arg)
{
	for (int i = 0; i < SLAB; i++)
		if (atomic_load_explicit(&s->task[i].id, memory_order_acquire))
			f(&s->task[i], arg);
}

/* Without a lock, as stack_each. */
void task_each(void (*f)(struct task *, void *), void *arg)
{
	/* acquire: pairs with the release in batch_get */
	struct slab *s = atomic_load_explicit(&slabs, memory_order_acquire);

	for (; s; s = s->next)
		tasks_of(s, f, arg);
}

struct some { void (*f)(struct task *, double, void *); void *arg; double stands_for; };

static void one_of_some(struct task *t, void *arg)
{
	struct some *s = arg;

	s->f(t, s->stands_for, s->arg);
}

void task_some(size_t most, struct rand *r, void (*f)(struct task *, double, void *), void *arg)
{
	/* acquire: pairs with the release in batch_get */
	struct slab *youngest = atomic_load_explicit(&slabs, memory_order_acquire);
	size_t n = youngest ? youngest->older + 1 : 0, each = (n + most - 1) / most;
	struct some some = { f, arg, (double)each };

	for (size_t i = 0; i < n; i += each) {	/* as stack_some */
		size_t at = i + rand_below(r, (uint32_t)each);

		if (at < n)
			tasks_of(slab_of(youngest, at), one_of_some, &some);
	}
}
