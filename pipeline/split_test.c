/*
 * split_test.c - lines and entries, however the bytes arrive
 *
 * Each text is fed in pieces of every size, as a source would; what comes out must not
 * depend on it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "source.h"
#include "testlines.h"

struct feed {
	const char	*text;
	size_t		 len, max_line;
	struct multiline *m;
	struct scratch	*s;
	struct buf	 out;		/* entries, with | behind each, ! in front of dead ones */
	uint64_t	 cut;
	int		 format;
	bool		 parsed;	/* out gets messages, not texts */
};

static void
add_entry(struct feed *f, struct batch *b, struct line *l)
{
	struct format format = { .kind = f->format };

	if (f->parsed) {
		parse_line(&format, f->s, b, l);
		buf_add(&f->out, l->text + l->message.off, l->message.len);
	} else {
		if (l->fate == DEAD)
			buf_addc(&f->out, '!');
		buf_add(&f->out, l->text, l->len);
	}
	buf_addc(&f->out, '|');
}

/* One call; the bytes that it took. */
static size_t
feed_once(struct feed *f, struct batch_pool *pool, size_t from, size_t to, bool final)
{
	struct batch *b = batch_get(NULL, pool, pool->size);
	size_t taken, end = 0;

	buf_grow(&b->bytes, to - from + BATCH_PAD);
	buf_add(&b->bytes, f->text + from, to - from);
	taken = split_lines(b, f->m, f->s, final, f->max_line, &f->cut);
	for (size_t i = 0; i < b->nlines; i++) {
		CHECK(b->lines[i].end >= end);
		end = b->lines[i].end;
	}
	CHECK_EQ(end, taken);
	CHECK(b->nlines <= BATCH_LINES);
	for (size_t i = 0; i < b->nlines; i++)
		add_entry(f, b, &b->lines[i]);
	batch_unref(b);
	return taken;
}

static void
feed(struct feed *f, size_t piece)
{
	struct batch_pool pool;
	struct budget budget;
	size_t at = 0, to = 0;

	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 1 << 16, 0);
	f->out.len = f->cut = 0;
	while (at < f->len) {
		to = to + piece < f->len ? to + piece : f->len;
		size_t taken = feed_once(f, &pool, at, to, to == f->len);
		if (to - at >= f->max_line + 2)
			REQUIRE(taken > 0);
		at += taken;
	}
	batch_pool_finish(&pool);
}

static void
check_feed(struct feed *f, const char *multiline, const char *want)
{
	struct buf err = { 0 };

	f->m = multiline_new(multiline, f->format, &err);
	f->s = scratch_new();
	CHECK_EQ(err.len, 0);
	for (size_t piece = 1; piece <= f->len; piece += piece < 64 ? 1 : 37) {
		feed(f, piece);
		CHECK_STR(buf_str(&f->out), want);
	}
	feed(f, f->len);
	CHECK_STR(buf_str(&f->out), want);
	multiline_free(f->m);
	scratch_free(f->s);
	buf_finish(&f->out);
	buf_finish(&err);
}

static void
check_split(const char *text, const char *multiline, const char *want)
{
	struct feed f = { .text = text, .len = strlen(text), .max_line = 1000,
	    .format = WEFT_LINE_PLAIN };

	weft_logf("%s", text);
	check_feed(&f, multiline, want);
}

TEST(SplitFindsLines)
{
	check_split("a\nbb\n\nc\n", NULL, "a|bb||c|");
	check_split("a\r\nb\r\r\n\r\n\rc\r\n", NULL, "a|b\r||\rc|");
	check_split("no end", NULL, "no end|");
	check_split("a\nno end", NULL, "a|no end|");
	check_split("\n", NULL, "|");
}

TEST(SplitLeavesWhatIsUnfinished)
{
	struct batch_pool pool;
	struct budget budget;
	uint64_t cut = 0;
	struct batch *b;

	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 1 << 16, 0);
	b = batch_get(NULL, &pool, pool.size);
	CHECK_EQ(split_lines(b, NULL, NULL, true, 10, &cut), 0);
	buf_adds(&b->bytes, "a\nb");
	CHECK_EQ(split_lines(b, NULL, NULL, false, 10, &cut), 2);
	CHECK_EQ(b->nlines, 1);
	b->nlines = 0;
	CHECK_EQ(split_lines(b, NULL, NULL, true, 10, &cut), 3);
	CHECK_EQ(b->nlines, 2);
	/* parsers rely on what stands behind a line */
	CHECK_EQ(b->lines[1].text[1], '\n');
	batch_unref(b);
	batch_pool_finish(&pool);
}

