/*
 * settle_test.h - for tests: waits until goroutines wait
 *
 * settle(f, reason, n) returns once n goroutines of this test run f and sleep for
 * that reason; there is no time in it.
 */
#ifndef WEFT_SETTLE_TEST_H
#define WEFT_SETTLE_TEST_H

#include "runtime.h"

struct settle_ { uintptr_t f; enum reason why; int n; };

static inline void settle_count_(struct g *g, const struct task *t, void *arg)
{
	struct settle_ *s = arg;

	(void)t;
	s->n += g && (uintptr_t)g->f == s->f && g->reason == s->why &&
	    atomic_load(&g->status) == G_WAITING;
}

#define settle(f, why, n)	settle_((uintptr_t)(f), why, n)
static inline void settle_(uintptr_t f, enum reason why, int n)
{
	struct settle_ s = { f, why, 0 };

	for (; s.n != n; weft_yield()) {
		s.n = 0;
		g_each(group_current(), settle_count_, &s);
	}
}

#endif
