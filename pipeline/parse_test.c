/* parse_test.c - what lines say, format by format; what is JSON and what is not */
#include "testlines.h"

/* room: where the text is, after parsing too, for no line here is one that moves */
static struct line
parse(char *room, const char *text, size_t len, int format)
{
	struct test_lines t;
	struct line l;

	test_lines_init(&t);
	l = *test_parse(&t, text, len, format, false);
	memcpy(room, l.text, len);
	l.text = room;
	test_lines_finish(&t);
	return l;
}

static const char *
part(char out[128], const char *text, struct slice s)
{
	memcpy(out, text + s.off, s.len);
	out[s.len] = '\0';
	return out;
}

struct expect {
	const char *text;
	int kind, level;
	const char *time, *host, *tag, *message;
};

static const struct expect lines[] = {
	{ "", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "" },
	{ "hello", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "hello" },
	{ "\tindented", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "\tindented" },
	{ "it failed.", LINE_PLAIN, WEFT_LEVEL_ERROR, "", "", "", "it failed." },
	{ "level=warn msg=error", LINE_LOGFMT, WEFT_LEVEL_WARN, "", "", "", "error" },
	{ "level=warn: error", LINE_PLAIN, WEFT_LEVEL_WARN, "", "", "", "level=warn: error" },
	{ "see /var/log/error.log", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "",
	    "see /var/log/error.log" },
	{ "libgpg-error0 is fine", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "",
	    "libgpg-error0 is fine" },
	{ "a trace of it", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "a trace of it" },
	{ "TRACE: it", LINE_PLAIN, WEFT_LEVEL_TRACE, "", "", "", "TRACE: it" },
	{ "[error] no such host", LINE_PLAIN, WEFT_LEVEL_ERROR, "", "", "",
	    "[error] no such host" },
	{ "2024-01-02 03:04:05,678 WARNING x", LINE_PLAIN, WEFT_LEVEL_WARN,
	    "2024-01-02 03:04:05,678", "", "", "WARNING x" },
	{ "2024-01-02T03:04:05Z", LINE_PLAIN, WEFT_LEVEL_INFO, "2024-01-02T03:04:05Z", "", "", "" },
	{ "2024-01-02", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "2024-01-02" },
	{ "Jan  2 03:04:05 web sshd[12]: Failed password", LINE_SYSLOG, WEFT_LEVEL_ERROR,
	    "Jan  2 03:04:05", "web", "sshd[12]", "Failed password" },
	{ "Dec 31 23:59:59 web kernel: [ 1.2] ok", LINE_SYSLOG, WEFT_LEVEL_INFO,
	    "Dec 31 23:59:59", "web", "kernel", "[ 1.2] ok" },
	{ "Jan  2 03:04:05 last message repeated", LINE_SYSLOG, WEFT_LEVEL_INFO,
	    "Jan  2 03:04:05", "last", "", "message repeated" },
	{ "Jan  2 03:04:05", LINE_SYSLOG, WEFT_LEVEL_INFO, "Jan  2 03:04:05", "", "", "" },
	{ "Jam  2 03:04:05 web", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "Jam  2 03:04:05 web" },
	{ "2024-01-02T03:04:05.123456+01:00 web cron[7]: (root) CMD", LINE_SYSLOG,
	    WEFT_LEVEL_INFO, "2024-01-02T03:04:05.123456+01:00", "web", "cron[7]", "(root) CMD" },
	{ "Jan  2 03:04:05.678 web app: x", LINE_SYSLOG, WEFT_LEVEL_INFO, "Jan  2 03:04:05.678",
	    "web", "app", "x" },
	{ "<13>Jan  2 2024 03:04:05 web app: x", LINE_SYSLOG, WEFT_LEVEL_INFO,
	    "Jan  2 2024 03:04:05", "web", "app", "x" },
	{ "2024/01/02 03:04:05 [error] 12#0: *5 open() failed", LINE_PLAIN, WEFT_LEVEL_ERROR,
	    "2024/01/02 03:04:05", "", "", "[error] 12#0: *5 open() failed" },
	{ "2024-01-02 03:04:05.678 UTC [12] LOG:  ready", LINE_PLAIN, WEFT_LEVEL_INFO,
	    "2024-01-02 03:04:05.678 UTC", "", "", "[12] LOG:  ready" },
	{ "2024-01-02 03:04:05 +0100 x", LINE_PLAIN, WEFT_LEVEL_INFO, "2024-01-02 03:04:05 +0100",
	    "", "", "x" },
	{ "2024-01-02 03:04:05 UTCx", LINE_PLAIN, WEFT_LEVEL_INFO, "2024-01-02 03:04:05", "", "",
	    "UTCx" },
	{ "[Tue Jan 02 03:04:05.678901 2024] [core:error] [pid 12] x", LINE_PLAIN,
	    WEFT_LEVEL_ERROR, "Tue Jan 02 03:04:05.678901 2024", "", "",
	    "[core:error] [pid 12] x" },
	{ "[02-Jan-2024 03:04:05 UTC] PHP Warning:  x", LINE_PLAIN, WEFT_LEVEL_WARN,
	    "02-Jan-2024 03:04:05 UTC", "", "", "PHP Warning:  x" },
	{ "[2024-01-02 03:04:05] x", LINE_PLAIN, WEFT_LEVEL_INFO, "2024-01-02 03:04:05", "", "",
	    "x" },
	{ "[2024-01-02 03:04] x", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "",
	    "[2024-01-02 03:04] x" },
	{ "E0102 03:04:05.678901    12 a.go:42] x", LINE_PLAIN, WEFT_LEVEL_ERROR,
	    "0102 03:04:05.678901", "", "", "12 a.go:42] x" },
	{ "I0102 is not a time", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "I0102 is not a time" },
	{ "2024-01-02T03:04:05Z one two three", LINE_PLAIN, WEFT_LEVEL_INFO,
	    "2024-01-02T03:04:05Z", "", "", "one two three" },
	{ "<34>Jan  2 03:04:05 web su: bad", LINE_SYSLOG, WEFT_LEVEL_FATAL,
	    "Jan  2 03:04:05", "web", "su", "bad" },
	{ "<165>1 2003-10-11T22:14:15.003Z web app 12 ID47 - hello", LINE_SYSLOG,
	    WEFT_LEVEL_INFO, "2003-10-11T22:14:15.003Z", "web", "app 12 ID47", "hello" },
	{ "<14>just this", LINE_SYSLOG, WEFT_LEVEL_INFO, "", "", "", "just this" },
	{ "<html>", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "<html>" },
	{ "2024-01-02 03:04:05 status installed libgpg-error0:amd64 1.4 error", LINE_DPKG,
	    WEFT_LEVEL_INFO, "2024-01-02 03:04:05", "", "",
	    "status installed libgpg-error0:amd64 1.4 error" },
	{ "update-alternatives 2024-01-02 03:04:05: link group pager updated",
	    LINE_ALTERNATIVES, WEFT_LEVEL_INFO, "2024-01-02 03:04:05", "",
	    "update-alternatives", "link group pager updated" },
	{ "update-alternatives 2024-01-02 03:04:05: warning: forcing", LINE_ALTERNATIVES,
	    WEFT_LEVEL_WARN, "2024-01-02 03:04:05", "", "update-alternatives",
	    "warning: forcing" },
	{ "Start-Date: 2024-01-02  03:04:05", LINE_APT, WEFT_LEVEL_INFO,
	    "2024-01-02  03:04:05", "", "", "Start-Date: 2024-01-02  03:04:05" },
	{ "Install: libc-error:amd64 (1, automatic)", LINE_APT, WEFT_LEVEL_INFO, "", "", "",
	    "Install: libc-error:amd64 (1, automatic)" },
	{ "Error: Sub-process dpkg", LINE_APT, WEFT_LEVEL_ERROR, "", "", "",
	    "Error: Sub-process dpkg" },
	{ "[1, 2]", LINE_JSON, WEFT_LEVEL_INFO, "", "", "", "" },
	{ "[1, 2", LINE_PLAIN, WEFT_LEVEL_INFO, "", "", "", "[1, 2" },
	{ "{\"level\":\"Warning\",\"msg\":\"a \\\"b\\\"\",\"ts\":12.5}", LINE_JSON,
	    WEFT_LEVEL_WARN, "12.5", "", "", "a \\\"b\\\"" },
	{ " { \"severity\" : \"CRITICAL\" , \"@timestamp\" : \"now\" } ", LINE_JSON,
	    WEFT_LEVEL_FATAL, "now", "", "", "" },
	{ "{\"lvl\":50,\"x\":{\"level\":\"debug\",\"msg\":\"in\"},\"message\":\"out\"}", LINE_JSON,
	    WEFT_LEVEL_ERROR, "", "", "", "out" },
	{ "{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"time\":\"t\"}", LINE_JSON,
	    WEFT_LEVEL_INFO, "t", "", "", "hello" },
	{ "{\"msg\":\"a\\\\n\"}", LINE_JSON, WEFT_LEVEL_INFO, "", "", "", "a\\\\n" },
	{ "{\"level\":[\"error\"],\"msg\":[\"x\"]}", LINE_JSON, WEFT_LEVEL_INFO, "", "", "", "" },
	{ "{\"log\":{\"level\":\"x\"},\"msg\":\"y\"}", LINE_JSON, WEFT_LEVEL_INFO, "", "", "",
	    "y" },
	{ "{\"severity\":7}", LINE_JSON, WEFT_LEVEL_DEBUG, "", "", "", "" },
	{ "{\"level\":null,\"msg\":{\"a\":[]},\"time\":\"t\"}", LINE_JSON, WEFT_LEVEL_INFO,
	    "t", "", "", "" },
};

