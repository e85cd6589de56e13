/*
 * die.h - stopping the program, assertions, and allocation that cannot fail
 *
 * die() prints "weft: " and the message, lets the runtime print every
 * goroutine's stack (die_hook) and exits with status 2, or dumps core when
 * WEFT_ABORT=1 is in the environment.  Messages go to descriptor 2 in one write.
 */
#ifndef BASE_DIE_H
#define BASE_DIE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

void	die(const char *fmt, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));
void	die_assert(const char *expr, intptr_t got, const char *file, int line)
	    __attribute__((noreturn, cold));
extern void (*die_hook)(void);		/* prints the stacks; must not return to user code */
extern const void *die_caller;		/* for the hook: where the call of die returns to */

/* Stays on in release builds: for compares on data already in cache. */
#define assert_always(e)	((e) ? (void)0 : die_assert(#e, 0, __FILE__, __LINE__))
#ifdef WEFT_DEBUG
#define assert_debug(e)		assert_always(e)
#else
#define assert_debug(e)		((void)sizeof(!(e)))
#endif

/* Out of memory stops the program, naming the size. */
void	*xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void	*xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void	*xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char	*xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define container_of(p, type, field) ((type *)((char *)(p) - offsetof(type, field)))

#endif
