/* render_test.c - the bytes that outputs write */
#include <string.h>
#include <time.h>

#include "json.h"
#include "render.h"
#include "testlines.h"

#define RECEIVED	(INT64_C(1700000000) * WEFT_SECOND + 123456789)

/* With fields parsed if wants, and changed by add. */
static const char *
rendered_with(struct buf *out, int format, const char *text, size_t len, bool wants,
    void (*add)(struct batch *, struct line *))
{
	struct test_lines t;
	struct origin o;
	struct when w = { 0 };
	struct line *l;

	test_lines_init(&t);
	origin_init(&o, "h", "s\"1", "s\"1");
	out->len = 0;
	l = test_parse(&t, text, len, WEFT_LINE_AUTO, wants);
	t.b->received = RECEIVED;
	if (add)
		add(t.b, l);
	render_record(out, format, &o, t.b, l, 7, &w);
	origin_finish(&o);
	test_lines_finish(&t);
	return buf_str(out);
}

static const char *
rendered(struct buf *out, int format, const char *text, size_t len)
{
	return rendered_with(out, format, text, len, false, NULL);
}

#define PREFIX "{\"host\":\"h\",\"source\":\"s\\\"1\",\"seq\":7"

static const struct { const char *in, *out; } json[] = {
	{ "{}", PREFIX "}\n" },
	{ "{ }", PREFIX "}\n" },
	{ " {\"a\":1}", PREFIX ",\"a\":1}\n" },
	{ "{ \"a\" : {} } ", PREFIX ",\"a\" : {} } \n" },
	{ "{\"seq\":1,\"host\":\"x\"}",
	    "{\"_host\":\"h\",\"source\":\"s\\\"1\",\"_seq\":7,\"seq\":1,\"host\":\"x\"}\n" },
	{ "{\"source\":1,\"in\":{\"host\":2}}",
	    "{\"host\":\"h\",\"_source\":\"s\\\"1\",\"seq\":7,"
	    "\"source\":1,\"in\":{\"host\":2}}\n" },
	{ "[1]", PREFIX ",\"level\":\"info\",\"value\":[1]}\n" },
	{ "", PREFIX ",\"level\":\"info\",\"message\":\"\"}\n" },
	{ "a\tb\001\"c\\ \303\251 \377", PREFIX
	    ",\"level\":\"info\",\"message\":\"a\\tb\\u0001\\\"c\\\\ \303\251 \\ufffd\"}\n" },
	{ "Jan  2 03:04:05 web su[1]: error",
	    "{\"host\":\"web\",\"source\":\"s\\\"1\",\"seq\":7,\"level\":\"error\","
	    "\"time\":\"Jan  2 03:04:05\",\"tag\":\"su[1]\",\"message\":\"error\"}\n" },
};

TEST(RendersJson)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
		CHECK_STR(rendered(&out, RENDER_JSON, json[i].in, strlen(json[i].in)), json[i].out);
	CHECK_STR(rendered(&out, RENDER_JSON, "a\0b", 3),
	    PREFIX ",\"level\":\"info\",\"message\":\"a\\u0000b\"}\n");
	buf_finish(&out);
}

static const struct { const char *in, *out; } texts[] = {
	{ "hello", "INFO  h s\"1: hello\n" },
	{ "\033[31mred\r", "INFO  h s\"1: \\x1b[31mred\\x0d\n" },
	{ "\302\205 \303\251", "INFO  h s\"1: \\xc2\\x85 \303\251\n" },
	{ "{\"time\":\"t\",\"level\":\"error\",\"msg\":\"a\\\"b\\n\\tc\\u001b\"}",
	    "t ERROR h s\"1: a\"b\\n\tc\\u001b\n" },
	{ "{\"a\":1}", "INFO  h s\"1: {\"a\":1}\n" },
	{ "Jan  2 03:04:05 web su: x", "Jan  2 03:04:05 INFO  web s\"1 su: x\n" },
};

TEST(RendersTextWithoutControlCharacters)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_STR(rendered(&out, RENDER_TEXT, texts[i].in, strlen(texts[i].in)),
		    texts[i].out);
	CHECK_STR(rendered(&out, RENDER_COLOR, "error", 5),
	    "\033[31mERROR\033[0m h s\"1: error\n");
	buf_finish(&out);
}

