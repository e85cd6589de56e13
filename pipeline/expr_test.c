/* expr_test.c - what conditions say of lines, and what is said of bad conditions */
#include <stdlib.h>

#include "expr_impl.h"
#include "testlines.h"

/* True, false, or -1 when it is no condition. */
static int
is_true(struct test_lines *tb, const struct line *l, const char *text)
{
	struct wants wants = { 0 };
	struct buf err = { 0 };
	struct expr *e = expr_new(text, &wants, &err);
	int result = e ? expr_true(e, tb->s, tb->b, l) : -1;

	weft_logf("%s: %d %s", text, result, err.len ? buf_str(&err) : "");
	expr_free(e);
	buf_finish(&err);
	return result;
}

static struct line *
json_line(struct test_lines *tb)
{
	static const char text[] = "{\"time\":\"2026-01-31T18:00:00Z\",\"level\":\"WARN\","
	    "\"msg\":\"a \\\"b\\\" \\u0041\",\"status\":503,\"path\":\"/api/x\","
	    "\"user\":{\"name\":\"bob\",\"ids\":[7,\"x\"]},\"text\":\"12\","
	    "\"big\":9007199254740993,\"flag\":true,\"none\":null,\"odd \\u006eame\":1}";
	struct line *l = test_parse(tb, text, sizeof(text) - 1, WEFT_LINE_JSON, true);

	REQUIRE(l->error == NULL);
	return l;
}

static const struct { const char *text; bool want; } on_json[] = {
	{ "level == warn", true },
	{ "level == warning", true },
	{ "level == \"WARN\"", true },
	{ "level != warn", false },
	{ "level >= warn", true },
	{ "level > warn", false },
	{ "level < error", true },
	{ "level <= info", false },
	{ "level in [debug, warn]", true },
	{ "level not in [debug, warn]", false },
	{ "exists level", true },
	{ "status == 503", true },
	{ "status == 503.0", true },
	{ "status == \"503\"", true },
	{ "status != 404", true },
	{ "status >= 500 and status < 600", true },
	{ "status > 503", false },
	{ "status in [500, 503]", true },
	{ "status in [500, \"503\"]", true },
	{ "status not in [500, 502]", true },
	{ "text > 9", true },			/* as numbers */
	{ "text > \"9\"", false },		/* as texts */
	{ "path > 9", false },			/* no number */
	{ "path != 9", true },
	{ "missing == 1", false },
	{ "missing != 1", true },
	{ "missing < 1", false },
	{ "missing =~ \"x\"", false },
	{ "missing !~ \"x\"", true },
	{ "missing in [1]", false },
	{ "missing not in [1]", true },
	{ "missing contains \"\"", false },
	{ "not missing == 1", true },
	{ "exists missing", false },
	{ "not exists missing", true },
	{ "exists(user.name) and not exists ( missing )", true },
	{ "exists none", true },
	{ "none == null", true },
	{ "flag == true", true },
	{ "flag == false", false },
	{ "big == 9007199254740993", true },
	{ "big == 9007199254740992", false },	/* a double would not tell them apart */
	{ "path =~ \"^/api\"", true },
	{ "path =~ \"^/API\"", false },
	{ "path =~ \"^/API\"i", true },
	{ "path =~ '^/\\w+/x$'", true },
	{ "path !~ \"^/api\"", false },
	{ "path starts \"/api\"", true },
	{ "path ends \"/x\"", true },
	{ "path ends \"/api/x/and/more\"", false },
	{ "path contains \"pi/\"", true },
	{ "path contains \"pI/\"", false },
	{ "path contains \"\"", true },
	{ "path == '/api/x'", true },
	{ "path < \"/b\"", true },
	{ "path < \"/api/x\"", false },
	{ "path <= \"/api/x\"", true },
	{ "path < \"/api/x/\"", true },
	{ "path in [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\","
	    " \"/api/x\"]", true },
	{ "path in [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\", 5]", false },
	{ "status in [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\", 503]", true },
	{ "message == 'a \"b\" A'", true },
	{ "message == \"a \\\"b\\\" A\"", true },
	{ "message =~ \"^a \\\"b\\\" A$\"", true },
	{ "message contains \"\\\\\"", false },
	{ "message ends \"A\"", true },
	{ "message in ['a \"b\" A']", true },
	{ "exists message", true },
	{ "exists tag", false },
	{ "time == \"2026-01-31T18:00:00Z\"", true },
	{ "time == \"2026-01-31T19:00:00+01:00\"", true },
	{ "time < \"2026-01-31T18:00:00.001Z\"", true },
	{ "time > \"2026-01-31T18:00:00Z\"", false },
	{ "time != \"2026-01-31T18:00:00Z\"", false },
	{ "source == \"\"", true },
	{ "host == \"\"", true },
	{ "[\"level\"] == \"WARN\"", true },	/* the field, as it is written */
	{ "[\"level\"] == \"warn\"", false },
	{ "[\"odd name\"] == 1", true },
	{ "user.name == \"bob\"", true },
	{ "user[\"name\"] == \"bob\"", true },
	{ "user.ids[0] == 7", true },
	{ "user.ids[1] == \"x\"", true },
	{ "exists user.ids[2]", false },
	{ "exists user.name.first", false },
	{ "exists user.other", false },
	{ "user contains \"ids\"", true },
	{ "level >= error or status >= 500 and path starts \"/api\"", true },
	{ "(level >= error or status >= 500) and path starts \"/web\"", false },
	{ "not (level >= error or status < 500)", true },
	{ "not not level == warn", true },
	{ "  level==warn  and(status==503)", true },
};

