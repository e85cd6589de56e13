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

static struct slab { struct slab *next; struct task task[SLAB]; } *slabs;

/* Under sched.lock: a chain of about SLAB free tasks. */
static struct task *chain(int *n)
{
	struct slab *s;
	struct task *t = sched.tasks;

	*n = 0;
	if (!t) {
		s = xcalloc(1, sizeof *s);
		s->next = slabs;
		slabs = s;
		for (int i = 0; i < SLAB; i++) {
			s->task[i].link = t;
			t = &s->task[i];
		}
		*n = SLAB;
		return t;
	}
	struct task **last = &sched.tasks;
	while (*last && *n < SLAB) {
		last = &(*last)->link;
		++*n;
	}
	sched.tasks = *last;
	*last = NULL;
	return t;
}

struct task *task_get(struct worker *w)
{
	struct task *t;
	int n;

	if (likely(w && w->tasks)) {
		t = w->tasks;
		w->tasks = t->link;
		w->ntasks--;
		return t;
	}
	lock(&sched.lock);
	t = chain(&n);
	if (w) {
		w->tasks = t->link;
		w->ntasks = n - 1;
	} else if (t->link) {
		struct task **last = &t->link;

		while (*last)
			last = &(*last)->link;
		*last = sched.tasks;
		sched.tasks = t->link;
	}
	unlock(&sched.lock);
	return t;
}

void task_put(struct worker *w, struct task *t)
{
	/* relaxed: a report that looks at this moment may show either */
	atomic_store_explicit(&t->id, 0, memory_order_relaxed);
	t->link = w->tasks;
	w->tasks = t;
	if (++w->ntasks < KEEP_TASKS)
		return;

	struct task *first = w->tasks, *last = first;
	for (int i = 1; i < SLAB; i++)
		last = last->link;
	w->tasks = last->link;
	w->ntasks -= SLAB;
	lock(&sched.lock);
	last->link = sched.tasks;
	sched.tasks = first;
	unlock(&sched.lock);
}

void task_each(void (*f)(struct task *, void *), void *arg)
{
	struct slab *s;

	lock(&sched.lock);
	s = slabs;
	unlock(&sched.lock);
	for (; s; s = s->next)
		for (int i = 0; i < SLAB; i++)
			if (atomic_load_explicit(&s->task[i].id, memory_order_relaxed))
				f(&s->task[i], arg);
}
