/* source_archive_test.c - gzip and zstd: read once, and what is known of them is not read again */
#include <zlib.h>
#include <zstd.h>

#include "inflate.h"
#include "testintake.h"

static void
gzip(const char *name, const char *text, size_t n, const char *mode)
{
	char path[512];
	gzFile z = gzopen(path_of(path, name), mode);

	REQUIRE(z);
	CHECK_EQ(gzwrite(z, text, n), n);
	CHECK_EQ(gzclose(z), Z_OK);
}

static void
zstd(const char *name, const char *text, size_t n)
{
	size_t room = ZSTD_compressBound(n), len;
	char *out = malloc(room);

	len = ZSTD_compress(out, room, text, n, 3);
	REQUIRE(!ZSTD_isError(len));
	write_file(name, out, len);
	free(out);
}

static char *
numbered(int from, int to, size_t *n)
{
	struct buf b = { 0 };

	for (int i = from; i < to; i++)
		buf_printf(&b, "line %d of the log\n", i);
	*n = b.len;
	buf_addc(&b, '\0');
	return b.data;
}

static void
want_lines(struct rig *r, int n)
{
	size_t len;
	char *text = numbered(0, n, &len);

	RIG_TEXT(r, text);
	free(text);
}

static void
lines(const char *name, int from, int to)
{
	size_t n;
	char *text = numbered(from, to, &n);

	append(name, text);
	free(text);
}

/* As gzip does: the new one is complete before the old one goes. */
static void
pack(const char *from, const char *to)
{
	size_t n;
	char *text = read_file(from, &n);

	if (strstr(to, ".gz"))
		gzip(to, text, n, "wb");
	else
		zstd(to, text, n);
	free(text);
	drop(from);
}

TEST(ArchivesAreReadOnce)
{
	struct rig *r = rig_new("a.gz b.zst");
	size_t n;
	char *text = numbered(0, 20000, &n);

	gzip("a.gz", text, n / 2, "wb");
	gzip("a.gz", text + n / 2, n - n / 2, "ab");	/* a second member */
	free(text);
	text = numbered(20000, 40000, &n);
	zstd("b.zst", text, n);
	free(text);
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	CHECK_EQ(r->nlines, 40000);
	CHECK_EQ(r->errors, 0);
	r->o.once = false;
	rig_start(r);
	append("../x", "");
	rig_stop(r);
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	CHECK_EQ(r->nlines, 40000);
}

TEST(ArchiveIsGoneOnWithInTheMiddle)
{
	struct rig *r = rig_new("a.gz");
	size_t n;
	char *text = numbered(0, 20000, &n);

	gzip("a.gz", text, n, "wb");
	free(text);
	r->stall_at = 3000;
	rig_start(r);
	RIG_WAIT(r, r->stalled);
	rig_stop(r);
	CHECK(r->nlines >= 3000 && r->nlines < 20000);
	r->stall_at = 0;
	rig_stall(r, false);
	rig_start(r);
	RIG_WAIT(r, r->streams[0]->done);
	rig_stop(r);
	want_lines(r, 20000);
}

TEST(ArchiveThatEndsTooEarlyGivesWhatItHas)
{
	struct rig *r = rig_new("*.gz *.zst");
	struct look l;
	size_t n;
	char *text = numbered(0, 20000, &n), path[512];

	gzip("a.gz", text, n, "wb");
	CHECK_EQ(look_path(path_of(path, "a.gz"), &l), 0);
	cut("a.gz", l.size / 2);
	zstd("b.zst", text, n);
	CHECK_EQ(look_path(path_of(path, "b.zst"), &l), 0);
	cut("b.zst", l.size - 5);
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	CHECK(rig_told(r, "a.gz: the archive ends too early"));
	CHECK(rig_told(r, "b.zst: the archive ends too early"));
	CHECK(r->nlines > 5000);
	free(text);
}

