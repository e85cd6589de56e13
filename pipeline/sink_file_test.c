/*
 * sink_file_test.c - records into files, each exactly once, whatever happens in between
 *
 * The output is played by struct model: it delivers parcels, saves a state now and then, and
 * after a crash begins again behind the last parcel of that state.  A crash is a
 * moment from which on nothing on disk changes: every call that would is refused.
 */
#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "files.h"
#include "ours.h"
#include "testfiles.h"
#include "when.h"

#define RECORDS	7

/* What the disk does. */
static atomic_int	steps_left;	/* until the crash; negative: there is none */
static atomic_bool	crashed, torn, in_write;	/* torn: a write takes half before it */
static atomic_int	room_left;	/* bytes the disk takes; negative: any */
static atomic_int	syncs, sync_error;
static atomic_llong	clock_ns;

static int
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

static int64_t
now(void)
{
	int64_t ns = atomic_load(&clock_ns);

	return ns ? ns : when_now();
}

static void
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

static void
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

static int
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

static int
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

static void
end_model(struct model *m)
{
	sink_close(m->sink);
	buf_finish(&m->state);
	buf_finish(&m->bytes);
	buf_finish(&m->expect);
	disk_is_real();
}

static struct parcel
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

static int
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

static int
checkpoint(struct model *m)
{
	int err = m->sink->kind->sync(m->sink);

	return err ? err : save(m);
}

/* Delivers parcels up to the nth; a state every third, a tick every second. */
static int
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

static void
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

static void
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

static bool
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
static void
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

static void
expect(struct model *m, const char *before_all, uint32_t n)
{
	m->expect.len = 0;
	buf_adds(&m->expect, before_all);
	for (uint32_t i = 0; i < n; i++) {
		struct parcel p = make_parcel(m, i);

		buf_add(&m->expect, p.data, p.len);
	}
}

static void
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
static void
finish_jobs(struct sink *s)
{
	struct file_sink *fs = (struct file_sink *)s;

	do {
		CHECK_EQ(s->kind->tick(s), 0);
		weft_waitgroup_wait(&fs->rotator.working);
	} while (!list_empty(&fs->jobs));
}

struct scenario {
	const char	*name, *foreign;	/* what the file holds before: no newline at its end */
	struct weft_file_options o;
	uint32_t	 parcels;
};

/* False: it ran to its end before the crash. */
static bool
crash_at(const struct scenario *c, int step, bool half)
{
	struct model m = { 0 };
	struct buf got = { 0 };
	char path[512], want[64] = "";
	struct weft_file_options o = c->o;
	int live = o.compress_rotated ? COMPRESS_NONE : compress_parse(o.compress);
	int rotated = o.compress_rotated ? compress_parse(o.compress) : COMPRESS_NONE;
	bool did;

	empty_dir();
	disk_is_fine();
	o.path = path_of(path, "f");
	if (c->foreign) {
		write_file("f", c->foreign, strlen(c->foreign));
		snprintf(want, sizeof(want), "%s\n", c->foreign);
	}
	atomic_store(&torn, half);
	atomic_store(&steps_left, step);
	if (open_sink(&m, &o) == 0 && deliver_to(&m, c->parcels) == 0)
		checkpoint(&m);
	did = atomic_load(&crashed);
	sink_close(m.sink);
	disk_is_fine();

	m.next = m.durable;
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, c->parcels), 0);
	CHECK_EQ(checkpoint(&m), 0);
	finish_jobs(m.sink);
	expect(&m, want, c->parcels);
	collect(&got, "f", live, rotated);
	if (got.len != m.expect.len || memcmp(got.data, m.expect.data, got.len) != 0)
		weft_logf("%s, crash at step %d%s", c->name, step, half ? ", half" : "");
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	buf_finish(&got);
	end_model(&m);
	return did;
}

static void
crash_everywhere(const struct scenario *c)
{
	int step = 0;

	for (; crash_at(c, step, false); step += weft_short() ? 3 : 1) {
		REQUIRE(step < 2000);
		if (atomic_load(&in_write))
			crash_at(c, step, true);
	}
	weft_logf("%s: %d steps", c->name, step);
	CHECK(step > 5);
}

TEST(FileHoldsEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "plain", .parcels = 12 });
	crash_everywhere(&(struct scenario){ "foreign", "someone's line", .parcels = 12 });
}

TEST(RotatedFilesHoldEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "rotated", .parcels = 8,
	    .o = { .rotate_size = 300 } });
	crash_everywhere(&(struct scenario){ "rotated within a parcel", .parcels = 4,
	    .o = { .rotate_size = 90 } });
}

