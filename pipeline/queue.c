/* queue.c - an output's queue; see queue.h */
#include "queue.h"

#include <stdlib.h>

#include "base/die.h"
#include "weft/time.h"

void
queue_init(struct queue *q, size_t limit)
{
	*q = (struct queue){ .limit = limit };
	q->last = &q->first;
}

void
queue_limit(struct queue *q, size_t limit)
{
	weft_mutex_lock(&q->lock);
	q->limit = limit;
	weft_cond_broadcast(&q->changed);
	weft_mutex_unlock(&q->lock);
}

void
queue_finish(struct queue *q)
{
	assert_always(!q->first);
}

/* An empty queue takes any batch, however big. */
static bool
full(const struct queue *q)
{
	return q->batches && q->bytes >= q->limit;
}

bool
queue_full(struct queue *q)
{
	bool is;

	weft_mutex_lock(&q->lock);
	is = full(q);
	weft_mutex_unlock(&q->lock);
	return is;
}

static void
append(struct queue *q, struct item *it)
{
	it->next = NULL;
	*q->last = it;
	q->last = &it->next;
	weft_cond_broadcast(&q->changed);
}

static void
append_batch(struct queue *q, struct batch *b)
{
	struct item *it = xcalloc(1, sizeof(*it));

	it->batch = b;
	q->batches++;
	q->bytes += b->charged;
	append(q, it);
}

int
queue_put(weft_ctx *ctx, struct queue *q, struct batch *b)
{
	int err = 0;

	weft_mutex_lock(&q->lock);
	if (full(q))
		q->waits++;
	while (!err && full(q))
		err = weft_cond_wait_ctx(ctx, &q->changed, &q->lock);
	if (!err)
		append_batch(q, b);
	weft_mutex_unlock(&q->lock);
	return err;
}

void
queue_put_over(struct queue *q, struct batch *b)
{
	weft_mutex_lock(&q->lock);
	append_batch(q, b);
	weft_mutex_unlock(&q->lock);
}

static void
add_up(struct account *a, const struct account *b)
{
	for (int i = 0; i < ACCOUNT_COLUMNS; i++)
		((uint64_t *)a)[i] += ((const uint64_t *)b)[i];
}

/* A gap right behind one of the same stream becomes one with it: a flood must not cost memory. */
static bool
merge(struct queue *q, const struct gap *g)
{
	struct item *found = NULL;

	for (struct item *it = q->first; it; it = it->next)
		if (it->batch)
			found = NULL;
		else if (it->gap.stream == g->stream &&
		    it->gap.span.to.offset == g->span.from)
			found = it;
	if (!found)
		return false;
	add_up(&found->gap.account, &g->account);
	found->gap.span.to = g->span.to;
	return true;
}

void
queue_put_gap(struct queue *q, const struct gap *g)
{
	weft_mutex_lock(&q->lock);
	if (!merge(q, g)) {
		struct item *it = xcalloc(1, sizeof(*it));

		it->gap = *g;
		append(q, it);
	}
	weft_mutex_unlock(&q->lock);
}

/* The gap before it of the same stream, with nothing but gaps between. */
static void
join_gaps(struct queue *q, struct item *made)
{
	struct item *before = NULL;
	struct item **at;

	for (struct item *it = q->first; it != made; it = it->next)
		if (it->batch)
			before = NULL;
		else if (it->gap.stream == made->gap.stream &&
		    it->gap.span.to.offset == made->gap.span.from)
			before = it;
	if (!before)
		return;
	add_up(&before->gap.account, &made->gap.account);
	before->gap.span.to = made->gap.span.to;
	for (at = &q->first; *at != made; at = &(*at)->next)
		;
	*at = made->next;
	if (q->last == &made->next)
		q->last = at;
	free(made);
}

bool
queue_drop_oldest(struct queue *q, void (*fill)(struct batch *b, struct gap *g, void *arg),
    void *arg)
{
	struct batch *b = NULL;

	weft_mutex_lock(&q->lock);
	for (struct item *it = q->first; it && !b; it = it->next)
		if ((b = it->batch)) {
			fill(b, &it->gap, arg);
			it->batch = NULL;
			q->batches--;
			q->bytes -= b->charged;
			join_gaps(q, it);
			break;
		}
	weft_mutex_unlock(&q->lock);
	if (b)
		batch_unref(b);
	return b;
}

struct item *
queue_take(struct queue *q, int64_t when)
{
	struct item *it;
	weft_ctx *ctx = NULL;
	int err = 0;

	weft_mutex_lock(&q->lock);
	if (!q->first && !q->closed && when > weft_now())
		ctx = weft_with_deadline(NULL, when);
	while (ctx && !err && !q->first && !q->closed && !q->poked)
		err = weft_cond_wait_ctx(ctx, &q->changed, &q->lock);
	q->poked = false;
	if ((it = q->first)) {
		q->first = it->next;
		if (!q->first)
			q->last = &q->first;
		if (it->batch) {
			q->batches--;
			q->bytes -= it->batch->charged;
		}
		weft_cond_broadcast(&q->changed);
	}
	weft_mutex_unlock(&q->lock);
	weft_ctx_free(ctx);
	return it;
}

void
queue_item_free(struct item *it)
{
	if (it->batch)
		batch_unref(it->batch);
	free(it);
}

void
queue_poke(struct queue *q)
{
	weft_mutex_lock(&q->lock);
	q->poked = true;
	weft_cond_broadcast(&q->changed);
	weft_mutex_unlock(&q->lock);
}

void
queue_close(struct queue *q)
{
	weft_mutex_lock(&q->lock);
	q->closed = true;
	weft_cond_broadcast(&q->changed);
	weft_mutex_unlock(&q->lock);
}

bool
queue_leave(struct queue *q)
{
	bool left;

	weft_mutex_lock(&q->lock);
	left = q->left = q->closed && !q->first;
	weft_mutex_unlock(&q->lock);
	return left;
}

bool
queue_reopen(struct queue *q)
{
	bool open;

	weft_mutex_lock(&q->lock);
	open = !q->left;
	if (open)
		q->closed = false;
	weft_mutex_unlock(&q->lock);
	return open;
}

void
queue_restart(struct queue *q)
{
	weft_mutex_lock(&q->lock);
	q->closed = q->left = false;
	weft_mutex_unlock(&q->lock);
}

bool
queue_ended(struct queue *q)
{
	bool is;

	weft_mutex_lock(&q->lock);
	is = q->closed && !q->first;
	weft_mutex_unlock(&q->lock);
	return is;
}
