/* source_file_test.c - files are found, read once, followed, and waited for */
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "fdio.h"
#include "testintake.h"
#include "weft/net.h"

TEST(OnceReadsToTheEnd)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "one\ntwo\r\nthree");
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	RIG_TEXT(r, "one\ntwo\nthree\n");
	CHECK_EQ(r->errors, 0);
	CHECK(r->streams[0]->done);
	CHECK_EQ(r->bytes, 14);
}

TEST(OnceDoesNotWaitForFiles)
{
	struct rig *r = rig_new("none*.log");

	r->o.once = true;
	rig_start(r);
	rig_end(r);
	CHECK(rig_told(r, "no such file"));
	CHECK_EQ(r->errors, 1);
}

TEST(OnceGoesOnWhereItEnded)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "one\n");
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	append("a.log", "two\n");
	rig_start(r);
	rig_end(r);
	RIG_TEXT(r, "one\ntwo\n");
}

TEST(FollowsWhatIsAppended)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "one\n");
	rig_start(r);
	rig_lines(r, 1);
	append("a.log", "two\n");
	rig_lines(r, 2);
	append("a.log", "thr");
	append("a.log", "ee\nfo");
	rig_lines(r, 3);
	append("a.log", "ur\n");
	rig_lines(r, 4);
	rig_stop(r);
	RIG_TEXT(r, "one\ntwo\nthree\nfour\n");
	CHECK_EQ(r->nstreams, 1);
}

TEST(WaitsForFilesThatDoNotExist)
{
	struct rig *r = rig_new("sub/a.log b*.log");
	char path[512];

	rig_start(r);
	append("b1.log", "b\n");
	rig_lines(r, 1);
	mkdir(path_of(path, "sub"), 0777);
	append("sub/a.log", "a\n");
	rig_lines(r, 2);
	rig_stop(r);
	RIG_TEXT(r, "b\na\n");
}

TEST(SeveralPatternsAndExclude)
{
	struct rig *r = rig_new("*.log d?/*.txt [x-z].out");
	char path[512];

	mkdir(path_of(path, "d1"), 0777);
	mkdir(path_of(path, "d22"), 0777);
	append("a.log", "a\n");
	append(".hidden.log", "hidden\n");
	append("b.log", "b\n");
	append("old-c.log", "c\n");
	append("d1/t.txt", "t\n");
	append("d22/t.txt", "no\n");
	append("y.out", "y\n");
	append("w.out", "no\n");
	snprintf(r->exclude, sizeof(r->exclude), "old-* %s/b.log", weft_tempdir());
	r->o.exclude = r->exclude;
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	CHECK_EQ(r->nlines, 3);
	CHECK(strstr(buf_str(&r->text), "a\n") && strstr(buf_str(&r->text), "t\n") &&
	    strstr(buf_str(&r->text), "y\n"));
}

TEST(LinksToOneFileAreOneFile)
{
	struct rig *r = rig_new("*.log");
	char a[512], b[512];

	append("a.log", "one\n");
	CHECK_EQ(link(path_of(a, "a.log"), path_of(b, "b.log")), 0);
	CHECK_EQ(symlink("a.log", path_of(b, "c.log")), 0);
	rig_start(r);
	rig_lines(r, 1);
	append("b.log", "two\n");
	rig_lines(r, 2);
	drop("a.log");
	append("b.log", "three\n");
	rig_lines(r, 3);
	rig_stop(r);
	RIG_TEXT(r, "one\ntwo\nthree\n");
	CHECK_EQ(r->nstreams, 1);
}

TEST(AtEndOnlyForFilesOfTheFirstStart)
{
	struct rig *r = rig_new("*.log");

	append("a.log", "old\nha");
	r->o.at_end = true;
	rig_start(r);
	RIG_WAIT(r, r->nstreams == 1);
	append("a.log", "lf\n");
	rig_lines(r, 1);
	append("b.log", "new\n");
	rig_lines(r, 2);
	rig_stop(r);
	append("c.log", "while stopped\n");
	append("a.log", "more\n");
	rig_start(r);
	rig_lines(r, 4);
	rig_stop(r);
	CHECK(strncmp(buf_str(&r->text), "half\nnew\n", 9) == 0);
	CHECK(!strstr(buf_str(&r->text), "old"));
}