TEST(SplitTakesSoManyLinesAtATime)
{
	struct batch_pool pool;
	struct budget budget;
	struct buf err = { 0 };
	struct multiline *m = multiline_new("indent", WEFT_LINE_PLAIN, &err);
	uint64_t cut = 0;
	struct batch *b;

	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 1 << 16, 0);
	b = batch_get(NULL, &pool, pool.size);
	for (int i = 0; i < BATCH_LINES + 5; i++)
		buf_adds(&b->bytes, "a\n");
	CHECK_EQ(split_lines(b, NULL, NULL, false, 10, &cut), 2 * BATCH_LINES);
	CHECK_EQ(b->nlines, BATCH_LINES);
	b->nlines = 0;
	size_t taken = split_lines(b, m, NULL, true, 10, &cut);
	CHECK_EQ(taken, 2 * b->nlines);
	CHECK(b->nlines > BATCH_LINES - 5 && b->nlines <= BATCH_LINES);
	batch_unref(b);
	batch_pool_finish(&pool);
	multiline_free(m);
}

/* The pieces of a long line depend on how it arrives; that they are all of it, does not. */
static void
check_cut(const char *text, const char *multiline, size_t piece, size_t max_line)
{
	struct buf err = { 0 }, all = { 0 };
	struct feed f = { .text = text, .len = strlen(text), .max_line = max_line,
	    .m = multiline_new(multiline, WEFT_LINE_PLAIN, &err), .s = scratch_new() };

	feed(&f, piece);
	buf_str(&f.out);
	/* without marks: what ends a piece of a line is | at most, and newlines are | */
	for (const char *p = f.out.data; *p; p++)
		if (*p != '!' && *p != '|')
			buf_addc(&all, *p);
	CHECK_STR(buf_str(&all), "short0123456789abcdefghijklmnopqrstuvwxyzafter");
	CHECK(memcmp(f.out.data, "short|!01234567|!", 17) == 0);
	CHECK(strcmp(f.out.data + f.out.len - 7, "|after|") == 0);
	CHECK_EQ(f.cut, 0);
	multiline_free(f.m);
	scratch_free(f.s);
	buf_finish(&f.out);
	buf_finish(&all);
}

TEST(SplitCutsLongLines)
{
	static const char text[] = "short\n0123456789abcdefghijklmnopqrstuvwxyz\nafter\n";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		check_cut(text, NULL, piece, 8);
		check_cut(text, "indent", piece, 8);
		check_cut(text, "stacktrace", piece, 8);
	}
}

TEST(SplitLinesMayBeAsLongAsAllowed)
{
	struct feed f = { .text = "12345678\n12345678\r\n1234567\r\n", .max_line = 8,
	    .format = WEFT_LINE_PLAIN };

	f.len = strlen(f.text);
	check_feed(&f, NULL, "12345678|12345678|1234567|");
	check_feed(&f, "indent", "12345678|12345678|1234567|");
	f.text = "12345678\r";
	f.len = strlen(f.text);
	check_feed(&f, NULL, "12345678|");
}

TEST(SplitEntriesByIndent)
{
	check_split("a\n b\n\tc\nd\n\n e\n", "indent", "a\n b\n\tc|d|\n e|");
	check_split(" a\nb\n", "indent", " a|b|");
	check_split("a\r\n b\r\nc", "indent", "a\r\n b|c|");
}

TEST(SplitEntriesByRegex)
{
	check_split("1 a\nb\n\n2 c\nd", "^\\d", "1 a\nb\n|2 c\nd|");
	check_split("b\n1 a\n", "^\\d", "b|1 a|");
}

TEST(SplitEntriesAreNotLongerThanALineMayBe)
{
	struct feed f = { .text = "abc\n d\n e\n f\n g\nh\n", .max_line = 8,
	    .format = WEFT_LINE_PLAIN };

	f.len = strlen(f.text);
	check_feed(&f, "indent", "abc\n d| e\n f\n g|h|");
}

