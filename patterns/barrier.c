/*
 * barrier.c - a list of those who have come
 *
 * The list is the round.  Whoever ends one, by completing or breaking it, takes the
 * list under the lock, and then wakes everybody on it with the outcome; so the next
 * round can gather while the woken ones have not run yet.  A waiter whose context has ended
 * breaks the round only if it is still on the barrier's list; else the outcome is
 * known, and it waits for its waker.
 */
#include "barrier.h"

#include <stdlib.h>

#include "../base/die.h"
#include "../base/list.h"
#include "../weft/sync.h"

struct weft_barrier {
	weft_mutex	m;		/* protects the rest; never held in the action */
	int		parties, waiting;
	bool		broken, acting;
	unsigned	breaks;		/* and resets */
	struct list	waiters;	/* waiting of them */
	weft_cond	acted;		/* or broken: for those of the next round */
	void		(*action)(void *);
	void		*arg;
};

struct waiter { struct list in; int place; bool ended, broken; weft_waitgroup woken; };

weft_barrier *weft_barrier_new(int parties, void (*action)(void *), void *arg)
{
	weft_barrier *b;

	if (parties <= 0)
		die("weft_barrier_new: %d parties", parties);
	b = xmalloc(sizeof *b);
	*b = (weft_barrier){ .parties = parties, .action = action, .arg = arg };
	list_init(&b->waiters);
	return b;
}

void weft_barrier_free(weft_barrier *b)
{
	if (b && (b->waiting || b->acting))
		die("weft_barrier_free: %d wait for %p", b->waiting, (void *)b);
	free(b);
}

/* Under the lock: all who wait belong to *round now. */
static void end_round(weft_barrier *b, struct list *round, bool broken)
{
	struct list *e;

	list_init(round);
	while ((e = list_pop_front(&b->waiters))) {
		struct waiter *w = container_of(e, struct waiter, in);

		w->ended = true;
		w->broken = broken;
		list_push_back(round, e);
	}
	b->waiting = 0;
}

static void wake(struct list *round)
{
	struct list *e;

	while ((e = list_pop_front(round)))
		weft_waitgroup_done(&container_of(e, struct waiter, in)->woken);
}

/* Under the lock, which it lets go of, as do the ones below. */
static void break_round(weft_barrier *b, bool broken)
{
	struct list round;

	end_round(b, &round, true);
	b->broken = broken;
	b->breaks++;
	weft_cond_broadcast(&b->acted);
	weft_mutex_unlock(&b->m);
	wake(&round);
}

/* By the last to come. */
static int complete(weft_barrier *b)
{
	struct list round;

	end_round(b, &round, false);
	b->acting = b->action;
	weft_mutex_unlock(&b->m);
	if (b->action) {
		b->action(b->arg);
		weft_mutex_lock(&b->m);
		b->acting = false;
		weft_cond_broadcast(&b->acted);
		weft_mutex_unlock(&b->m);
	}
	wake(&round);
	return 0;
}

static int outcome(const struct waiter *w)
{
	return w->broken ? -EPIPE : w->place;
}

static int give_up(weft_barrier *b, struct waiter *w, int err)
{
	weft_mutex_lock(&b->m);
	if (w->ended) {
		weft_mutex_unlock(&b->m);
		weft_waitgroup_wait(&w->woken);
		return outcome(w);
	}
	list_remove(&w->in);
	break_round(b, true);
	return err;
}

/* Not the last. */
static int gather(weft_ctx *ctx, weft_barrier *b)
{
	struct waiter w = { .place = b->parties - 1 - b->waiting++ };
	int err;

	weft_waitgroup_add(&w.woken, 1);
	list_push_back(&b->waiters, &w.in);
	weft_mutex_unlock(&b->m);
	err = weft_waitgroup_wait_ctx(ctx, &w.woken);
	return err ? give_up(b, &w, err) : outcome(&w);
}

int weft_barrier_wait(weft_ctx *ctx, weft_barrier *b)
{
	unsigned breaks;
	int err = 0;

	weft_mutex_lock(&b->m);
	breaks = b->breaks;
	while (b->acting && !b->broken && b->breaks == breaks && !err)
		err = weft_cond_wait_ctx(ctx, &b->acted, &b->m);
	if (b->broken || b->breaks != breaks) {
		weft_mutex_unlock(&b->m);
		return -EPIPE;
	}
	if (b->acting) {
		break_round(b, true);	/* it would have been the first */
		return err;
	}
	return b->waiting == b->parties - 1 ? complete(b) : gather(ctx, b);
}

void weft_barrier_reset(weft_barrier *b)
{
	weft_mutex_lock(&b->m);
	break_round(b, false);
}

bool weft_barrier_broken(weft_barrier *b)
{
	bool broken;

	weft_mutex_lock(&b->m);
	broken = b->broken;
	weft_mutex_unlock(&b->m);
	return broken;
}

int weft_barrier_waiting(weft_barrier *b)
{
	int n;

	weft_mutex_lock(&b->m);
	n = b->waiting;
	weft_mutex_unlock(&b->m);
	return n;
}
