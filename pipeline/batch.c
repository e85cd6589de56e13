/*
 * batch.c - batches, their memory and their reference counts
 *
 * What a batch may need is reserved in the budget before anything is read into it; what it really
 * has grown to is charged by the worker that made it grow.  At rest it keeps its
 * buffers and their charge; when memory is short, those at rest are freed first.
 */
#include "batch.h"

#include <stdlib.h>

#define CHUNK	(8 << 10)
#define GROWS	3		/* what is made of the bytes, as a multiple of them */

struct chunk {
	struct chunk	*next;
	size_t		 used, size;
	_Alignas(void *) char data[];
};

void
batch_pool_init(struct batch_pool *p, struct budget *budget, size_t size, int max_idle)
{
	*p = (struct batch_pool){ .budget = budget, .size = size, .max_idle = max_idle };
}

static size_t
weight(const struct batch *b)
{
	size_t n = sizeof(*b) + b->bytes.room + b->lines_room * sizeof(*b->lines) +
	    b->fields_room * sizeof(*b->fields);

	for (const struct chunk *c = b->chunks; c; c = c->next)
		n += sizeof(*c) + c->size;
	for (int i = 0; i < b->nrendered; i++)
		n += sizeof(*b->rendered) + b->rendered[i].data.room +
		    b->rendered[i].room * sizeof(uint32_t);
	return n;
}

void
batch_charge(struct batch *b)
{
	size_t n = weight(b);

	budget_charge(b->pool->budget, (ptrdiff_t)n - (ptrdiff_t)b->charged);
	b->charged = n;
}

static void
free_chunks(struct batch *b)
{
	for (struct chunk *c; (c = b->chunks); ) {
		b->chunks = c->next;
		free(c);
	}
}

static void
batch_free(struct batch *b)
{
	budget_charge(b->pool->budget, -(ptrdiff_t)b->charged);
	for (int i = 0; i < b->nrendered; i++) {
		buf_finish(&b->rendered[i].data);
		free(b->rendered[i].ends);
	}
	buf_finish(&b->bytes);
	free(b->rendered);
	free(b->lines);
	free(b->fields);
	free(b);
}

/* hungry: who finds none is about to take memory, and what comes back is not to be kept. */
static struct batch *
pop_idle(struct batch_pool *p, bool hungry)
{
	struct batch *b;

	weft_mutex_lock(&p->lock);
	if ((b = p->idle)) {
		p->idle = b->next;
		p->nidle--;
	}
	p->hungry += hungry && !b;
	weft_mutex_unlock(&p->lock);
	return b;
}

void
batch_pool_trim(struct batch_pool *p)
{
	for (struct batch *b; (b = pop_idle(p, false)); )
		batch_free(b);
}

void
batch_pool_finish(struct batch_pool *p)
{
	batch_pool_trim(p);
	assert_always(p->budget->used == 0);
}

static void
ready(struct batch *b, size_t room)
{
	b->nlines = b->nfields = 0;
	b->bytes.len = 0;
	b->next = NULL;
	b->tail_len = b->tail_hash = 0;
	memset(b->fates, 0, sizeof(b->fates));
	buf_grow(&b->bytes, room + BATCH_PAD);
	/* the channel orders this before whoever is sent the batch */
	atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
}

static void
add_hungry(struct batch_pool *p, int n)
{
	weft_mutex_lock(&p->lock);
	p->hungry += n;
	weft_mutex_unlock(&p->lock);
}

struct batch *
batch_get(weft_ctx *ctx, struct batch_pool *p, size_t room)
{
	size_t need = sizeof(struct batch) + GROWS * room;
	struct batch *b = NULL;
	int err;

	__atomic_fetch_add(&p->got, 1, __ATOMIC_RELAXED);	/* a sum, no order */
	if (room <= p->size && (b = pop_idle(p, true))) {
		ready(b, room);
		return b;
	}
	if (room > p->size)
		add_hungry(p, 1);
	if (room > p->size || !budget_fits(p->budget, need))
		batch_pool_trim(p);
	err = budget_take(ctx, p->budget, need);
	add_hungry(p, -1);
	if (err)
		return NULL;
	b = xcalloc(1, sizeof(*b));
	b->pool = p;
	b->charged = need;
	ready(b, room);
	return b;
}

