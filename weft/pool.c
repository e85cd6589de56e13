/*
 * pool.c - weft_pool: a small stack of objects per worker
 *
 * A goroutine may change workers at any time, so each stack has a lock; it is
 * taken by one worker nearly always.
 */
#include <stdlib.h>
#include <string.h>

#include "bubble.h"
#include "sanitize.h"
#include "sync.h"
#include "worker.h"

enum { SHELVES = 64, KEEP = 64 };

struct weft_pool {
	void	*(*make)(void);
	void	(*destroy)(void *);
	struct shelf {
		_Atomic unsigned lock;
		int	n;		/* under lock */
		void	*x[KEEP];
	} __attribute__((aligned(64))) shelf[SHELVES];
};

weft_pool *weft_pool_new(void *(*make)(void), void (*destroy)(void *))
{
	weft_pool *p;

	if (posix_memalign((void **)&p, 64, sizeof *p))
		die("out of memory: %zu bytes", sizeof *p);
	memset(p, 0, sizeof *p);
	p->make = make;
	p->destroy = destroy;
	return p;
}

static struct shelf *shelf(weft_pool *p)
{
	struct worker *w = self()->w;

	/* a bubble must not notice which worker it happens to be on */
	return &p->shelf[w && !bubble_current() ? w->index % SHELVES : 0];
}

void *weft_pool_get(weft_pool *p)
{
	STEP("gets from a pool");
	struct shelf *s = shelf(p);
	void *x = NULL;

	lock(&s->lock);
	if (s->n)
		x = s->x[--s->n];
	unlock(&s->lock);
	if (x)
		san_acquire(x);
	else if (p->make)
		x = p->make();
	return x;
}

void weft_pool_put(weft_pool *p, void *x)
{
	STEP("puts into a pool");
	struct shelf *s = shelf(p);
	bool kept;

	if (!x)
		return;
	san_release(x);
	lock(&s->lock);
	kept = s->n < KEEP;
	if (kept)
		s->x[s->n++] = x;
	unlock(&s->lock);
	if (!kept && p->destroy)
		p->destroy(x);
}

void weft_pool_free(weft_pool *p)
{
	for (int i = 0; p && i < SHELVES; i++)
		while (p->shelf[i].n) {
			void *x = p->shelf[i].x[--p->shelf[i].n];

			san_acquire(x);
			if (p->destroy)
				p->destroy(x);
		}
	free(p);
}
