/*
 * testsink.h - an output for tests of the file sink, and a disk that does what it is told
 *
 * The output is played by struct model: it delivers parcels, saves a state now and then, and
 * after a crash begins again behind the last parcel of that state.  A crash is a
 * moment from which on nothing on disk changes: every call that would is refused.
 */
#ifndef WEFT_PIPELINE_TESTSINK_H
#define WEFT_PIPELINE_TESTSINK_H

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "files.h"
#include "testfiles.h"
#include "when.h"

#define RECORDS	7

/* What the disk does. */
static atomic_int	steps_left;	/* until the crash; negative: there is none */
static atomic_bool	crashed, torn, in_write;	/* torn: a write takes half before it */
static atomic_int	room_left;	/* bytes the disk takes; negative: any */
static atomic_int	syncs, sync_error;
static atomic_llong	clock_ns;

static inline int
before(const char *what, size_t *n)
{
	bool writes = strcmp(what, "write") == 0;
	int left;

	if (atomic_load(&crashed))
		return -EIO;
	if (atomic_load(&steps_left) >= 0 && atomic_fetch_sub(&steps_left, 1) == 0) {
		atomic_store(&crashed, true);
		atomic_store(&in_write, writes);
		if (!writes || !atomic_load(&torn) || *n < 2)
			return -EIO;
		*n /= 2;
	}
	left = atomic_load(&room_left);
	if (writes && left >= 0) {
		if (left == 0)
			return -ENOSPC;
		*n = *n < (size_t)left ? *n : (size_t)left;
		atomic_fetch_sub(&room_left, *n);
	}
	if (strcmp(what, "fsync") != 0)
		return 0;
	atomic_fetch_add(&syncs, 1);
	left = atomic_load(&sync_error);
	return left ? left : 1;
}

static inline int64_t
now(void)
{
	int64_t ns = atomic_load(&clock_ns);

	return ns ? ns : when_now();
}

static inline void
disk_is_fine(void)
{
	atomic_store(&steps_left, -1);
	atomic_store(&crashed, false);
	atomic_store(&torn, false);
	atomic_store(&room_left, -1);
	atomic_store(&sync_error, 0);
	atomic_store(&syncs, 0);
	atomic_store(&clock_ns, 0);
	outfile_hooks = (struct outfile_hooks){ before, now };
}

static inline void
disk_is_real(void)
{
	outfile_hooks = (struct outfile_hooks){ 0 };
}

struct model {
	struct sink	*sink;
	struct buf	 state, bytes, expect;
	uint32_t	 ends[RECORDS];
	uint32_t	 next, durable;		/* parcels delivered; and as the state has it */
	const char	*source;
};

static inline int
save(void *arg)
{
	struct model *m = arg;
	struct buf now_saved = { 0 };

	if (atomic_load(&crashed))
		return -EIO;
	m->sink->kind->save(m->sink, &now_saved);
	if (atomic_load(&crashed)) {
		buf_finish(&now_saved);
		return -EIO;
	}
	buf_finish(&m->state);
	m->state = now_saved;
	m->durable = m->next;
	return 0;
}

static inline int
open_sink(struct model *m, const struct weft_file_options *o)
{
	struct buf err = { 0 };
	int error;

	m->sink = sink_file(o, &err);
	REQUIRE(m->sink != NULL);
	m->sink->commit = save;
	m->sink->commit_arg = m;
	error = m->sink->kind->open(NULL, m->sink, m->state.data, m->state.len, &err);
	if (error && !atomic_load(&crashed))
		weft_logf("open: %s", buf_str(&err));
	buf_finish(&err);
	return error;
}

static inline void
end_model(struct model *m)
{
	sink_close(m->sink);
	buf_finish(&m->state);
	buf_finish(&m->bytes);
	buf_finish(&m->expect);
	disk_is_real();
}

static inline struct parcel
make_parcel(struct model *m, uint32_t number)
{
	m->bytes.len = 0;
	for (int i = 0; i < RECORDS; i++) {
		buf_printf(&m->bytes, "%06u.%d %.*s\n", number, i, (int)(number * 5 + i) % 23,
		    "abcdefghijklmnopqrstuvwxyz");
		m->ends[i] = m->bytes.len;
	}
	return (struct parcel){ .data = m->bytes.data, .len = m->bytes.len, .records = RECORDS,
		.ends = m->ends, .source = m->source ? m->source : "src", .host = "host",
		.stream = "stream", .received = now() };
}

