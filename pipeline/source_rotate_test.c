/*
 * source_rotate_test.c - whatever is done to a log file, each line comes once
 *
 * Where two files take turns, lines are checked in order too: those of the older one come first.
 */
#include <sys/stat.h>

#include "testintake.h"

static void
lines(const char *name, int from, int to)
{
	struct buf b = { 0 };

	for (int i = from; i < to; i++)
		buf_printf(&b, "line %d of the log\n", i);
	append(name, buf_str(&b));
	buf_finish(&b);
}

static void
want_lines(struct rig *r, int n)
{
	struct buf b = { 0 };

	for (int i = 0; i < n; i++)
		buf_printf(&b, "line %d of the log\n", i);
	RIG_TEXT(r, buf_str(&b));
	buf_finish(&b);
}

TEST(RenamedFileIsReadToItsEndFirst)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	lines("a.log", 10, 1000);
	move("a.log", "a.log.1");
	lines("a.log", 1000, 1010);
	rig_lines(r, 1010);
	rig_stop(r);
	want_lines(r, 1010);
}

TEST(RenamedFileIsFollowedWhileItGrows)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	r->o.linger = 10 * WEFT_SECOND;
	rig_start(r);
	rig_lines(r, 10);
	move("a.log", "a.log.1");
	RIG_WAIT(r, strstr(r->streams[0]->name, "a.log.1"));
	for (int i = 10; i < 20; i++) {
		lines("a.log.1", i, i + 1);
		rig_lines(r, i + 1);
	}
	rig_stop(r);
	want_lines(r, 20);
}

TEST(RenamedFileIsLetGoWhenItIsQuiet)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "one\nhalf");
	rig_start(r);
	rig_lines(r, 1);
	move("a.log", "a.log.1");
	RIG_WAIT(r, r->opened == 0);
	rig_stop(r);
	RIG_TEXT(r, "one\nhalf\n");	/* nobody will finish it */
	CHECK(r->streams[0]->done && !r->streams[0]->forgotten);
}

TEST(TenRotationsWhileThePipelineStalls)
{
	struct rig *r = rig_new("a.log");
	char from[32], to[32];

	lines("a.log", 0, 5);
	rig_start(r);
	rig_lines(r, 5);
	rig_stall(r, true);
	for (int n = 1; n <= 10; n++) {
		lines("a.log", n * 1000, n * 1000 + 5);
		RIG_WAIT(r, r->nstreams == n);
		for (int i = n; i > 1; i--) {
			snprintf(from, sizeof(from), "a.log.%d", i - 1);
			snprintf(to, sizeof(to), "a.log.%d", i);
			move(from, to);
		}
		move("a.log", "a.log.1");
	}
	rig_stall(r, false);
	rig_lines(r, 55);
	rig_stop(r);
	CHECK_EQ(r->nlines, 55);
	CHECK_EQ(r->lost, 0);
	for (int i = 1; i < 10; i++) {	/* in order */
		snprintf(from, sizeof(from), "line %d of", i * 1000 + 4);
		snprintf(to, sizeof(to), "line %d of", i * 1000 + 1000);
		CHECK(strstr(buf_str(&r->text), from) < strstr(buf_str(&r->text), to));
	}
}

/* Quicker than anyone can look: the files in between never had a name that we saw. */
TEST(RotationsQuickerThanLooks)
{
	struct rig *r = rig_new("a.log");
	char to[32];
	int n = 200;

	lines("a.log", 0, 1);
	rig_start(r);
	rig_lines(r, 1);
	for (int i = 1; i < n; i++) {
		snprintf(to, sizeof(to), "gone-%d", i);
		move("a.log", to);
		lines("a.log", i, i + 1);
	}
	rig_lines(r, n);
	rig_stop(r);
	CHECK_EQ(r->nlines, n);
}

