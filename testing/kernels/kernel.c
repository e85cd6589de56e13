/*
 * kernel.c - runs a kernel and takes away what is left of it
 *
 * What it made is freed when none of its goroutines is left.  When some are, it stays
 * as it is: they are the verdict, and what they wait on must be there to be shown.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../../weft/runtime.h"
#include "../../weft/sanitize.h"
#include "kernel.h"

/* How many milliseconds a kernel may sleep after its body: of virtual time, if there is. */
enum { PATIENCE = 300 };

struct kept {
	struct kept	*next;
	void		(*free_it)(void *);
	void		*x;
};

bool fixed;
static _Atomic(struct kept *) kept;

/* relaxed, both: to keep something must put nothing in order that was not before */
void kernel_keep(void (*free_it)(void *), void *x)
{
	struct kept *k = xmalloc(sizeof *k);

	*k = (struct kept){ .free_it = free_it, .x = x };
	k->next = atomic_load_explicit(&kept, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&kept, &k->next, k,
	    memory_order_relaxed, memory_order_relaxed))
		;
}

void *kernel_new(size_t size, const void *content)
{
	void *x = xmalloc(size);

	memcpy(x, content, size);
	kernel_keep(free, x);
	return x;
}

void kernel_free_chan(void *c)
{
	weft_chan_free_(c);
}

/* Until all its goroutines have ended or wait for each other; true: they have ended. */
static bool ended(void)
{
	struct group_state now, before = { .runnable = 1 };

	for (int naps = 0;; before = now) {
		group_look(group_current(), &now);
		if (now.runnable == 1 && before.runnable == 1 &&
		    now.activity == before.activity) {
			if (!now.sleeping || naps++ == PATIENCE)
				return !now.sleeping && !now.blocked;
			weft_sleep(WEFT_MS);
		}
		weft_yield();
	}
}

static void free_all(void)
{
	struct kept *k = atomic_load_explicit(&kept, memory_order_relaxed), *next;

	/* A goroutine's end is no order that a program may count on, but enough for this. */
	san_ignore_begin();
	for (; k; k = next) {
		next = k->next;
		k->free_it(k->x);
		free(k);
	}
	san_ignore_end();
}

/* What waits for ever keeps what it waits on; nothing here points at it any more. */
static void let_go(void)
{
	atomic_store_explicit(&kept, NULL, memory_order_relaxed);
}

void kernel_run(void (*body)(void), bool with_remedy)
{
	fixed = with_remedy;
	let_go();		/* the last one's, if that did not return */
	body();
	if (ended())
		free_all();
	let_go();
}