TEST(ConditionsOnLines)
{
	struct test_lines tb;
	struct line *l;

	test_lines_init(&tb);
	l = json_line(&tb);
	for (size_t i = 0; i < sizeof(on_json) / sizeof(on_json[0]); i++)
		CHECK_EQ(is_true(&tb, l, on_json[i].text), on_json[i].want);
	test_lines_finish(&tb);
}

TEST(ConditionsOnPlainText)
{
	static const char text[] = "<14>Jan  2 03:04:05 web sshd[12]: C:\\dir \\u0041";
	struct test_lines tb;
	struct line *l;

	test_lines_init(&tb);
	l = test_parse(&tb, text, sizeof(text) - 1, WEFT_LINE_SYSLOG, true);
	line_field(tb.b, l, "a.b", 3, "web", 3, FIELD_TEXT);
	CHECK_EQ(is_true(&tb, l, "host == \"web\" and tag starts \"sshd[\""), true);
	/* a backslash is one: this is no JSON */
	CHECK_EQ(is_true(&tb, l, "message == 'C:\\dir \\u0041'"), true);
	CHECK_EQ(is_true(&tb, l, "message == \"C:\\\\dir \\\\u0041\""), true);
	CHECK_EQ(is_true(&tb, l, "a.b == \"web\""), true);
	CHECK_EQ(is_true(&tb, l, "exists time"), true);
	CHECK_EQ(is_true(&tb, l, "exists [\"message\"]"), false);
	test_lines_finish(&tb);
}

static const struct { const char *text, *error; } bad[] = {
	{ "", "column 1: a condition is missing, such as level >= warn" },
	{ "level >= 4", "column 10: level is compared with names like warn, not with 4" },
	{ "level >= wran",
	    "column 10: level is compared with names like warn, not with wran: did you mean"
	    " warn?" },
	{ "level in [warn, 4]", "column 17: level is compared with names like warn, not with 4" },
	{ "level =~ \"warn\"", "column 7: level is no text for =~: use ==, >=, or in [warn,"
	    " error]" },
	{ "level",
	    "column 6: level alone is no condition: compare it, as in level == \"x\", or"
	    " write exists level" },
	{ "(status) == 1",
	    "column 8: status alone is no condition: compare it, as in status == \"x\", or"
	    " write exists status" },
	{ "status = 500", "column 8: = is written ==" },
	{ "status === 500", "column 8: === is written ==" },
	{ "status <> 500", "column 8: <> is written !=" },
	{ "a == 1 && b == 2", "column 8: && is written and" },
	{ "a == 1 || b == 2", "column 8: || is written or" },
	{ "a == 1 AND b == 2", "column 8: AND is written and" },
	{ "!exists a", "column 1: ! is written not" },
	{ "a contians \"x\"", "column 3: unknown operator contians: did you mean contains?" },
	{ "a like \"x\"", "column 3: like is written contains, or =~ with a pattern" },
	{ "a frobs \"x\"",
	    "column 3: unknown operator frobs: there are ==, !=, <, <=, >, >=, =~, !~, in,"
	    " not in, contains, starts and ends" },
	{ "a not 5",
	    "column 3: not stands before a condition, as in not a == \"x\"; after a name"
	    " only as not in" },
	{ "500 <= status",
	    "column 1: a comparison begins with a name: status >= 500, not the other way round" },
	{ "source == nginx", "column 11: nginx has no quotes: source == \"nginx\"" },
	{ "severity >= warn",
	    "column 13: warn is a level, and severity is none: compare level with it, or"
	    " write \"warn\"" },
	{ "message == 500",
	    "column 12: message is text, and is not compared with a number: write it in quotes" },
	{ "status == 5xx", "column 11: 5xx is no number: text is written in quotes" },
	{ "status ==",
	    "column 10: a value is missing: status is compared with a number or a text in quotes" },
	{ "status == )",
	    "column 11: ) is no value: status is compared with a number or a text in quotes" },
	{ "time > 5", "column 8: time is compared with times like \"2026-01-31T18:00:00Z\","
	    " not with a number" },
	{ "time > \"noon\"",
	    "column 8: time is compared with times like \"2026-01-31T18:00:00Z\", not with"
	    " \"noon\"" },
	{ "time =~ \"x\"", "column 6: time is no text for =~: use ==, !=, <, <=, > or >=" },
	{ "a == \"x", "column 6: a text has no end: \" is missing" },
	{ "a == \"\\d\"",
	    "column 7: unknown escape \\d: a backslash is \\\\, or write '...', where all"
	    " stands for itself" },
	{ "a == \"x\"i", "column 9: only patterns ignore case with i: a =~ ..." },
	{ "a =~ x", "column 6: =~ is followed by a pattern in quotes" },
	{ "a contains 5", "column 12: contains looks for a text in quotes, not for a number" },
	{ "a in 5", "column 6: in is followed by a list in brackets: a in [...]" },
	{ "a in [5", "column 8: a list goes on with a comma or ends with ]" },
	{ "a in []", "column 7: ] is no value: a is compared with a number or a text in quotes" },
	{ "(a == 1", "column 1: ( is never closed" },
	{ "exists (a", "column 8: ( is never closed" },
	{ "exists", "column 7: a name is missing, such as level, message or status" },
	{ "a == 1)", "column 7: ) closes nothing" },
	{ "a == 1 b == 2", "column 8: b is not expected here: conditions are joined by and"
	    " and or" },
	{ "a == 1 adn b == 2", "column 8: adn is written and" },
	{ "a == 1 and", "column 11: a name is missing, such as level, message or status" },
	{ "a. == 1", "column 1: a name ends with a dot: what follows it may need quotes, as"
	    " in a[\"b c\"]" },
	{ "a[b] == 1", "column 1: [ ] holds a number or a name in quotes" },
	{ "[\"a == 1", "column 1: a name in [\"...\"] has no end" },
};