TEST(SplitKeepsStackTracesTogether)
{
	/* Java */
	check_split("12:00 ERROR it failed\njava.io.IOException: no\n\tat a.b.C(C.java:1)\n"
	    "\t... 12 more\nCaused by: x.Y: z\n\tat d\n12:01 INFO next\n", "stacktrace",
	    "12:00 ERROR it failed\njava.io.IOException: no\n\tat a.b.C(C.java:1)\n"
	    "\t... 12 more\nCaused by: x.Y: z\n\tat d|12:01 INFO next|");
	check_split("hello\nException in thread \"main\" java.lang.Error: x\n\tat a(b)\nbye\n",
	    "stacktrace", "hello|Exception in thread \"main\" java.lang.Error: x\n\tat a(b)|bye|");
	/* Python */
	check_split("ERROR:root:x\nTraceback (most recent call last):\n  File \"a\", line 1\n"
	    "    f()\nKeyError: 'x'\n\nDuring handling of the above exception, another exception"
	    " occurred:\n\nTraceback (most recent call last):\n  File \"b\"\nValueError\nnext\n",
	    "stacktrace",
	    "ERROR:root:x\nTraceback (most recent call last):\n  File \"a\", line 1\n"
	    "    f()\nKeyError: 'x'\n\nDuring handling of the above exception, another exception"
	    " occurred:\n\nTraceback (most recent call last):\n  File \"b\"\nValueError|next|");
	check_split("starting\nTraceback (most recent call last):\n  x\nE\n\nafter\n",
	    "stacktrace", "starting|Traceback (most recent call last):\n  x\nE||after|");
	check_split("Traceback (most recent call last):\n  x\nE: 1\n"
	    "Traceback (most recent call last):\n  y\nE: 2\n", "stacktrace",
	    "Traceback (most recent call last):\n  x\nE: 1|"
	    "Traceback (most recent call last):\n  y\nE: 2|");
	/* Go */
	check_split("panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n"
	    "\ngoroutine 2 [select]:\nmain.(*T).f(0x1, {0x2})\n\t/a.go:2\ncreated by main.x\n"
	    "\t/a.go:3\nexit status 2\nnext (one)\n", "stacktrace",
	    "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n"
	    "\ngoroutine 2 [select]:\nmain.(*T).f(0x1, {0x2})\n\t/a.go:2\ncreated by main.x\n"
	    "\t/a.go:3\nexit status 2|next (one)|");
	check_split("2024/01/02 03:04:05 http: panic serving 1.2.3.4: x\ngoroutine 7 [running]:\n"
	    "f(0x1)\n\t/a.go:1\n2024/01/02 03:04:06 ok\n", "stacktrace",
	    "2024/01/02 03:04:05 http: panic serving 1.2.3.4: x\ngoroutine 7 [running]:\n"
	    "f(0x1)\n\t/a.go:1|2024/01/02 03:04:06 ok|");
	/* JavaScript */
	check_split("/a.js:1\n  throw x\n  ^\n\nTypeError: x\n    at f (/a.js:1:2) {\n"
	    "  code: 1\n}\n\nNode.js v18.0.0\nnext\n", "stacktrace",
	    "/a.js:1\n  throw x\n  ^\n\nTypeError: x\n    at f (/a.js:1:2) {\n"
	    "  code: 1\n}\n\nNode.js v18.0.0|next|");
	/* C# */
	check_split("Unhandled exception. System.Exception: x\n   at A.B() in c.cs:line 1\n"
	    "--- End of stack trace from previous location ---\n   at D\nnext\n", "stacktrace",
	    "Unhandled exception. System.Exception: x\n   at A.B() in c.cs:line 1\n"
	    "--- End of stack trace from previous location ---\n   at D|next|");
	/* PHP, Rust */
	check_split("PHP Fatal error:  x\nStack trace:\n#0 a\n#1 {main}\n  thrown in a\n#x\n",
	    "stacktrace",
	    "PHP Fatal error:  x\nStack trace:\n#0 a\n#1 {main}\n  thrown in a|#x|");
	check_split("thread 'main' panicked at a.rs:1:2:\nboom\nnote: run with `RUST_BACKTRACE=1`\n"
	    "stack backtrace:\n   0: x\nnext\n", "stacktrace",
	    "thread 'main' panicked at a.rs:1:2:\nboom\nnote: run with `RUST_BACKTRACE=1`\n"
	    "stack backtrace:\n   0: x|next|");
}

