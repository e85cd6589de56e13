/* redact_test.c - what is found and what is left alone; JSON stays JSON */
#include "redact.h"

#include <stdio.h>
#include <stdlib.h>

#include "step.h"
#include "testlines.h"

/* In each text what is to be found stands between < and >. */
static const struct { redact_find_fn *find; const char *text; } cases[] = {
	{ redact_email, "mail <bob@example.com> now" },
	{ redact_email, "<a.b+c_d%e-f@sub.example.co.uk>." },
	{ redact_email, "user=<bob@example.com>,<eve@example.org>;" },
	{ redact_email, "<bob@example.com>.5" },
	{ redact_email, "<bob@example.com>..." },
	{ redact_email, "<bob@ex-ample.com>-" },
	{ redact_email, "(<b\303\266b@b\303\274cher.example>)" },
	{ redact_email, "https://user:<pass@host.example>/x" },
	{ redact_email, "bob@localhost root@10.0.0.1 @name a@ @ x@.com x@a..b" },
	{ redact_email, "\"@timestamp\" foo@bar" },
	{ redact_card, "card <4111111111111111>." },
	{ redact_card, "<4111 1111 1111 1111>" },
	{ redact_card, "<4111-1111-1111-1111>, <5555555555554444>" },
	{ redact_card, "amex <378282246310005> old <4222222222222>" },
	{ redact_card, "2026 <4111111111111111> 99" },
	{ redact_card, "12 <4111 1111 1111 1111> 7" },
	{ redact_card, "4111111111111112 x4111111111111111 4111111111111111y" },
	{ redact_card, "41111111111111111111111 0.4111111111111111 4111111111111111.5" },
	{ redact_card, "1790000000123456789 1111111111111117" },
	{ redact_card, "4111  1111  1111  1111 --------------- 4 1 1 1" },
	{ redact_ipv4, "from <10.0.0.1>: <192.168.255.255>." },
	{ redact_ipv4, "<1.2.3.4>:80 ip-<10.1.1.1> [<8.8.8.8>]" },
	{ redact_ipv4, "...<10.0.0.1>... " },
	{ redact_ipv4, "1.2.3 1.2.3.4.5 256.1.1.1 1.2.3.1000 v1.2.3.4 1.2.3.4a 1.2..3.4"
	    " 18:00:00.123" },
	{ redact_ipv6, "<2001:db8::1> [<::1>]:80 <fe80::1>%eth0" },
	{ redact_ipv6, "<2001:0db8:0000:0000:0000:ff00:0042:8329>." },
	{ redact_ipv6, "<::ffff:10.0.0.1> at <2001:db8::2>: x" },
	{ redact_ipv6, "03:04:05 std::string a::b dead::beef 00:1b:44:11:3a:b7 :: ::: x::1"
	    " \"k\":\"v\"" },
	{ redact_bearer, "Authorization: Bearer <abcDEF123456._~+/=-> x" },
	{ redact_bearer, "bearer  <0123456789>, BEARER <0123456789>" },
	{ redact_bearer, "token=<eyJhbGciOiJI.eyJzdWIi.SflKxwRJ-S_M>;" },
	{ redact_bearer, "Bearer short the bearer of news eyJhbGci.x xeyJa.b.c bearertoken123" },
};

static void
marked(struct buf *out, const char *p, size_t len, redact_find_fn *find)
{
	struct stretch at = { 0, 0 };
	size_t from = 0;

	out->len = 0;
	while (find(p, len, at.to, &at)) {
		buf_add(out, p + from, at.from - from);
		buf_printf(out, "<%.*s>", (int)(at.to - at.from), p + at.from);
		from = at.to;
	}
	buf_add(out, p + from, len - from);
}

TEST(WhatIsFoundAndWhatIsNot)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want = cases[i].text;
		char *text = malloc(strlen(want) + 1);	/* of its size: asan sees a byte too many */
		size_t len = 0;

		for (const char *p = want; *p; p++)
			if (*p != '<' && *p != '>')
				text[len++] = *p;
		text = realloc(text, len);
		marked(&out, text, len, cases[i].find);
		CHECK_STR(buf_str(&out), want);
		free(text);
	}
	buf_finish(&out);
}

/* Any bytes: no hit outside, none empty, always onward. */
TEST(FindersStayInside)
{
	static const char alphabet[] = "4111155@.:-_ abxf/eyJ.Bearer";
	static redact_find_fn *const finders[] = {
		redact_email, redact_card, redact_ipv4, redact_ipv6, redact_bearer
	};
	uint64_t seed = 3;

	for (int i = 0; i < (weft_short() ? 3000 : 30000); i++) {
		size_t len = i % 70;
		char *text = malloc(len ? len : 1);

		for (size_t j = 0; j < len; j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[j] = alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
		}
		for (int f = 0; f < 5; f++) {
			struct stretch at = { 0, 0 };
			size_t from = 0;

			while (finders[f](text, len, at.to, &at)) {
				REQUIRE(at.from >= from && at.to > at.from && at.to <= len);
				from = at.to;
			}
		}
		free(text);
	}
}

