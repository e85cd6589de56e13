/*
 * inflate.c - gzip by zlib, zstd by libzstd, behind one way to read
 *
 * A file may hold several members, one after the other (cat a.gz b.gz, pigz, logrotate's
 * appending cousins); zeros after the last are padding, as for gzip itself.
 */
#include "inflate.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "fdio.h"

#define INPUT	(64 << 10)
#define SKIP	(64 << 10)

struct inflate {
	int		fd;
	enum packing	how;
	uint64_t	at;		/* of the file: bytes taken in */
	bool		begun;
	bool		inside;		/* a member has begun and not ended */
	int		end;		/* what is returned from now on; 1: nothing yet */
	z_stream	z;
	ZSTD_DStream	*d;
	size_t		from, to;	/* of the input: what is not used yet */
	unsigned char	input[INPUT];
};

enum packing
packing_of(const void *head, size_t n)
{
	if (n >= 3 && memcmp(head, "\x1f\x8b\x08", 3) == 0)
		return PACKED_GZIP;
	if (n >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
		return PACKED_ZSTD;
	return PACKED_NOT;
}

enum packing
packing_of_file(int fd)
{
	char head[4];
	ssize_t n = fdio_pread(fd, head, sizeof(head), 0);

	return n > 0 ? packing_of(head, n) : PACKED_NOT;
}

struct inflate *
inflate_new(int fd, enum packing how)
{
	struct inflate *x = xmalloc(sizeof(*x));

	memset(x, 0, offsetof(struct inflate, input));
	x->fd = fd;
	x->how = how;
	x->end = 1;
	if (how == PACKED_ZSTD) {
		x->d = ZSTD_createDStream();
		assert_always(x->d);
	} else {
		assert_always(inflateInit2(&x->z, 15 + 16) == Z_OK);
	}
	return x;
}

void
inflate_free(struct inflate *x)
{
	if (!x)
		return;
	if (x->how == PACKED_ZSTD)
		ZSTD_freeDStream(x->d);
	else
		inflateEnd(&x->z);
	free(x);
}

static int
zstd_step(struct inflate *x, char *buf, size_t n, size_t *made)
{
	ZSTD_inBuffer in = { x->input, x->to, x->from };
	ZSTD_outBuffer out = { buf, n, 0 };
	size_t left = ZSTD_decompressStream(x->d, &out, &in);

	x->from = in.pos;
	*made = out.pos;
	x->begun = true;
	x->inside = left != 0;
	if (!ZSTD_isError(left))
		return 0;
	/* what it asks for is above the library's usual limit */
	return strstr(ZSTD_getErrorName(left), "memory") ? -E2BIG : -EBADMSG;
}

static int
gzip_step(struct inflate *x, char *buf, size_t n, size_t *made)
{
	int err;

	if (!x->inside && x->begun) {	/* between members: one more, or padding */
		while (x->from < x->to && x->input[x->from] == 0)
			x->from++;
		if (x->from == x->to)
			return 0;
		inflateReset(&x->z);
	}
	x->begun = x->inside = true;
	x->z.next_in = x->input + x->from;
	x->z.avail_in = x->to - x->from;
	x->z.next_out = (unsigned char *)buf;
	x->z.avail_out = n;
	err = inflate(&x->z, Z_NO_FLUSH);
	x->from = x->to - x->z.avail_in;
	*made = n - x->z.avail_out;
	if (err == Z_STREAM_END)
		x->inside = false;
	return err == Z_OK || err == Z_STREAM_END || err == Z_BUF_ERROR ? 0 : -EBADMSG;
}

/* More input; 0 at the end of the file. */
static ssize_t
feed(struct inflate *x)
{
	ssize_t n = fdio_pread(x->fd, x->input, INPUT, x->at);

	x->from = 0;
	x->to = n > 0 ? n : 0;
	x->at += x->to;
	return n;
}

static int
step(struct inflate *x, char *buf, size_t n, size_t *made)
{
	*made = 0;
	if (x->from == x->to && !x->inside)
		return 0;
	return x->how == PACKED_ZSTD ? zstd_step(x, buf, n, made) : gzip_step(x, buf, n, made);
}

ssize_t
inflate_read(struct inflate *x, void *buf, size_t n)
{
	size_t done = 0, made;
	ssize_t got;
	int err;

	while (done < n && x->end == 1) {
		/* what is inside the decompressor comes out before more is put in */
		err = step(x, (char *)buf + done, n - done, &made);
		done += made;
		if (err) {
			x->end = err;
		} else if (!made && x->from == x->to) {
			got = feed(x);
			if (got < 0)
				return done ? (ssize_t)done : got;
			if (got == 0)
				x->end = x->inside || !x->begun ? -ENODATA : 0;
		}
	}
	return done ? (ssize_t)done : x->end;
}

int
inflate_skip(struct inflate *x, uint64_t offset, struct trail *t)
{
	char *buf = xmalloc(SKIP);
	ssize_t got = 0;

	while (offset > 0) {
		got = inflate_read(x, buf, offset < SKIP ? offset : SKIP);
		if (got <= 0)
			break;
		if (t)
			trail_add(t, buf, got);
		offset -= got;
	}
	free(buf);
	return offset == 0 ? 0 : got < 0 && got != -ENODATA ? (int)got : -ESTALE;
}
