/*
 * pqueue.c - a heap of four children, whose items know their places
 *
 * The heap's slots are ordered by priority and then by turn, a number that counts up, so
 * that no two are alike.  Items stay where they are in an array of their own, where
 * handles find them; a free one has the id 0, and ids are never used again.
 *
 * While somebody waits the heap is empty: a push gives its value to the first who waits,
 * under the lock, and then wakes it.  A waiter whose context has ended looks whether it was
 * given one, and then takes it.
 */
#include "pqueue.h"

#include <stdlib.h>

#include "../base/die.h"
#include "../base/list.h"
#include "../weft/sync.h"

#define NONE	((size_t)-1)

struct slot { int64_t priority; uint64_t turn; size_t item; };

struct item {
	uint64_t	 id;
	size_t		 place;		/* in the heap; the next free one's number if free */
	void		*value;
};

struct weft_pqueue {
	weft_mutex	 m;		/* protects the rest; never held while waiting */
	struct slot	*heap;
	struct item	*items;
	size_t		 n, room;	/* both arrays have room */
	size_t		 free;		/* the first free item, of those below used */
	size_t		 used;
	uint64_t	 turn;
	bool		 closed;
	struct list	 waiters;
};

struct waiter { struct list in; void *value; int err; bool ended; weft_waitgroup woken; };

weft_pqueue *weft_pqueue_new(void)
{
	weft_pqueue *q = xmalloc(sizeof *q);

	*q = (weft_pqueue){ .free = NONE };
	list_init(&q->waiters);
	return q;
}

void weft_pqueue_free(weft_pqueue *q)
{
	if (!q)
		return;
	if (!list_empty(&q->waiters))
		die("weft_pqueue_free: somebody waits for %p", (void *)q);
	free(q->heap);
	free(q->items);
	free(q);
}

/* ---- the heap ---- */

static inline bool before(struct slot a, struct slot b)
{
	return a.priority < b.priority || (a.priority == b.priority && a.turn < b.turn);
}

static inline void put(weft_pqueue *q, size_t i, struct slot s)
{
	q->heap[i] = s;
	q->items[s.item].place = i;
}

static void up(weft_pqueue *q, size_t i, struct slot s)
{
	while (i && before(s, q->heap[(i - 1) / 4])) {
		put(q, i, q->heap[(i - 1) / 4]);
		i = (i - 1) / 4;
	}
	put(q, i, s);
}

static void down(weft_pqueue *q, size_t i, struct slot s)
{
	for (size_t c; (c = 4 * i + 1) < q->n; ) {
		size_t best = c, end = c + 4 < q->n ? c + 4 : q->n;

		for (size_t k = c + 1; k < end; k++)
			if (before(q->heap[k], q->heap[best]))
				best = k;
		if (before(s, q->heap[best]))
			break;
		put(q, i, q->heap[best]);
		i = best;
	}
	put(q, i, s);
}

/* s goes to where it belongs, from place i on, which is free. */
static void settle(weft_pqueue *q, size_t i, struct slot s)
{
	if (i && before(s, q->heap[(i - 1) / 4]))
		up(q, i, s);
	else
		down(q, i, s);
}

/* ---- items ---- */

static size_t new_item(weft_pqueue *q)
{
	size_t at = q->free;

	if (at != NONE) {
		q->free = q->items[at].place;
		return at;
	}
	if (q->used == q->room) {
		q->room = q->room ? 2 * q->room : 64;
		q->heap = xrealloc(q->heap, q->room * sizeof *q->heap);
		q->items = xrealloc(q->items, q->room * sizeof *q->items);
	}
	return q->used++;
}

static struct item *find(weft_pqueue *q, weft_pqueue_item i)
{
	return i.id && i.at < q->used && q->items[i.at].id == i.id ? &q->items[i.at] : NULL;
}

static void *take(weft_pqueue *q, struct item *item)
{
	size_t place = item->place;
	struct slot last = q->heap[--q->n];

	if (place != q->n)
		settle(q, place, last);
	item->id = 0;
	item->place = q->free;
	q->free = (size_t)(item - q->items);
	return item->value;
}