TEST(AtEndIsRememberedWithoutALine)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "old\n");
	r->o.at_end = true;
	rig_start(r);
	RIG_WAIT(r, r->nstreams == 1);
	rig_stop(r);
	append("a.log", "new\n");
	rig_start(r);
	rig_lines(r, 1);
	rig_stop(r);
	RIG_TEXT(r, "new\n");
}

TEST(HalfALineIsReadAgainAfterRestart)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "one\ntw");
	rig_start(r);
	rig_lines(r, 1);
	rig_stop(r);
	RIG_TEXT(r, "one\n");
	CHECK_EQ(r->streams[0]->at.offset, 4);
	append("a.log", "o\n");
	rig_start(r);
	rig_lines(r, 2);
	rig_stop(r);
	RIG_TEXT(r, "one\ntwo\n");
}

TEST(NothingIsReadTwiceOrLostOverManyRestarts)
{
	struct rig *r = rig_new("a.log");
	struct buf want = { 0 };
	char line[32];

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10; i++) {
			snprintf(line, sizeof(line), "line %d\n", round * 10 + i);
			append("a.log", line);
			buf_adds(&want, line);
		}
		rig_start(r);
		if (round % 3)
			rig_lines(r, 10 * round + 5);
		rig_stop(r);
	}
	rig_start(r);
	rig_lines(r, 200);
	rig_stop(r);
	RIG_TEXT(r, buf_str(&want));
	buf_finish(&want);
}

/* Our batches are of 16 KB: this one is of many, and comes a piece at a time. */
TEST(LongLineGrows)
{
	struct rig *r = rig_new("a.log");
	size_t piece = 1 << 18, pieces = weft_short() ? 8 : 64;
	char *text = malloc(piece + 1);

	memset(text, 'x', piece);
	text[piece] = '\0';
	append("a.log", "first\n");
	rig_start(r);
	rig_lines(r, 1);
	for (size_t i = 0; i < pieces; i++)
		append("a.log", text);
	append("a.log", "\nlast\n");
	rig_lines(r, 3);
	rig_stop(r);
	CHECK_EQ(r->most, piece * pieces);
	CHECK_EQ(r->bytes, piece * pieces + 12);
	free(text);
}

TEST(MaxLineCutsAndLosesNoByte)
{
	struct rig *r = rig_new("a.log");
	struct buf text = { 0 };

	for (int i = 0; i < 100000; i++)
		buf_addc(&text, 'a' + i % 26);
	buf_adds(&text, "\nshort\n");
	write_file("a.log", text.data, text.len);
	r->o.max_line = 30000;
	rig_start(r);
	RIG_WAIT(r, r->bytes == text.len);
	rig_stop(r);
	CHECK_EQ(r->most, 30000);
	CHECK(r->nlines >= 5);		/* in pieces, but all of it */
	CHECK(memcmp(r->text.data, text.data, 30000) == 0);
	CHECK(strstr(buf_str(&r->text), "\nshort\n"));
	CHECK_EQ(r->streams[0]->at.offset, text.len);
	buf_finish(&text);
}

TEST(NulsAreBytes)
{
	struct rig *r = rig_new("a.log");

	write_file("a.log", "a\0b\n\0\n\n", 7);
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	CHECK_EQ(r->nlines, 3);
	CHECK_EQ(r->text.len, 7);
	CHECK(memcmp(r->text.data, "a\0b\n\0\n\n", 7) == 0);
}

TEST(MoreShortLinesThanABatchHolds)
{
	struct rig *r = rig_new("a.log");
	struct buf text = { 0 };

	r->in.batch = 64 << 10;
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "%d\n", i % 10);
	write_file("a.log", text.data, text.len);
	rig_start(r);
	rig_lines(r, 100000);
	rig_stop(r);
	CHECK(r->text.len == text.len && memcmp(r->text.data, text.data, text.len) == 0);
	buf_finish(&text);
}

TEST(OwnOutputsAreRefused)
{
	struct rig *r = rig_new("*.log");
	struct look l;
	char path[512];

	append("ours.log", "ours\n");
	append("theirs.log", "theirs\n");
	CHECK_EQ(look_path(path_of(path, "ours.log"), &l), 0);
	r->ours_dev = l.dev;
	r->ours_ino = l.ino;
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	RIG_TEXT(r, "theirs\n");
	CHECK(rig_told(r, "ours.log: the pipeline writes to it"));
}

