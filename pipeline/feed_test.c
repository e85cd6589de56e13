/* feed_test.c - bytes in pieces come out as the same lines, whatever the pieces */
#include <fcntl.h>
#include <unistd.h>

#include "feed.h"
#include "intake_test.h"

/* A connection in memory: pieces of a text, each of a size that next chooses. */
struct script {
	const char	*data;
	size_t		 len, at;
	size_t		(*next)(struct script *s);
	uint64_t	 seed;
	int		 end;		/* what comes after it: 0 or an error */
	size_t		 piece;		/* what is there now */
};

static size_t one(struct script *s) { (void)s; return 1; }
static size_t all(struct script *s) { (void)s; return SIZE_MAX; }

static size_t
any(struct script *s)
{
	s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
	return 1 + (s->seed >> 33) % ((s->seed >> 60) < 4 ? 6000 : 40);
}

static ssize_t
script_more(void *arg, void *buf, size_t n)
{
	struct script *s = arg;

	if (!s->piece)
		return -EAGAIN;
	if (n > s->piece)
		n = s->piece;
	memcpy(buf, s->data + s->at, n);
	s->at += n;
	s->piece -= n;
	return n;
}

static ssize_t
script_read(weft_ctx *ctx, void *arg, void *buf, size_t n)
{
	struct script *s = arg;

	(void)ctx;
	if (s->at == s->len)
		return s->end;
	if (!s->piece)
		s->piece = s->next(s);
	if (s->piece > s->len - s->at)
		s->piece = s->len - s->at;
	return script_more(arg, buf, n);
}

static const struct feed_from from_script = { script_read, script_more };

static int
run_script(struct test_intake *t, struct script s, size_t max, const char **broken)
{
	struct feed f = { .in = &t->in, .from = &from_script, .arg = &s };
	int err;

	f.framing.max = max;
	f.st = t->in.open(&t->in, "script", NULL, NULL);
	err = feed_run(NULL, &f);
	if (broken)
		*broken = f.framing.broken;
	feed_finish(&f);
	CHECK_EQ(f.came + t->lost, s.at);
	t->in.close(&t->in, f.st, true, false);
	return err;
}

static void
check_cuts(const char *data, size_t len, const char *want)
{
	for (int i = 0; i < 40; i++) {
		struct test_intake k;
		struct script s = { .data = data, .len = len, .seed = i,
		    .next = i == 0 ? all : i == 1 ? one : any };

		test_intake_init(&k);
		CHECK_EQ(run_script(&k, s, 1 << 20, NULL), 0);
		if (len < 100)
			CHECK_STR(intake_text(&k), want);
		else
			CHECK(strcmp(intake_text(&k), want) == 0);
		intake_finish(&k);
	}
}

#define CUTS(data, want) check_cuts(data, sizeof(data) - 1, want)

TEST(FramingByNewlines)
{
	CUTS("<34>one\n<34>two\r\nthree\n", "<34>one\n<34>two\nthree\n");
	CUTS("<34>a\0<34>b\0\n<34>c\n\0", "<34>a\n<34>b\n<34>c\n");
	CUTS("<1>no newline", "<1>no newline\n");
	CUTS("\n\n<1>x\n\n\n", "<1>x\n");
	CUTS("7 5 3\n", "!7 5 3\n");
	CUTS("2026-11-25 text\n17 more\n", "2026-11-25 text\n17 more\n");
	CUTS("12", "12\n");
}

TEST(FramingByOctets)
{
	CUTS("7 <34>one7 <34>two", "<34>one\n<34>two\n");
	CUTS("8 <34>one\n\n12 <34>two\nmore\n1 x", "<34>one\n<34>two\nmore\nx\n");
	CUTS("1 a0 1 b", "a\nb\n");
	CUTS("9 <34>a\0b\nc", "<34>a");
	CUTS("10 <34>torn", "!10 <34>torn\n");
	CUTS("3 abc12", "abc\n!12\n");
}

TEST(FramesOfAnySizeInAnyPieces)
{
	struct buf data = { 0 }, want = { 0 };

	for (int octets = 0; octets < 2; octets++) {
		data.len = want.len = 0;
		for (int i = 0; i < 300; i++) {
			int n = i % 17 == 1 ? i * 37 : i % 90 + 4;

			if (octets)
				buf_printf(&data, "%d ", n);
			for (struct buf *b = &data; b; b = b == &data ? &want : NULL)
				buf_printf(b, "%0*d", n, i);
			if (!octets)
				buf_addc(&data, '\n');
			buf_addc(&want, '\n');
		}
		check_cuts(data.data, data.len, buf_str(&want));
	}
	buf_finish(&data);
	buf_finish(&want);
}