void
batch_ref(struct batch *b, int n)
{
	/* the caller has a reference: nobody can be freeing it */
	atomic_fetch_add_explicit(&b->refs, n, memory_order_relaxed);
}

/*
 * Only those of the usual size are worth keeping, and only while nobody wants memory: what is
 * kept is charged, and who waits in the budget does not look here again.
 */
static bool
rest(struct batch *b)
{
	struct batch_pool *p = b->pool;
	bool kept;

	if (b->charged > 8 * p->size)
		return false;
	weft_mutex_lock(&p->lock);
	kept = p->nidle < p->max_idle && !p->hungry;
	if (kept) {
		b->next = p->idle;
		p->idle = b;
		p->nidle++;
	}
	weft_mutex_unlock(&p->lock);
	return kept;
}

void
batch_unref(struct batch *b)
{
	/* release: our reads are over; acquire: so are all others', by the last */
	int left = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);

	assert_always(left > 0);
	if (left > 1)
		return;
	free_chunks(b);
	batch_charge(b);
	if (!rest(b))
		batch_free(b);
}

struct rendered *
batch_rendered(struct batch *b, int i)
{
	struct rendered *r;

	if (i >= b->nrendered) {
		b->rendered = xrealloc(b->rendered, (i + 1) * sizeof(*r));
		memset(b->rendered + b->nrendered, 0, (i + 1 - b->nrendered) * sizeof(*r));
		b->nrendered = i + 1;
	}
	r = &b->rendered[i];
	r->n = 0;
	r->data.len = 0;
	memset(r->keep, 0, sizeof(r->keep));
	if (r->room < b->nlines) {
		r->room = b->lines_room;
		r->ends = xrealloc(r->ends, r->room * sizeof(*r->ends));
	}
	return r;
}

struct line *
batch_add(struct batch *b)
{
	if (b->nlines == b->lines_room) {
		b->lines_room = b->lines_room ? 2 * b->lines_room : 512;
		b->lines = xrealloc(b->lines, b->lines_room * sizeof(*b->lines));
	}
	struct line *l = &b->lines[b->nlines++];
	memset(l, 0, sizeof(*l));
	return l;
}

void *
batch_alloc(struct batch *b, size_t n)
{
	struct chunk *c = b->chunks;

	n = (n + sizeof(void *) - 1) & -sizeof(void *);
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK ? n : CHUNK;

		c = xmalloc(sizeof(*c) + size);
		*c = (struct chunk){ .next = b->chunks, .size = size };
		b->chunks = c;
	}
	c->used += n;
	return c->data + c->used - n;
}

static void
grow_fields(struct batch *b, size_t n)
{
	if (b->fields_room - b->nfields >= n)
		return;
	b->fields_room = 2 * b->fields_room + n;
	b->fields = xrealloc(b->fields, b->fields_room * sizeof(*b->fields));
}

/* A line's fields stand side by side; those of the last one can still grow. */
struct field *
batch_field(struct batch *b, struct line *l)
{
	struct field *f;

	if (l->nfields == l->room && l->field + l->nfields == b->nfields) {
		grow_fields(b, 1);
		b->nfields++;
		l->room++;
	} else if (l->nfields == l->room) {
		uint16_t room = l->room < 4 ? 8 : 2 * l->room;

		grow_fields(b, room);
		memcpy(b->fields + b->nfields, b->fields + l->field, l->nfields * sizeof(*f));
		l->field = b->nfields;
		l->room = room;
		b->nfields += room;
	}
	f = &b->fields[l->field + l->nfields++];
	*f = (struct field){ 0 };
	return f;
}

struct field *
batch_find(const struct batch *b, const struct line *l, const char *key, size_t klen)
{
	for (int i = l->nfields; i-- > 0; ) {
		struct field *f = &b->fields[l->field + i];

		if (f->klen == klen && memcmp(f->key, key, klen) == 0)
			return f;
	}
	return NULL;
}