/* ---- those who wait ---- */

static void end_wait(struct waiter *w, int err, void *value)
{
	list_remove(&w->in);
	w->ended = true;
	w->err = err;
	w->value = value;
}

weft_pqueue_item weft_pqueue_push(weft_pqueue *q, void *value, int64_t priority)
{
	weft_pqueue_item i = { 0, 0 };
	struct waiter *w = NULL;

	weft_mutex_lock(&q->m);
	if (unlikely(q->closed))
		die("weft_pqueue_push: %p is closed", (void *)q);
	q->turn++;
	if (list_empty(&q->waiters)) {
		i = (weft_pqueue_item){ q->turn, new_item(q) };
		q->items[i.at] = (struct item){ i.id, 0, value };
		up(q, q->n++, (struct slot){ priority, q->turn, i.at });
	} else {
		w = container_of(q->waiters.next, struct waiter, in);
		end_wait(w, 0, value);
	}
	weft_mutex_unlock(&q->m);
	if (w)
		weft_waitgroup_done(&w->woken);
	return i;
}

bool weft_pqueue_update(weft_pqueue *q, weft_pqueue_item i, int64_t priority)
{
	struct item *item;

	weft_mutex_lock(&q->m);
	item = find(q, i);
	if (item && q->heap[item->place].priority != priority)
		settle(q, item->place, (struct slot){ priority, ++q->turn, i.at });
	weft_mutex_unlock(&q->m);
	return item;
}

bool weft_pqueue_remove(weft_pqueue *q, weft_pqueue_item i, void **value)
{
	struct item *item;
	void *v = NULL;

	weft_mutex_lock(&q->m);
	item = find(q, i);
	if (item)
		v = take(q, item);
	weft_mutex_unlock(&q->m);
	if (item && value)
		*value = v;
	return item;
}

/* Under the lock. */
static int try_pop(weft_pqueue *q, void **value)
{
	if (!q->n)
		return q->closed ? -EPIPE : -EAGAIN;
	*value = take(q, &q->items[q->heap[0].item]);
	return 0;
}

int weft_pqueue_try_pop(weft_pqueue *q, void **value)
{
	int err;

	weft_mutex_lock(&q->m);
	err = try_pop(q, value);
	weft_mutex_unlock(&q->m);
	return err;
}

int weft_pqueue_pop(weft_ctx *ctx, weft_pqueue *q, void **value)
{
	struct waiter w = { .ended = false };
	int err;

	weft_mutex_lock(&q->m);
	err = try_pop(q, value);
	if (err != -EAGAIN) {
		weft_mutex_unlock(&q->m);
		return err;
	}
	weft_waitgroup_add(&w.woken, 1);
	list_push_back(&q->waiters, &w.in);
	weft_mutex_unlock(&q->m);
	err = weft_waitgroup_wait_ctx(ctx, &w.woken);
	if (err) {
		weft_mutex_lock(&q->m);
		if (!w.ended) {
			list_remove(&w.in);
			weft_mutex_unlock(&q->m);
			return err;
		}
		weft_mutex_unlock(&q->m);
		weft_waitgroup_wait(&w.woken);	/* its waker still holds it */
	}
	if (!w.err)
		*value = w.value;
	return w.err;
}

void weft_pqueue_close(weft_pqueue *q)
{
	struct list all, *e;

	list_init(&all);
	weft_mutex_lock(&q->m);
	if (q->closed)
		die("weft_pqueue_close: %p is closed", (void *)q);
	q->closed = true;
	while (!list_empty(&q->waiters)) {
		e = q->waiters.next;
		end_wait(container_of(e, struct waiter, in), -EPIPE, NULL);
		list_push_back(&all, e);
	}
	weft_mutex_unlock(&q->m);
	while ((e = list_pop_front(&all)))
		weft_waitgroup_done(&container_of(e, struct waiter, in)->woken);
}

size_t weft_pqueue_len(weft_pqueue *q)
{
	size_t n;

	weft_mutex_lock(&q->m);
	n = q->n;
	weft_mutex_unlock(&q->m);
	return n;
}
