/* pipeline_test.c - whole pipelines over temporary files, with exact accounts */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline.h"
#include "stage.h"
#include "testfiles.h"
#include "weft/testing.h"

static void
add_source(weft_pipeline *p, const char *name)
{
	char path[512];

	weft_pipeline_source(p, path_of(path, name));
}

static int
add_output(weft_pipeline *p, const char *format, const char *name)
{
	char path[512], dest[600];

	snprintf(dest, sizeof(dest), format, path_of(path, name));
	return weft_pipeline_output(p, dest);
}

static struct weft_pipeline_options
options(void)
{
	return (struct weft_pipeline_options){ .host = "h", .workers = 3 };
}

/* Keeps the last thing said. */
static void
keep_warning(void *arg, const char *text)
{
	snprintf(arg, 512, "%s", text);
}

static void
generate(const char *name, uint64_t lines, uint32_t source, int format)
{
	struct weft_gen_options o = {
		.lines = lines, .seed = 42, .source = source, .format = format
	};
	char path[512];
	int fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	REQUIRE(fd >= 0);
	CHECK_EQ(weft_gen(&o, fd), 0);
	close(fd);
}

static struct weft_verify_counts
verified(const char *name, int level)
{
	weft_verify *v = weft_verify_new(level);
	struct weft_verify_counts c;
	char path[512], findings[4096];

	CHECK_EQ(weft_verify_file(v, path_of(path, name)), 0);
	weft_verify_end(v, &c, findings, sizeof(findings));
	if (*findings)
		weft_logf("%s", findings);
	weft_verify_free(v);
	return c;
}

