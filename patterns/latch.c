/*
 * latch.c - a count, and a wait group that is done when it comes to zero
 *
 * Only who takes the count from one to zero touches the group, once, and last.
 */
#include "latch.h"

#include <stdatomic.h>

#include "../base/die.h"

#define COUNT(l)	((_Atomic int *)&(l)->count)

void weft_latch_init(weft_latch *l, int count)
{
	if (count < 0)
		die("weft_latch_init: count %d", count);
	*l = (weft_latch){ .count = count };
	weft_waitgroup_add(&l->closed, count > 0);
}

void weft_latch_count_down(weft_latch *l)
{
	int n = atomic_load(COUNT(l));

	while (n && !atomic_compare_exchange_weak(COUNT(l), &n, n - 1))
		;
	if (n == 1)
		weft_waitgroup_done(&l->closed);
}

int weft_latch_wait(weft_ctx *ctx, weft_latch *l)
{
	return weft_waitgroup_wait_ctx(ctx, &l->closed);
}

int weft_latch_count(weft_latch *l)
{
	return atomic_load(COUNT(l));
}