TEST(RotationWithinThePatternReadsNothingAgain)
{
	struct rig *r = rig_new("a.log*");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	for (int n = 1; n < 4; n++) {
		if (n > 1)
			move("a.log.1", "a.log.2");
		move("a.log", "a.log.1");
		lines("a.log", 10 * n, 10 * n + 10);
		rig_lines(r, 10 * n + 10);
	}
	want_lines(r, 40);
	lines("a.log.1", 40, 41);	/* it is followed as long as the pattern finds it */
	rig_lines(r, 41);
	rig_stop(r);
	rig_start(r);
	lines("a.log", 41, 42);
	rig_lines(r, 42);
	rig_stop(r);
	want_lines(r, 42);
}

TEST(RotatedWhileStopped)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	rig_stop(r);
	lines("a.log", 10, 500);
	move("a.log", "a.log.1");
	lines("a.log", 500, 510);
	rig_start(r);
	rig_lines(r, 510);
	rig_stop(r);
	want_lines(r, 510);
	CHECK_EQ(r->nstreams, 2);
	rig_start(r);			/* and again: nothing */
	lines("a.log", 510, 511);
	rig_lines(r, 511);
	rig_stop(r);
	want_lines(r, 511);
}

TEST(RotatedTwiceWhileStopped)
{
	struct rig *r = rig_new("a.log");
	struct look l;
	char path[512];

	lines("a.log", 0, 10);
	CHECK_EQ(look_path(path_of(path, "a.log"), &l), 0);
	if (!l.btime)
		weft_skip("this file system does not know when a file was born");
	rig_start(r);
	rig_lines(r, 10);
	rig_stop(r);
	lines("a.log", 10, 20);
	move("a.log", "a.log.1");
	lines("a.log", 20, 30);		/* nobody has seen this one under its name */
	move("a.log.1", "a.log.2");
	move("a.log", "a.log.1");
	lines("a.log-other", 900, 901);
	lines("a.log", 30, 40);
	rig_start(r);
	rig_lines(r, 40);
	rig_stop(r);
	want_lines(r, 40);
}

TEST(DeletedFileIsReadToItsEnd)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 1);
	rig_start(r);
	rig_lines(r, 1);
	rig_stall(r, true);
	lines("a.log", 1, 3000);
	drop("a.log");
	rig_stall(r, false);
	rig_lines(r, 3000);
	RIG_WAIT(r, r->opened == 0);
	CHECK(r->streams[0]->done && r->streams[0]->forgotten);
	lines("a.log", 3000, 3001);	/* perhaps with the same inode */
	rig_lines(r, 3001);
	rig_stop(r);
	want_lines(r, 3001);
}

TEST(DeletedWhileStopped)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	rig_stop(r);
	drop("a.log");
	rig_start(r);
	RIG_WAIT(r, rig_told(r, "is gone"));
	rig_stop(r);
	CHECK(r->streams[0]->forgotten);
}

TEST(CopyTruncateWithNothingUnread)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	copy("a.log", "a.log.1");
	cut("a.log", 0);
	lines("a.log", 10, 20);
	rig_lines(r, 20);
	rig_stop(r);
	want_lines(r, 20);
	CHECK_EQ(r->lost, 0);
}

TEST(CopyTruncateReadsTheRestFromTheCopy)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	rig_stall(r, true);
	lines("a.log", 10, 3000);
	copy("a.log", "a.log.1");
	cut("a.log", 0);
	lines("a.log", 3000, 3010);
	RIG_WAIT(r, r->nstreams == 2);
	rig_stall(r, false);
	rig_lines(r, 3010);
	rig_stop(r);
	want_lines(r, 3010);
	CHECK_EQ(r->lost, 0);
}

/* The file grows beyond its old size before anyone looks: only its bytes tell. */
TEST(CopyTruncateAndQuickGrowth)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	rig_stall(r, true);
	lines("a.log", 10, 20);
	copy("a.log", "a.log.1");
	cut("a.log", 0);
	lines("a.log", 20, 500);
	rig_stall(r, false);
	rig_lines(r, 500);
	rig_stop(r);
	want_lines(r, 500);
	CHECK_EQ(r->lost, 0);
}

