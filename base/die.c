/* die.c - stopping the program and allocation that cannot fail; see die.h */
#include "die.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void (*die_hook)(void);
const void *die_caller;

static void leave(void)
{
	const char *core = getenv("WEFT_ABORT");

	if (core && *core == '1')
		abort();
	_exit(2);
}

static void say(const char *fmt, va_list ap)
{
	char line[1024];
	size_t n = (size_t)snprintf(line, sizeof line, "weft: ");

	n += (size_t)vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;		/* nobody left to tell */
}

/*
 * What ends while another thread reports must not end the report.  It waits, but not
 * for ever: it may hold something that the report needs.
 */
static void let_finish(void)
{
	for (unsigned left = 10; left; )
		left = sleep(left);
}

void die(const char *fmt, ...)
{
	static pid_t reporter;
	pid_t me = gettid(), other = 0;
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	if (!__atomic_compare_exchange_n(&reporter, &other, me, false, __ATOMIC_SEQ_CST,
	    __ATOMIC_SEQ_CST)) {
		if (other != me)	/* else the report itself has failed */
			let_finish();
	} else if (die_hook) {
		die_caller = __builtin_return_address(0);
		die_hook();
	}
	leave();
	__builtin_unreachable();
}

void die_assert(const char *expr, intptr_t got, const char *file, int line)
{
	die("%s:%d: assertion failed: %s (%jd)", file, line, expr, (intmax_t)got);
}

static void *check(void *p, size_t n)
{
	if (!p)
		die("out of memory: %zu bytes", n);
	return p;
}

void *xmalloc(size_t n)
{
	return check(malloc(n ? n : 1), n);
}

void *xcalloc(size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all))
		all = SIZE_MAX;		/* which there never is */
	return check(calloc(all ? n : 1, all ? size : 1), all);
}

void *xrealloc(void *p, size_t n)
{
	return check(realloc(p, n ? n : 1), n);
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}