static const char *const all[] = { "email", "card", "ipv4", "ipv6", "bearer" };

static struct step *
redact(const char *const *what, int n, const char *with)
{
	struct buf err = { 0 };
	struct step *s = step_redact(what, n, with, &err);

	if (!s)
		weft_logf("%s", buf_str(&err));
	REQUIRE(s != NULL);
	return s;
}

/* The line as it is after the step; fields too in out. */
static struct line *
redacted(struct test_lines *tb, struct step *s, const char *text, int format)
{
	struct line *l = test_parse(tb, text, strlen(text), format, true);

	REQUIRE(l->error == NULL);
	s->run(s, tb->s, tb->b);
	return l;
}

static void
check_text(struct test_lines *tb, const struct line *l, const char *want)
{
	tb->out.len = 0;
	buf_add(&tb->out, l->text, l->len);
	CHECK_STR(buf_str(&tb->out), want);
	CHECK_EQ(l->text[l->len], '\n');
}

static const struct { const char *text, *want, *says; } in_json[] = {
	{ "{\"msg\":\"mail bob@example.com, 10.0.0.1\",\"ts\":1}",
	  "{\"msg\":\"mail [email], [ipv4]\",\"ts\":1}",
	  "info time=<1> message=<mail [email], [ipv4]> msg~<mail [email], [ipv4]> ts:<1>" },
	{ "{\"card\":4111111111111111,\"n\":[1, 5555555555554444]}",
	  "{\"card\":\"[card]\",\"n\":[1, \"[card]\"]}",
	  "info card~<[card]> n:<[1, \"[card]\"]>" },
	{ "{\"ts\":4111111111111111,\"msg\":\"x\"}",
	  "{\"ts\":\"[card]\",\"msg\":\"x\"}",
	  "info time=<[card]> message=<x> ts~<[card]> msg~<x>" },
	{ "{\"bob@example.com\":{\"a\":\"::1\"}}", "{\"[email]\":{\"a\":\"[ipv6]\"}}",
	  "info [email]:<{\"a\":\"[ipv6]\"}>" },
	{ "{\"msg\":\"q\\\"bob\\u0040example.com\\\"\\n.\"}", "{\"msg\":\"q\\\"[email]\\\"\\n.\"}",
	  "info message=<q\\\"[email]\\\"\\n.> msg~<q\\\"[email]\\\"\\n.>" },
	{ "{\"a\":\"\\n4111111111111111\",\"b\":\"\\t\"}", "{\"a\":\"\\n[card]\",\"b\":\"\\t\"}",
	  "info a~<\\n[card]> b~<\\t>" },
	/* not across two values */
	{ "{\"a\":[\"4111 1111\",\"1111 1111\"],\"b\":\"Bearer\",\"c\":\"0123456789\"}",
	  "{\"a\":[\"4111 1111\",\"1111 1111\"],\"b\":\"Bearer\",\"c\":\"0123456789\"}",
	  "info a:<[\"4111 1111\",\"1111 1111\"]> b~<Bearer> c~<0123456789>" },
	{ "{\"a\":\"Bearer 0123456789 bob@example.com\"}", "{\"a\":\"Bearer [bearer] [email]\"}",
	  "info a~<Bearer [bearer] [email]>" },
	{ " { \"a\" : \"1.2.3.4\" } ", " { \"a\" : \"[ipv4]\" } ", "info a~<[ipv4]>" },
};

TEST(RedactedJsonIsJson)
{
	struct test_lines tb;
	struct step *s = redact(all, 5, NULL);

	for (size_t i = 0; i < sizeof(in_json) / sizeof(in_json[0]); i++) {
		test_lines_init(&tb);
		struct line *l = redacted(&tb, s, in_json[i].text, WEFT_LINE_JSON);

		CHECK_STR(test_says(&tb, l), in_json[i].says);
		check_text(&tb, l, in_json[i].want);
		l = test_parse(&tb, l->text, l->len, WEFT_LINE_JSON, true);
		CHECK(l->error == NULL);
		/* what is said of it is what its text says */
		CHECK_STR(test_says(&tb, l), in_json[i].says);
		test_lines_finish(&tb);
	}
	step_free(s);
}