TEST(MoreLinesThanABatchHolds)
{
	struct test_intake k;
	struct buf data = { 0 };

	for (int i = 0; i < 3 * BATCH_LINES + 7; i++)
		buf_adds(&data, "x\n");
	test_intake_init(&k);
	CHECK_EQ(run_script(&k, (struct script){ .data = data.data, .len = data.len,
	    .next = all }, 1 << 20, NULL), 0);
	CHECK_EQ(k.lines, 3 * BATCH_LINES + 7);
	CHECK_EQ(k.streams->to, data.len);
	intake_finish(&k);
	buf_finish(&data);
}

static void
check_broken(const char *data, const char *want, const char *why)
{
	struct test_intake k;
	const char *broken = NULL;

	test_intake_init(&k);
	CHECK_EQ(run_script(&k, (struct script){ .data = data, .len = strlen(data), .next = one },
	    1000, &broken), -EPROTO);
	CHECK(broken && strstr(broken, why));
	CHECK_STR(intake_text(&k), want);
	intake_finish(&k);
}

TEST(AbsurdLengthsEndTheConnection)
{
	check_broken("3 abc1001 <34>x", "abc\n!1001\n", "absurd");
	check_broken("3 abc99999999999 <34>x", "abc\n!9999\n", "absurd");
	check_broken("3 abcdef", "abc\n!d\n", "no length");
	check_broken("3 abc4x", "abc\n!4x\n", "no length");
}

TEST(LinesThatAreTooLongAreCutAndDead)
{
	struct test_intake k;
	char data[] = "aaaaaaaaaaaaaaaaaaaaaaaaabbb\nok\n";

	test_intake_init(&k);
	CHECK_EQ(run_script(&k, (struct script){ .data = data, .len = strlen(data), .next = any },
	    10, NULL), 0);
	CHECK_STR(intake_text(&k), "!aaaaaaaaaa\n!aaaaaaaaaa\n!aaaaabbb\nok\n");
	intake_finish(&k);
}

TEST(ALongLineIsReadWhole)
{
	struct test_intake k;
	size_t n = 3 << 20;
	char *data = malloc(n + 1);

	memset(data, 'x', n);
	data[n] = '\n';
	for (int i = 0; i < 2; i++) {
		test_intake_init(&k);
		CHECK_EQ(run_script(&k, (struct script){ .data = data, .len = n + 1, .seed = 5,
		    .next = i ? all : any }, 8 << 20, NULL), 0);
		CHECK_EQ(k.lines, 1);
		CHECK_EQ(k.streams->text.len, n + 1);
		CHECK_EQ(k.streams->text.data[0], 'x');
		intake_finish(&k);
	}
	free(data);
}

TEST(HalfLinesHaveABound)
{
	struct test_intake k;
	struct feed_halves halves = { .most = 50000 };
	char *data = malloc(100000);
	struct script s = { .data = data, .len = 100000, .next = any };
	struct feed f = { .in = &k.in, .from = &from_script, .arg = &s, .halves = &halves };

	memset(data, 'x', 100000);
	test_intake_init(&k);
	f.framing.max = 1 << 20;
	f.st = k.in.open(&k.in, "script", NULL, NULL);
	CHECK_EQ(feed_run(NULL, &f), 0);
	CHECK(f.rest.len < 60000);
	feed_finish(&f);
	CHECK_EQ(halves.bytes, 0);
	CHECK_EQ(k.streams->to, 100000);
	CHECK_EQ(k.streams->text.data[0], '!');
	k.in.close(&k.in, f.st, true, false);
	intake_finish(&k);
	free(data);
}

TEST(ErrorsEndAFeedAndItsHalfLineIsDelivered)
{
	struct test_intake k;

	test_intake_init(&k);
	CHECK_EQ(run_script(&k, (struct script){ .data = "<1>a\n<1>b", .len = 9, .next = one,
	    .end = -ECONNRESET }, 1000, NULL), -ECONNRESET);
	CHECK_STR(intake_text(&k), "<1>a\n<1>b\n");
	intake_finish(&k);
}

TEST(WhatNobodyTakesIsLostAndSaidSo)
{
	struct test_intake k;

	test_intake_init(&k);
	k.refuses = true;
	CHECK_EQ(run_script(&k, (struct script){ .data = "<1>a\n<1>b", .len = 9, .next = all },
	    1000, NULL), -ESHUTDOWN);
	CHECK_EQ(k.lost, 9);
	intake_finish(&k);
}

