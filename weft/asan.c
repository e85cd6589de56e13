/* asan.c - AddressSanitizer's view of a switch; see sanitize.h */
#include <pthread.h>

#include "sanitize.h"
#include "worker.h"

#ifdef WEFT_ASAN

/* The sanitizer forgets a dying goroutine's fake stack when given no place for it. */
void san_asan_switch(struct g *from, struct g *to, int dying)
{
	const char *low = to->stack_lo;

	__sanitizer_start_switch_fiber(dying ? NULL : &from->fake, low,
	    is_goroutine(to) ? (size_t)((const char *)to - low) :
	    (size_t)to->words[0]);
}

void san_asan_switched(struct g *g)
{
	__sanitizer_finish_switch_fiber(g->fake, NULL, NULL);
	g->fake = NULL;
}

/* A worker's own stack, which goroutines switch back to. */
void san_asan_adopt(struct g *g)
{
	pthread_attr_t attr;
	size_t size = 0;

	if (!pthread_getattr_np(pthread_self(), &attr)) {
		pthread_attr_getstack(&attr, &g->stack_lo, &size);
		pthread_attr_destroy(&attr);
	}
	g->words[0] = (intptr_t)size;
}

#endif