TEST(BadConditionsAreExplained)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wants wants = { 0 };
		struct buf err = { 0 };

		CHECK(expr_new(bad[i].text, &wants, &err) == NULL);
		CHECK_STR(buf_str(&err), bad[i].error);
		buf_finish(&err);
	}
}

TEST(BadPatternsAreExplained)
{
	struct wants wants = { 0 };
	struct buf err = { 0 };

	CHECK(expr_new("a =~ \"(b\"", &wants, &err) == NULL);
	CHECK(strncmp(buf_str(&err), "column 6: pattern \"(b\": ", 23) == 0);
	buf_finish(&err);
}

TEST(NestingHasAnEnd)
{
	char text[1000] = "";
	struct wants wants = { 0 };
	struct buf err = { 0 };

	memset(text, '(', 900);
	CHECK(expr_new(text, &wants, &err) == NULL);
	CHECK_STR(buf_str(&err), "column 65: more than 64 conditions inside each other");
	buf_finish(&err);
}

TEST(FieldsAreWantedOnlyIfNamed)
{
	static const struct { const char *text; bool fields; } cases[] = {
		{ "level >= warn and message =~ \"x\" and source == \"a\"", false },
		{ "host == \"h\" and tag == \"t\" and stream == \"s\"", false },
		{ "time > \"2026-01-31T18:00:00Z\"", false },
		{ "level >= warn and status == 1", true },
		{ "exists a.b", true },
		{ "[\"message\"] == \"x\"", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wants wants = { 0 };
		struct buf err = { 0 };
		struct expr *e = expr_new(cases[i].text, &wants, &err);

		REQUIRE(e != NULL);
		CHECK_EQ(wants.fields, cases[i].fields);
		expr_free(e);
	}
}

TEST(NumbersAreReadAndCompared)
{
	static const char *const good[] = { "0", "-0", "1.", ".5", "+7", "1e3", "-2.5E-3",
		"1e400", "123456789012345678901234567890", "0.1234567890123456789" };
	static const char *const none[] = { "", "-", ".", "e5", "1e", "1e+", "1x", "0x10", "inf",
		"nan", " 1", "1 ", "1.2.3", "--1", "1,5" };
	struct number a, b;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		weft_logf("%s", good[i]);
		REQUIRE(number_parse(good[i], strlen(good[i]), &a));
		CHECK(a.d == strtod(good[i], NULL));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		weft_logf("%s", none[i]);
		CHECK(!number_parse(none[i], strlen(none[i]), &a));
	}
	CHECK(number_parse("999999999999999999", 18, &a) && number_parse("1e18", 4, &b));
	CHECK(number_compare(&a, &b) <= 0);
	CHECK(number_parse("-1", 2, &a) && number_parse("0.5", 3, &b));
	CHECK(number_compare(&a, &b) < 0 && number_compare(&b, &a) > 0);
}

