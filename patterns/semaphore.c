/*
 * semaphore.c - a count, and a queue of those for whom it did not reach
 *
 * While somebody waits, the first in the queue wants more than is free; so whatever changes
 * either of the two grants what it can.  Who grants takes the waiter off the queue, with
 * its permits, under the lock, and then wakes it; a waiter whose context has ended looks, under
 * the lock, whether it was granted, and then has to wait for its waker, who still
 * holds its node.
 */
#include "semaphore.h"

#include <stdlib.h>

#include "../base/die.h"
#include "../base/list.h"
#include "../weft/sync.h"

struct weft_semaphore {
	weft_mutex	m;		/* protects what is below; never held while waiting */
	int64_t		size, free;
	struct list	waiters;
};

struct waiter {
	struct list	in;
	int64_t		n;
	bool		granted;
	weft_waitgroup	woken;
};

weft_semaphore *weft_semaphore_new(int64_t size)
{
	weft_semaphore *s;

	if (size < 0)
		die("weft_semaphore_new: size %lld", (long long)size);
	s = xmalloc(sizeof *s);
	*s = (weft_semaphore){ .size = size, .free = size };
	list_init(&s->waiters);
	return s;
}

void weft_semaphore_free(weft_semaphore *s)
{
	if (s && !list_empty(&s->waiters))
		die("weft_semaphore_free: somebody waits for %p", (void *)s);
	free(s);
}

static inline void check(const char *f, int64_t n)
{
	if (unlikely(n < 0))
		die("weft_semaphore_%s: %lld permits", f, (long long)n);
}

static inline bool take(weft_semaphore *s, int64_t n)
{
	if (n > s->free || !list_empty(&s->waiters))
		return false;
	s->free -= n;
	return true;
}

/* Gives to the first as long as it reaches, and unlocks. */
static void grant(weft_semaphore *s)
{
	struct list ready, *e;

	list_init(&ready);
	while (!list_empty(&s->waiters)) {
		struct waiter *w = container_of(s->waiters.next, struct waiter, in);

		if (w->n > s->free)
			break;
		s->free -= w->n;
		w->granted = true;
		list_remove(&w->in);
		list_push_back(&ready, &w->in);
	}
	weft_mutex_unlock(&s->m);
	while ((e = list_pop_front(&ready)))
		weft_waitgroup_done(&container_of(e, struct waiter, in)->woken);
}

/* 0: it was granted all the same. */
static int withdraw(weft_semaphore *s, struct waiter *w, int err)
{
	weft_mutex_lock(&s->m);
	if (w->granted) {
		weft_mutex_unlock(&s->m);
		weft_waitgroup_wait(&w->woken);
		return 0;
	}
	list_remove(&w->in);
	grant(s);			/* it may have held up others */
	return err;
}

/* With the lock, which it lets go of. */
static __attribute__((noinline)) int queue_up(weft_ctx *ctx, weft_semaphore *s, int64_t n)
{
	struct waiter w = { .n = n };
	int err;

	weft_waitgroup_add(&w.woken, 1);
	list_push_back(&s->waiters, &w.in);
	weft_mutex_unlock(&s->m);
	err = weft_waitgroup_wait_ctx(ctx, &w.woken);
	return err ? withdraw(s, &w, err) : 0;
}

int weft_semaphore_acquire(weft_ctx *ctx, weft_semaphore *s, int64_t n)
{
	check("acquire", n);
	weft_mutex_lock(&s->m);
	if (likely(take(s, n))) {
		weft_mutex_unlock(&s->m);
		return 0;
	}
	if (n <= s->size)
		return queue_up(ctx, s, n);
	weft_mutex_unlock(&s->m);
	weft_recv(weft_done(ctx), NULL);
	return weft_err(ctx);
}

bool weft_semaphore_try_acquire(weft_semaphore *s, int64_t n)
{
	bool ok;

	check("try_acquire", n);
	weft_mutex_lock(&s->m);
	ok = take(s, n);
	weft_mutex_unlock(&s->m);
	return ok;
}

void weft_semaphore_release(weft_semaphore *s, int64_t n)
{
	check("release", n);
	weft_mutex_lock(&s->m);
	if (unlikely(n > s->size - s->free))
		die("weft_semaphore_release: %lld permits, but %lld are held",
		    (long long)n, (long long)(s->size - s->free));
	s->free += n;
	if (likely(list_empty(&s->waiters)))
		weft_mutex_unlock(&s->m);
	else
		grant(s);
}