static inline int
deliver(struct model *m, uint32_t *done)
{
	struct parcel p = make_parcel(m, m->next);
	struct rejects r = { 0 };
	int err = m->sink->kind->write(NULL, m->sink, &p, done, &r);

	CHECK_EQ(r.n, 0);
	CHECK(err || *done == RECORDS);
	if (!err)
		m->next++;
	return err;
}

static inline int
checkpoint(struct model *m)
{
	int err = m->sink->kind->sync(m->sink);

	return err ? err : save(m);
}

/* Delivers parcels up to the nth; a state every third, a tick every second. */
static inline int
deliver_to(struct model *m, uint32_t n)
{
	int err = 0;

	while (!err && m->next < n) {
		uint32_t done = 0;

		err = deliver(m, &done);
		if (!err && m->next % 3 == 0)
			err = checkpoint(m);
		if (!err && m->next % 2 == 0)
			err = m->sink->kind->tick(m->sink);
	}
	return err;
}

static inline void
add_zstd(struct buf *out, const char *p, size_t n)
{
	char *to = malloc(1 << 20);

	while (n > 0) {
		size_t frame = ZSTD_findFrameCompressedSize(p, n), got;

		REQUIRE(!ZSTD_isError(frame));
		got = ZSTD_decompress(to, 1 << 20, p, frame);
		REQUIRE(!ZSTD_isError(got));
		buf_add(out, to, got);
		p += frame;
		n -= frame;
	}
	free(to);
}

static inline void
add_gzip(struct buf *out, char *p, size_t n)
{
	z_stream z = { .next_in = (Bytef *)p, .avail_in = n };
	char to[4096];
	int got = Z_OK;

	REQUIRE(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK);
	while (z.avail_in > 0 || got == Z_OK) {
		z.next_out = (Bytef *)to;
		z.avail_out = sizeof(to);
		got = inflate(&z, Z_NO_FLUSH);
		REQUIRE(got == Z_OK || got == Z_STREAM_END);
		buf_add(out, to, sizeof(to) - z.avail_out);
		if (got == Z_STREAM_END && z.avail_in > 0)
			inflateReset(&z);
	}
	inflateEnd(&z);
}

static inline bool
add_content(struct buf *out, const char *name, int kind)
{
	char path[512];
	size_t len;
	char *text;

	if (access(path_of(path, name), F_OK) != 0)
		return false;
	text = read_file(name, &len);
	if (kind == COMPRESS_ZSTD)
		add_zstd(out, text, len);
	else if (kind == COMPRESS_GZIP && len > 0)
		add_gzip(out, text, len);
	else
		buf_add(out, text, len);
	free(text);
	return true;
}

/* All of a path's files, the oldest first. */
static inline void
collect(struct buf *out, const char *name, int live, int rotated)
{
	char each[300];

	out->len = 0;
	for (int i = 300; i > 0; i--) {
		snprintf(each, sizeof(each), "%s.%d", name, i);
		add_content(out, each, live);
		snprintf(each, sizeof(each), "%s.%d%s", name, i, compress_suffix(rotated));
		if (rotated)
			add_content(out, each, rotated);
	}
	add_content(out, name, live);
}

static inline void
expect(struct model *m, const char *before_all, uint32_t n)
{
	m->expect.len = 0;
	buf_adds(&m->expect, before_all);
	for (uint32_t i = 0; i < n; i++) {
		struct parcel p = make_parcel(m, i);

		buf_add(&m->expect, p.data, p.len);
	}
}

static inline void
empty_dir(void)
{
	DIR *d = opendir(weft_tempdir());
	char path[512];

	for (struct dirent *e; (e = readdir(d)); )
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlink(path_of(path, e->d_name));
	closedir(d);
}

/* Compression of rotated files comes to its end. */
static inline void
finish_jobs(struct sink *s)
{
	struct file_sink *fs = (struct file_sink *)s;

	do {
		CHECK_EQ(s->kind->tick(s), 0);
		weft_waitgroup_wait(&fs->rotator.working);
	} while (!list_empty(&fs->jobs));
}

#endif