TEST(RedactedTextStaysWhatItWas)
{
	static const char access[] = "10.0.0.1 - bob@example.com [10/Oct/2000:13:55:36 -0700]"
	    " \"GET /a?m=eve@example.com HTTP/1.0\" 200 2326";
	struct test_lines tb;
	struct step *s = redact(all, 5, NULL);
	struct line *l;

	test_lines_init(&tb);
	l = redacted(&tb, s, access, WEFT_LINE_ACCESS);
	CHECK_EQ(l->kind, LINE_ACCESS);
	check_text(&tb, l, "[ipv4] - [email] [10/Oct/2000:13:55:36 -0700]"
	    " \"GET /a?m=[email] HTTP/1.0\" 200 2326");
	test_says(&tb, l);
	CHECK(!strstr(buf_str(&tb.out), "example.com") && !strstr(buf_str(&tb.out), "10.0.0.1"));
	CHECK(strstr(buf_str(&tb.out), "[email]") && strstr(buf_str(&tb.out), "[ipv4]"));
	CHECK(strstr(buf_str(&tb.out), "status:<200>"));

	l = redacted(&tb, s, "Jan  2 03:04:05 10.0.0.7 sshd[12]: from 10.0.0.8 port 1",
	    WEFT_LINE_SYSLOG);
	CHECK_STR(test_says(&tb, l), "info time=<Jan  2 03:04:05> host=<[ipv4]> tag=<sshd[12]>"
	    " message=<from [ipv4] port 1> pid:<12>");
	step_free(s);
	test_lines_finish(&tb);
}

