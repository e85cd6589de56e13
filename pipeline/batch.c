/*
 * batch.c - the pool of batches and their reference counts
 *
 * The pool is a channel with room for all of them, so giving one back never
 * waits.  Whoever waits for one holds none (see source.c), hence no deadlock: the
 * ones in use are all on their way to the outputs.
 */
#include "batch.h"

#include <stdlib.h>

#define CHUNK	(8 << 10)

struct chunk {
	struct chunk	*next;
	size_t		 used, size;
	_Alignas(void *) char data[];
};

void
batch_pool_init(struct batch_pool *p, int n, size_t size)
{
	p->n = n;
	p->size = size;
	p->all = xcalloc(n, sizeof(*p->all));
	p->idle = weft_make(struct batch *, n);
	for (int i = 0; i < n; i++) {
		p->all[i].pool = p;
		weft_send(p->idle, &p->all[i]);
	}
}

void
batch_pool_finish(struct batch_pool *p)
{
	assert_always(weft_len(p->idle) == (size_t)p->n);
	for (int i = 0; i < p->n; i++) {
		struct batch *b = &p->all[i];

		buf_finish(&b->bytes);
		for (int f = 0; f < RENDER_FORMATS; f++)
			buf_finish(&b->rendered[f]);
		free(b->lines);
		free(b->fields);
	}
	weft_free(p->idle);
	free(p->all);
}

struct batch *
batch_get(struct batch_pool *p)
{
	struct batch *b;

	weft_recv(p->idle, &b);
	b->nlines = b->nerrors = b->nkeep = b->nfields = 0;
	b->bytes.len = 0;
	b->next = NULL;
	/* the channel orders this before whoever is sent the batch */
	atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void
batch_ref(struct batch *b, int n)
{
	/* the caller has a reference: nobody can be freeing it */
	atomic_fetch_add_explicit(&b->refs, n, memory_order_relaxed);
}

static void
free_chunks(struct batch *b)
{
	for (struct chunk *c; (c = b->chunks); ) {
		b->chunks = c->next;
		free(c);
	}
}

/* A long line has made it big; the memory is for everyone. */
static void
shrink(struct buf *b, size_t size)
{
	if (b->room > 4 * size)
		buf_finish(b);
	b->len = 0;
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
	shrink(&b->bytes, b->pool->size);
	for (int f = 0; f < RENDER_FORMATS; f++)
		shrink(&b->rendered[f], b->pool->size);
	weft_send(b->pool->idle, b);
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