TEST(CopyThatThePatternFindsIsNotReadAgain)
{
	struct rig *r = rig_new("a.log*");

	r->o.linger = 10 * WEFT_SECOND;
	lines("a.log", 0, 100);
	rig_start(r);
	rig_lines(r, 100);
	for (int n = 1; n < 5; n++) {
		char to[32];

		snprintf(to, sizeof(to), "a.log.%d", n);
		copy("a.log", to);
		cut("a.log", 0);
		lines("a.log", 100 * n, 100 * n + 100);
		rig_lines(r, 100 * n + 100);
	}
	rig_stop(r);
	want_lines(r, 500);
	rig_start(r);
	lines("a.log", 500, 501);
	rig_lines(r, 501);
	rig_stop(r);
	want_lines(r, 501);
}

TEST(CopyTruncateTwiceWhileThePipelineStalls)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	rig_stall(r, true);
	lines("a.log", 10, 20);
	copy("a.log", "a.log.1");
	cut("a.log", 0);
	RIG_WAIT(r, strstr(r->streams[0]->name, "a.log.1"));
	lines("a.log", 20, 30);
	RIG_WAIT(r, r->nstreams == 2 && r->streams[1]->id.head_len > 0);
	move("a.log.1", "a.log.2");
	copy("a.log", "a.log.1");
	cut("a.log", 0);
	RIG_WAIT(r, strstr(r->streams[1]->name, "a.log.1"));
	lines("a.log", 30, 40);
	rig_stall(r, false);
	rig_lines(r, 40);
	rig_stop(r);
	want_lines(r, 40);
	CHECK_EQ(r->lost, 0);
}

TEST(CopyTruncateWhileStopped)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	rig_stop(r);
	lines("a.log", 10, 20);
	copy("a.log", "a.log.1");
	cut("a.log", 0);
	lines("a.log", 20, 40);
	rig_start(r);
	rig_lines(r, 40);
	rig_stop(r);
	want_lines(r, 40);
}

TEST(TruncationWithoutACopyIsCountedInBytes)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "one\n");
	rig_start(r);
	rig_lines(r, 1);
	append("a.log", "half a line");
	RIG_WAIT(r, r->gets >= 2);
	cut("a.log", 0);
	append("a.log", "two\n");
	rig_lines(r, 2);
	rig_stop(r);
	RIG_TEXT(r, "one\ntwo\n");
	CHECK(r->lost == 11 || r->lost == 0);	/* as far as it was seen */
	if (r->lost == 0)
		weft_logf("truncated before it was seen");
}

TEST(TruncatedInPlaceAndAppended)
{
	struct rig *r = rig_new("a.log");

	for (int i = 0; i < 5; i++) {
		if (i == 1)
			rig_start(r);
		if (i)
			rig_lines(r, 10 * i);
		if (i)
			cut("a.log", 0);
		lines("a.log", 10 * i, 10 * i + 10);
	}
	rig_lines(r, 50);
	rig_stop(r);
	want_lines(r, 50);
}

/* A writer without O_APPEND goes on at its old place: before it there is nothing. */
TEST(HoleAfterTruncationIsSkipped)
{
	struct rig *r = rig_new("a.log");
	char path[512];
	int fd;

	lines("a.log", 0, 2000);
	fd = open(path_of(path, "a.log"), O_WRONLY);
	lseek(fd, 0, SEEK_END);
	rig_start(r);
	rig_lines(r, 2000);
	cut("a.log", 0);
	CHECK_EQ(write(fd, "line 2000 of the log\n", 21), 21);
	rig_lines(r, 2001);
	lines("a.log", 2001, 2010);
	rig_lines(r, 2010);
	close(fd);
	rig_stop(r);
	want_lines(r, 2010);
}

TEST(InodeIsUsedAgain)
{
	struct rig *r = rig_new("*.log");
	int same = 0;
	char name[32], path[512];
	struct look a = { 0 }, b;

	rig_start(r);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%d.log", i);
		lines(name, 10 * i, 10 * i + 10);
		look_path(path_of(path, name), &b);
		same += a.ino == b.ino;
		a = b;
		rig_lines(r, 10 * i + 10);
		drop(name);
		RIG_WAIT(r, r->opened == 0);
	}
	rig_stop(r);
	want_lines(r, 200);
	weft_logf("%d inodes were used again", same);
}

