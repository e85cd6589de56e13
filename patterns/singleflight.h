/*
 * singleflight.h - many ask for the same thing at once, and one call answers them all
 *
 *	static int fetch(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value);
 *
 *	weft_singleflight *g = weft_singleflight_new(copy, drop);
 *
 *	err = weft_singleflight_do(ctx, g, url, strlen(url), fetch, arg, &page, NULL);
 *
 * Go's golang.org/x/sync/singleflight, but that who asks can leave, with its context, and the
 * others still get their answer.  Nothing is remembered: who asks after a call has ended, or
 * failed, makes a new one.
 *
 * Who gets a value owns it.  A call makes one; for each further caller copy(value) makes
 * another, and one that nobody is left to take goes to drop(value).  With reference
 * counts copy adds one and returns its argument.  copy may be NULL: all get the same
 * pointer; drop, too.
 */
#ifndef PATTERNS_SINGLEFLIGHT_H
#define PATTERNS_SINGLEFLIGHT_H

#include "../weft/weft.h"

typedef struct weft_singleflight weft_singleflight;

/*
 * The call.  0, with *value set, which was NULL, or a negative errno: no value.  ctx is its own:
 * it is cancelled when all who asked have left, and carries no values.  key and arg: see do.
 * It must return: one that asks for its own key waits for itself, and weft_goexit in it
 * leaves those who asked without an answer.
 */
typedef int weft_singleflight_fn(weft_ctx *ctx, const void *key, size_t len, void *arg,
    void **value);

weft_singleflight *weft_singleflight_new(void *(*copy)(void *value), void (*drop)(void *value));

/* Waits for calls whose callers have left.  NULL: nothing; with callers it stops the program. */
void	weft_singleflight_free(weft_singleflight *g);

/*
 * Joins the call for key that is on, or makes it: f(its ctx, a copy of key, len, arg, &value),
 * in a goroutine of its own, or in yours if ctx can not be cancelled.  What it returns is
 * the result; *shared, if not NULL, says whether others got it, too.  -ECANCELED or
 * -ETIMEDOUT also when ctx ended first.  The call goes on then, for the others; so arg must
 * outlive every call, at most until free.
 */
int	weft_singleflight_do(weft_ctx *ctx, weft_singleflight *g, const void *key, size_t len,
	    weft_singleflight_fn *f, void *arg, void **value, bool *shared);

/* Who asks for key from now on makes a new call; the one that is on answers those it has. */
void	weft_singleflight_forget(weft_singleflight *g, const void *key, size_t len);

#endif
