/* enrich_test.c - what steps add to lines: set, table */
#include <stdlib.h>

#include "csv.h"
#include "step_impl.h"
#include "testfiles.h"
#include "testlines.h"
#include "teststeps.h"

static void
set(struct test_lines *tb, const char *field, const char *value)
{
	struct buf err = { 0 };
	struct step *s = made(step_set(field, value, &err), &err);

	CHECK(s->wants.fields);
	s->run(s, tb->s, tb->b);
	/* the texts of a step outlive it only here: nothing is read of them afterwards */
	weft_cleanup((void (*)(void *))step_free, s);
}

TEST(SetAddsAField)
{
	struct test_lines tb;
	struct line *a, *b;

	setenv("WEFT_TEST_REGION", "eu", 1);
	setenv("WEFT_TEST_EMPTY", "", 1);
	test_lines_init(&tb);
	a = add(&tb, "{\"user\":{\"name\":\"b\\\"b\"},\"n\":7,\"env\":\"own\",\"host\":\"h\"}");
	b = add(&tb, "plain");
	set(&tb, "region", "${WEFT_TEST_REGION}-${WEFT_TEST_NONE:-1}-${WEFT_TEST_EMPTY:-x}");
	set(&tb, "who", "{user.name}/{n}{{}}");
	set(&tb, "env", "prod");		/* a has one */
	set(&tb, "host", "mine");		/* outputs write one */
	set(&tb, "region", "again");		/* ours is ours to change */
	set(&tb, "empty", "");
	CHECK_STR(added(&tb, a), "region=again who=b\"b/7{} _env=prod __host=mine empty=");
	/* b has nothing of what who is made of */
	CHECK_STR(added(&tb, b), "region=again env=prod __host=mine empty=");
	test_lines_finish(&tb);
}