TEST(DirectoriesAndSocketsAreRefused)
{
	struct rig *r = rig_new("dir sock a.log");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[512];
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	mkdir(path_of(path, "dir"), 0777);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.80s/sock", weft_tempdir());
	CHECK_EQ(bind(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	append("a.log", "a\n");
	r->o.once = true;
	rig_start(r);
	rig_end(r);
	RIG_TEXT(r, "a\n");
	CHECK(rig_told(r, "dir: is a directory"));
	CHECK(rig_told(r, "sock: is a socket or a device"));
	close(s);
}

TEST(PipeIsReadAsAStream)
{
	struct rig *r = rig_new("pipe");
	char path[512];
	int fd;

	CHECK_EQ(mkfifo(path_of(path, "pipe"), 0600), 0);
	rig_start(r);
	RIG_WAIT(r, r->opened == 1);
	for (int i = 0; i < 3; i++) {	/* writers come and go */
		fd = open(path, O_WRONLY);
		CHECK_EQ(write(fd, "one\ntwo\nha", 10), 10);
		CHECK_EQ(write(fd, "lf\n", 3), 3);
		close(fd);
		rig_lines(r, 3 * (i + 1));
	}
	fd = open(path, O_WRONLY);
	CHECK_EQ(write(fd, "x\nrest", 6), 6);
	close(fd);
	rig_lines(r, 10);
	rig_stop(r);
	/* half a line cannot be read again: it is delivered, or said to be lost */
	CHECK(rig_told(r, "") && (r->bytes == 13 * 3 + 6 || r->lost == 4));
}

static void
write_pipe(const char *path)
{
	int fd;

	weft_enter_blocking();
	fd = open(path, O_WRONLY);
	weft_leave_blocking();
	CHECK_EQ(write(fd, "one\ntwo", 7), 7);
	close(fd);
}

TEST(PipeOnceEndsWithItsWriter)
{
	struct rig *r = rig_new("pipe");
	char path[512];

	CHECK_EQ(mkfifo(path_of(path, "pipe"), 0600), 0);
	r->o.once = true;
	rig_start(r);
	RIG_WAIT(r, r->opened == 1);
	write_pipe(path);
	rig_end(r);
	RIG_TEXT(r, "one\ntwo\n");
}

static _Atomic int fail_reads;

static int
fail(int fd, uint64_t at)
{
	if (fd < 0 || at < 6 || atomic_load(&fail_reads) <= 0)
		return 0;
	atomic_fetch_sub(&fail_reads, 1);
	return -EIO;
}

static void
no_fault(void *arg)
{
	(void)arg;
	fdio_fault(NULL);
}

TEST(ReadErrorsAreToldAndTriedAgain)
{
	struct rig *r = rig_new("a.log");

	append("a.log", "first\n");
	rig_start(r);
	rig_lines(r, 1);
	weft_cleanup(no_fault, NULL);
	atomic_store(&fail_reads, 3);
	fdio_fault(fail);
	append("a.log", "second\nthird\n");
	RIG_WAIT(r, rig_told(r, "cannot be read at byte 6"));
	rig_lines(r, 3);
	RIG_WAIT(r, rig_told(r, "can be read again"));
	rig_stop(r);
	RIG_TEXT(r, "first\nsecond\nthird\n");
	CHECK_EQ(r->errors, 1);		/* once, not at every try */
}

static int
refuse(int fd, uint64_t at)
{
	(void)at;
	return fd == -1 && atomic_load(&fail_reads) ? -EACCES : 0;
}

TEST(UnreadableFileIsToldOnceAndTriedAgain)
{
	struct rig *r = rig_new("*.log");

	append("a.log", "secret\n");
	weft_cleanup(no_fault, NULL);
	atomic_store(&fail_reads, 1);
	fdio_fault(refuse);
	rig_start(r);
	RIG_WAIT(r, rig_told(r, "a.log: may not be read"));
	append("b.log", "b\n");		/* another look */
	RIG_WAIT(r, rig_told(r, "b.log: may not be read"));
	CHECK_EQ(r->errors, 2);
	atomic_store(&fail_reads, 0);
	append("c.log", "c\n");
	rig_lines(r, 3);
	rig_stop(r);
	CHECK_EQ(r->errors, 2);
}

static void
restore_limit(void *arg)
{
	setrlimit(RLIMIT_NOFILE, arg);
	free(arg);
}

TEST(MoreFilesThanMayBeOpen)
{
	struct rig *r = rig_new("*.log");
	struct rlimit *was = malloc(sizeof(*was)), few;
	char name[32];

	getrlimit(RLIMIT_NOFILE, was);
	few = *was;
	few.rlim_cur = 80;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%03d.log", i);
		append(name, "line\n");
	}
	weft_cleanup(restore_limit, was);
	setrlimit(RLIMIT_NOFILE, &few);
	rig_start(r);
	RIG_WAIT(r, rig_told(r, "raise its limit"));
	RIG_WAIT(r, r->nlines == (size_t)r->nstreams);
	CHECK(r->nlines >= 40 && r->nlines < 100);
	CHECK_EQ(r->errors, 1);
	setrlimit(RLIMIT_NOFILE, was);
	append("100.log", "line\n");		/* another look */
	rig_lines(r, 101);
	rig_stop(r);
}

TEST(BacklogOfOneFileStarvesNobody)
{
	struct rig *r = rig_new("*.log");
	struct buf big = { 0 };
	char name[32];
	/* much more than is read while the system lets one of the readers wait; sanitizers are slow */
	int n = weft_short() ? 400000 : 4000000;

	for (int i = 0; i < n; i++)
		buf_printf(&big, "big %d\n", i);
	write_file("0big.log", big.data, big.len);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "small%d.log", i);
		append(name, "small\n");
	}
	rig_stall(r, true);
	rig_start(r);
	RIG_WAIT(r, r->opened == 51);
	rig_stall(r, false);
	rig_lines(r, n + 50);
	rig_stop(r);
	/* the small ones came before the big one was at its end */
	CHECK(!memmem(r->text.data + r->text.len - 1000, 1000, "small", 5));
	buf_finish(&big);
}

