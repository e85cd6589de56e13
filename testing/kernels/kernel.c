/*
 * kernel.c - runs a kernel and takes away what is left of it
 *
 * What it made is freed when none of its goroutines is left.  When some are, it stays
 * as it is: they are the verdict, and what they wait on must be there to be shown.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../../weft/debug.h"
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

/* What the calls before have left on the stack. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char junk[4096];

	for (size_t i = 0; i < sizeof junk; i++)
		junk[i] = 0;
}

static void run_body(void (*body)(void))
{
	body();
}

/* Goroutines of the kernel's that wait. */
static int waiting(void)
{
	static struct weft_goroutine g[256];
	size_t n = weft_goroutines(g, 256);
	int waiting = 0;

	for (size_t i = 0; i < n && i < 256; i++)
		waiting += g[i].file && strstr(g[i].file, "kernels/") &&
		    strncmp(g[i].state, "run", 3) != 0;
	return waiting;
}

/*
 * For tools/kernels-report: what a program in production is told, which is in no group.  It
 * measures, and gives no verdict; so it may as well sleep.
 */
static void ask_weft_leaks(void (*body)(void))
{
	static const struct weft_site site = { "kernel", __FILE__, __LINE__ };
	int64_t n;

	sched_spawn((weft_entry_ *)run_body, (const intptr_t[6]){ (intptr_t)body }, &site,
	    (struct home){0}, NULL);
	weft_sleep(50 * WEFT_MS);
	let_go();
	wipe();
	n = weft_leaks(-1);
	weft_logf("weft_leaks: %jd of %d", (intmax_t)n, waiting());
}

void kernel_run(void (*body)(void), bool with_remedy)
{
	fixed = with_remedy;
	let_go();		/* the last one's, if that did not return */
	if (getenv("KERNEL_LEAKS")) {
		ask_weft_leaks(body);
		return;
	}
	body();
	if (ended())
		free_all();
	let_go();
}
