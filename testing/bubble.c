/*
 * bubble.c - tests in virtual time
 *
 * A test's sub-tests share its bubble.  The bubble belongs to the top test's record
 * and is freed with it; when goroutines have leaked both are kept for ever.
 */
#include <stdlib.h>

#include "harness.h"

/* On a scheduler's stack.  One leaf has failed; then its parent may go on. */
static void on_stuck(struct bubble *b)
{
	weft_t *stuck = NULL;

	pthread_mutex_lock(&harness.lock);
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->bubble == b && test_is_leaf(t) && test_move(t, T_STUCK)) {
			stuck = t;
			break;
		}
	}
	pthread_mutex_unlock(&harness.lock);
	if (stuck)
		wakeup_set(&stuck->done, self()->w);
}

struct bubble *test_bubble(weft_t *t, uint64_t seed)
{
	struct bubble *b = xmalloc(sizeof *b);

	bubble_init(b, seed);
	b->data = t;
	b->stuck = on_stuck;
	return b;
}

void test_bubble_free(weft_t *t)
{
	if (!t->bubble || t->parent)
		return;
	while (bubble_busy(t->bubble))
		weft_yield();		/* contexts that have just expired */
	bubble_finish(t->bubble);
	free(t->bubble);
}

void weft_settle(void)
{
	if (!bubble_current())
		die("weft_settle: not in a bubble: give the test .bubble = true");
	bubble_settle(CALLER);
}
