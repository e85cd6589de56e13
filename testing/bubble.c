/*
 * bubble.c - tests in virtual time
 *
 * A test's sub-tests share its bubble.  The bubble belongs to the top test's record
 * and is freed with it; when goroutines have leaked both are kept for ever.
 */
#include <stdlib.h>

#include "../weft/memnet.h"
#include "harness.h"

/*
 * A test that has not asked for a bubble, but was put into one by -explore, is skipped
 * when it needs what is not in there.
 */
static bool on_refuse(struct bubble *b, const char *what, bool needed)
{
	weft_t *t = b->data;

	if (!needed && (t->test->bubble || t->test->explore))
		return false;
	t->refused = what;
	b->frozen = true;
	if (test_move(t, T_STUCK))
		wakeup_set(&t->done, self()->w);
	return true;
}

void test_refused(weft_t *t)
{
	bool asked = t->test->bubble || t->test->explore;
	struct buf b = {0};

	buf_printf(&b, "    %s: not in a bubble\n", t->refused);
	atomic_store(asked ? &t->failed : &t->skipped, true);
	harness_lock();
	report_log_locked(t, b.data, b.len);
	harness_unlock();
	buf_finish(&b);
}

/* On a scheduler's stack.  One leaf has failed; then its parent may go on. */
static void on_stuck(struct bubble *b)
{
	weft_t *stuck = NULL;

	pthread_mutex_lock(&harness.lock);
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->bubble == b && test_is_leaf(t)) {
			stuck = t;
			break;
		}
	}
	pthread_mutex_unlock(&harness.lock);
	if (stuck && watch_others())
		on_refuse(b, "waiting for a thread", true);
	else if (stuck && test_move(stuck, T_STUCK))
		wakeup_set(&stuck->done, self()->w);
}

/* The others go on when the failed one is a sub-test: it is its parent that comes back. */
static bool on_locked_up(struct bubble *b)
{
	weft_t *stuck = NULL;

	pthread_mutex_lock(&harness.lock);
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->bubble == b && test_is_leaf(t) && cycle_for_good(&t->group)) {
			stuck = t;
			break;
		}
	}
	pthread_mutex_unlock(&harness.lock);
	if (!stuck || !test_move(stuck, T_STUCK))
		return false;
	b->frozen = !stuck->parent;
	wakeup_set(&stuck->done, self()->w);
	return true;
}

struct bubble *test_bubble(weft_t *t, uint64_t seed)
{
	struct bubble *b = xmalloc(sizeof *b);

	bubble_init(b, seed);
	b->data = t;
	b->stuck = on_stuck;
	b->locked_up = on_locked_up;
	b->refuse = on_refuse;
	return b;
}

static void wait_for_turns(struct bubble *b)
{
	while (bubble_busy(b))
		weft_yield();		/* contexts that have just expired; what may leak */
}

/* Its owner is going to look at what was chosen, and to forget whom it wanted to be chosen. */
void test_bubble_stop(weft_t *t)
{
	wait_for_turns(t->bubble);
	bubble_freeze(t->bubble);
}

void test_bubble_free(weft_t *t)
{
	if (!t->bubble || t->parent)
		return;
	wait_for_turns(t->bubble);
	bubble_finish(t->bubble);
	free(t->bubble);
}

static struct bubble *here(const char *call)
{
	struct bubble *b = bubble_current();

	if (!b)
		die("%s: not in a bubble: give the test .bubble = true", call);
	return b;
}

void weft_settle(void)
{
	here("weft_settle");
	bubble_settle(CALLER);
}

void weft_net_faults(struct weft_net_faults f)
{
	struct mem_faults faults = { f.latency_min, f.latency_max, f.bytes_per_second, f.loss,
	    f.reset };

	if (f.latency_min < 0 || f.bytes_per_second < 0 || f.loss < 0 || f.loss >= 1 ||
	    f.reset < 0 || f.reset > 1)
		die("weft_net_faults: times and rates are not below 0, loss is below 1, reset at most 1");
	memnet_faults(here("weft_net_faults"), &faults);
}

void weft_net_cut(const char *addr)
{
	memnet_cut(here("weft_net_cut"), addr, true);
}

void weft_net_heal(const char *addr)
{
	memnet_cut(here("weft_net_heal"), addr, false);
}

void weft_net_reset(const char *addr)
{
	memnet_reset(here("weft_net_reset"), addr);
}