TEST(CompressedFilesHoldEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "zstd", .parcels = 12,
	    .o = { .compress = "zstd", .rotate_size = 250 } });
	crash_everywhere(&(struct scenario){ "gzip", .parcels = 12,
	    .o = { .compress = "gzip" } });
}

TEST(FilesCompressedLaterHoldEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "rotated to zstd", .parcels = 8,
	    .o = { .compress = "zstd", .rotate_size = 300, .compress_rotated = true } });
	crash_everywhere(&(struct scenario){ "rotated to gzip", .parcels = 5,
	    .o = { .compress = "gzip", .rotate_size = 100, .compress_rotated = true } });
}

/* The disk is full after some bytes, again and again; what is there is whole at any time. */
static void
fill_disk(const char *compress, uint64_t rotate_size)
{
	struct model m = { 0 };
	struct buf got = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .compress = compress,
		.rotate_size = rotate_size };
	int live = compress_parse(compress), failed = 0, err;

	empty_dir();
	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	for (uint32_t i = 0, done; i < 20; i++) {
		done = 0;
		for (int room = i * 53 % 150; ; room += 30, failed++) {
			atomic_store(&room_left, room);
			err = m.next == i ? deliver(&m, &done) : 0;
			if (!err && !(err = checkpoint(&m)))
				break;
			CHECK_EQ(err, -ENOSPC);
			CHECK(strstr(buf_str(&m.sink->why), "No space left on device") != NULL);
			collect(&got, "f", live, 0);	/* readable, and whole records */
			CHECK(got.len == 0 || got.data[got.len - 1] == '\n');
			REQUIRE(failed < 1000);
		}
	}
	CHECK(failed > 5);
	expect(&m, "", 20);
	collect(&got, "f", live, 0);
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	buf_finish(&got);
	end_model(&m);
}

TEST(FullDiskLeavesNoHalfRecord)
{
	fill_disk(NULL, 0);
	fill_disk(NULL, 200);
	fill_disk("zstd", 0);
	fill_disk("gzip", 0);
}

TEST(FailedSyncIsToldUntilTheBytesAreSafe)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .fsync = 1 };
	uint32_t done = 0;

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver(&m, &done), 0);
	atomic_store(&sync_error, -EIO);
	CHECK_EQ(m.sink->kind->sync(m.sink), -EIO);
	CHECK_EQ(m.sink->kind->sync(m.sink), -EIO);
	atomic_store(&sync_error, 0);
	atomic_store(&syncs, 0);
	CHECK_EQ(m.sink->kind->sync(m.sink), 0);
	CHECK_EQ(atomic_load(&syncs), 1);
	CHECK_EQ(m.sink->kind->sync(m.sink), 0);
	CHECK_EQ(atomic_load(&syncs), 1);	/* nothing new */
	expect(&m, "", 1);
	check_file("f", buf_str(&m.expect));	/* written again, in its place */
	end_model(&m);
}

TEST(FileIsSyncedAsOftenAsTheOptionsSay)
{
	static const struct { int64_t fsync; int after_sync, after_second; } policy[] = {
		{ 1, 5, 5 }, { -1, 0, 0 }, { 5 * WEFT_SECOND, 0, 0 }, { WEFT_SECOND, 0, 1 },
	};
	char path[512];

	for (size_t i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
		struct model m = { 0 };
		struct weft_file_options o = { .path = path_of(path, "f"), .fsync = policy[i].fsync };

		disk_is_fine();
		atomic_store(&clock_ns, when_now());
		CHECK_EQ(open_sink(&m, &o), 0);
		for (uint32_t n = 0, done; n < 6; n++) {
			done = 0;
			CHECK_EQ(deliver(&m, &done), 0);
			CHECK_EQ(m.sink->kind->sync(m.sink), 0);
			if (n == 0)
				atomic_store(&syncs, 0);	/* the first makes the file */
		}
		CHECK_EQ(atomic_load(&syncs), policy[i].after_sync);
		atomic_fetch_add(&clock_ns, WEFT_SECOND);
		CHECK_EQ(m.sink->kind->tick(m.sink), 0);
		CHECK_EQ(atomic_load(&syncs), policy[i].after_second);
		end_model(&m);
		empty_dir();
	}
}

