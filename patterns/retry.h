/*
 * retry.h - does it again until it works, later each time
 *
 *	static int fetch(weft_ctx *ctx, weft_retry_try *t, void *url);
 *
 *	static weft_retry_budget budget = { .ratio = 0.1 };
 *	err = weft_retry_do(ctx, &(weft_retry){ .attempts = 5, .min = 50 * WEFT_MS,
 *	    .abort_on = (int[]){ -ENOENT, -EACCES, 0 }, .budget = &budget }, fetch, url);
 *
 * A policy is only read: many may use one at the same time.  Zero in any field means
 * what is written beside it.  Unlike Go's cenkalti/backoff the default jitter is full,
 * and a wait that cannot end before the deadline is not begun.
 */
#ifndef PATTERNS_RETRY_H
#define PATTERNS_RETRY_H

#include "../weft/weft.h"

/*
 * How long to wait is drawn from [0, d], [d / 2, d] or [min, 3 * the last wait], or is d
 * itself, where d is min, min * factor, min * factor^2 and so on, and never more than max.
 */
enum weft_retry_jitter {
	WEFT_RETRY_FULL, WEFT_RETRY_EQUAL, WEFT_RETRY_DECORRELATED, WEFT_RETRY_NONE,
};

/*
 * Shared by callers, so that together they retry at most ratio times as often as they
 * call, plus max.  Each call brings ratio of a token, each retry takes one; at most max
 * are kept, and so many are there in the beginning.  A retry that finds none is not
 * made.  All-zero is ready; it is yours, and lives as long as those who use it.
 */
typedef struct weft_retry_budget weft_retry_budget;
struct weft_retry_budget {
	double	ratio;			/* 0.1 */
	int	max;			/* 10 */
	int64_t	spent;			/* private: millionths of a token; atomic */
};

typedef struct weft_retry weft_retry;
struct weft_retry {
	int	attempts;		/* at most so many; 3.  Below 0: any number */
	int64_t	min, max;		/* ns between them; 100 ms and 30 s, or as the other */
	double	factor;			/* 2; from 1 on */
	enum weft_retry_jitter jitter;
	int64_t	total;			/* ns for everything; as long as ctx lasts */
	const int *abort_on;		/* errors that end it, up to a 0; none */
	weft_retry_budget *budget;	/* any number */
};

/* What an attempt is told, and may say. */
typedef struct weft_retry_try weft_retry_try;
struct weft_retry_try {
	int	number;			/* from 1 */
	int64_t	after;			/* set it: wait at least so many ns (Retry-After) */
	bool	abort;			/* set it: do not try again */
};
typedef int weft_retry_fn(weft_ctx *ctx, weft_retry_try *t, void *arg);

/*
 * Calls f until it returns 0 or more, and returns that.  Otherwise the last error of f:
 * when no attempt is left, when f or abort_on ends it, when the budget is spent, when ctx
 * ends, and at once when the next attempt could only begin after total or the deadline of
 * ctx.  Only if ctx had ended before, f is not called, and the error is -ECANCELED
 * or -ETIMEDOUT.  f's context is ctx, with total as its deadline.  after may exceed max.
 * min above max, a factor below 1 or a ratio below 0 stops the program.
 */
int	weft_retry_do(weft_ctx *ctx, const weft_retry *policy, weft_retry_fn *f, void *arg);

#endif
