/* regex_test.c - patterns: what they find, what they refuse, and that they end */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regex.h"
#include "weft/testing.h"

#define NONE ((size_t)-1)

static struct regex *
compiled(const char *pattern, const char *flags)
{
	struct buf err = { 0 };
	struct regex *r = regex_new(pattern, flags, &err);

	if (!r)
		weft_logf("%s", buf_str(&err));
	REQUIRE(r != NULL);
	CHECK_EQ(err.len, 0);
	return r;
}

/* Where it matches, as "from-to", or "-". */
static const char *
found(char out[64], const char *pattern, const char *flags, const char *text, size_t from)
{
	struct regex *r = compiled(pattern, flags);
	struct scratch *s = scratch_new();
	const size_t *at;

	if (regex_match(r, s, text, strlen(text), from, &at, NULL))
		snprintf(out, 64, "%zu-%zu", at[0], at[1]);
	else
		strcpy(out, "-");
	scratch_free(s);
	regex_free(r);
	return out;
}

TEST(RegexFindsTheFirstMatchAfterAPlace)
{
	char out[64];

	CHECK_STR(found(out, "b+", NULL, "abbcb", 0), "1-3");
	CHECK_STR(found(out, "b+", "", "abbcb", 3), "4-5");
	CHECK_STR(found(out, "b+", "", "abbcb", 5), "-");
	CHECK_STR(found(out, "b+", "", "abbcb", 6), "-");
	CHECK_STR(found(out, "B+", "i", "abbcb", 0), "1-3");
	CHECK_STR(found(out, "B+", "", "abbcb", 0), "-");
	CHECK_STR(found(out, "^$", "", "", 0), "0-0");
	CHECK_STR(found(out, "a$", "", "a\n", 0), "-");
	CHECK_STR(found(out, "(*NO_JIT)b+", "", "abbcb", 0), "1-3");
}

TEST(RegexWorksOnBytes)
{
	char out[64];

	CHECK_STR(found(out, "\303\251+", "", "caf\303\251!", 0), "3-5");
	CHECK_STR(found(out, "x", "", "\377\300x\200", 0), "2-3");
	CHECK_STR(found(out, "^.+$", "", "\377\300\355\240\200", 0), "0-5");
}

TEST(RegexTextNeedNotEndWithNul)
{
	struct regex *r = compiled("b$", "");
	struct scratch *s = scratch_new();

	CHECK(regex_match(r, s, "abc", 2, 0, NULL, NULL));
	CHECK(!regex_match(r, s, "abc", 3, 0, NULL, NULL));
	CHECK(!regex_match(r, s, NULL, 0, 0, NULL, NULL));
	scratch_free(s);
	regex_free(r);
}

TEST(RegexGroupsComeInTheOrderOfTheirNumbers)
{
	struct regex *r = compiled("(?<z>a)(b)(?<a>c)?(?<m>d)?(?<end>e)?", "");
	struct scratch *s = scratch_new();
	const size_t *at;
	int number;

	CHECK_EQ(regex_groups(r), 4);
	CHECK_STR(regex_group(r, 0, &number), "z");
	CHECK_EQ(number, 1);
	CHECK_STR(regex_group(r, 1, &number), "a");
	CHECK_EQ(number, 3);
	CHECK_STR(regex_group(r, 3, &number), "end");
	CHECK_EQ(number, 5);
	REQUIRE(regex_match(r, s, "xabcde", 6, 0, &at, NULL));
	CHECK_EQ(at[10], 5);
	REQUIRE(regex_match(r, s, "xabdx", 5, 0, &at, NULL));
	CHECK_EQ(at[2], 1);
	CHECK_EQ(at[3], 2);
	CHECK_EQ(at[6], NONE);
	CHECK_EQ(at[8], 3);
	CHECK_EQ(at[10], NONE);
	CHECK_EQ(at[11], NONE);
	scratch_free(s);
	regex_free(r);
}

/* The same scratch serves a pattern with few groups and one with many. */
TEST(RegexScratchGrowsWithThePattern)
{
	struct buf many = { 0 };
	struct regex *small = compiled("(a)", ""), *big;
	struct scratch *s = scratch_new();
	const size_t *at;

	for (int i = 0; i < 300; i++)
		buf_adds(&many, "(a)?");
	big = compiled(buf_str(&many), "");
	REQUIRE(regex_match(small, s, "a", 1, 0, &at, NULL));
	REQUIRE(regex_match(big, s, "aa", 2, 0, &at, NULL));
	CHECK_EQ(at[4], 1);
	CHECK_EQ(at[600], NONE);
	REQUIRE(regex_match(small, s, "a", 1, 0, &at, NULL));
	CHECK_EQ(at[3], 1);
	scratch_free(s);
	regex_free(small);
	regex_free(big);
	buf_finish(&many);
}