TEST(RotationKeepsAsManyAsItShould)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .rotate_size = 200, .keep = 2 };
	struct buf got = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 12), 0);
	CHECK_EQ(access(path_of(path, "f.1"), F_OK), 0);
	CHECK_EQ(access(path_of(path, "f.2"), F_OK), 0);
	CHECK_EQ(access(path_of(path, "f.3"), F_OK), -1);
	expect(&m, "", 12);
	collect(&got, "f", 0, 0);
	CHECK(got.len > 400 && got.len < m.expect.len);
	CHECK_STR(buf_str(&got), buf_str(&m.expect) + m.expect.len - got.len);
	buf_finish(&got);
	end_model(&m);
}

static void
check_size(const char *name, off_t at_most)
{
	char path[512];
	struct stat st;

	CHECK_EQ(stat(path_of(path, name), &st), 0);
	CHECK(st.st_size <= at_most);
}

TEST(RotationFillsGapsAndObeysTheSize)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .rotate_size = 200 };

	disk_is_fine();
	write_file("f.1.gz", "one", 3);
	write_file("f.3", "three", 5);
	write_file("f.x", "x", 1);
	write_file("f.1.bak", "bak", 3);
	CHECK_EQ(open_sink(&m, &o), 0);
	while (access(path_of(path, "f.2.gz"), F_OK) != 0) {
		uint32_t done = 0;

		CHECK_EQ(deliver(&m, &done), 0);
		REQUIRE(m.next < 20);
	}
	check_file("f.2.gz", "one");
	check_file("f.3", "three");
	check_file("f.x", "x");
	check_file("f.1.bak", "bak");
	check_size("f", 200);
	check_size("f.1", 200);
	end_model(&m);
}

TEST(RotationByTimeFollowsLocalTime)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"),
		.rotate_every = 86400 * WEFT_SECOND };
	int64_t day = INT64_C(1700000000) * WEFT_SECOND, midnight;
	uint32_t done = 0;

	disk_is_fine();
	midnight = day - day % (86400 * WEFT_SECOND) + 86400 * WEFT_SECOND -
	    outname_offset(day) * WEFT_SECOND;
	atomic_store(&clock_ns, midnight - 1);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver(&m, &done), 0);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(access(path_of(path, "f.1"), F_OK), -1);
	atomic_store(&clock_ns, midnight);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(access(path_of(path, "f.1"), F_OK), 0);
	atomic_store(&clock_ns, midnight + 5);
	done = 0;
	CHECK_EQ(deliver(&m, &done), 0);
	atomic_store(&clock_ns, midnight + 86400 * WEFT_SECOND);
	done = 0;
	CHECK_EQ(deliver(&m, &done), 0);	/* without a tick as well */
	CHECK_EQ(access(path_of(path, "f.2"), F_OK), 0);
	end_model(&m);
}

TEST(FileThatWasRenamedOrDeletedIsMadeAnew)
{
	struct model m = { 0 };
	char path[512], moved[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct buf got = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 1), 0);
	rename(path, path_of(moved, "f-yesterday"));
	CHECK_EQ(deliver_to(&m, 3), 0);		/* ticks after the second */
	add_content(&got, "f-yesterday", 0);
	add_content(&got, "f", 0);
	expect(&m, "", 3);
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	unlink(path);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(deliver_to(&m, 4), 0);
	CHECK_EQ(access(path, F_OK), 0);
	buf_finish(&got);
	end_model(&m);
}

TEST(FileRenamedBySomebodyIsCutUnderItsNewName)
{
	struct model m = { 0 };
	char path[512], moved[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct buf got = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 3), 0);		/* and the state has three */
	CHECK_EQ(deliver_to(&m, 5), 0);
	sink_close(m.sink);
	rename(path, path_of(moved, "f-yesterday"));
	write_file("f", "another's\n", 10);
	m.next = m.durable;
	CHECK_EQ(m.next, 3);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 6), 0);
	add_content(&got, "f-yesterday", 0);
	buf_adds(&got, "|");
	add_content(&got, "f", 0);
	expect(&m, "", 3);
	buf_adds(&m.expect, "|another's\n");
	for (uint32_t i = 3; i < 6; i++) {
		struct parcel p = make_parcel(&m, i);

		buf_add(&m.expect, p.data, p.len);
	}
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	buf_finish(&got);
	end_model(&m);
}

TEST(FileOfAnotherIsNeverCut)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 3), 0);
	sink_close(m.sink);
	unlink(path);
	write_file("f", "a file that has nothing to do with it and is long enough to be cut, "
	    "if anybody were so careless as to look at nothing but its name, or at an inode "
	    "that was used again; and then some more, since the parcels are not so short.\n",
	    68 + 79 + 78);
	CHECK_EQ(open_sink(&m, &o), 0);
	sink_close(m.sink);
	check_size("f", 68 + 79 + 78);
	CHECK_EQ(open_sink(&m, &o), 0);
	end_model(&m);
}