TEST(RendersOneThatWasSeveralLinesAsSeveral)
{
	struct buf out = { 0 };

	CHECK_STR(rendered(&out, RENDER_TEXT, "panic: x\n\tat y\nINFO h s: forged", 31),
	    "FATAL h s\"1: panic: x\n    \tat y\n    INFO h s: forged\n");
	CHECK_STR(rendered(&out, RENDER_RAW, "a\nb", 3), "a\nb\n");
	CHECK_STR(rendered(&out, RENDER_LOGFMT, "a\nb", 3),
	    "level=info host=h source=\"s\\\"1\" seq=7 msg=\"a\\nb\"\n");
	buf_finish(&out);
}

TEST(RendersRawAsItWas)
{
	struct buf out = { 0 };

	CHECK_STR(rendered(&out, RENDER_RAW, " {\"a\" : 1} ", 11), " {\"a\" : 1} \n");
	buf_finish(&out);
}

static void
add(struct batch *b, struct line *l, const char *key, const char *value, int kind)
{
	struct field *f = batch_field(b, l);

	*f = (struct field){ .key = key, .klen = strlen(key), .value = value,
		.len = strlen(value), .kind = kind, .added = true };
}

static void
enrich(struct batch *b, struct line *l)
{
	add(b, l, "geo.city", "K\303\266ln \"am\" Rhein", FIELD_TEXT);
	add(b, l, "n", "1.5", FIELD_RAW);
}

#define CITY ",\"geo.city\":\"K\303\266ln \\\"am\\\" Rhein\",\"n\":1.5"

TEST(RendersAddedFieldsInFrontOfTheObjectsOwn)
{
	struct buf out = { 0 };

	for (int wants = 0; wants < 2; wants++) {
		CHECK_STR(rendered_with(&out, RENDER_JSON, "{\"a\":{\"b\":1}}", 13, wants, enrich),
		    PREFIX CITY ",\"a\":{\"b\":1}}\n");
		CHECK_STR(rendered_with(&out, RENDER_JSON, "{}", 2, wants, enrich),
		    PREFIX CITY "}\n");
	}
	CHECK_STR(rendered_with(&out, RENDER_JSON, "hello", 5, false, enrich),
	    PREFIX ",\"level\":\"info\",\"message\":\"hello\"" CITY "}\n");
	CHECK_STR(rendered_with(&out, RENDER_TEXT, "hello", 5, false, enrich),
	    "INFO  h s\"1: hello geo.city=\"K\303\266ln \"am\" Rhein\" n=1.5\n");
	CHECK_STR(rendered_with(&out, RENDER_COLOR, "hello", 5, false, enrich),
	    "\033[32mINFO \033[0m h s\"1: hello\033[2m geo.city=\"K\303\266ln \"am\" Rhein\" "
	    "n=1.5\033[0m\n");
	buf_finish(&out);
}

static void
change(struct batch *b, struct line *l)
{
	struct field *f = batch_find(b, l, "a", 1);

	REQUIRE(f != NULL);
	f->value = "x\ty";
	f->len = 3;
	f->kind = FIELD_TEXT;
	l->has |= IS_CHANGED;
	add(b, l, "c", "2", FIELD_RAW);
	add(b, l, "b", "3", FIELD_RAW);
}

TEST(RendersFieldsWhereTheTextIsOutOfDate)
{
	static const char text[] = "{\"a\":\"old\", \"b\":[1], \"d\\n\":\"\\u0041\"}";
	struct buf out = { 0 };

	CHECK_STR(rendered_with(&out, RENDER_JSON, text, strlen(text), true, change),
	    PREFIX ",\"a\":\"x\\ty\",\"d\\n\":\"\\u0041\",\"c\":2,\"b\":3}\n");
	buf_finish(&out);
}

TEST(RendersFieldsOfTextAsMembers)
{
	static const char text[] = "level=warn msg=\"a b\" host=web n=5 time_ms=7 seq=3 ok";
	struct buf out = { 0 };

	CHECK_STR(rendered(&out, RENDER_JSON, text, strlen(text)),
	    "{\"host\":\"web\",\"source\":\"s\\\"1\",\"_seq\":7,\"level\":\"warn\","
	    "\"message\":\"a b\",\"n\":\"5\",\"time_ms\":\"7\",\"seq\":\"3\",\"ok\":true}\n");
	buf_finish(&out);
}