static void
check_limited(const char *pattern, const char *text, size_t len)
{
	struct regex *r = compiled(pattern, "");
	struct scratch *s = scratch_new();
	bool limited = false;

	CHECK(!regex_match(r, s, text, len, 0, NULL, &limited));
	CHECK(limited);
	CHECK(!regex_match(r, s, "", 0, 0, NULL, &limited));
	CHECK(!limited);
	scratch_free(s);
	regex_free(r);
}

TEST(RegexGivesUpInTheEnd)
{
	static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

	check_limited("^(a+)+$", text, sizeof(text) - 1);
	check_limited("(*NO_JIT)^(a+)+$", text, sizeof(text) - 1);
}

/* Backtracking is neither on the goroutine's stack nor without an end. */
TEST(RegexDeepBacktrackingIsLimited)
{
	size_t len = 4 << 20;
	char *text = malloc(len);

	memset(text, 'a', len);
	check_limited("^(?:(a)|b)*c", text, len);
	check_limited("(*NO_JIT)^(?:(a)|b)*c", text, len);
	free(text);
}

/* Where it begins in a text of n letters a, the last one a b; -1: nowhere, -2: limited. */
static intptr_t
found_in_long(const char *pattern, size_t n)
{
	struct regex *r = compiled(pattern, "");
	struct scratch *s = scratch_new();
	char *text = malloc(n);
	const size_t *at;
	bool limited;
	intptr_t found;

	memset(text, 'a', n);
	text[n - 1] = 'b';
	found = regex_match(r, s, text, n, 0, &at, &limited) ? (intptr_t)at[0] : limited ? -2 : -1;
	free(text);
	scratch_free(s);
	regex_free(r);
	return found;
}

TEST(RegexSearchesLongTexts)
{
	enum { N = 1 << 20 };

	CHECK_EQ(found_in_long("b", N), N - 1);
	CHECK_EQ(found_in_long("(*NO_JIT)b", N), N - 1);
	CHECK_EQ(found_in_long("ab$", N), N - 2);
	CHECK_EQ(found_in_long("^a+b$", N), 0);
	CHECK_EQ(found_in_long("^b", N), -1);
	CHECK_EQ(found_in_long("c", N), -1);
	CHECK_EQ(found_in_long("$", N), N);
	CHECK_EQ(found_in_long("(?<=a)b", N), N - 1);
	for (int d = -2; d <= 2; d++)
		CHECK_EQ(found_in_long("b", (16 << 10) + d), (16 << 10) + d - 1);
}

/* From each of the letters to the end: half a minute, but for the patience. */
TEST(RegexDoesNotSearchForEver)
{
	if (weft_short())
		weft_skip("takes half a second");
	CHECK_EQ(found_in_long("(?:a|b)\\w*b\\d", 8 << 20), -2);
}

static void
check_refused(const char *pattern, const char *flags, const char *want)
{
	struct buf err = { 0 };
	struct regex *r = regex_new(pattern, flags, &err);

	CHECK(r == NULL);
	if (!strstr(buf_str(&err), want))
		CHECK_STR(buf_str(&err), want);
	regex_free(r);
	buf_finish(&err);
}

TEST(RegexSaysWhatIsWrongAndWhere)
{
	check_refused("ab(c", "", "pattern \"ab(c\": missing closing parenthesis, at byte 5");
	check_refused("a", "ix", "unknown flag x");
	check_refused("(*UTF)a", "", "UTF");
	check_refused("(?<a>x)(?<a>y)", "", "two named subpatterns have the same name");
}

/* The compiler recurses on the goroutine's stack, which is small. */
TEST(RegexNestingIsLimited)
{
	for (int depth = 59; depth < 20000; depth = depth * 5) {
		struct buf p = { 0 }, err = { 0 };
		struct regex *r;

		for (int i = 0; i < depth; i++)
			buf_adds(&p, "(?<=|(?:a|");
		for (int i = 0; i < depth; i++)
			buf_adds(&p, ")+)");
		r = regex_new(buf_str(&p), "", &err);
		CHECK(r == NULL);
		regex_free(r);
		buf_finish(&p);
		buf_finish(&err);
	}
}

TEST(RegexNestedAsDeepAsAllowed)
{
	struct buf p = { 0 };
	struct scratch *s = scratch_new();
	struct regex *r;

	for (int i = 0; i < 30; i++)
		buf_adds(&p, "(?:a|(b");
	for (int i = 0; i < 30; i++)
		buf_adds(&p, ")?)+");
	r = compiled(buf_str(&p), "");
	CHECK(regex_match(r, s, "bbbb", 4, 0, NULL, NULL));
	scratch_free(s);
	regex_free(r);
	buf_finish(&p);
}