TEST(RefsGiveText)
{
	struct test_lines tb;
	struct wants wants = { 0 };
	struct buf err = { 0 }, room = { 0 };
	struct text text;
	struct line *l;
	struct ref *r;

	test_lines_init(&tb);
	l = json_line(&tb);
	r = ref_new("message", &wants, &err);
	REQUIRE(r != NULL && !wants.fields);
	CHECK(ref_text(r, tb.b, l, &room, &text));
	CHECK(text.len == 7 && memcmp(text.p, "a \"b\" A", 7) == 0);
	ref_free(r);
	r = ref_new("user.name", &wants, &err);
	REQUIRE(r != NULL && wants.fields);
	CHECK(ref_text(r, tb.b, l, &room, &text));
	CHECK(text.len == 3 && memcmp(text.p, "bob", 3) == 0);
	ref_free(r);
	CHECK(ref_new("odd name", &wants, &err) == NULL);
	CHECK_STR(buf_str(&err), "\"odd name\" is no name of a field: only letters, digits, _, -"
	    " and @ need no quotes, as in [\"odd name\"]");
	buf_finish(&err);
	buf_finish(&room);
	test_lines_finish(&tb);
}

static void
try(struct test_lines *tb, const struct line *l, const char *text)
{
	struct wants wants = { 0 };
	struct buf err = { 0 };
	struct expr *e = expr_new(text, &wants, &err);

	if (e)
		expr_true(e, tb->s, tb->b, l);
	CHECK_EQ(e == NULL, err.len > 0);
	if (!e)
		CHECK(strncmp(buf_str(&err), "column ", 7) == 0);
	expr_free(e);
	buf_finish(&err);
}

static uint32_t
below(uint64_t *state, uint32_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (*state >> 33) % n;
}

/* What is read is run; what is not has exactly one reason; nothing is read out of bounds. */
TEST(AnyBytesAreAConditionOrAnError)
{
	static const char alphabet[] = "ab.[]\"'()!=<>~ \\01-,andornotinlevelwarntime\n\200";
	uint64_t seed = 7;
	struct test_lines tb;
	struct line *l;
	char *text;

	test_lines_init(&tb);
	l = json_line(&tb);
	for (int i = 0; i < (weft_short() ? 2000 : 20000); i++) {
		size_t n = below(&seed, 40);

		text = malloc(n + 1);		/* of its size: asan sees a byte too many */
		for (size_t j = 0; j < n; j++)
			text[j] = i % 2 ? alphabet[below(&seed, sizeof(alphabet) - 1)] :
			    (char)(1 + below(&seed, 255));
		text[n] = '\0';
		try(&tb, l, text);
		free(text);
	}
	test_lines_finish(&tb);
}

TEST(BentConditionsAreAConditionOrAnError)
{
	uint64_t seed = 11;
	struct test_lines tb;
	struct line *l;

	test_lines_init(&tb);
	l = json_line(&tb);
	for (int i = 0; i < (weft_short() ? 2000 : 20000); i++) {
		char *text = strdup(on_json[below(&seed,
		    sizeof(on_json) / sizeof(on_json[0]))].text);
		size_t n = strlen(text), at = below(&seed, n), from = below(&seed, n);

		switch (below(&seed, 4)) {
		case 0:
			text[at] = '\0';
			break;
		case 1:
			text[at] = (char)(1 + below(&seed, 255));
			break;
		case 2:
			memmove(text + at, text + at + 1, n - at);
			break;
		default:
			text[at] = text[from];
		}
		try(&tb, l, text);
		free(text);
	}
	test_lines_finish(&tb);
}

static void
bench_expr(weft_b *b, const char *text)
{
	struct test_lines tb;
	struct wants wants = { 0 };
	struct buf err = { 0 };
	struct expr *e = expr_new(text, &wants, &err);
	struct line *l;
	size_t n = 0;

	test_lines_init(&tb);
	l = json_line(&tb);
	while (weft_loop(b))
		n += expr_true(e, tb.s, tb.b, l);
	CHECK(n > 0);
	expr_free(e);
	test_lines_finish(&tb);
}

BENCH(ExprLevel)
{
	bench_expr(b, "level >= warn");
}

BENCH(ExprStatusAndPath)
{
	bench_expr(b, "status >= 500 and path =~ \"^/api\"");
}

BENCH(ExprEscapedMessage)
{
	bench_expr(b, "message contains \"A\"");
}
