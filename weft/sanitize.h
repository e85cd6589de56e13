/*
 * sanitize.h - telling the sanitizers about goroutines
 *
 * ThreadSanitizer sees a fiber per stack.  Switches are made without an order
 * between the two, or two goroutines that merely share a worker would look
 * ordered and their races vanish; order comes from the primitives, which call
 * san_release and san_acquire.  A stack keeps its fiber, so that the memory of a
 * reused stack is not taken for shared, and stacks are reused oldest first and not
 * before SAN_KEEP_FREE others, so that two short goroutines do not share one.
 *
 * What ThreadSanitizer finds is told to san_on_report's function, on the goroutine
 * that it found; when a sanitizer ends the program it calls san_on_death's.
 *
 * AddressSanitizer wants to know each stack it runs on, LeakSanitizer that parked
 * stacks hold pointers.
 */
#ifndef WEFT_SANITIZE_H
#define WEFT_SANITIZE_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(WEFT_ASAN)
#define WEFT_ASAN 1
#endif

struct g;

#ifdef WEFT_TSAN	/* the runtime itself is not instrumented: the Makefile says */

#define SANITIZED 1
#define SAN_THREADS 1		/* it has one of its own */
#define SAN_READS_STACKS 0
#define SAN_KEEP_FREE 128
void	*__tsan_create_fiber(unsigned flags);
void	*__tsan_get_current_fiber(void);
void	__tsan_destroy_fiber(void *fiber);
void	__tsan_ignore_thread_begin(void);
void	__tsan_ignore_thread_end(void);
void	__tsan_switch_to_fiber(void *fiber, unsigned flags);
void	AnnotateBenignRaceSized(const char *file, int line, const volatile void *p,
	    size_t n, const char *why);
void	__tsan_acquire(void *addr);
void	__tsan_release(void *addr);
/* Around calls of libc by the runtime on memory and descriptors of its own. */
#define san_ignore_begin()	__tsan_ignore_thread_begin()
#define san_ignore_end()	__tsan_ignore_thread_end()
#define san_release(p)		__tsan_release((void *)(p))
#define san_acquire(p)		__tsan_acquire((void *)(p))
void	*san_fiber_new(void);
void	san_on_report(void (*f)(void));	/* which may use nothing but atomics */
void	__sanitizer_set_death_callback(void (*f)(void));
#define san_on_death(f)		__sanitizer_set_death_callback(f)
#define san_fiber_create(g)	((void)((g)->fiber || ((g)->fiber = san_fiber_new())))
/* errno belongs to the thread, and goroutines use it one after the other */
#define san_fiber_adopt(g)						\
	((g)->fiber = __tsan_get_current_fiber(),			\
	AnnotateBenignRaceSized(__FILE__, __LINE__, weft_errno_(), sizeof(int), "errno"))
/* Frames that weft_goexit leaves behind would stay in the fiber: it needs another. */
#define san_goexit(g)		((void)((g)->fake = (g)), __tsan_release(g))
#define san_switch(from, to, dying) __tsan_switch_to_fiber((to)->fiber, 1)
#define san_switched(g)		((void)0)
#define san_add_root(p, n)	((void)0)
#define san_stack_fresh(g)						\
	((g)->fake ? (__tsan_destroy_fiber((g)->fiber), (g)->fake = NULL,	\
	    (void)((g)->fiber = san_fiber_new())) : (void)0)

#elif defined(WEFT_ASAN)

#define SANITIZED 1
#define SAN_THREADS 0
#define SAN_READS_STACKS 1	/* all that /proc/self/maps calls readable */
#define SAN_KEEP_FREE 0
void	__sanitizer_start_switch_fiber(void **fake, const void *bottom, size_t size);
void	__sanitizer_finish_switch_fiber(void *fake, const void **bottom, size_t *size);
void	__lsan_register_root_region(const void *p, size_t n);
void	__sanitizer_set_death_callback(void (*f)(void));
void	__asan_unpoison_memory_region(const volatile void *p, size_t n);
void	san_asan_switch(struct g *from, struct g *to, int dying);
void	san_asan_switched(struct g *g);
void	san_asan_adopt(struct g *g);
#define san_on_report(f)	((void)(f))
#define san_on_death(f)		__sanitizer_set_death_callback(f)
#define san_ignore_begin()	((void)0)
#define san_ignore_end()	((void)0)
#define san_release(p)		((void)(p))
#define san_acquire(p)		((void)(p))
#define san_fiber_create(g)	((void)0)
#define san_goexit(g)		((void)0)
#define san_fiber_adopt(g)	san_asan_adopt(g)
#define san_switch(from, to, dying) san_asan_switch(from, to, dying)
#define san_switched(g)		san_asan_switched(g)
#define san_add_root(p, n)	__lsan_register_root_region(p, n)
/* Frames that weft_goexit left behind are still poisoned. */
#define san_stack_fresh(g)						\
	__asan_unpoison_memory_region((g)->stack_lo,			\
	    (size_t)((char *)(g) - (char *)(g)->stack_lo))

#else

#define SANITIZED 0
#define SAN_THREADS 0
#define SAN_READS_STACKS 0
#define SAN_KEEP_FREE 0
#define san_on_report(f)	((void)(f))
#define san_on_death(f)		((void)(f))
#define san_ignore_begin()	((void)0)
#define san_ignore_end()	((void)0)
#define san_release(p)		((void)(p))
#define san_acquire(p)		((void)(p))
#define san_fiber_create(g)	((void)0)
#define san_goexit(g)		((void)0)
#define san_fiber_adopt(g)	((void)0)
#define san_switch(from, to, dying) ((void)0)
#define san_switched(g)		((void)0)
#define san_add_root(p, n)	((void)0)
#define san_stack_fresh(g)	((void)0)

#endif

#endif