static const struct { const char *in; bool wants; const char *out; } logfmt[] = {
	{ "hello", 0, "level=info host=h source=\"s\\\"1\" seq=7 msg=hello\n" },
	{ "Jan  2 03:04:05 web su[1]: a=b \"c\"\n\001", 0, "time=\"Jan  2 03:04:05\" level=info "
	    "host=web source=\"s\\\"1\" seq=7 tag=su[1] msg=\"a=b \\\"c\\\"\\n\\u0001\"\n" },
	{ "{\"level\":\"error\",\"msg\":\"a\\nb\",\"x y\":\"\",\"n\":[1, 2],\"\":\"\\u00e9\"}", 1,
	    "level=error host=h source=\"s\\\"1\" seq=7 msg=\"a\\nb\" x_y=\"\" n=\"[1, 2]\" "
	    "_=\303\251\n" },
	{ "{\"msg\":\"a\",\"n\":1}", 0, "level=info host=h source=\"s\\\"1\" seq=7 "
	    "msg=\"{\\\"msg\\\":\\\"a\\\",\\\"n\\\":1}\"\n" },
	{ "{\"host\":5,\"source\":1,\"seq\":2}", 1, "level=info _host=h _source=\"s\\\"1\" "
	    "_seq=7 host=5 source=1 seq=2\n" },
	{ "a=\377 b=\"c d\"", 0, "level=info host=h source=\"s\\\"1\" seq=7 a=\"\\ufffd\" "
	    "b=\"c d\"\n" },
	/* a field where the message begins is not the message */
	{ "::1 - - [01/Jan/2024:00:00:00 +0000] \"GET /a HTTP/1.1\" 200 5", 1,
	    "time=\"01/Jan/2024:00:00:00 +0000\" level=info host=h source=\"s\\\"1\" seq=7 "
	    "msg=\"GET /a HTTP/1.1\" remote_addr=::1 method=GET path=/a protocol=HTTP/1.1 "
	    "status=200 bytes=5\n" },
};

TEST(RendersLogfmt)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(logfmt) / sizeof(logfmt[0]); i++)
		CHECK_STR(rendered_with(&out, RENDER_LOGFMT, logfmt[i].in, strlen(logfmt[i].in),
		    logfmt[i].wants, NULL), logfmt[i].out);
	buf_finish(&out);
}

static const struct { const char *in; bool wants; const char *out; } syslog[] = {
	{ "hello\tyou\377", 0,
	    "<14>1 2023-11-14T22:13:20.123456Z h s\"1 - - - hello#011you\357\277\275\n" },
	{ "<35>1 2024-01-02T03:04:05.5+01:00 web su - ID7 - bad", 1,
	    "<11>1 2024-01-02T02:04:05.500000Z web su - ID7 - bad\n" },
	{ "<35>1 2024-01-02T03:04:05.5+01:00 web su 12 ID7 [a@1 k=\"v\\]\"] bad\303\251", 0,
	    "<11>1 2024-01-02T02:04:05.500000Z web su 12 ID7 [weft@32473 a@1.k=\"v\\]\"] "
	    "bad\303\251\n" },
	{ "{\"time\":\"2024-01-02T03:04:05Z\",\"level\":\"fatal\",\"msg\":\"a\\nb\",\"k =\":\"q\\\"\"}",
	    1, "<10>1 2024-01-02T03:04:05.000000Z h s\"1 - - [weft@32473 level=\"fatal\" "
	    "k__=\"q\\\"\"] a#012b\n" },
	{ "{\"msg\":\"a\"}", 0,
	    "<14>1 2023-11-14T22:13:20.123456Z h s\"1 - - - {\"msg\":\"a\"}\n" },
};

TEST(RendersSyslog)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(syslog) / sizeof(syslog[0]); i++)
		CHECK_STR(rendered_with(&out, RENDER_SYSLOG, syslog[i].in, strlen(syslog[i].in),
		    syslog[i].wants, NULL), syslog[i].out);
	buf_finish(&out);
}

TEST(RendersOldSyslogInLocalTime)
{
	time_t second = RECEIVED / WEFT_SECOND;
	char want[200];
	struct tm tm;
	struct buf out = { 0 };

	localtime_r(&second, &tm);
	strftime(want, sizeof(want), "<11>%b %e %H:%M:%S h s\"1: error a\n", &tm);
	CHECK_STR(rendered(&out, RENDER_SYSLOG_BSD, "error a", 7), want);
	CHECK_STR(rendered(&out, RENDER_SYSLOG_BSD, "Jan  2 03:04:05 web su[12]: error", 33),
	    "<11>Jan  2 03:04:05 web su[12]: error\n");
	buf_finish(&out);
}