TEST(InodeIsUsedAgainWhileStopped)
{
	struct rig *r = rig_new("a.log");
	struct look a, b;
	char path[512];

	lines("a.log", 0, 10);
	look_path(path_of(path, "a.log"), &a);
	rig_start(r);
	rig_lines(r, 10);
	rig_stop(r);
	for (int i = 0; i < 20; i++) {	/* until it has the same one */
		drop("a.log");
		lines("a.log", 10, 20 + i);
		look_path(path, &b);
		if (a.ino == b.ino)
			break;
	}
	if (a.ino != b.ino)
		weft_skip("this file system does not use inodes again");
	rig_start(r);
	rig_lines(r, 20);
	rig_stop(r);
	CHECK(strncmp(buf_str(&r->text) + 10 * 18, "line 10 of", 10) == 0);
	CHECK(!strstr(buf_str(&r->text), "line 9 of the log\nline 9 of"));
}

static void
equal_heads(const char *name, const char *last)
{
	struct buf b = { 0 };

	while (b.len < 4096)
		buf_adds(&b, "the same header in each file\n");
	buf_adds(&b, last);
	append(name, buf_str(&b));
	buf_finish(&b);
}

TEST(FilesWithEqualHeadsAreDifferentFiles)
{
	struct rig *r = rig_new("*.log");
	size_t head = 4096 / 29 + 1;

	equal_heads("a.log", "a\n");
	rig_start(r);
	rig_lines(r, head + 1);
	equal_heads("b.log", "b\n");
	rig_lines(r, 2 * head + 2);
	equal_heads("c.log", "");	/* nothing but the head: for now it is like a copy */
	rig_lines(r, 3 * head + 2);
	append("a.log", "a2\n");
	append("b.log", "b2\n");
	append("c.log", "c2\n");
	rig_lines(r, 3 * head + 5);
	rig_stop(r);
	rig_start(r);
	append("a.log", "a3\n");
	rig_lines(r, 3 * head + 6);
	rig_stop(r);
	CHECK_EQ(r->nlines, 3 * head + 6);
	CHECK_EQ(r->nstreams, 3);
}

TEST(ReplacedWhileStoppedByOneWithAnEqualHead)
{
	struct rig *r = rig_new("a.log");
	size_t head = 4096 / 29 + 1;

	equal_heads("a.log", "a\n");
	rig_start(r);
	rig_lines(r, head + 1);
	rig_stop(r);
	equal_heads("new", "b\n");
	move("new", "a.log");
	rig_start(r);
	rig_lines(r, 2 * head + 2);
	rig_stop(r);
	CHECK_EQ(r->nlines, 2 * head + 2);
}

TEST(RestoredFromACopyGoesOn)
{
	struct rig *r = rig_new("a.log");

	lines("a.log", 0, 10);
	rig_start(r);
	rig_lines(r, 10);
	rig_stop(r);
	copy("a.log", "new");		/* as editors and backups do */
	move("new", "a.log");
	lines("a.log", 10, 20);
	rig_start(r);
	rig_lines(r, 20);
	rig_stop(r);
	want_lines(r, 20);
}

TEST(BurstOfAMillionLinesThenRotation)
{
	struct rig *r = rig_new("a.log");
	struct buf b = { 0 };
	int n = weft_short() ? 50000 : 1000000;

	r->in.batch = 128 << 10;
	lines("a.log", 0, 1);
	rig_start(r);
	rig_lines(r, 1);
	rig_stall(r, true);
	for (int i = 1; i < n; i++)
		buf_printf(&b, "line %d of the log\n", i);
	append("a.log", buf_str(&b));
	move("a.log", "a.log.1");
	lines("a.log", n, n + 1);
	rig_stall(r, false);
	rig_lines(r, n + 1);
	rig_stop(r);
	CHECK(r->text.len > b.len && memcmp(r->text.data + 18, b.data, b.len) == 0);
	buf_finish(&b);
}
