/*
 * kernel.h - private: concurrency bugs of real programs, each as small as it can be
 *
 *	KERNEL(Cockroach584, leak)
 *	{
 *		struct c584 *g = NEW(struct c584, .closed = true);
 *
 *		weft_go(c584_run, g);
 *	}
 *
 * makes two tests: TestCockroach584, which has the bug, and TestCockroach584Fixed,
 * which has its remedy: fixed says which one runs.  The word after the name is
 * what the report is to say:
 *
 *	leak		goroutines are left waiting
 *	deadlock	the test itself waits for ever
 *	race		memory is shared without order: the race detector sees it
 *	panic		the runtime refuses a misuse: a send on a closed channel
 *	check		a CHECK fails: an order that the program did not expect
 *
 * tools/check-kernels reads it there, and holds the report of 1,000 schedules against it;
 * tools/kernels-report counts what is found by less.
 *
 * What NEW and MAKE give, and what KEEP is told of, goes when the kernel has ended
 * and nothing of it waits any more; so a kernel looks like the Go that it was found
 * in, where nobody frees, and only what waits for ever is left behind.
 */
#ifndef TESTING_KERNEL_H
#define TESTING_KERNEL_H

#include "../../weft/sync.h"
#include "../../weft/testing.h"
#include "../../weft/time.h"

enum { KERNEL_leak, KERNEL_deadlock, KERNEL_race, KERNEL_panic, KERNEL_check };

extern bool fixed;

#define KERNEL(id, verdict)						\
	static void kernel_##id(void);					\
	enum { KERNEL_verdict_##id = KERNEL_##verdict };		\
	TEST(id) { kernel_run(kernel_##id, false); }			\
	TEST(id##Fixed) { kernel_run(kernel_##id, true); }		\
	static void kernel_##id(void)

/* A zeroed struct, but for the members named. */
#define NEW(T, ...)	((T *)kernel_new(sizeof(T), &(T){ __VA_ARGS__ }))
/* A channel of T. */
#define MAKE(T, cap)	__extension__ ({				\
	weft_chan(T) kernel_chan_ = weft_make(T, cap);			\
	kernel_keep(kernel_free_chan, (void *)kernel_chan_);		\
	kernel_chan_;							\
})
/* A context or a timer, to be freed by free_it. */
#define KEEP(free_it, x) __extension__ ({				\
	__typeof__(x) kernel_kept_ = (x);				\
	kernel_keep((void (*)(void *))(free_it), (void *)kernel_kept_);	\
	kernel_kept_;							\
})

void	 kernel_run(void (*body)(void), bool with_remedy);
void	*kernel_new(size_t size, const void *content);
void	 kernel_keep(void (*free_it)(void *), void *x);
void	 kernel_free_chan(void *c);

#endif
