/*
 * parse_fuzz_test.c - no input makes a parser fall over
 *
 * Each is parsed as every format, from memory that ends where a batch's may end.  What
 * comes out must be inside of what went in, the same whether fields are wanted or not, and
 * JSON where it says so.  Lines are found the same however the bytes arrive.
 */
#include "source.h"
#include "testfuzz.h"
#include "when.h"

static const char *const everything[] = { "json.log", "access.log", "logfmt.log", "syslog.log",
    "cri.log", "text.log", NULL };

static const char regex[] =
    "^(?<time>\\S+ \\S+) (?<level>\\w+)?(?:(?<a>.)|(?<message>..))+(?<end>x)?";

/* Looks at every byte, so that a sanitizer does. */
static unsigned
sum(const char *p, size_t len)
{
	unsigned s = 0;

	for (size_t i = 0; i < len; i++)
		s += (unsigned char)p[i];
	return s;
}

static bool
is_json(const char *p, size_t len, bool quotes)
{
	struct line l = { 0 };
	struct buf copy = { 0 };
	bool is;

	if (quotes)
		buf_addc(&copy, '"');
	buf_add(&copy, p, len);
	if (quotes)
		buf_addc(&copy, '"');
	buf_grow(&copy, BATCH_PAD);
	memset(copy.data + copy.len, '\n', BATCH_PAD);
	is = !jsonline_parse(copy.data, copy.len, NULL, &l);
	buf_finish(&copy);
	return is;
}

static bool
check_fields(struct batch *b, struct line *l)
{
	bool good = true;

	for (int i = 0; i < l->nfields; i++) {
		struct field *f = &b->fields[l->field + i];

		sum(f->key, f->klen);
		sum(f->value, f->len);
		if (f->kind == FIELD_RAW)
			good &= is_json(f->value, f->len, false);
		if (f->kind == FIELD_ESCAPED)
			good &= is_json(f->value, f->len, true) && is_json(f->key, f->klen, true);
	}
	return good;
}

/* A slice lies in the text, or in what was put behind it. */
static bool
check_slice(const struct line *l, struct slice s, const char *before)
{
	sum(l->text + s.off, s.len);
	return l->text != before || (size_t)s.off + s.len <= l->len;
}

static bool
check_line(struct test_lines *t, struct line *l, const char *before)
{
	static struct when w;
	int64_t ns;

	if (l->fate == DEAD)
		return l->error && l->nfields == 0 && t->b->nfields == 0;
	when_parse(&w, l->text + l->time.off, l->time.len, INT64_C(1700000000000000000), &ns);
	return !l->error && l->level <= WEFT_LEVEL_FATAL && check_slice(l, l->time, before) &&
	    check_slice(l, l->host, before) && check_slice(l, l->tag, before) &&
	    check_slice(l, l->message, before) && check_fields(t->b, l);
}

static void
reset(struct test_lines *t)
{
	batch_unref(t->b);
	t->b = test_batch(t);
}

static bool
same(const struct line *a, const struct line *b, const char *at, const char *bt)
{
	return a->fate == b->fate && a->level == b->level && a->kind == b->kind &&
	    a->time.len == b->time.len && a->message.len == b->message.len &&
	    (a->fate == DEAD || memcmp(at + a->message.off, bt + b->message.off,
	    a->message.len) == 0);
}

static bool
try_format(struct fuzz *f, struct test_lines *t, struct format format, char *room)
{
	struct line plain;
	bool good;

	reset(t);
	struct line *l = batch_add(t->b);
	*l = (struct line){ .text = room, .len = f->input.len };
	parse_line(&format, t->s, t->b, l);
	good = check_line(t, l, room);
	plain = *l;
	/* the same with fields */
	struct test_lines other;
	test_lines_init(&other);
	struct line *m = batch_add(other.b);
	*m = (struct line){ .text = room, .len = f->input.len };
	format.wants.fields = true;
	parse_line(&format, other.s, other.b, m);
	good &= check_line(&other, m, room) && same(&plain, m, plain.text, m->text);
	test_lines_finish(&other);
	return good && memcmp(room, f->input.data, f->input.len) == 0;
}

TEST(FuzzedLinesAreParsedOrDead)
{
	struct fuzz f;
	struct test_lines tl;
	struct buf err = { 0 };
	struct regex *r = regex_new(regex, "", &err);
	bool good = true;

	REQUIRE(r != NULL);
	fuzz_init(&f, everything);
	test_lines_init(&tl);
	while (good && fuzz_next(&f, rand_below(&f.rand, 8) == 0)) {
		char *room = malloc(f.input.len + BATCH_PAD);

		memcpy(room, f.input.data, f.input.len);
		memset(room + f.input.len, '\n', BATCH_PAD);
		for (int kind = WEFT_LINE_AUTO; good && kind <= WEFT_LINE_REGEX; kind++) {
			struct format format = { .kind = kind, .regex = r };

			good = try_format(&f, &tl, format, room);
			if (!good)
				fuzz_report(&f, "format");
		}
		free(room);
	}
	CHECK(good);
	test_lines_finish(&tl);
	fuzz_finish(&f);
	regex_free(r);
}