TEST(BrokenArchiveGivesWhatCouldBeRead)
{
	struct rig *r = rig_new("a.gz");
	size_t n;
	char *text = numbered(0, 100, &n);

	gzip("a.gz", text, n, "wb");
	free(text);
	append("a.gz", "this is no member");
	rig_start(r);
	RIG_WAIT(r, r->streams[0] && r->streams[0]->done);
	rig_stop(r);
	want_lines(r, 100);
	CHECK(rig_told(r, "a.gz: the archive is broken"));
	CHECK_EQ(r->errors, 1);
}

TEST(ArchiveInTheMakingIsWaitedFor)
{
	struct rig *r = rig_new("*.gz");
	size_t n, len;
	char *text = numbered(0, 20000, &n), *packed;

	r->o.linger = 2 * WEFT_SECOND;	/* it is looked into after a quarter of that */
	gzip("whole", text, n, "wb");
	packed = read_file("whole", &len);
	rig_start(r);
	write_file("a.gz", packed, 1);	/* not even its magic */
	write_file("a.gz", packed, len / 2);
	RIG_WAIT(r, r->nlines > 0);
	write_file("b", packed, len);
	write_file("a.gz", packed, len);
	RIG_WAIT(r, r->nlines == 20000 && r->opened == 0);
	rig_stop(r);
	want_lines(r, 20000);
	CHECK_EQ(r->errors, 0);
	free(text);
	free(packed);
}

static void
packed_while_stopped(weft_t *t, const char *to)
{
	struct rig *r = rig_new("a.log");

	(void)t;
	lines("a.log", 0, 1000);
	rig_start(r);
	rig_lines(r, 1000);
	rig_stop(r);
	lines("a.log", 1000, 1500);
	pack("a.log", to);
	lines("a.log", 1500, 1600);
	rig_start(r);
	rig_lines(r, 1600);
	RIG_WAIT(r, r->streams[0]->done);
	rig_stop(r);
	want_lines(r, 1600);
	rig_start(r);
	lines("a.log", 1600, 1601);
	rig_lines(r, 1601);
	rig_stop(r);
	want_lines(r, 1601);
}

TEST(RotatedIntoAnArchiveWhileStopped)
{
	weft_run(t, "gzip", packed_while_stopped, "a.log.1.gz");
	weft_run(t, "zstd", packed_while_stopped, "a.log.1.zst");
}

TEST(RotatedIntoAnArchiveThatThePatternFinds)
{
	struct rig *r = rig_new("a.log*");

	lines("a.log", 0, 1000);
	rig_start(r);
	rig_lines(r, 1000);
	move("a.log", "a.log.1");
	lines("a.log", 1000, 1010);
	rig_lines(r, 1010);
	pack("a.log.1", "a.log.1.gz");
	RIG_WAIT(r, r->nstreams == 3 && r->opened == 1);
	rig_stop(r);
	want_lines(r, 1010);
	rig_start(r);			/* it is not read after a restart, either */
	lines("a.log", 1010, 1011);
	rig_lines(r, 1011);
	rig_stop(r);
	want_lines(r, 1011);
	CHECK_EQ(r->lost, 0);
}

TEST(PackedLongAfterItWasClosed)
{
	struct rig *r = rig_new("a.log *.gz");

	lines("a.log", 0, 100);
	rig_start(r);
	rig_lines(r, 100);
	move("a.log", "a.log.1");
	RIG_WAIT(r, r->opened == 0);
	lines("a.log.1", 100, 110);	/* too late for us, but not for the archive */
	pack("a.log.1", "a.log.1.gz");
	rig_lines(r, 110);
	rig_stop(r);
	want_lines(r, 110);
}

TEST(CopyIsPackedBeforeTheTruncationIsSeen)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 100);
	rig_start(r);
	rig_lines(r, 100);
	rig_stall(r, true);
	lines("a.log", 100, 2000);
	copy("a.log", "a.log.1");
	pack("a.log.1", "a.log.1.gz");
	cut("a.log", 0);
	lines("a.log", 2000, 2010);
	rig_stall(r, false);
	rig_lines(r, 2010);
	rig_stop(r);
	want_lines(r, 2010);
	CHECK_EQ(r->lost, 0);
}
