/*
 * breaker.c - three states, and what is counted in each
 *
 * now_in is the generation, which every change of state makes larger, times four, plus
 * the state.  It is changed under the lock only, and read without it by calls that find the
 * breaker closed: they take no lock to begin, and none to end when there is nothing to count.
 * Open becomes half-open when somebody looks and its time is over; no timer runs.
 *
 * Changes are queued under the lock.  One goroutine at a time reports them, without
 * it, until the queue is empty; so the callback sees all, in order.
 */
#include "breaker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/die.h"
#include "../weft/sync.h"
#include "../weft/time.h"

struct bucket { int64_t calls, failures; };

/* A place for a probe: free when taken is 0, or when its lease is over. */
struct probe {
	uint64_t taken;			/* by which; ~0: succeeded */
	int64_t	 until;
};

#define SUCCEEDED	(~UINT64_C(0))

struct weft_breaker {
	weft_breaker_options o;
	_Atomic uint64_t now_in;
	_Atomic int	 row;		/* failures without a success between them */
	weft_mutex	 lock;		/* all below; no callback is called under it */
	int64_t		 until;		/* open */
	uint64_t	 serial;	/* of the last probe */
	struct probe	*probes;	/* half-open */
	struct bucket	 sum, *buckets;	/* closed, if there is a rate */
	int64_t		 step;		/* of the window, the last that was counted in */
	struct buf	 changes;	/* states it went to and that are not reported */
	enum weft_breaker_state reported;	/* the last that was */
	bool		 reporting;
};

#define OR(x, otherwise)	((x) ? (x) : (otherwise))

static void check(const weft_breaker_options *o)
{
	if (!(o->rate >= 0 && o->rate <= 1))
		die("weft_breaker_new: rate is %g", o->rate);
	if (o->consecutive < 0 || o->min_calls < 0 || o->window < 0 || o->buckets < 0 ||
	    o->open_for < 0 || o->probes < 0 || o->lease < 0)
		die("weft_breaker_new: an option is negative");
}

weft_breaker *weft_breaker_new(weft_breaker_options o)
{
	weft_breaker *b = xcalloc(1, sizeof *b);

	check(&o);
	if (!o.consecutive)
		o.consecutive = o.rate ? INT32_MAX : 5;
	o.min_calls = OR(o.min_calls, 10);
	o.window = OR(o.window, 10 * WEFT_SECOND);
	o.buckets = OR(o.buckets, 10);
	o.open_for = OR(o.open_for, 60 * WEFT_SECOND);
	o.probes = OR(o.probes, 1);
	o.lease = OR(o.lease, 60 * WEFT_SECOND);
	b->o = o;
	b->probes = xcalloc((size_t)o.probes, sizeof *b->probes);
	b->buckets = xcalloc((size_t)o.buckets, sizeof *b->buckets);
	return b;
}

void weft_breaker_free(weft_breaker *b)
{
	if (!b)
		return;
	buf_finish(&b->changes);
	free(b->probes);
	free(b->buckets);
	free(b);
}

/* ---- state ---- */

static enum weft_breaker_state state_of(uint64_t now_in)
{
	return now_in & 3;
}

/* acquire: pairs with the release in change */
static uint64_t look(weft_breaker *b)
{
	return atomic_load_explicit(&b->now_in, memory_order_acquire);
}

/* In ns from now; if that is too far away, never. */
static int64_t in(int64_t ns)
{
	int64_t at;

	return __builtin_add_overflow(weft_now(), ns, &at) ? INT64_MAX : at;
}

static void forget(weft_breaker *b)
{
	b->row = 0;
	b->sum = (struct bucket){0};
	memset(b->buckets, 0, (size_t)b->o.buckets * sizeof *b->buckets);
	memset(b->probes, 0, (size_t)b->o.probes * sizeof *b->probes);
}

static void change(weft_breaker *b, enum weft_breaker_state to)
{
	uint64_t generation = (look(b) >> 2) + 1;

	forget(b);
	if (to == WEFT_BREAKER_IS_OPEN)
		b->until = in(b->o.open_for);
	if (b->o.on_change)
		buf_addc(&b->changes, (char)to);
	/* release: pairs with the acquire in look */
	atomic_store_explicit(&b->now_in, generation << 2 | to, memory_order_release);
}

static enum weft_breaker_state settle(weft_breaker *b)
{
	if (state_of(look(b)) == WEFT_BREAKER_IS_OPEN && weft_now() >= b->until)
		change(b, WEFT_BREAKER_IS_HALF_OPEN);
	return state_of(look(b));
}

static void report(weft_breaker *b)
{
	struct buf todo = b->changes;

	b->changes = (struct buf){0};
	weft_mutex_unlock(&b->lock);
	for (size_t i = 0; i < todo.len; i++) {
		enum weft_breaker_state to = todo.data[i];

		b->o.on_change(b->reported, to, b->o.arg);
		b->reported = to;	/* ours alone while reporting */
	}
	buf_finish(&todo);
	weft_mutex_lock(&b->lock);
}

static void unlock(weft_breaker *b)
{
	if (!b->reporting) {
		b->reporting = true;
		while (b->changes.len)
			report(b);
		b->reporting = false;
	}
	weft_mutex_unlock(&b->lock);
}

