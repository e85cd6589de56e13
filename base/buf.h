/*
 * buf.h - growable byte buffer
 *
 * All-zero is empty and ready.  data is NULL or has room bytes, of which len are
 * in use; nothing here adds a terminating NUL except buf_str.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "die.h"

struct buf { char *data; size_t len, room; };

/*
 * Set, for good, by who is about to end the program: memory comes from mmap alone, and none
 * is given back.  The heap may be what is broken, and its lock may be held for ever.
 */
extern _Atomic bool buf_dying;

void	buf_finish(struct buf *b);		/* frees, and is empty again */
void	buf_grow(struct buf *b, size_t extra);	/* room for extra more bytes */
void	buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	buf_vprintf(struct buf *b, const char *fmt, va_list ap);
const char *buf_str(struct buf *b);		/* borrowed, until the next change */

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
	if (unlikely(b->room - b->len < n))
		buf_grow(b, n);
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += n;
}

static inline void buf_addc(struct buf *b, char c)
{
	if (unlikely(b->room == b->len))
		buf_grow(b, 1);
	b->data[b->len++] = c;
}

static inline void buf_adds(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }

#endif