TEST(SplitLeavesOtherLinesAlone)
{
	check_split("a\nb\n\nc\nat noon\nError: x\nError: y\n}\nnote: z\n", "stacktrace",
	    "a|b||c|at noon|Error: x|Error: y|}|note: z|");
	/* what is logged as JSON is complete */
	check_split("{\"a\":1}\n\tat x\n{\"b\":2}\n", "stacktrace", "{\"a\":1}|\tat x|{\"b\":2}|");
}

#define T "2024-01-02T03:04:05.123456789Z "

static void
check_cri(const char *text, int format, const char *multiline, const char *want)
{
	struct feed f = { .text = text, .len = strlen(text), .max_line = 1000,
	    .format = format, .parsed = true };

	weft_logf("%s", text);
	check_feed(&f, multiline, want);
}

TEST(SplitJoinsPartsOfCriLines)
{
	check_cri(T "stdout F a\n" T "stdout P b\n" T "stdout P c\n" T "stdout F d\n" T
	    "stdout F e\n", WEFT_LINE_CRI, NULL, "a|bcd|e|");
	check_cri(T "stdout P a\n" T "stdout P b", WEFT_LINE_CRI, NULL, "ab|");
	check_cri(T "stdout P a\n" T "stdout P b\n" T "stdout F c\n", WEFT_LINE_AUTO, NULL, "abc|");
	check_cri(T "stdout P a\nrubbish\n" T "stdout F b\n", WEFT_LINE_CRI, NULL, "a||b|");
}

TEST(SplitKeepsCriStreamsApart)
{
	check_cri(T "stdout P a\n" T "stderr F x\n" T "stdout F b\n" T "stderr F y\n",
	    WEFT_LINE_CRI, NULL, "x|ab|y|");
	/* each begins while the other is not over */
	check_cri(T "stdout P a\n" T "stderr P x\n" T "stdout F b\n" T "stdout P c\n" T
	    "stderr F y\n" T "stdout F d\n" T "stderr F z\n", WEFT_LINE_CRI, NULL,
	    "ab|xy|cd|z|");
	check_cri(T "stdout P a\n" T "stderr P x\n" T "stdout F b\n", WEFT_LINE_CRI, NULL,
	    "ab|x|");
}

/* Who goes on after one of them must see the others again. */
TEST(SplitLinesThatOverlapEndWhereTheFirstBegins)
{
	static const char text[] = T "stdout F a\n" T "stdout P b\n" T "stderr F x\n" T
	    "stderr F y\n" T "stdout F c\n" T "stdout F d\n";
	static const size_t each = sizeof(T "stdout F a\n") - 1;
	static const size_t ends[] = { 1, 1, 1, 5, 6 };
	struct batch_pool pool;
	struct budget budget;
	struct buf err = { 0 };
	struct multiline *m = multiline_new(NULL, WEFT_LINE_CRI, &err);
	uint64_t cut = 0;

	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 1 << 16, 0);
	struct batch *b = batch_get(NULL, &pool, pool.size);
	buf_adds(&b->bytes, text);
	CHECK_EQ(split_lines(b, m, NULL, false, 1000, &cut), 6 * each);
	CHECK_EQ(b->nlines, 5);
	for (size_t i = 0; i < b->nlines && i < 5; i++)
		CHECK_EQ(b->lines[i].end, ends[i] * each);
	batch_unref(b);
	batch_pool_finish(&pool);
	multiline_free(m);
}

TEST(SplitFindsStackTracesInCri)
{
	check_cri(T "stderr F java.lang.Error: x\n" T "stderr P \tat\n" T "stderr F  y\n" T
	    "stderr F \tat z\n" T "stderr F next\n", WEFT_LINE_CRI, "stacktrace",
	    "java.lang.Error: x\n\tat y\n\tat z|next|");
	check_cri(T "stderr F a\n" T "stderr F  b\n" T "stdout F c\n" T "stderr F  d\n",
	    WEFT_LINE_CRI, "indent", "a\n b|c| d|");
	check_cri(T "stderr F panic: x\n" T "stderr F \n" T "stderr F goroutine 1 [running]:\n" T
	    "stderr F next\n", WEFT_LINE_CRI, "stacktrace",
	    "panic: x\n\ngoroutine 1 [running]:|next|");
}