TEST(LinesSayWhatTheyShould)
{
	char room[512], out[128];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct expect *e = &lines[i];
		struct line l = parse(room, e->text, strlen(e->text), WEFT_LINE_AUTO);

		weft_logf("%s", e->text);
		CHECK(l.error == NULL);
		CHECK_EQ(l.kind, e->kind);
		CHECK_EQ(l.level, e->level);
		CHECK_STR(part(out, room, l.time), e->time);
		CHECK_STR(part(out, room, l.host), e->host);
		CHECK_STR(part(out, room, l.tag), e->tag);
		CHECK_STR(part(out, room, l.message), e->message);
	}
}

static const char *const valid[] = {
	"{}", "[]", "0", "-0", "-0.5e+3", "12E1", "true", "false", "null", "\"\"", " [ ] ",
	"{\"\":\"\"}", "[[[[]]]]", "[{},{\"a\":[{}]}]", "\"\\u00e9\\ud800 \\/\\b\\f\\n\\r\\t\"",
	"\"\303\251 \342\202\254 \360\237\230\200\"", "[1,2,3.0e-1,-4]", "\"abcdefgh\\\\ijklmnop\"",
	"{\"a\":1,\"a\":2}", "\"\177\"",
};
static const char *const invalid[] = {
	"", " ", "{", "[", "}", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[,1]",
	"{a:1}", "{'a':1}", "01", "-", "1.", ".5", "1e", "+1", "0x1", "tru", "nulll", "True",
	"\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\t\"", "\"\001\"", "{} x", "[] []",
	"1 2", "{\"a\":1 \"b\":2}", "\"\200\"", "\"\300\200\"", "\"\355\240\200\"",
	"\"\364\220\200\200\"", "\"\342\202\"", "\"\360\237\230", "[1 2]", "{\"a\" 1}", "{1:2}",
	"\"abcdefgh", "{\"k\":\"v\"", "[\"\\u00\"]",
};