TEST(FileForTwoOutputsIsRefused)
{
	struct model a = { 0 }, b = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct buf err = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&a, &o), 0);
	b.sink = sink_file(&o, &err);
	CHECK_EQ(b.sink->kind->open(NULL, b.sink, NULL, 0, &err), -EBUSY);
	CHECK(strstr(buf_str(&err), "/f is being written by another output") != NULL);
	buf_finish(&err);
	end_model(&b);
	end_model(&a);
}

TEST(FileGetsItsDirectoriesAndMode)
{
	struct model m = { 0 };
	char path[512], made[512];
	struct weft_file_options o = { .path = path_of(path, "a/b/{source}/f"), .mode = 0600 };
	struct stat st;

	disk_is_fine();
	m.source = "../x";
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 1), 0);
	CHECK_EQ(stat(path_of(made, "a/b/___x/f"), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	end_model(&m);
}

/* More files than may be open, one after the other, and a crash. */
TEST(ManyFilesAreOpenedInTurn)
{
	struct model m = { 0 };
	char path[512], name[40];
	struct weft_file_options o = { .path = path_of(path, "{source}"), .fsync = -1 };
	int files = 3 * FILES_OPEN + 5;
	struct file_sink *fs;

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	m.source = name;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < files; i++) {
			uint32_t done = 0;

			snprintf(name, sizeof(name), "s%d", i);
			m.next = round;
			CHECK_EQ(deliver(&m, &done), 0);
			fs = (struct file_sink *)m.sink;
			CHECK(fs->nopen <= FILES_OPEN);
		}
	m.next = 3;
	CHECK_EQ(checkpoint(&m), 0);
	for (int i = 0; i < files; i += 7) {
		uint32_t done = 0;

		snprintf(name, sizeof(name), "s%d", i);
		m.next = 3;
		CHECK_EQ(deliver(&m, &done), 0);	/* lost again by the crash */
	}
	sink_close(m.sink);
	CHECK_EQ(open_sink(&m, &o), 0);
	expect(&m, "", 3);
	for (int i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		check_file(name, buf_str(&m.expect));
	}
	end_model(&m);
}

TEST(FilesAreForgottenWhenThereAreTooMany)
{
	struct model m = { 0 };
	char path[512], name[40];
	struct weft_file_options o = { .path = path_of(path, "{source}"), .fsync = -1 };
	struct file_sink *fs;

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	m.source = name;
	for (int i = 0; i < FILES_KNOWN + 50; i++) {
		uint32_t done = 0;

		snprintf(name, sizeof(name), "s%d", i);
		m.next = 0;
		CHECK_EQ(deliver(&m, &done), 0);
	}
	fs = (struct file_sink *)m.sink;
	CHECK(fs->known.n <= FILES_KNOWN);
	end_model(&m);
}

TEST(ReplaceBeginsWithAnEmptyFileButOnlyOnce)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .replace = true };

	disk_is_fine();
	write_file("f", "old\n", 4);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 3), 0);
	sink_close(m.sink);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 6), 0);
	expect(&m, "", 6);
	check_file("f", buf_str(&m.expect));
	end_model(&m);
}

TEST(FilesThatAreWrittenAreOurs)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct stat st, other;

	disk_is_fine();
	write_file("g", "x\n", 2);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 1), 0);
	CHECK_EQ(stat(path, &st), 0);
	CHECK(ours_has(st.st_dev, st.st_ino));
	CHECK_EQ(stat(path_of(path, "g"), &other), 0);
	CHECK(!ours_has(other.st_dev, other.st_ino));
	end_model(&m);
	CHECK(!ours_has(st.st_dev, st.st_ino));
}

TEST(IdleFilesAreClosedAndForgotten)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "{source}") };
	struct file_sink *fs;

	disk_is_fine();
	atomic_store(&clock_ns, when_now());
	CHECK_EQ(open_sink(&m, &o), 0);
	fs = (struct file_sink *)m.sink;
	CHECK_EQ(deliver_to(&m, 2), 0);
	CHECK_EQ(fs->nopen, 1);
	atomic_fetch_add(&clock_ns, 61 * WEFT_SECOND);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(fs->nopen, 0);
	CHECK_EQ(deliver_to(&m, 3), 0);
	atomic_fetch_add(&clock_ns, 601 * WEFT_SECOND);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(fs->known.n, 0);
	CHECK_EQ(deliver_to(&m, 4), 0);
	expect(&m, "", 4);
	check_file("src", buf_str(&m.expect));
	end_model(&m);
}