/* The corpus as it is: what a parser takes for a time is one. */
TEST(TimesThatAreFoundAreTimes)
{
	struct buf all = { 0 };
	struct when w = { 0 };
	struct test_lines tl;
	int found = 0;
	int64_t ns;

	for (int i = 0; everything[i]; i++)
		fuzz_load(&all, everything[i]);
	test_lines_init(&tl);
	for (char *p = all.data, *nl; (nl = memchr(p, '\n', all.data + all.len - p)); p = nl + 1) {
		struct line *l = test_parse(&tl, p, nl - p, WEFT_LINE_AUTO, true);

		weft_logf("%.*s", (int)(nl - p), p);
		CHECK(l->error == NULL);
		found += l->time.len > 0;
		if (l->time.len)
			CHECK(when_parse(&w, l->text + l->time.off, l->time.len,
			    INT64_C(1700000000000000000), &ns));
	}
	CHECK(found > 35);
	test_lines_finish(&tl);
	buf_finish(&all);
}

/* Entries, each with its length before it. */
static void
split_all(struct fuzz *f, struct batch_pool *pool, struct multiline *m, struct scratch *sc,
    bool pieces, struct buf *out)
{
	size_t at = 0, to = 0, taken;
	uint64_t cut = 0;

	out->len = 0;
	while (at < f->input.len) {
		struct batch *b = batch_get(NULL, pool, pool->size);

		to += pieces ? rand_below(&f->rand, 300) : f->input.len;
		if (to > f->input.len)
			to = f->input.len;
		buf_grow(&b->bytes, to - at + BATCH_PAD);
		buf_add(&b->bytes, f->input.data + at, to - at);
		taken = split_lines(b, m, sc, to == f->input.len, 1 << 20, &cut);
		assert_always(taken == (b->nlines ? b->lines[b->nlines - 1].end : 0));
		for (size_t i = 0; i < b->nlines; i++) {
			buf_printf(out, "%u:", b->lines[i].len);
			buf_add(out, b->lines[i].text, b->lines[i].len);
		}
		at += taken;
		batch_unref(b);
	}
}

TEST(FuzzedBytesAreSplitTheSameHoweverTheyCome)
{
	static const struct { const char *what; int format; } ways[] = {
		{ NULL, WEFT_LINE_PLAIN }, { NULL, WEFT_LINE_CRI }, { "stacktrace", WEFT_LINE_CRI },
		{ "stacktrace", WEFT_LINE_PLAIN }, { "indent", WEFT_LINE_PLAIN },
		{ "^\\d", WEFT_LINE_PLAIN }, { "^\\S", WEFT_LINE_CRI },
	};
	enum { N = sizeof(ways) / sizeof(ways[0]) };
	struct multiline *m[N];
	struct scratch *sc = scratch_new();
	struct batch_pool pool;
	struct budget budget;
	struct buf err = { 0 }, whole = { 0 }, pieces = { 0 };
	struct fuzz f;
	bool good = true;

	for (int i = 0; i < N; i++)
		m[i] = multiline_new(ways[i].what, ways[i].format, &err);
	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 1 << 16, 0);
	fuzz_init(&f, everything);
	while (good && fuzz_next(&f, true)) {
		for (int i = 0; good && i < N; i++) {
			split_all(&f, &pool, m[i], sc, false, &whole);
			split_all(&f, &pool, m[i], sc, true, &pieces);
			good = whole.len == pieces.len &&
			    memcmp(whole.data, pieces.data, whole.len) == 0;
			if (!good)
				fuzz_report(&f, ways[i].what ? ways[i].what : "single");
		}
	}
	CHECK(good);
	fuzz_finish(&f);
	batch_pool_finish(&pool);
	for (int i = 0; i < N; i++)
		multiline_free(m[i]);
	scratch_free(sc);
	buf_finish(&whole);
	buf_finish(&pieces);
}

TEST(FuzzedTimesAreTimesOrNot)
{
	static const char *const names[] = { "syslog.log", "text.log", "access.log", "cri.log",
	    NULL };
	static const int64_t now = INT64_C(1700000000000000000);
	struct when used = { 0 }, fresh;
	struct fuzz f;
	int64_t a = 0, b = 0;
	bool good = true;

	fuzz_init(&f, names);
	while (good && fuzz_next(&f, false)) {
		size_t n = f.input.len ? rand_below(&f.rand, 36) : 0;
		size_t at = n < f.input.len ? rand_below(&f.rand, f.input.len - n) : 0;
		char *copy = malloc(n ? n : 1);

		if (n > f.input.len)
			n = f.input.len;
		/* mostly where times are, which is at the beginning */
		if (rand_below(&f.rand, 2))
			at = 0;
		memcpy(copy, f.input.data + at, n);
		/* what was read before makes no difference */
		fresh = (struct when){ 0 };
		bool is = when_parse(&fresh, copy, n, now, &a);
		good = is == when_parse(&used, copy, n, now, &b) && (!is || a == b);
		if (!good)
			fuzz_report(&f, "time");
		free(copy);
	}
	CHECK(good);
	fuzz_finish(&f);
}
