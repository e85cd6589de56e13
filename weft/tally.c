/*
 * tally.c - a hash table of stacks; see tally.h
 *
 * An entry is never moved, and its link never changes: a walk needs the lock for the
 * figures only, and nothing is allocated under it that could come back here.
 */
#include "tally.h"

#include <string.h>

#include "pages.h"
#include "sanitize.h"

struct tallied {
	struct tallied	*next;		/* with the same hash */
	uint64_t	 hash;
	double		 values[TALLY_VALUES];
	struct place	 at;		/* with as many pcs as there are */
};

static uint64_t hash_of(const struct place *at)
{
	uint64_t h = (uintptr_t)at->site ^ (uintptr_t)at->state << 7;

	for (size_t i = 0; i < at->n; i++)
		h = (h ^ (uintptr_t)at->pcs[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static bool same(const struct place *a, const struct place *b)
{
	return a->site == b->site && a->state == b->state && a->n == b->n &&
	    memcmp(a->pcs, b->pcs, a->n * sizeof *a->pcs) == 0;
}

static void *keep(struct tally *t, size_t n)
{
	enum { CHUNK = 65536 };

	if (n > t->left) {
		char *chunk = pages(CHUNK);

		if (!chunk)
			return NULL;
		t->chunk = chunk;
		t->left = CHUNK;
	}
	t->left -= n;
	return t->chunk + t->left;
}

/* Under t->lock. */
static struct tallied *entry_of(struct tally *t, const struct place *at)
{
	uint64_t hash = hash_of(at);
	struct tallied **head = &t->bucket[hash % TALLY_BUCKETS], *e;
	size_t size = offsetof(struct place, pcs) + at->n * sizeof *at->pcs;

	for (e = *head; e; e = e->next)
		if (e->hash == hash && same(&e->at, at))
			return e;
	e = keep(t, offsetof(struct tallied, at) + size);
	if (!e)
		return NULL;
	e->next = *head;
	e->hash = hash;
	memset(e->values, 0, sizeof e->values);
	memcpy(&e->at, at, size);
	return *head = e;
}

static void add(struct tallied *e, const double *values)
{
	for (int i = 0; i < TALLY_VALUES; i++)
		e->values[i] += values[i];
}

struct tallied *tally_add(struct tally *t, const struct place *at, const double *values)
{
	struct tallied *e;

	san_ignore_begin();
	lock(&t->lock);
	e = entry_of(t, at);
	if (e)
		add(e, values);
	unlock(&t->lock);
	san_ignore_end();
	return e;
}

void tally_add_at(struct tally *t, struct tallied *e, const double *values)
{
	lock(&t->lock);
	add(e, values);
	unlock(&t->lock);
}

static struct tallied *first(struct tally *t, size_t bucket)
{
	struct tallied *e;

	lock(&t->lock);
	e = t->bucket[bucket];
	unlock(&t->lock);
	return e;
}

void tally_clear(struct tally *t)
{
	lock(&t->lock);
	for (size_t i = 0; i < TALLY_BUCKETS; i++)
		for (struct tallied *e = t->bucket[i]; e; e = e->next)
			memset(e->values, 0, sizeof e->values);
	unlock(&t->lock);
}

static void add_sample(struct pprof *p, struct tally *t, const struct tallied *e)
{
	int64_t values[TALLY_VALUES], any = 0;

	lock(&t->lock);
	for (int i = 0; i < TALLY_VALUES; i++)
		any |= values[i] = (int64_t)(e->values[i] + 0.5);
	unlock(&t->lock);
	if (any)
		pprof_add(p, e->at.pcs, e->at.n, values, e->at.site, e->at.state);
}

int tally_write(struct tally *t, const struct pprof_type *types, size_t n, int64_t period,
    const char *path, int64_t duration)
{
	struct pprof *p = pprof_new(types, n, period);

	for (size_t i = 0; i < TALLY_BUCKETS; i++)
		for (const struct tallied *e = first(t, i); e; e = e->next)
			add_sample(p, t, e);
	return pprof_write(p, path, duration);
}