static void
refused(struct weft_file_options o, const char *why)
{
	struct buf err = { 0 };

	CHECK(sink_file(&o, &err) == NULL);
	CHECK_STR(buf_str(&err), why);
	buf_finish(&err);
}

TEST(FileOptionsAreChecked)
{
	refused((struct weft_file_options){ 0 }, "path: is missing");
	refused((struct weft_file_options){ .path = "/x/" },
	    "path: /x/ is a directory; name a file in it");
	refused((struct weft_file_options){ .path = "x", .compress = "lz4" },
	    "compress: \"lz4\" is unknown; there are none, gzip and zstd");
	refused((struct weft_file_options){ .path = "x", .compress_rotated = true },
	    "compress_rotated: needs compress: gzip or zstd");
	refused((struct weft_file_options){ .path = "x%d", .replace = true },
	    "replace: x%d stands for many files; use a path without % and {}");
}

TEST(DamagedStateIsRefused)
{
	static const char *const states[] = { "nonsense", "weft-file 1\n1 2 3", "weft-file 1\n\n",
		"weft-file 1\n1 2 3 4 5 600 x\n", "weft-file 2\n" };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct buf err = { 0 };
		struct sink *s = sink_file(&o, &err);

		CHECK_EQ(s->kind->open(NULL, s, states[i], strlen(states[i]), &err), -EINVAL);
		CHECK(err.len > 0);
		sink_close(s);
		buf_finish(&err);
	}
}

TEST(FileMayBeADevice)
{
	struct model m = { 0 };
	struct weft_file_options o = { .path = "/dev/null", .rotate_size = 10 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 5), 0);
	end_model(&m);
	CHECK_EQ(access("/dev/null.1", F_OK), -1);
}

static void
bench_file(weft_b *b, const char *compress)
{
	static char data[1 << 17];
	static uint32_t ends[512];
	struct parcel p = { data, sizeof(data), 512, ends, "s", "s", "h", 0 };
	struct weft_file_options o = { .path = "/dev/shm/weft-bench-file", .fsync = -1,
		.rotate_size = 64 << 20, .keep = 1, .compress = compress };
	struct buf err = { 0 };
	struct sink *s = sink_file(&o, &err);
	struct rejects r = { 0 };
	uint32_t done;

	for (int i = 0; i < 512; i++) {
		snprintf(data + 256 * i, 256, "{\"time\":\"2026-11-25T18:31:%02d.%06dZ\",\"level\":"
		    "\"info\",\"message\":\"request %d done\",\"user\":%d,\"took\":%d}%*c", i % 60,
		    i * 7919 % 1000000, i * 31, i * 104729 % 65536, i * i % 977, 130, ' ');
		data[256 * i + 255] = '\n';
		ends[i] = 256 * (i + 1);
	}
	s->kind->open(NULL, s, NULL, 0, &err);
	weft_bytes(b, sizeof(data));
	while (weft_loop(b)) {
		done = 0;
		if (s->kind->write(NULL, s, &p, &done, &r))
			break;
	}
	sink_close(s);
	unlink("/dev/shm/weft-bench-file");
	unlink("/dev/shm/weft-bench-file.1");
}

BENCH(FileSink)
{
	weft_run(b, "compress=none", bench_file, NULL);
	weft_run(b, "compress=zstd", bench_file, "zstd");
	weft_run(b, "compress=gzip", bench_file, "gzip");
}

TEST(FileThatIsAPipeIsWrittenAsItComes)
{
	struct model m = { 0 };
	char path[512], got[4096];
	struct weft_file_options o = { .path = path_of(path, "f") };
	uint32_t done = 0;
	int fd;
	ssize_t n;

	disk_is_fine();
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver(&m, &done), -ENXIO);	/* nobody reads */
	fd = open(path, O_RDONLY | O_NONBLOCK);
	CHECK_EQ(deliver(&m, &done), 0);
	n = read(fd, got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	expect(&m, "", 1);
	CHECK_STR(got, buf_str(&m.expect));
	close(fd);
	end_model(&m);
}

TEST(DeviceCannotBeCompressed)
{
	struct model m = { 0 };
	struct weft_file_options o = { .path = "/dev/null", .compress = "gzip" };

	CHECK_EQ(open_sink(&m, &o), -EINVAL);
	end_model(&m);
}