/* A stream that never finishes its message does not hold up the other one for ever. */
TEST(SplitDoesNotWaitForEver)
{
	struct buf text = { 0 };
	struct feed f = { .max_line = 64 << 20, .format = WEFT_LINE_CRI };
	struct buf err = { 0 };

	buf_adds(&text, T "stdout P a\n");
	while (text.len < 2 << 20)
		buf_adds(&text, T "stderr F " "0123456789012345678901234567890123456789"
		    "0123456789012345678901234567890123456789\n");
	f.m = multiline_new(NULL, WEFT_LINE_CRI, &err);
	f.s = scratch_new();
	f.text = text.data;
	f.len = text.len;
	struct batch_pool pool;
	struct budget budget;
	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 1 << 16, 0);
	CHECK(feed_once(&f, &pool, 0, text.len, false) > 0);
	batch_pool_finish(&pool);
	multiline_free(f.m);
	scratch_free(f.s);
	buf_finish(&f.out);
	buf_finish(&text);
}

TEST(MultilineSaysWhatIsWrong)
{
	struct buf err = { 0 };

	CHECK(multiline_new(NULL, WEFT_LINE_PLAIN, &err) == NULL);
	CHECK(multiline_new("", WEFT_LINE_JSON, &err) == NULL);
	CHECK_EQ(err.len, 0);
	CHECK(multiline_new("(", WEFT_LINE_AUTO, &err) == NULL);
	CHECK(strstr(buf_str(&err), "missing closing parenthesis") != NULL);
	err.len = 0;
	CHECK(multiline_new("indent", WEFT_LINE_JSON, &err) == NULL);
	CHECK(strstr(buf_str(&err), "format: json") != NULL);
	buf_finish(&err);
}

static void
bench_split(weft_b *bench, const char *multiline, int format, int width)
{
	struct batch_pool pool;
	struct budget budget;
	struct buf err = { 0 };
	struct multiline *m = multiline_new(multiline, format, &err);
	struct scratch *sc = scratch_new();
	uint64_t cut = 0;
	struct batch *b;

	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 1 << 17, 0);
	b = batch_get(NULL, &pool, pool.size);
	while (b->bytes.len + width < 128 << 10) {
		buf_adds(&b->bytes, "2024-01-02 ");
		for (int i = 11; i < width - 1; i++)
			buf_addc(&b->bytes, 'a' + i % 26);
		buf_addc(&b->bytes, '\n');
	}
	weft_bytes(bench, b->bytes.len);
	while (weft_loop(bench)) {
		b->nlines = 0;
		split_lines(b, m, sc, true, 64 << 20, &cut);
	}
	batch_unref(b);
	batch_pool_finish(&pool);
	multiline_free(m);
	scratch_free(sc);
}

BENCH(SplitLines100) { bench_split(b, NULL, WEFT_LINE_AUTO, 100); }
BENCH(SplitLines200) { bench_split(b, NULL, WEFT_LINE_AUTO, 200); }
BENCH(SplitLines1000) { bench_split(b, NULL, WEFT_LINE_AUTO, 1000); }
BENCH(SplitStacktrace200) { bench_split(b, "stacktrace", WEFT_LINE_PLAIN, 200); }
BENCH(SplitIndent200) { bench_split(b, "indent", WEFT_LINE_PLAIN, 200); }
BENCH(SplitRegex200) { bench_split(b, "^\\d{4}-\\d\\d-\\d\\d ", WEFT_LINE_PLAIN, 200); }

BENCH(SplitMemchr200)
{
	char *text = malloc(128 << 10), *p;

	memset(text, 'a', 128 << 10);
	for (int i = 199; i < 128 << 10; i += 200)
		text[i] = '\n';
	weft_bytes(b, 128 << 10);
	int n = 0;
	while (weft_loop(b))
		for (p = text; (p = memchr(p, '\n', text + (128 << 10) - p)); p++)
			n++;
	CHECK(n > 0);
	free(text);
}
