/* budget.c - the memory budget; see budget.h */
#include "budget.h"

#include "base/die.h"

static bool
fits(const struct budget *b, size_t n)
{
	return b->used == 0 || b->used + n <= b->limit;
}

void
budget_init(struct budget *b, size_t limit)
{
	*b = (struct budget){ .limit = limit };
	list_init(&b->waiting);
}

static void
took(struct budget *b, size_t n)
{
	b->used += n;
	if (b->used > b->peak)
		b->peak = b->used;
}

int
budget_take(weft_ctx *ctx, struct budget *b, size_t n)
{
	struct list me;
	int err = 0;

	weft_mutex_lock(&b->lock);
	list_push_back(&b->waiting, &me);
	if (b->waiting.next != &me || !fits(b, n))
		b->waits++;
	while (!err && (b->waiting.next != &me || !fits(b, n)))
		err = weft_cond_wait_ctx(ctx, &b->changed, &b->lock);
	list_remove(&me);
	if (!err)
		took(b, n);
	weft_cond_broadcast(&b->changed);	/* the next may fit as well */
	weft_mutex_unlock(&b->lock);
	return err;
}

void
budget_charge(struct budget *b, ptrdiff_t n)
{
	if (n == 0)
		return;
	weft_mutex_lock(&b->lock);
	assert_always(n > 0 || b->used >= (size_t)-n);
	took(b, n);
	if (n < 0)
		weft_cond_broadcast(&b->changed);
	weft_mutex_unlock(&b->lock);
}

size_t
budget_used(struct budget *b)
{
	size_t used;

	weft_mutex_lock(&b->lock);
	used = b->used;
	weft_mutex_unlock(&b->lock);
	return used;
}

bool
budget_fits(struct budget *b, size_t n)
{
	bool is;

	weft_mutex_lock(&b->lock);
	is = fits(b, n);
	weft_mutex_unlock(&b->lock);
	return is;
}

void
budget_set(struct budget *b, size_t limit)
{
	weft_mutex_lock(&b->lock);
	b->limit = limit;
	weft_cond_broadcast(&b->changed);
	weft_mutex_unlock(&b->lock);
}

bool
budget_wanted(struct budget *b)
{
	bool is;

	weft_mutex_lock(&b->lock);
	is = !list_empty(&b->waiting);
	weft_mutex_unlock(&b->lock);
	return is;
}