TEST(RendersEntriesForLoki)
{
	struct buf out = { 0 };

	CHECK_STR(rendered(&out, RENDER_LOKI, "a \"b\"", 5),
	    "[\"1700000000123456789\",\"a \\\"b\\\"\"]\n");
	CHECK_STR(rendered(&out, RENDER_LOKI, "{\"time\":\"2024-01-02T03:04:05.6Z\"}", 33),
	    "[\"1704164645600000000\",\"{\\\"time\\\":\\\"2024-01-02T03:04:05.6Z\\\"}\"]\n");
	buf_finish(&out);
}

/* Any text comes back, whatever stands where; what is not UTF-8 as U+FFFD. */
TEST(RendersStringsOfAnyKind)
{
	static const char *const parts[] = { "a", "\"", "\\", "\n", "\001", "\177", "\303\251",
		"\342\200\250", "\360\237\230\200", "twelve bytes", "\377", "\303" };
	struct buf text = { 0 }, want = { 0 }, out = { 0 }, back = { 0 };
	uint32_t seed = 1;

	for (int round = 0; round < 3000; round++) {
		int n = round < 300 ? round / 10 : round % 700;

		text.len = want.len = out.len = back.len = 0;
		for (int i = 0; i < n; i++) {
			const char *part;

			seed = seed * 1664525 + 1013904223;
			part = parts[(seed >> 16) % 12];
			buf_adds(&text, part);
			/* in front of others both are invalid: no part begins with 10xxxxxx */
			buf_adds(&want, strlen(part) == 1 && *part < 0 ? "\357\277\275" : part);
		}
		render_string(&out, text.data, text.len);
		CHECK(out.len >= 2 && out.data[0] == '"' && out.data[out.len - 1] == '"');
		json_unescape(&back, out.data + 1, out.len - 2);
		REQUIRE(back.len == want.len);
		CHECK(back.len == 0 || memcmp(back.data, want.data, back.len) == 0);
		if (n > 600)		/* room that is just enough, or not */
			buf_finish(&out);
	}
	buf_finish(&text);
	buf_finish(&want);
	buf_finish(&out);
	buf_finish(&back);
}

static void
bench_format(weft_b *b, int format, const char *text)
{
	struct test_lines t;
	struct origin o;
	struct when w = { 0 };
	struct line *l;
	struct buf out = { 0 };

	test_lines_init(&t);
	origin_init(&o, "web1", "/var/log/app.log", "/var/log/app.log");
	t.b->received = RECEIVED;
	l = test_parse(&t, text, strlen(text), WEFT_LINE_AUTO, format != RENDER_JSON);
	weft_bytes(b, l->len);
	while (weft_loop(b)) {
		out.len = 0;
		render_record(&out, format, &o, t.b, l, 123456, &w);
	}
	buf_finish(&out);
	origin_finish(&o);
	test_lines_finish(&t);
}

BENCH(Render)
{
	static const char object[] = "{\"time\":\"2026-11-25T18:31:51.123456Z\",\"level\":\"info\","
	    "\"msg\":\"request done, all is well with it and nobody is unhappy\",\"user\":12345,"
	    "\"path\":\"/a/b/c\",\"took\":1.25,\"agent\":\"Mozilla/5.0 (X11; Linux x86_64)\"}";
	static const char syslog_line[] = "Nov 25 18:31:51 web1 sshd[1234]: Accepted publickey for "
	    "somebody from 192.0.2.17 port 51234 ssh2: ED25519 SHA256:0123456789abcdefghijklmnop";
	static const struct { const char *name; int format; const char *text; } all[] = {
		{ "json-json", RENDER_JSON, object }, { "syslog-json", RENDER_JSON, syslog_line },
		{ "json-logfmt", RENDER_LOGFMT, object }, { "json-syslog", RENDER_SYSLOG, object },
		{ "syslog-syslog", RENDER_SYSLOG, syslog_line },
		{ "json-loki", RENDER_LOKI, object }, { "json-text", RENDER_TEXT, object },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		weft_run(b, all[i].name, bench_format, all[i].format, all[i].text);
}