TEST(HostsThatAreMissing)
{
	static const struct { const char *text; int at; bool time; } is[] = {
		{ "<13>hello", 4, true },
		{ "hello", 0, true },
		{ "", 0, true },
		{ "<13>Oct 11 22:14:15 su: failed", 20, false },
		{ "<13>Oct 11 22:14:15 su[12]: failed", 20, false },
		{ "<13>Oct 11 22:14:15 mymachine su: failed", -1, false },
		{ "<13>1 2026-11-25T18:31:51Z h app - - - x", -1, false },
		{ "<13>2026-11-25T18:31:51.003Z host app: x", -1, false },
		{ "<13>2026-11-25T18:31:51.003Z app: x", 29, false },
		{ "<13>Oct 11 22:14:15 fe80::1 su: x", -1, false },
	};

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		size_t at = -1;
		bool time = false;

		if (framing_lacks_host(is[i].text, strlen(is[i].text), &at, &time)) {
			CHECK_EQ(at, is[i].at);
			CHECK_EQ(time, is[i].time);
		} else {
			CHECK_EQ(-1, is[i].at);
		}
	}
}

/* ---- standard input, which a test cannot have for itself: a child's ---- */

struct stdin_test {
	struct test_intake t;
	const char	*multiline;
	weft_ctx	*ctx;
	int		 saved, to;
	weft_waitgroup	 end;
};

static void
run_stdin(struct stdin_test *s)
{
	source_stdin_run(s->ctx, &s->t.in, &(struct weft_source_options){
	    .standard_input = true, .multiline = s->multiline,
	    .multiline_wait = 5 * WEFT_MS });
}

/* Descriptor 0 is ours until stdin_end. */
static void
stdin_begin(struct stdin_test *s, int fd)
{
	s->saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
	CHECK_EQ(dup2(fd, 0), 0);
	close(fd);
	s->ctx = weft_with_cancel(NULL);
	test_intake_init(&s->t);
	weft_waitgroup_go(&s->end, run_stdin, s);
}

static void
stdin_end(struct stdin_test *s)
{
	weft_waitgroup_wait(&s->end);
	weft_ctx_free(s->ctx);
	if (s->saved >= 0) {
		dup2(s->saved, 0);
		close(s->saved);
	} else {
		close(0);
	}
	intake_finish(&s->t);
}

TEST(StdinFromAPipe)
{
	struct stdin_test s = { 0 };
	int fd[2];

	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	stdin_begin(&s, fd[0]);
	CHECK_EQ(write(fd[1], "one\ntw", 6), 6);
	intake_wait_lines(&s.t, 1);		/* at once, though the pipe is open */
	CHECK_EQ(fcntl(0, F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQ(write(fd[1], "o\nthree", 7), 7);
	close(fd[1]);
	intake_wait_closed(&s.t, 1);
	CHECK_STR(intake_text(&s.t), "one\ntwo\nthree\n");
	stdin_end(&s);
}

TEST(StdinFromAFile)
{
	struct stdin_test s = { 0 };
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/in", weft_tempdir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	for (int i = 0; i < 20000; i++)
		dprintf(fd, "line %d\n", i);
	CHECK_EQ(lseek(fd, 7, SEEK_SET), 7);	/* where it stands is where it begins */
	stdin_begin(&s, fd);
	intake_wait_closed(&s.t, 1);
	CHECK_EQ(s.t.lines, 19999);
	CHECK_EQ(strncmp(intake_text(&s.t), "line 1\n", 7), 0);
	stdin_end(&s);
}

TEST(StdinCancelledDeliversItsHalfLine)
{
	struct stdin_test s = { 0 };
	int fd[2];

	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	stdin_begin(&s, fd[0]);
	CHECK_EQ(write(fd[1], "one\nhalf", 8), 8);
	intake_wait_lines(&s.t, 1);
	weft_cancel(s.ctx);
	intake_wait_closed(&s.t, 1);
	CHECK_STR(intake_text(&s.t), "one\nhalf\n");
	close(fd[1]);
	stdin_end(&s);
}

TEST(StdinLinesThatAreOne)
{
	struct stdin_test s = { .multiline = "indent" };
	int fd[2];

	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	stdin_begin(&s, fd[0]);
	CHECK_EQ(write(fd[1], "one\n more\ntwo\n more\nha", 22), 22);
	intake_wait_lines(&s.t, 1);
	CHECK_STR(intake_text(&s.t), "one\n more\n");
	CHECK_EQ(write(fd[1], "lf\n of\n", 7), 7);
	intake_wait_lines(&s.t, 3);		/* though the pipe is open, and could go on */
	CHECK_STR(intake_text(&s.t), "one\n more\ntwo\n more\nhalf\n of\n");
	close(fd[1]);
	intake_wait_closed(&s.t, 1);
	CHECK_EQ(s.t.lines, 3);
	stdin_end(&s);
}