/* What parsing has unescaped stands behind the text, and is redacted there. */
TEST(RedactedWhereItWasUnescaped)
{
	struct test_lines tb;
	struct step *s = redact(all, 5, NULL);
	struct line *l;

	test_lines_init(&tb);
	l = redacted(&tb, s, "level=info msg=\"mail \\\"bob\\u0040example.com\\\"\" ip=10.0.0.1"
	    " to=\"<eve\\u0040example.com>\" n=4111111111111111", WEFT_LINE_LOGFMT);
	CHECK_STR(test_says(&tb, l), "info message=<mail \"[email]\"> ip=<[ipv4]> to=<<[email]>>"
	    " n=<[card]>");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(RedactedJsonInsideAnotherFormat)
{
	struct test_lines tb;
	struct step *s = redact(all, 5, NULL);
	struct line *l;

	test_lines_init(&tb);
	l = redacted(&tb, s, "2026-01-02T03:04:05.123456789Z stdout F"
	    " {\"msg\":\"a\\nbob@example.com\","
	    "\"card\":4111111111111111,\"u\":{\"ip\":\"10.0.0.1\",\"n\":4111111111111111},"
	    "\"x\":\"\\n::1\",\"y\":\"b\"}", WEFT_LINE_CRI);
	CHECK_STR(test_says(&tb, l), "info time=<2026-01-02T03:04:05.123456789Z>"
	    " message=<a\n[email]>"
	    " card~<[card]> u:<{\"ip\":\"[ipv4]\",\"n\":\"[card]\"}> x~<\\n[ipv6]> y~<b>"
	    " stream=<stdout>");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(RedactByPattern)
{
	static const char *const what[] = { "key-[0-9]+", "email", "[0-9]{4}" };
	struct test_lines tb;
	struct step *s = redact(what, 3, "***");
	struct line *l;

	test_lines_init(&tb);
	l = redacted(&tb, s, "{\"a\":\"key-12"
	    " key-x\",\"n\":12345,\"m\":1,\"e\":\"1234@example.com\"}",
	    WEFT_LINE_JSON);
	check_text(&tb, l, "{\"a\":\"*** key-x\",\"n\":\"***5\",\"m\":1,\"e\":\"***\"}");
	l = redacted(&tb, s, "key-1 x key-2", WEFT_LINE_PLAIN);
	check_text(&tb, l, "*** x ***");
	step_free(s);
	test_lines_finish(&tb);
}

/* Nobody knows what such a pattern would have found. */
TEST(PatternsThatTakeTooLongHideTheRest)
{
	static const char *const what[] = { "(a+)+$" };
	struct test_lines tb;
	struct step *s = redact(what, 1, "-");
	char text[64] = "b ";

	memset(text + 2, 'a', 50);
	text[52] = 'b';
	test_lines_init(&tb);
	check_text(&tb, redacted(&tb, s, text, WEFT_LINE_PLAIN), "-");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(EmptyMatchesReplaceNothing)
{
	static const char *const what[] = { "x*" };
	struct test_lines tb;
	struct step *s = redact(what, 1, "-");

	test_lines_init(&tb);
	check_text(&tb, redacted(&tb, s, "axxb", WEFT_LINE_PLAIN), "a-b");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(CleanLinesAreLeftAlone)
{
	struct test_lines tb;
	struct step *s = redact(all, 5, NULL);
	const char *before;
	struct line *l;

	test_lines_init(&tb);
	l = test_parse(&tb, "{\"a\":\"\\n\",\"b\":1.5}", 18, WEFT_LINE_JSON, true);
	before = l->text;
	s->run(s, tb.s, tb.b);
	CHECK(l->text == before);
	step_free(s);
	test_lines_finish(&tb);
}

TEST(BadRedactionsAreExplained)
{
	static const char *const typo[] = { "emial" }, *const bad[] = { "(" };
	struct buf err = { 0 };

	CHECK(step_redact(typo, 1, NULL, &err) == NULL);
	CHECK_STR(buf_str(&err),
	    "emial is nothing to redact: did you mean email?  As a pattern, write (?:emial)");
	err.len = 0;
	CHECK(step_redact(bad, 1, NULL, &err) == NULL);
	CHECK(strstr(buf_str(&err), "pattern \"(\""));
	err.len = 0;
	CHECK(step_redact(all, 5, "a\"b", &err) == NULL);
	CHECK_STR(buf_str(&err), "what takes the place of redacted text has no quotes, backslashes,"
	    " control characters, nor broken UTF-8 in it");
	err.len = 0;
	CHECK(step_redact(all, 0, NULL, &err) == NULL);
	CHECK(strstr(buf_str(&err), "nothing is named"));
	buf_finish(&err);
}

/* Any line of any format with anything in it: JSON stays valid, slices stay inside. */
TEST(RedactingNeverBreaksALine)
{
	static const char *const bits[] = { "{\"a\":", "\"", "bob@example.com", "\\u0040",
	    "\\n", "}",
		",\"b\":", "4111111111111111", "10.0.0.1", "[", "]", "msg=", " ", "::1", "x",
		"Bearer 0123456789", "\"msg\":", "null", "level=info ", "\\\"",
		"2026-01-02T03:04:05Z stdout F ", "Jan  2 03:04:05 web app[1]: ", "\303\251" };
	struct step *s = redact(all, 5, NULL);
	uint64_t seed = 5;

	for (int i = 0; i < (weft_short() ? 2000 : 20000); i++) {
		struct test_lines tb;
		struct buf text = { 0 };
		struct line *l;
		char *says;

		for (int j = 0; j < 12; j++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			buf_adds(&text, bits[(seed >> 33) % (sizeof(bits) / sizeof(bits[0]))]);
		}
		test_lines_init(&tb);
		l = test_parse(&tb, text.data, text.len, WEFT_LINE_AUTO, true);
		if (!l->error) {
			s->run(s, tb.s, tb.b);
			says = strdup(test_says(&tb, l));
			weft_logf("%.*s: %s", (int)text.len, text.data, says);
			CHECK(!strstr(says, "bob@example.com"));
			/* JSON says the same when it is read again */
			if (l->kind == LINE_JSON)
				CHECK_STR(test_says(&tb, test_parse(&tb, l->text, l->len,
				    WEFT_LINE_JSON, true)), says);
			free(says);
		}
		test_lines_finish(&tb);
		buf_finish(&text);
	}
	step_free(s);
}

static void
bench_redact(weft_b *b, const char *line, const char *const *what, int n)
{
	struct test_lines tb;
	struct step *s = redact(what, n, NULL);

	test_lines_init(&tb);
	for (int i = 0; i < 1000; i++)
		test_parse(&tb, line, strlen(line), WEFT_LINE_AUTO, false);
	for (int64_t i = weft_loops(b); i > 0; i -= 1000)
		s->run(s, tb.s, tb.b);
	CHECK(s->out > 0);
	step_free(s);
	test_lines_finish(&tb);
}

static const char clean_json[] = "{\"time\":\"2026-01-02T03:04:05.123456Z\",\"level\":\"info\","
    "\"msg\":\"request done in 12 ms after 3"
    " retries\",\"status\":200,\"path\":\"/api/v1/items/4711\","
    "\"bytes\":123456,\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}";
static const char clean_text[] = "Jan  2 03:04:05 web app[1234]: request done in 12 ms"
    " after 3 retries,"
    " status 200, path /api/v1/items/4711, bytes 123456, trace 4bf92f3577b34da6a3ce929d0e0e4736,"
    " worker 7, queue 0, cache hit, all is well";

BENCH(RedactCleanJson)
{
	bench_redact(b, clean_json, all, 2);
}

BENCH(RedactCleanText)
{
	bench_redact(b, clean_text, all, 2);
}

BENCH(RedactCleanTextAllKinds)
{
	bench_redact(b, clean_text, all, 5);
}