enum weft_breaker_state weft_breaker_state(weft_breaker *b)
{
	enum weft_breaker_state s;

	weft_mutex_lock(&b->lock);
	s = settle(b);
	unlock(b);
	return s;
}

/* ---- a call begins ---- */

static int take_probe(weft_breaker *b, weft_breaker_ticket *t)
{
	int64_t now = weft_now();

	for (int i = 0; i < b->o.probes; i++) {
		struct probe *p = &b->probes[i];

		if (p->taken == SUCCEEDED || (p->taken && now < p->until))
			continue;
		*p = (struct probe){ ++b->serial, in(b->o.lease) };
		t->probe = p->taken;
		return 0;
	}
	return WEFT_BREAKER_BUSY;
}

__attribute__((noinline)) static int allow_slow_path(weft_breaker *b, weft_breaker_ticket *t)
{
	int err = 0;

	weft_mutex_lock(&b->lock);
	switch (settle(b)) {
	case WEFT_BREAKER_IS_CLOSED:
		break;
	case WEFT_BREAKER_IS_OPEN:
		err = WEFT_BREAKER_OPEN;
		break;
	case WEFT_BREAKER_IS_HALF_OPEN:
		err = take_probe(b, t);
		break;
	}
	t->generation = look(b) >> 2;
	unlock(b);
	return err;
}

int weft_breaker_allow(weft_breaker *b, weft_breaker_ticket *t)
{
	uint64_t now_in = look(b);

	*t = (weft_breaker_ticket){ now_in >> 2, 0 };
	return state_of(now_in) == WEFT_BREAKER_IS_CLOSED ? 0 : allow_slow_path(b, t);
}

/* ---- and ends ---- */

static void drop(weft_breaker *b, struct bucket *old)
{
	b->sum.calls -= old->calls;
	b->sum.failures -= old->failures;
	*old = (struct bucket){0};
}

/* The bucket of this moment.  Those that the window has left behind are empty. */
static struct bucket *bucket(weft_breaker *b)
{
	int64_t n = b->o.buckets, step = weft_now() / OR(b->o.window / n, 1);

	for (int64_t i = 0; i < n && b->step + i < step; i++)
		drop(b, &b->buckets[(b->step + 1 + i) % n]);
	if (step > b->step)
		b->step = step;
	return &b->buckets[b->step % n];
}

/* Says whether they are too many. */
static bool count(weft_breaker *b, bool failed)
{
	struct bucket *at = bucket(b);

	at->calls++, at->failures += failed;
	b->sum.calls++, b->sum.failures += failed;
	return b->sum.calls >= b->o.min_calls &&
	    (double)b->sum.failures >= b->o.rate * (double)b->sum.calls;
}

static void done_closed(weft_breaker *b, bool failed)
{
	bool trip = b->o.rate && count(b, failed);

	b->row = failed ? b->row + (b->row < INT32_MAX) : 0;
	if (failed && (trip || (b->row >= b->o.consecutive && b->o.consecutive < INT32_MAX)))
		change(b, WEFT_BREAKER_IS_OPEN);
}

static bool all_succeeded(const weft_breaker *b)
{
	for (int i = 0; i < b->o.probes; i++)
		if (b->probes[i].taken != SUCCEEDED)
			return false;
	return true;
}

static void done_probe(weft_breaker *b, uint64_t probe, enum weft_breaker_verdict v)
{
	struct probe *p = b->probes, *end = p + b->o.probes;

	while (p < end && p->taken != probe)
		p++;
	if (p == end)
		return;			/* another has its place */
	if (v == WEFT_BREAKER_FAILURE) {
		change(b, WEFT_BREAKER_IS_OPEN);
		return;
	}
	p->taken = v == WEFT_BREAKER_SUCCESS ? SUCCEEDED : 0;
	if (all_succeeded(b))
		change(b, WEFT_BREAKER_IS_CLOSED);
}

static enum weft_breaker_verdict judge(const weft_breaker *b, int result)
{
	if (b->o.judge)
		return b->o.judge(result, b->o.arg);
	return result >= 0 ? WEFT_BREAKER_SUCCESS :
	    result == -ECANCELED ? WEFT_BREAKER_IGNORE : WEFT_BREAKER_FAILURE;
}

void weft_breaker_done(weft_breaker *b, weft_breaker_ticket t, int result)
{
	enum weft_breaker_verdict v = judge(b, result);

	if (!t.probe && (v == WEFT_BREAKER_IGNORE ||
	    (v == WEFT_BREAKER_SUCCESS && !b->o.rate && !b->row)))
		return;
	weft_mutex_lock(&b->lock);
	if (t.generation == look(b) >> 2) {
		if (t.probe)
			done_probe(b, t.probe, v);
		else
			done_closed(b, v == WEFT_BREAKER_FAILURE);
	}
	unlock(b);
}

int weft_breaker_call(weft_ctx *ctx, weft_breaker *b, int (*f)(weft_ctx *, void *), void *arg)
{
	weft_breaker_ticket t;
	int result = weft_breaker_allow(b, &t);

	if (result)
		return result;
	result = f(ctx, arg);
	weft_breaker_done(b, t, result);
	return result;
}
