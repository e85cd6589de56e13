/*
 * compress.c - gzip and zstd, in frames
 *
 * Levels are the usual ones: zstd 3, gzip 6.  Higher ones cost a multiple of the time for some
 * hundredths of the size, and a log has to keep up.
 */
#include "compress.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "outfile.h"
#include "weft/net.h"

#define PIECE	(1 << 20)

int
compress_parse(const char *name)
{
	if (!name || !*name || strcmp(name, "none") == 0)
		return COMPRESS_NONE;
	if (strcmp(name, "gzip") == 0)
		return COMPRESS_GZIP;
	return strcmp(name, "zstd") == 0 ? COMPRESS_ZSTD : -EINVAL;
}

const char *
compress_suffix(int kind)
{
	return kind == COMPRESS_GZIP ? ".gz" : kind == COMPRESS_ZSTD ? ".zst" : "";
}

static void
start(struct compressor *c)
{
	int err;

	if (c->kind == COMPRESS_ZSTD) {
		c->state = ZSTD_createCCtx();
		assert_always(c->state != NULL);
		ZSTD_CCtx_setParameter(c->state, ZSTD_c_compressionLevel, c->level ?: 3);
		ZSTD_CCtx_setParameter(c->state, ZSTD_c_checksumFlag, 1);
		return;
	}
	c->state = xcalloc(1, sizeof(z_stream));
	err = deflateInit2(c->state, c->level ?: 6, Z_DEFLATED, 16 + MAX_WBITS, 8,
	    Z_DEFAULT_STRATEGY);
	assert_always(err == Z_OK);
}

void
compress_finish(struct compressor *c)
{
	if (c->state && c->kind == COMPRESS_ZSTD)
		ZSTD_freeCCtx(c->state);
	if (c->state && c->kind == COMPRESS_GZIP) {
		deflateEnd(c->state);
		free(c->state);
	}
	c->state = NULL;
	buf_finish(&c->out);
}

static void
gzip_frame(struct compressor *c, const void *p, size_t n)
{
	z_stream *z = c->state;
	int got;

	deflateReset(z);
	buf_grow(&c->out, deflateBound(z, n));
	z->next_in = (void *)p;
	z->avail_in = n;
	z->next_out = (void *)c->out.data;
	z->avail_out = c->out.room;
	got = deflate(z, Z_FINISH);
	assert_always(got == Z_STREAM_END);
	c->out.len = c->out.room - z->avail_out;
}

void
compress_frame(struct compressor *c, const void *p, size_t n)
{
	size_t got;

	if (!c->state)
		start(c);
	c->out.len = 0;
	if (c->kind == COMPRESS_GZIP) {
		gzip_frame(c, p, n);
		return;
	}
	buf_grow(&c->out, ZSTD_compressBound(n));
	got = ZSTD_compress2(c->state, c->out.data, c->out.room, p, n);
	assert_always(!ZSTD_isError(got));
	c->out.len = got;
}

static ssize_t
read_piece(int fd, char *p, size_t n)
{
	size_t have = 0;
	ssize_t got = 1;
	int err = 0;

	weft_enter_blocking();
	while (have < n && got > 0) {
		got = read(fd, p + have, n - have);
		err = errno;
		if (got < 0 && err == EINTR)
			got = 1;
		else if (got > 0)
			have += got;
	}
	weft_leave_blocking();
	return got < 0 ? -err : (ssize_t)have;
}

int
compress_file(struct compressor *c, int from, int to, const atomic_bool *stop)
{
	char *piece = xmalloc(PIECE);
	size_t taken;
	ssize_t n;
	int err = 0;

	while (!err && (n = read_piece(from, piece, PIECE)) != 0) {
		if (n < 0) {
			err = n;
		} else if (atomic_load(stop)) {
			err = -ECANCELED;
		} else {
			compress_frame(c, piece, n);
			err = outfile_put(to, c->out.data, c->out.len, &taken);
		}
	}
	free(piece);
	return err;
}
