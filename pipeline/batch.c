/*
 * batch.c - the pool of batches and their reference counts
 *
 * The pool is a channel with room for all of them, so giving one back never
 * waits.  Whoever waits for one holds none (see source.c), hence no deadlock: the
 * ones in use are all on their way to the outputs.
 */
#include "batch.h"

#include <stdlib.h>

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
	}
	weft_free(p->idle);
	free(p->all);
}

struct batch *
batch_get(struct batch_pool *p)
{
	struct batch *b;

	weft_recv(p->idle, &b);
	b->nlines = b->nerrors = b->nkeep = 0;
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
