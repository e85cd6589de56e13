/* buf.c - growable byte buffer; see buf.h */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

_Atomic bool buf_dying;

void buf_finish(struct buf *b)
{
	if (!buf_dying)
		free(b->data);
	*b = (struct buf){0};
}

/* What was there stays where it is, unused. */
static void *move_to_pages(const struct buf *b, size_t room)
{
	void *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("out of memory: %zu bytes", room);
	return b->len ? memcpy(p, b->data, b->len) : p;
}

void buf_grow(struct buf *b, size_t extra)
{
	size_t room = b->room ? b->room : buf_dying ? 4096 : 64;

	if (extra > SIZE_MAX / 2 - b->len)	/* doubling would overflow */
		die("out of memory: %zu bytes and %zu more", b->len, extra);
	while (room - b->len < extra)
		room *= 2;
	if (room == b->room)
		return;
	b->data = buf_dying ? move_to_pages(b, room) : xrealloc(b->data, room);
	b->room = room;
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
