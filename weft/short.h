/*
 * short.h - optional words: go, chan(T) and defer
 *
 * Nothing else: send, recv, close and select are names of system calls, and a
 * macro with such a name rewrites other people's headers.
 *
 * defer(f, p) calls f(p) when the enclosing block ends; it does not run on
 * weft_goexit.
 */
#ifndef WEFT_SHORT_H
#define WEFT_SHORT_H

#include "weft.h"

#define go(f, ...)	weft_go(f, ##__VA_ARGS__)
#define chan(T)		weft_chan(T)
#define defer(f, p)	WEFT_DEFER_(f, p, __COUNTER__)

struct weft_defer_ { void (*f)(void *); void *p; };
static inline void weft_run_defer_(struct weft_defer_ *d) { d->f(d->p); }
#define WEFT_DEFER_(f, p, n)	WEFT_DEFER2_(f, p, n)
#define WEFT_DEFER2_(fn, arg, n)					\
	__attribute__((cleanup(weft_run_defer_), unused))		\
	struct weft_defer_ weft_defer_##n = { (void (*)(void *))(fn), (void *)(arg) }

#endif