TEST(DeliversAndAccounts)
{
	static const char in[] = "one\r\nerror two\n{\"level\":\"debug\"}\n{broken\n\nlast";
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	struct weft_pipeline_output_counts oc;
	char warning[512] = "", dead[512];

	o.level = WEFT_LEVEL_INFO;
	o.warn = keep_warning;
	o.warn_arg = warning;
	o.dead = path_of(dead, "dead");
	write_file("in", in, sizeof(in) - 1);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s,raw", "out"), 0);
	CHECK_EQ(add_output(p, "file:%s", "out.txt"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	weft_pipeline_counts(p, &c);
	CHECK_EQ(c.read, 6);
	CHECK_EQ(c.bytes, sizeof(in) - 1);
	CHECK_EQ(c.filtered, 1);
	CHECK_EQ(c.unparsable, 1);
	CHECK_EQ(c.enriched, 4);
	CHECK_EQ(c.outputs, 2);
	for (int i = 0; i < c.outputs; i++) {
		weft_pipeline_output_counts(p, i, &oc);
		CHECK_EQ(oc.delivered, 4);
		CHECK_EQ(oc.failed, 0);
	}
	CHECK(weft_pipeline_balanced(p));
	CHECK(strstr(warning, "in:4: a JSON key is missing") != NULL);
	weft_pipeline_free(p);
	check_file("out", "one\nerror two\n\nlast\n");
	size_t len;
	char *letter = read_file("dead", &len);
	CHECK(strstr(letter, "\"seq\":4,\"reason\":\"a JSON key is missing\","
	    "\"line\":\"{broken\"}\n") != NULL);
	free(letter);
}

TEST(UnreadableSourcesDoNotStopTheOthers)
{
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	char warning[512] = "";

	o.warn = keep_warning;
	o.warn_arg = warning;
	write_file("in", "a\n", 2);
	write_file("empty", "", 0);
	write_file("gz", "\x1f\x8b\x08\x00" "abcdef\n", 11);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "missing");
	add_source(p, "");		/* a directory */
	add_source(p, "gz");
	add_source(p, "empty");
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s,raw", "out"), 0);
	CHECK(weft_pipeline_run(NULL, p) < 0);
	weft_pipeline_counts(p, &c);
	CHECK_EQ(c.unread_sources, 3);
	CHECK_EQ(c.read, 1);
	CHECK(weft_pipeline_balanced(p));
	CHECK(strstr(warning, "cannot read") != NULL);
	weft_pipeline_free(p);
	check_file("out", "a\n");
}

TEST(OutputsAreChecked)
{
	struct weft_pipeline_options o = options();

	write_file("in", "a\n", 2);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(weft_pipeline_output(p, "nowhere"), -EINVAL);
	CHECK_EQ(weft_pipeline_output(p, "file:"), -EINVAL);
	CHECK_EQ(add_output(p, "file:%s", "in"), -EBUSY);
	CHECK_EQ(add_output(p, "file:%s", "no/such/directory"), -ENOENT);
	CHECK_EQ(add_output(p, "file:%s", "out"), 0);
	CHECK_EQ(add_output(p, "append:%s,raw", "out"), -EEXIST);
	weft_pipeline_free(p);
	check_file("in", "a\n");
}

TEST(FullDiskIsCountedAndTold)
{
	struct weft_pipeline_options o = options();
	struct weft_pipeline_output_counts oc;
	char warning[512] = "", dead[512];

	if (access("/dev/full", W_OK) != 0)
		weft_skip("no /dev/full");
	o.warn = keep_warning;
	o.warn_arg = warning;
	o.dead = path_of(dead, "dead");
	o.batch = 64;
	write_file("in", "one\ntwo\nthree\n", 14);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(weft_pipeline_output(p, "file:/dev/full"), 0);
	CHECK_EQ(add_output(p, "file:%s,raw", "out"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), -ENOSPC);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_output_counts(p, 0, &oc);
	CHECK_EQ(oc.delivered, 0);
	CHECK_EQ(oc.failed, 3);
	weft_pipeline_output_counts(p, 1, &oc);
	CHECK_EQ(oc.delivered, 3);
	CHECK(strstr(warning, "cannot write file:/dev/full: No space left") != NULL);
	weft_pipeline_free(p);
	size_t len;
	char *letters = read_file("dead", &len);
	CHECK(strstr(letters, "\"line\":\"three\"") != NULL);
	free(letters);
}

TEST(NoOutputLeftStopsTheReading)
{
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	char warning[512];

	if (access("/dev/full", W_OK) != 0)
		weft_skip("no /dev/full");
	o.warn = keep_warning;
	o.warn_arg = warning;
	o.batch = 256;
	generate("in", 20000, 1, WEFT_GEN_PLAIN);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(weft_pipeline_output(p, "file:/dev/full"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), -ENOSPC);
	weft_pipeline_counts(p, &c);
	CHECK(c.read < 20000);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
}

static void
check_order(weft_t *t, int unordered)
{
	struct weft_pipeline_options o = options();
	struct weft_verify_counts c;
	int n = weft_short() ? 2000 : 20000;

	(void)t;
	o.batch = 512;			/* many batches, to overtake each other */
	o.workers = 8;
	o.unordered = unordered;
	generate("a", n, 1, WEFT_GEN_MIX);
	generate("b", n, 2, WEFT_GEN_JSON);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "a");
	add_source(p, "b");
	CHECK_EQ(add_output(p, "file:%s", "out"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	c = verified("out", WEFT_LEVEL_TRACE);
	CHECK_EQ(c.lines, 2 * n);
	CHECK_EQ(c.lost + c.doubled + c.torn, 0);
	if (!unordered)
		CHECK_EQ(c.disorder, 0);
}

TEST(KeepsTheOrderOfEachSource)
{
	weft_run(t, "ordered", check_order, 0);
	weft_run(t, "unordered", check_order, 1);
}

TEST(EveryFormatOfOutputKeepsEveryLine)
{
	static const char *const formats[] = { "file:%s,json", "file:%s,text", "file:%s,raw" };
	struct weft_pipeline_options o = options();
	struct weft_verify_counts c;
	char name[2] = "0";

	o.level = WEFT_LEVEL_WARN;
	generate("in", 5000, 1, WEFT_GEN_MIX);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	for (int i = 0; i < 3; i++) {
		name[0] = '0' + i;
		CHECK_EQ(add_output(p, formats[i], name), 0);
	}
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	for (int i = 0; i < 3; i++) {
		name[0] = '0' + i;
		c = verified(name, WEFT_LEVEL_WARN);
		CHECK(c.lines > 0 && c.lines < 5000);
		CHECK_EQ(c.lost + c.doubled + c.torn + c.disorder + c.other, 0);
	}
}

TEST(LongLinesPassWhole)
{
	enum { LONG = 300000 };
	struct weft_pipeline_options o = options();
	char *in = malloc(2 * LONG + 10);
	size_t len;

	o.batch = 4096;
	memset(in, 'x', 2 * LONG);
	memcpy(in + LONG, "\nab\n", 4);
	in[LONG + 100] = '\0';
	write_file("in", in, 2 * LONG);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s,raw", "out"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	weft_pipeline_free(p);
	in[2 * LONG] = '\n';
	char *out = read_file("out", &len);
	CHECK_EQ(len, 2 * LONG + 1);
	CHECK(len == 2 * LONG + 1 && memcmp(in, out, len) == 0);
	free(out);
	free(in);
}

TEST(ManyEmptyLinesFillManyBatches)
{
	enum { N = 3 * BATCH_LINES + 5 };
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	char *in = malloc(N);

	memset(in, '\n', N);
	write_file("in", in, N);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s", "out"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	weft_pipeline_counts(p, &c);
	CHECK_EQ(c.read, N);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	free(in);
}

static void
run_in_goroutine(weft_ctx *ctx, weft_pipeline *p, weft_chan(int) result)
{
	weft_send(result, weft_pipeline_run(ctx, p));
}

/* A named pipe, open at both ends: whoever opens it too need not wait. */
static int
open_fifo(const char *name)
{
	char path[512];
	int fd;

	path_of(path, name);
	REQUIRE(mkfifo(path, 0600) == 0);
	fd = open(path, O_RDWR);
	REQUIRE(fd >= 0);
	return fd;
}

static void
expect(int fd, const char *want)
{
	char got[64] = "";
	size_t len = 0;

	while (len < strlen(want)) {
		ssize_t n = fdio_read(fd, got + len, strlen(want) - len);
		REQUIRE(n > 0);
		len += n;
	}
	CHECK_STR(got, want);
}

/* A pipe that stays open: only cancelling ends this, and no whole line is lost. */
TEST(CancellingDrains)
{
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int) result = weft_make(int, 0);
	int in = open_fifo("in"), out = open_fifo("out"), err = -1;

	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s,raw", "out"), 0);
	weft_go(run_in_goroutine, ctx, p, result);
	CHECK_EQ(write(in, "one\ntwo\nhal", 11), 11);
	expect(out, "one\ntwo\n");
	weft_cancel(ctx);
	weft_recv(result, &err);
	CHECK_EQ(err, 0);
	weft_pipeline_counts(p, &c);
	CHECK_EQ(c.read, 2);
	CHECK_EQ(c.unfinished, 3);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	weft_free(result);
	weft_ctx_free(ctx);
	close(in);
	close(out);
}

TEST(CancelledBeforeItStartsReadsNothing)
{
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_cancel(ctx);
	write_file("in", "a\n", 2);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s", "out"), 0);
	CHECK_EQ(weft_pipeline_run(ctx, p), 0);
	weft_pipeline_counts(p, &c);
	CHECK_EQ(c.read, 0);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	weft_ctx_free(ctx);
}

TEST(MoreSourcesThanMayBeOpen)
{
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	int n = 3 * MAX_OPEN;
	char name[16];

	weft_pipeline *p = weft_pipeline_new(&o);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "in%d", i);
		generate(name, 100, i, WEFT_GEN_PLAIN);
		add_source(p, name);
	}
	CHECK_EQ(add_output(p, "file:%s", "out"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	weft_pipeline_counts(p, &c);
	CHECK_EQ(c.read, 100 * n);
	weft_pipeline_free(p);
	CHECK_EQ(verified("out", WEFT_LEVEL_TRACE).lines, 100 * n);
}

TEST(AMillionLines, .timeout = 60 * WEFT_SECOND)
{
	struct weft_pipeline_options o = options();
	struct weft_pipeline_counts c;
	struct weft_verify_counts v;
	int n = weft_short() ? 50000 : 1000000;

	o.level = WEFT_LEVEL_INFO;
	generate("in", n, 1, WEFT_GEN_MIX);
	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s", "out"), 0);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	weft_pipeline_counts(p, &c);
	CHECK_EQ(c.read, n);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	v = verified("out", WEFT_LEVEL_INFO);
	CHECK_EQ(v.lines, c.enriched);
	CHECK_EQ(v.lost + v.doubled + v.torn + v.disorder, 0);
}

/* What is read from a pipe is not kept waiting until a batch is full. */
TEST(DeliversEachLineAsItComes)
{
	struct weft_pipeline_options o = options();
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int) result = weft_make(int, 0);
	int in = open_fifo("in"), out = open_fifo("out"), err = -1;

	weft_pipeline *p = weft_pipeline_new(&o);
	add_source(p, "in");
	CHECK_EQ(add_output(p, "file:%s,raw", "out"), 0);
	weft_go(run_in_goroutine, ctx, p, result);
	for (int n = 0; n < 20; n++) {
		CHECK_EQ(write(in, "line\n", 5), 5);
		expect(out, "line\n");
	}
	weft_cancel(ctx);
	weft_recv(result, &err);
	CHECK_EQ(err, 0);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	weft_free(result);
	weft_ctx_free(ctx);
	close(in);
	close(out);
}

TEST(PieceByPieceALineIsPutTogether)
{
	struct weft_pipeline_options o = options();
	weft_chan(int) result = weft_make(int, 0);
	int ends[2], saved = dup(0), err = -1;

	REQUIRE(pipe(ends) == 0);
	REQUIRE(dup2(ends[0], 0) == 0);
	close(ends[0]);
	weft_pipeline *p = weft_pipeline_new(&o);
	weft_pipeline_source(p, "-");
	CHECK_EQ(add_output(p, "file:%s,raw", "out"), 0);
	weft_go(run_in_goroutine, NULL, p, result);
	for (const char *s = "one\r\ntwo\n\nlast"; *s; s++) {
		CHECK_EQ(write(ends[1], s, 1), 1);
		weft_yield();
	}
	close(ends[1]);
	weft_recv(result, &err);
	CHECK_EQ(err, 0);
	weft_pipeline_free(p);
	check_file("out", "one\ntwo\n\nlast\n");
	dup2(saved, 0);
	close(saved);
	weft_free(result);
}