TEST(SetReadsTheEnvironmentAtOnce)
{
	struct test_lines tb;
	struct line *l;
	struct buf err = { 0 };

	setenv("WEFT_TEST_REGION", "eu", 1);
	test_lines_init(&tb);
	l = add(&tb, "x");
	struct step *s = made(step_set("a", "${WEFT_TEST_REGION}", &err), &err);
	setenv("WEFT_TEST_REGION", "us", 1);
	s->run(s, tb.s, tb.b);
	CHECK_STR(added(&tb, l), "a=eu");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(BadSetsAreExplained)
{
	struct buf err = { 0 };

	unsetenv("WEFT_TEST_NONE");
	check_error(step_set("a", "${WEFT_TEST_NONE}", &err), &err, "WEFT_TEST_NONE is not"
	    " set in the"
	    " environment: set it, or write a default, ${WEFT_TEST_NONE:-none}");
	check_error(step_set("a", "${X", &err), &err, "${X has no }");
	check_error(step_set("a", "x{b", &err), &err, "{b has no } (a brace itself is written {{)");
	check_error(step_set("a", "x{}", &err), &err, "a name is missing, such as level, message or"
	    " status, after { (a brace itself is written {{)");
	check_error(step_set("", "x", &err), &err, "a field's name is empty");
	check_error(step_set("a\"b", "x", &err), &err, "\"a\"b\" is no name for a field: quotes,"
	    " backslashes and control characters cannot be in one");
}

/* What is read is used; what is not has a reason. */
TEST(TemplatesOfAnyBytes)
{
	static const char alphabet[] = "{}$a.[\"]0:-HOME x\\";
	struct test_lines tb;
	uint64_t seed = 13;

	test_lines_init(&tb);
	add(&tb, "{\"a\":[{\"x\":1}],\"HOME\":\"y\"}");
	for (int i = 0; i < 10000; i++) {
		size_t len = i % 16;
		char *text = malloc(len + 1);
		struct buf err = { 0 };
		struct step *s;

		for (size_t j = 0; j < len; j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[j] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		s = step_set("f", text, &err);
		CHECK_EQ(s == NULL, err.len > 0);
		if (s) {
			s->run(s, tb.s, tb.b);
			step_free(s);
			/* the field's text may have been the step's */
			tb.b->lines[0].nfields = 2;
		}
		buf_finish(&err);
		free(text);
	}
	test_lines_finish(&tb);
}

TEST(NamesThatAreTakenGetUnderscores)
{
	struct test_lines tb;
	struct line *l;

	test_lines_init(&tb);
	l = add(&tb,
	    "{\"a\":1,\"_a\":2,\"b\":3,\"_b\":1,\"__b\":1,\"___b\":1,\"____b\":1,\"_____b\":1,"
	    "\"______b\":1,\"_______b\":1,\"________b\":1}");
	set(&tb, "a", "x");
	set(&tb, "b", "x");		/* nine of that name: there is no room for a tenth */
	set(&tb, "level", "x");
	CHECK_STR(added(&tb, l), "__a=x _level=x");
	test_lines_finish(&tb);
}

/*
 * CSV
 */

static const char *
csv_says(const char *text)
{
	static char out[512];
	char *copy = strdup(text);
	struct buf err = { 0 };
	size_t n = 0;
	struct csv c;
	int more;

	csv_init(&c, copy, strlen(text));
	*out = '\0';
	while ((more = csv_next(&c, &err)) > 0) {
		n += snprintf(out + n, sizeof(out) - n, "%d:", c.line);
		for (size_t i = 0; i < c.n; i++)
			n += snprintf(out + n, sizeof(out) - n, "<%.*s>", (int)c.values[i].len,
			    c.values[i].p);
	}
	if (more < 0)
		snprintf(out + n, sizeof(out) - n, "!%s", buf_str(&err));
	csv_finish(&c);
	free(copy);
	buf_finish(&err);
	return out;
}

TEST(CsvAsTheRfcHasIt)
{
	CHECK_STR(csv_says(""), "");
	CHECK_STR(csv_says("a,b\n1,2\n"), "1:<a><b>2:<1><2>");
	CHECK_STR(csv_says("a,b\r\n1,\r\n"), "1:<a><b>2:<1><>");
	CHECK_STR(csv_says("a"), "1:<a>");
	CHECK_STR(csv_says(",\n"), "1:<><>");
	CHECK_STR(csv_says("a,"), "1:<a><>");
	CHECK_STR(csv_says("\"a,b\",\"c\"\"d\",\"\"\n"), "1:<a,b><c\"d><>");
	CHECK_STR(csv_says("\"a\nb\",c\nd,e"), "1:<a\nb><c>3:<d><e>");
	CHECK_STR(csv_says("\n\na\n\n\nb\n\n"), "3:<a>6:<b>");
	CHECK_STR(csv_says("\357\273\277a,b"), "1:<a><b>");
	CHECK_STR(csv_says("\"\"\"\""), "1:<\">");
	CHECK_STR(csv_says(" a , b "), "1:< a >< b >");
	CHECK_STR(csv_says("a\n\"b\nc"), "1:<a>!line 2: a quote is never closed");
	CHECK_STR(csv_says("a\nb\"c"), "1:<a>!line 2: a quote inside a value without quotes: put"
	    " quotes around it, and write it twice");
	CHECK_STR(csv_says("\"a\"b"), "!line 1: something stands between a closing quote and the"
	    " comma");
}

TEST(CsvOfAnyBytesEnds)
{
	static const char alphabet[] = "ab\",\r\n";
	uint64_t seed = 9;

	for (int i = 0; i < 5000; i++) {
		size_t len = i % 24;
		char *text = malloc(len + 1);
		struct buf err = { 0 };
		struct csv c;
		int more, records = 0;

		for (size_t j = 0; j < len; j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[j] = alphabet[(seed >> 33) % 6];
		}
		text = realloc(text, len ? len : 1);
		csv_init(&c, text, len);
		while ((more = csv_next(&c, &err)) > 0) {
			REQUIRE(c.n > 0 && ++records <= 24);
			for (size_t j = 0; j < c.n; j++)
				REQUIRE(c.values[j].p >= text &&
				    c.values[j].p + c.values[j].len <= text + len);
		}
		CHECK_EQ(more < 0, err.len > 0);
		csv_finish(&c);
		buf_finish(&err);
		free(text);
	}
}

static struct step *
table(const char *text, const char *column, const char *ref, const char *prefix,
    struct buf *err)
{
	char path[512];

	write_file("t.csv", text, strlen(text));
	return step_table(path_of(path, "t.csv"), column, ref, prefix, err);
}

/* err without the directory, which is another one each time. */
static void
check_table_error(struct step *s, struct buf *err, const char *want)
{
	size_t n = strlen(weft_tempdir()) + 1;
	const char *text = buf_str(err);

	CHECK(s == NULL);
	CHECK(strncmp(text, weft_tempdir(), n - 1) == 0);
	CHECK_STR(text + n, want);
	buf_finish(err);
}

TEST(TableAddsTheRow)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct line *a, *b, *c;
	struct step *s = made(table("id,team,mail,env\r\n7,\"core, us\",,x\r\nz,two,m,y\r\n", "id",
	    "svc.id", "own", &err), &err), *plain = made(table("id,env\n7,x\n", "id", "svc.id",
	    NULL, &err), &err);

	test_lines_init(&tb);
	a = add(&tb, "{\"svc\":{\"id\":7},\"env\":\"own\"}");
	b = add(&tb, "{\"svc\":{\"id\":\"8\"}}");
	c = add(&tb, "{\"svc\":{\"id\":\"\\u007a\"}}");
	s->run(s, tb.s, tb.b);
	plain->run(plain, tb.s, tb.b);
	CHECK_STR(added(&tb, a), "own.team=core, us own.env=x _env=x");
	CHECK_STR(added(&tb, b), "");
	CHECK_STR(added(&tb, c), "own.team=two own.mail=m own.env=y");
	CHECK_EQ(s->in, 3);
	CHECK_EQ(s->out, 3);
	CHECK_EQ(s->failed, 0);
	step_free(s);
	step_free(plain);
	test_lines_finish(&tb);
}

TEST(BadTablesAreExplained)
{
	struct buf err = { 0 };

	check_table_error(table("", "id", "a", NULL, &err), &err,
	    "t.csv: it is empty, and its first line must name the columns");
	check_table_error(table("x,y\n", "id", "a", NULL, &err), &err,
	    "t.csv has no column id: its first line names x, y");
	check_table_error(table("id,y\n1,2\n\n1,3\n", "id", "a", NULL, &err), &err,
	    "t.csv: line 4: there is a line for \"1\" already");
	check_table_error(table("id,y\n1,2,3\n", "id", "a", NULL, &err), &err,
	    "t.csv: line 2 has 3 values, and line 1 has 2");
	check_table_error(table("id,\n", "id", "a", NULL, &err), &err,
	    "t.csv, line 1, column 2: a field's name is empty");
	check_table_error(table("id,b\n\"1,2\n", "id", "a", NULL, &err), &err,
	    "t.csv: line 2: a quote is never closed");
	check_error(step_table("/nowhere/t.csv", "id", "a", NULL, &err), &err,
	    "cannot read /nowhere/t.csv: No such file or directory");
	check_error(step_table("/", "id", "a", NULL, &err), &err, "cannot read /: Is a directory");
	check_error(step_table("/dev/null", "id", "a", NULL, &err), &err,
	    "cannot read /dev/null: it is no file");
	check_error(table("id\n", "id", "a b", NULL, &err), &err, "\"a b\" is no name of a field:"
	    " only letters, digits, _, - and @ need no quotes, as in [\"a b\"]");
}
