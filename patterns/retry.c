/*
 * retry.c - attempts, and what is waited between them
 *
 * A budget counts what is spent, not what is left, so that all-zero is a full one.
 * spent stays between 0 and max.
 */
#include "retry.h"

#include <stdatomic.h>

#include "../base/die.h"
#include "../weft/time.h"

enum { TOKEN = 1000000 };

#define SPENT(b)	((_Atomic int64_t *)&(b)->spent)

/* ---- budget ---- */

static void bring(weft_retry_budget *b, int64_t got)
{
	int64_t spent = atomic_load(SPENT(b));

	/* full, as almost always: nothing is written */
	while (spent && !atomic_compare_exchange_weak(SPENT(b), &spent,
	    spent > got ? spent - got : 0))
		;
}

/* What a call brings. */
static int64_t share(const weft_retry_budget *b)
{
	double ratio = b->ratio ? b->ratio : 0.1;

	if (!(ratio >= 0))
		die("weft_retry_do: a budget's ratio is %g", ratio);
	return ratio < INT32_MAX ? (int64_t)(ratio * TOKEN) : (int64_t)INT32_MAX * TOKEN;
}

static bool take(weft_retry_budget *b)
{
	int64_t max = (int64_t)(b->max ? b->max : 10) * TOKEN, spent = atomic_load(SPENT(b));

	do
		if (spent + TOKEN > max)
			return false;
	while (!atomic_compare_exchange_weak(SPENT(b), &spent, spent + TOKEN));
	return true;
}

/* ---- backoff ---- */

/* A policy without zeros, and where it has got to. */
struct backoff {
	int64_t	min, max;
	double	factor;
	int64_t	d;			/* the next, without jitter */
	int64_t	last;			/* the last, with it */
};

static struct backoff backoff(const weft_retry *r)
{
	struct backoff b = {
		.min = r->min ? r->min : 100 * WEFT_MS,
		.max = r->max ? r->max : 30 * WEFT_SECOND,
		.factor = r->factor ? r->factor : 2,
	};

	if (b.min < 0 || b.max < 0 || (r->min && r->max && b.min > b.max))
		die("weft_retry_do: min is %lld, max %lld", (long long)b.min, (long long)b.max);
	if (!(b.factor >= 1))
		die("weft_retry_do: factor is %g", b.factor);
	if (b.min > b.max && r->max)
		b.min = b.max;		/* a short max, and nothing said of min */
	else if (b.min > b.max)
		b.max = b.min;
	b.d = b.last = b.min;
	return b;
}

/* lo to hi, both included. */
static int64_t between(int64_t lo, int64_t hi)
{
	return lo + (int64_t)(weft_random() % ((uint64_t)(hi - lo) + 1));
}

static int64_t with_jitter(struct backoff *b, enum weft_retry_jitter jitter)
{
	switch (jitter) {
	case WEFT_RETRY_NONE:
		return b->d;
	case WEFT_RETRY_FULL:
		return between(0, b->d);
	case WEFT_RETRY_EQUAL:
		return between(b->d / 2, b->d);
	case WEFT_RETRY_DECORRELATED:
		b->last = between(b->min, b->last < b->max / 3 ? 3 * b->last : b->max);
		return b->last;
	}
	die("weft_retry_do: jitter is %d", (int)jitter);
}

static int64_t next_wait(struct backoff *b, const weft_retry *r, const weft_retry_try *t)
{
	int64_t ns = with_jitter(b, r->jitter);
	double d = (double)b->d * b->factor;

	b->d = d < (double)b->max ? (int64_t)d : b->max;
	return ns > t->after ? ns : t->after;
}

/* ---- attempts ---- */

static bool is_in(const int *list, int err)
{
	for (; list && *list; list++)
		if (*list == err)
			return true;
	return false;
}

static bool goes_on(weft_ctx *ctx, const weft_retry *r, const weft_retry_try *t, int err)
{
	int attempts = r->attempts ? r->attempts : 3;

	return !t->abort && (attempts < 0 || t->number < attempts) &&
	    !is_in(r->abort_on, err) && !weft_err(ctx);
}

static bool in_time(weft_ctx *ctx, int64_t ns)
{
	int64_t end;

	return !weft_deadline(ctx, &end) || ns < end - weft_now();
}

/* Waits ns.  False: there is no time, or no token, or ctx ended, which costs no token. */
static bool wait_for(weft_ctx *ctx, weft_retry_budget *b, int64_t ns)
{
	if (!in_time(ctx, ns) || (b && !take(b)))
		return false;
	if (!weft_sleep_ctx(ctx, ns))
		return true;
	if (b)
		bring(b, TOKEN);
	return false;
}

static int attempts(weft_ctx *ctx, const weft_retry *r, weft_retry_fn *f, void *arg)
{
	struct backoff b = backoff(r);
	int err = weft_err(ctx);

	if (err)
		return err;
	if (r->budget)
		bring(r->budget, share(r->budget));
	for (int n = 1;; n += n < INT32_MAX) {
		weft_retry_try t = { .number = n };

		err = f(ctx, &t, arg);
		if (err >= 0 || !goes_on(ctx, r, &t, err))
			return err;
		if (!wait_for(ctx, r->budget, next_wait(&b, r, &t)))
			return err;
	}
}

int weft_retry_do(weft_ctx *ctx, const weft_retry *policy, weft_retry_fn *f, void *arg)
{
	weft_ctx *mine = policy->total ? weft_with_timeout(ctx, policy->total) : NULL;
	int err = attempts(mine ? mine : ctx, policy, f, arg);

	weft_ctx_free(mine);
	return err;
}