TEST(IdleFilesHoldNoBatch)
{
	struct rig *r = rig_new("*.log");
	size_t gets;
	char name[32];
	int n = weft_short() ? 100 : 1000;

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%d.log", i);
		append(name, "line\nhalf");
	}
	rig_start(r);
	rig_lines(r, n);
	append("0.log", " a line\n");
	rig_lines(r, n + 1);
	gets = r->gets;
	CHECK(gets <= 2 * (size_t)n + 2);
	append("1.log", "!\n");
	rig_lines(r, n + 2);
	CHECK(r->gets <= gets + 3);	/* nobody else asked */
	rig_stop(r);
}

TEST(CheckFindsWhatIsWrong)
{
	struct buf err = { 0 };

	CHECK_EQ(source_file_check(&(struct weft_source_options){ .file = "/a/**/b" }, &err),
	    -EINVAL);
	CHECK(strstr(buf_str(&err), "**"));
	err.len = 0;
	CHECK_EQ(source_file_check(&(struct weft_source_options){ .file = " " }, &err), -EINVAL);
	CHECK(err.len > 0);
	err.len = 0;
	CHECK_EQ(source_file_check(&(struct weft_source_options){ .file = "a b/*.log" }, &err), 0);
	CHECK_EQ(err.len, 0);
	buf_finish(&err);
}

/* As when the kernel has no more of it to give. */
TEST(WithoutInotifyFilesAreLookedAtEverySecond)
{
	struct rig *r = rig_new("*.log");
	int fds[256], n = 0;

	if (weft_short())
		weft_skip("it takes some seconds");
	while (n < 256 && (fds[n] = inotify_init1(IN_CLOEXEC)) >= 0)
		n++;			/* fs.inotify.max_user_instances */
	append("a.log", "one\n");
	rig_start(r);
	rig_lines(r, 1);
	if (n < 256)
		CHECK(rig_told(r, "fs.inotify.max_user_instances"));
	append("a.log", "two\n");
	append("b.log", "three\n");
	rig_lines(r, 3);
	rig_stop(r);
	while (n-- > 0)
		close(fds[n]);
}

TEST(EntryOfSeveralLinesIsTakenWhenItIsComplete)
{
	struct rig *r = rig_new("a.log");

	r->o.multiline = "indent";
	r->o.multiline_wait = 20 * WEFT_MS;
	append("a.log", "first\n  more\nsecond\n");
	rig_start(r);
	rig_lines(r, 2);		/* nothing came after it for a while */
	append("a.log", "third\n  half");
	rig_lines(r, 3);
	append("a.log", " of it\nfourth\n");
	rig_lines(r, 5);
	rig_stop(r);
	CHECK(strncmp(buf_str(&r->text), "first\n  more\nsecond\nthird\n", 26) == 0);
	CHECK_EQ(r->bytes, strlen("first\n  more\nsecond\nthird\n  half of it\nfourth\n"));
}
