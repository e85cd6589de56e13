/*
 * sink_file.c - records into files, each exactly once
 *
 * A plain file gets a parcel with one write, straight from where it lies.  If that stops in the
 * middle, the half record is cut off again and the whole ones before it count.
 *
 * A compressed one gets frames.  A parcel of a few lines would make a bad one, so records wait
 * in memory for company, at most PENDING bytes, and at most until the next sync: a state is
 * saved after a sync, so it never counts a record that only memory has.  A frame is all
 * or nothing: what is left of one that failed is cut off, and it is made again.
 *
 * The rules that make it exactly once are in files.c.
 */
#include <stdlib.h>

#include "files.h"

#define PENDING	(128 << 10)

static struct file_sink *
of(struct sink *s)
{
	return (struct file_sink *)s;
}

/* Errors that a path itself is to blame for, and no passing of time will heal. */
static bool
is_lasting(int err)
{
	switch (err) {
	case -EBUSY: case -EACCES: case -EPERM: case -EROFS: case -ENOTDIR: case -EISDIR:
	case -ELOOP: case -ENAMETOOLONG: case -EINVAL:
		return true;
	}
	return false;
}

static int
file_open(weft_ctx *ctx, struct sink *s, const void *state, size_t len, struct buf *err)
{
	struct file_sink *fs = of(s);
	struct outfile *f;
	int error = files_load(fs, state, len, err);

	(void)ctx;
	if (error || fs->path.timed || fs->path.named)
		return error;
	error = files_get(fs, NULL, &f);
	if (fs->compress_rotated)
		files_add_job(fs, f->path);
	if (!is_lasting(error))
		return 0;		/* write will tell */
	err->len = 0;
	buf_add(err, s->why.data, s->why.len);
	return error;
}

static int
failed(struct file_sink *fs, struct outfile *f, int err)
{
	return sink_fail(&fs->sink, err, "cannot write to %s: %s", f->path, strerror(-err));
}

/* The first record, from *done on, that no longer has room in f. */
static uint32_t
fitting(struct file_sink *fs, const struct outfile *f, const struct parcel *p, uint32_t done)
{
	uint64_t from = parcel_offset(p, done), room;
	uint32_t to;

	if (!fs->opt.rotate_size)
		return p->records;
	room = fs->opt.rotate_size > f->len ? fs->opt.rotate_size - f->len : 0;
	to = parcel_record(p, done, from + room);
	return to == done && f->len == 0 ? done + 1 : to;
}

static int
write_plain(struct file_sink *fs, struct outfile *f, const struct parcel *p, uint32_t to,
    uint32_t *done)
{
	size_t from = parcel_offset(p, *done), taken;
	int err = outfile_put(f->fd, p->data + from, parcel_offset(p, to) - from, &taken);

	*done = parcel_record(p, *done, from + taken);
	f->len += parcel_offset(p, *done) - from;
	if (!err && fs->opt.fsync >= 0)
		outfile_start_sync(f);
	if (!err)
		return 0;
	if (taken > 0)
		outfile_cut(f);		/* if that fails too, before anything else is written */
	return failed(fs, f, err);
}

static int
write_large(struct file_sink *fs, struct outfile *f, const struct parcel *p, uint32_t *done)
{
	size_t from = parcel_offset(p, *done), taken;
	int err;

	compress_frame(&fs->compressor, p->data + from, p->len - from);
	err = outfile_put(f->fd, fs->compressor.out.data, fs->compressor.out.len, &taken);
	if (err) {
		outfile_cut(f);
		return failed(fs, f, err);
	}
	f->len += fs->compressor.out.len;
	*done = p->records;
	return 0;
}

static int
write_packed(struct file_sink *fs, struct outfile *f, const struct parcel *p, uint32_t *done)
{
	size_t from = parcel_offset(p, *done), n = p->len - from;

	if (f->pending.len + n > PENDING) {
		int err = files_flush(fs, f);

		if (err)
			return err;
	}
	if (n >= PENDING / 2)
		return write_large(fs, f, p, done);
	buf_add(&f->pending, p->data + from, n);
	*done = p->records;
	return 0;
}

