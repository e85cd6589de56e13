/*
 * account_test.h - for tests: each item ends in one place
 *
 * An item belongs to an account, which counts where its items end.  At the end of a test
 * all that were made have to be there once: received, or dropped.
 */
#ifndef PATTERNS_ACCOUNT_TEST_H
#define PATTERNS_ACCOUNT_TEST_H

#include <stdatomic.h>
#include <stdlib.h>

#include "../weft/testing.h"
#include "generator.h"

enum { ITEMS = 20000 };

struct account {
	int		made, limit;		/* by the generator */
	_Atomic int	received, dropped;
	_Atomic int	places[ITEMS];		/* where item i ended; 1 is right */
};
struct item { struct account *of; int i; };

static inline bool make_item(struct account *a, struct item *out)
{
	if (a->made == a->limit)
		return false;
	*out = (struct item){ a, a->made++ };
	return true;
}

static inline void receive_item(struct item it)
{
	it.of->places[it.i]++;
	it.of->received++;
}

static inline void drop_item(void *v)
{
	struct item *it = v;

	it->of->places[it->i]++;
	it->of->dropped++;
}

/* All that were made have ended, each in so many places. */
static inline void check_account(struct account *a, int places)
{
	int wrong = 0;

	for (int i = 0; i < a->made; i++)
		wrong += a->places[i] != places;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(a->received + a->dropped, places * a->made);
}

static inline struct account *open_account(int limit)
{
	struct account *a = calloc(1, sizeof *a);

	a->limit = limit;
	return a;
}

/* At any moment: n others go first. */
static inline void cancel_after(weft_ctx *ctx, int n)
{
	while (n-- > 0)
		weft_yield();
	weft_cancel(ctx);
}

#endif
