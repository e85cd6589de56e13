/* buf.c - growable byte buffer; see buf.h */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_finish(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

void buf_grow(struct buf *b, size_t extra)
{
	size_t room = b->room ? b->room : 64;

	if (extra > SIZE_MAX / 2 - b->len)	/* doubling would overflow */
		die("out of memory: %zu bytes and %zu more", b->len, extra);
	while (room - b->len < extra)
		room *= 2;
	if (room != b->room)
		b->data = xrealloc(b->data, b->room = room);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	buf_grow(b, (size_t)n + 1);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

const char *buf_str(struct buf *b)
{
	buf_addc(b, '\0');
	b->len--;
	return b->data;
}
