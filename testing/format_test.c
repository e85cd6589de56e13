/* format_test.c - patterns, durations, numbers and JSON text */
#include <stdlib.h>

#include "harness.h"

static bool matches(const char *pattern, const char *name)
{
	struct buf error = {0};
	struct pattern *p = match_new(pattern, "run", &error);
	bool partial, yes;

	REQUIRE(p != NULL);
	yes = match_name(p, name, &partial);
	match_free(p);
	return yes;
}

TEST(PatternsMatchAnywhere)
{
	CHECK(matches("", "TestA"));
	CHECK(matches("est", "TestA"));
	CHECK(!matches("^est", "TestA"));
	CHECK(matches("^Test(A|B)$", "TestB"));
	CHECK(matches("A|B", "TestB"));
	CHECK(!matches("A|B", "TestC"));
	CHECK(matches("[|]", "a|b"));
}

TEST(PatternsPerLevel)
{
	CHECK(matches("A/x", "TestA"));		/* has to run to reach x */
	CHECK(matches("A/x", "TestA/x"));
	CHECK(matches("A/x", "TestA/x/y"));
	CHECK(!matches("A/x", "TestA/y"));
	CHECK(matches("^A$/^b$|C/d", "TestC/d"));
	CHECK(!matches("^TestA$/^b$|C/d", "TestA/d"));
	CHECK(matches("A/two words", "TestA/two_words"));
	CHECK(!matches("A/[/]", "TestA/y"));	/* one level, not two */
	CHECK(matches("//z", "TestA/y/z"));
	CHECK(!matches("//z", "TestA/y/x"));
}

TEST(PatternsTellPartial)
{
	struct buf error = {0};
	struct pattern *p = match_new("A/x", "skip", &error);
	bool partial = false;

	CHECK(match_name(p, "TestA", &partial) && partial);
	CHECK(match_name(p, "TestA/x", &partial) && !partial);
	match_free(p);
}

TEST(PatternsReportErrors)
{
	struct buf error = {0};

	CHECK(match_new("a/(b", "run", &error) == NULL);
	CHECK(strncmp(buf_str(&error),
	    "invalid regexp for element 1 of -run (\"(b\"): ", 45) == 0);
	buf_finish(&error);
}

TEST(Durations)
{
	static const struct { const char *text; int64_t ns; } good[] = {
		{ "0", 0 }, { "1ns", 1 }, { "1.5us", 1500 }, { "500ms", 500000000 },
		{ "1s", 1000000000 }, { "1m30s", 90000000000 }, { "2h", 7200000000000 },
	};
	static const char *const bad[] = { "", "1", "s", "1x", "-1s", "1s2", "1 s", "3000000h" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK_EQ(flags_duration(good[i].text), good[i].ns);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!CHECK_EQ(flags_duration(bad[i]), -1))
			weft_logf("for \"%s\"", bad[i]);
}

TEST(DurationsInGoSpelling)
{
	char text[32];

	CHECK_STR(flags_duration_text(0, text), "0s");
	CHECK_STR(flags_duration_text(1500, text), "1.5us");
	CHECK_STR(flags_duration_text(20 * WEFT_MS, text), "20ms");
	CHECK_STR(flags_duration_text(WEFT_SECOND, text), "1s");
	CHECK_STR(flags_duration_text(90 * WEFT_SECOND, text), "1m30s");
	CHECK_STR(flags_duration_text(600 * WEFT_SECOND, text), "10m0s");
	CHECK_STR(flags_duration_text(3661 * WEFT_SECOND, text), "1h1m1s");
}

TEST(NumbersAlign)
{
	static const struct { double x; const char *text; } all[] = {
		{ 0, "         0 ns/op" }, { 1234567, "   1234567 ns/op" },
		{ 999.95, "      1000 ns/op" }, { 999.9, "       999.9 ns/op" },
		{ 99.99, "        99.99 ns/op" }, { 9.999, "         9.999 ns/op" },
		{ 0.9999, "         0.9999 ns/op" }, { 0.09999, "         0.09999 ns/op" },
		{ 0.009999, "         0.009999 ns/op" }, { 0.00012, "         0.0001200 ns/op" },
	};
	struct buf b = {0};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		b.len = 0;
		bench_number(&b, all[i].x, "ns/op");
		CHECK_STR(buf_str(&b), all[i].text);
	}
	buf_finish(&b);
}

static const char *quoted(struct buf *b, const char *s)
{
	b->len = 0;
	json_string(b, s, strlen(s));
	return buf_str(b);
}

TEST(JsonStrings)
{
	struct buf b = {0};

	CHECK_STR(quoted(&b, ""), "\"\"");
	CHECK_STR(quoted(&b, "a\tb\n\"\\"), "\"a\\tb\\n\\\"\\\\\"");
	CHECK_STR(quoted(&b, "\x16\x7f"), "\"\\u0016\x7f\"");
	CHECK_STR(quoted(&b, "<&>"), "\"\\u003c\\u0026\\u003e\"");
	CHECK_STR(quoted(&b, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
	    "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"");
	CHECK_STR(quoted(&b, "\xe2\x80\xa8"), "\"\\u2028\"");
	buf_finish(&b);
}

TEST(JsonReplacesBrokenUtf8)
{
	static const char *const broken[] = {
		"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80",
	};
	struct buf b = {0};

	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		CHECK(strncmp(quoted(&b, broken[i]), "\"\\ufffd", 7) == 0);
	CHECK_STR(quoted(&b, "a\xe2\x82z"), "\"a\\ufffd\\ufffdz\"");
	buf_finish(&b);
}