TEST(JsonIsValidOrNot)
{
	char room[256];

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		struct line l = parse(room, valid[i], strlen(valid[i]), WEFT_LINE_JSON);
		weft_logf("%s", valid[i]);
		CHECK(l.error == NULL);
	}
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		struct line l = parse(room, invalid[i], strlen(invalid[i]), WEFT_LINE_JSON);
		weft_logf("%s", invalid[i]);
		CHECK(l.error != NULL);
	}
}

TEST(JsonWithNulBytesIsInvalid)
{
	char room[128];

	CHECK(parse(room, "{\"a\":\"\0\"}", 9, WEFT_LINE_AUTO).error != NULL);
	CHECK(parse(room, "{\0}", 3, WEFT_LINE_AUTO).error != NULL);
	CHECK(parse(room, "a\0b", 3, WEFT_LINE_AUTO).error == NULL);
}

/* Cut anywhere, a line of JSON is no longer one; and no byte after it matters. */
TEST(JsonCutShortIsInvalid)
{
	static const char text[] =
	    "{\"a\":[1,-2.5e3,{\"b\":\"\\u20ac \\\\ \303\251\"}],\"level\":\"info\",\"c\":null}";
	size_t len = sizeof(text) - 1;
	char room[256];

	for (size_t n = 0; n < len; n++)
		CHECK(parse(room, text, n, WEFT_LINE_JSON).error != NULL);
	CHECK(parse(room, text, len, WEFT_LINE_JSON).error == NULL);
}

TEST(JsonMayBeDeepButNotEndless)
{
	enum { DEEP = 1024 };
	static char text[2 * DEEP + 2], room[2 * DEEP + 2 + BATCH_PAD];

	memset(text, '[', DEEP);
	memset(text + DEEP, ']', DEEP);
	CHECK(parse(room, text, 2 * DEEP, WEFT_LINE_JSON).error == NULL);
	memset(text, '[', DEEP + 1);
	memset(text + DEEP + 1, ']', DEEP + 1);
	CHECK(parse(room, text, 2 * DEEP + 2, WEFT_LINE_JSON).error != NULL);
}

TEST(LevelsHaveNames)
{
	CHECK_EQ(weft_level_parse("WARN"), WEFT_LEVEL_WARN);
	CHECK_EQ(weft_level_parse("warning"), WEFT_LEVEL_WARN);
	CHECK_EQ(weft_level_parse("notice"), WEFT_LEVEL_INFO);
	CHECK_EQ(weft_level_parse("loud"), -EINVAL);
	CHECK_EQ(weft_level_parse(""), -EINVAL);
	for (int level = 0; level <= WEFT_LEVEL_FATAL; level++)
		CHECK_EQ(weft_level_parse(weft_level_name(level)), level);
}

TEST(PlainFormatLooksForNothing)
{
	char room[128];
	struct line l = parse(room, "{\"level\":", 9, WEFT_LINE_PLAIN);

	CHECK(l.error == NULL);
	CHECK_EQ(l.kind, LINE_PLAIN);
	CHECK_EQ(l.message.len, 9);
}
