/*
 * tsan.c - ThreadSanitizer's reports, and its fibers, made where nothing has happened yet
 *
 * A fiber begins after all that the one that makes it has done, like a thread.  A goroutine
 * does not: whoever needs a stack for it may be any goroutine that stops, and the two have
 * nothing to do with each other.  So fibers are made in a fiber of their own, which
 * acquires nothing.  What its spawner did comes before a goroutine by sched_spawn.
 */
#include "sanitize.h"

#ifdef WEFT_TSAN

#include "lock.h"

static void (*_Atomic report_hook)(void);

void san_on_report(void (*f)(void))
{
	atomic_store(&report_hook, f);
}

/* The sanitizer's library calls it, on whoever it has caught, holding its own locks. */
void	__tsan_on_report(void *report);
__attribute__((visibility("default"))) void __tsan_on_report(void *report)
{
	void (*f)(void) = atomic_load(&report_hook);

	(void)report;
	if (f)
		f();
}

void *san_fiber_new(void)
{
	static _Atomic unsigned l;	/* protects nursery, in which one can be at a time */
	static void *nursery;
	void *self = __tsan_get_current_fiber(), *fiber;

	lock(&l);
	if (!nursery)
		nursery = __tsan_create_fiber(0);
	__tsan_switch_to_fiber(nursery, 1);
	fiber = __tsan_create_fiber(0);
	__tsan_switch_to_fiber(self, 1);
	unlock(&l);
	return fiber;
}

#endif