/* Some of the records, at least one; 0: call it again until all are done. */
static int
write_some(weft_ctx *ctx, struct file_sink *fs, const struct parcel *p, uint32_t *done)
{
	struct outfile *f;
	uint32_t to;
	int err = files_get(fs, p, &f);

	if (err)
		return err;
	if (!f->regular)
		return sink_stream(ctx, f->fd, p, done, &f->part);
	if (files_is_due(fs, f, f->used))
		return files_rotate(fs, f);
	if (fs->compressor.kind) {
		if (fs->opt.rotate_size && f->len >= fs->opt.rotate_size)
			return files_rotate(fs, f);
		return write_packed(fs, f, p, done);
	}
	to = fitting(fs, f, p, *done);
	return to == *done ? files_rotate(fs, f) : write_plain(fs, f, p, to, done);
}

static int
file_write(weft_ctx *ctx, struct sink *s, const struct parcel *p, uint32_t *done,
    struct rejects *r)
{
	struct file_sink *fs = of(s);
	int err = fs->late;

	(void)r;
	fs->late = 0;
	if (*done == 0)
		files_mark(fs);		/* a new one, or nothing of this one is written */
	while (!err && *done < p->records)
		err = write_some(ctx, fs, p, done);
	if (!err)
		files_mark(fs);
	return err;
}

static int
file_sync(struct sink *s)
{
	struct file_sink *fs = of(s);
	int err = fs->late, one;

	fs->late = 0;
	one = files_flush_all(fs);
	err = err ? err : one;
	/* what is saved must be on the disk: else a power cut could leave a file shorter than that */
	one = fs->opt.fsync < 0 ? 0 : files_sync(fs, true);
	return err ? err : one;
}

static void
file_save(struct sink *s, struct buf *state)
{
	files_save(of(s), state);
}

static int
file_tick(struct sink *s)
{
	struct file_sink *fs = of(s);
	int err = files_tick(fs), one = 0;

	if (fs->opt.fsync >= 0)
		one = files_sync(fs, false);
	return err ? err : one;
}

static void
file_close(struct sink *s)
{
	struct file_sink *fs = of(s);

	files_flush_all(fs);
	if (fs->opt.fsync >= 0)
		files_sync(fs, true);
	files_finish(fs);
}

static const struct sink_kind file_kind = {
	.name = "file", .open = file_open, .write = file_write, .sync = file_sync,
	.save = file_save, .tick = file_tick, .close = file_close,
};

static int
check(const struct weft_file_options *o, int kind, struct buf *err)
{
	if (!o->path || !*o->path)
		buf_adds(err, "path: is missing");
	else if (o->path[strlen(o->path) - 1] == '/')
		buf_printf(err, "path: %s is a directory; name a file in it", o->path);
	else if (kind < 0)
		buf_printf(err, "compress: \"%s\" is unknown; there are none, gzip and zstd",
		    o->compress);
	else if (o->compress_rotated && kind == COMPRESS_NONE)
		buf_adds(err, "compress_rotated: needs compress: gzip or zstd");
	else if (o->rotate_every < 0 || (o->rotate_every && o->rotate_every < WEFT_SECOND))
		buf_adds(err, "rotate_every: must be a second or more");
	else if (o->keep < 0)
		buf_adds(err, "keep: must not be negative");
	return err->len ? -EINVAL : 0;
}

static void
set_up(struct file_sink *fs, const struct weft_file_options *o, int kind)
{
	fs->sink.kind = &file_kind;
	fs->opt = *o;
	fs->opt.path = fs->opt.compress = NULL;
	fs->compress_rotated = o->compress_rotated;
	fs->compressor.kind = o->compress_rotated ? COMPRESS_NONE : kind;
	fs->rotator.compressor.kind = kind;
	fs->rotator.keep = o->keep;
	list_init(&fs->recent);
	list_init(&fs->retired);
	list_init(&fs->jobs);
}

struct sink *
sink_file(const struct weft_file_options *o, struct buf *err)
{
	struct file_sink *fs;
	int kind = compress_parse(o->compress);

	if (check(o, kind, err))
		return NULL;
	fs = xcalloc(1, sizeof(*fs));
	if (outname_init(&fs->path, o->path, OUTNAME_PATH, err)) {
		free(fs);
		return NULL;
	}
	if (o->replace && (fs->path.timed || fs->path.named)) {
		buf_printf(err, "replace: %s stands for many files; use a path without %% and {}",
		    o->path);
		outname_finish(&fs->path);
		free(fs);
		return NULL;
	}
	set_up(fs, o, kind);
	return &fs->sink;
}
