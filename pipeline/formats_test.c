/* formats_test.c - logfmt, access logs, CRI, syslog's parts, regex groups, JSON's members */
#include <errno.h>
#include <stdlib.h>

#include "testlines.h"

struct says { const char *text, *want; };

static void
check_says(const struct says *s, size_t n, int kind)
{
	struct test_lines tl;

	test_lines_init(&tl);
	for (size_t i = 0; i < n; i++) {
		weft_logf("%s", s[i].text);
		CHECK_STR(test_says(&tl, test_parse(&tl, s[i].text, strlen(s[i].text), kind, true)),
		    s[i].want);
	}
	test_lines_finish(&tl);
}
#define CHECK_SAYS(s, kind) check_says(s, sizeof(s) / sizeof((s)[0]), kind)

TEST(LogfmtHasItsPartsWhereverTheyStand)
{
	static const struct says lines[] = {
		{ "level=warn msg=hello", "warn message=<hello>" },
		{ "ts=2024-01-02T03:04:05Z lvl=debug a=1 message=\"x y\" host=web",
		    "debug time=<2024-01-02T03:04:05Z> host=<web> message=<x y> a=<1>" },
		{ "a=1 severity=5 @timestamp=7", "info time=<7> a=<1>" },
		{ "a=\"\" b= c d=\"e\"", "info a=<> b=<> c:<true> d=<e>" },
		{ "level=loud level=error level=info", "error level=<loud> level=<info>" },
		{ "msg=one msg=two", "info message=<one> msg=<two>" },
		{ "msg=\"it failed\" x=y", "error message=<it failed> x=<y>" },
		{ "  a=b\tc=d  ", "info a=<b> c=<d>" },
		{ "a=b=c url=http://x/?q=1&r=2", "info a=<b=c> url=<http://x/?q=1&r=2>" },
		{ "msg=\"say \\\"hi\\\"\\n\\u00e9\" k=\"a\\\\b\" n=1",
		    "info message=<say \"hi\"\n\303\251> k=<a\\b> n=<1>" },
		{ "msg=\"a\\tb\" ts=\"c\\td\" host=h", "info time=<c\td> host=<h> message=<a\tb>" },
		{ "k=\"\\x\\'\"", "info k=<\\x\\'>" },
		{ "a=b\"c", "info a=<b\"c>" },
		{ "\303\251=1", "info \303\251=<1>" },
		{ "a=\"b", "not logfmt: a quoted value has no end" },
		{ "a=\"b\\", "not logfmt: a quoted value has no end" },
		{ "a=\"b\"c", "not logfmt: something follows a quoted value" },
		{ "a\"=b", "not logfmt: a quote in a key" },
		{ "=b", "not logfmt: a value without a key" },
		{ "just words", "not logfmt: no key=value in it" },
		{ "", "not logfmt: no key=value in it" },
	};
	CHECK_SAYS(lines, WEFT_LINE_LOGFMT);
}

TEST(LogfmtIsRecognizedIfItLooksLikeIt)
{
	static const struct says lines[] = {
		{ "a=1 b=2", "info a=<1> b=<2>" },
		{ "a=1", "info message=<a=1>" },
		{ "the a=1 b=2", "info message=<the a=1 b=2>" },
		{ "a=1 b=2 and then some more words",
		    "info message=<a=1 b=2 and then some more words>" },
		{ "a=1 b=\"2", "info message=<a=1 b=\"2>" },
		{ "1=1 b=2", "info message=<1=1 b=2>" },
		{ "a== b=", "info a=<=> b=<>" },
	};
	CHECK_SAYS(lines, WEFT_LINE_AUTO);
}

static const struct says access_lines[] = {
	{ "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" 200 2326",
	    "info time=<10/Oct/2000:13:55:36 -0700> message=<GET /a.gif HTTP/1.0> "
	    "remote_addr=<127.0.0.1> user=<frank> method=<GET> path=</a.gif> "
	    "protocol=<HTTP/1.0> status:<200> bytes:<2326>" },
	{ "::1 id - [10/Oct/2000:13:55:36 +0000] \"POST /x?y=1 HTTP/2.0\" 404 - \"-\" \"curl/7 "
	    "(x)\"",
	    "warn time=<10/Oct/2000:13:55:36 +0000> message=<POST /x?y=1 HTTP/2.0> "
	    "remote_addr=<::1> ident=<id> method=<POST> path=</x?y=1> protocol=<HTTP/2.0> "
	    "status:<404> user_agent=<curl/7 (x)>" },
	{ "10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"-\" 500 0 \"http://r/\" \"a \\\"b\\\\\"",
	    "error time=<10/Oct/2000:13:55:36 +0000> message=<-> remote_addr=<10.0.0.1> "
	    "status:<500> bytes:<0> referer=<http://r/> user_agent=<a \\\"b\\\\>" },
	{ "10.0.0.1 - J. R. [10/Oct/2000:13:55:36 +0000] \"\\x16\\x03\" 400 11 \"\" \"\" "
	    "\"1.2.3.4\"",
	    "warn time=<10/Oct/2000:13:55:36 +0000> message=<\\x16\\x03> "
	    "remote_addr=<10.0.0.1> user=<J. R.> status:<400> bytes:<11> "
	    "x_forwarded_for=<1.2.3.4>" },
	{ "a.org:443 10.0.0.1 - bob [10/Oct/2000:13:55:36 +0000] \"GET /a b HTTP/1.1\" 302 1 \"-\""
	    " \"x\" 0.5 upstream",
	    "info time=<10/Oct/2000:13:55:36 +0000> message=<GET /a b HTTP/1.1> "
	    "vhost=<a.org:443> remote_addr=<10.0.0.1> user=<bob> method=<GET> path=</a b> "
	    "protocol=<HTTP/1.1> status:<302> bytes:<1> user_agent=<x> rest=<0.5 upstream>" },
	{ "host - - [10/Oct/2000:13:55:36 +0000] \"GET /old\" 200 5",
	    "info time=<10/Oct/2000:13:55:36 +0000> message=<GET /old> remote_addr=<host> "
	    "method=<GET> path=</old> status:<200> bytes:<5>" },
};

TEST(AccessLogsAreTakenApart)
{
	CHECK_SAYS(access_lines, WEFT_LINE_ACCESS);
	CHECK_SAYS(access_lines, WEFT_LINE_AUTO);
}

TEST(AccessLogsMustBeSome)
{
	static const char who[] = "not an access log: no address, user and [time]";
	static const char request[] = "not an access log: no \"request\" after the time";
	static const char status[] = "not an access log: no status and size after the request";
	static const struct says lines[] = {
		{ "", who }, { "[10/", who }, { "hello [10/Oct/2000:13:55:36 +0000]", who },
		{ "a - b [10/Oct/2000:13:55:36]", who }, { "a - b [10/Oct/2000:13:55:36 +0000",
		    who },
		{ "a - b[10/Oct/2000:13:55:36 +0000]", who },
		{ "a - b [10/Oct/2000:13:55:36 +0000]", request },
		{ "a - b [10/Oct/2000:13:55:36 +0000] \"GET", request },
		{ "a - b [10/Oct/2000:13:55:36 +0000] \"GET\\\" 200 1", request },
		{ "a - b [10/Oct/2000:13:55:36 +0000] \"GET\"", status },
		{ "a - b [10/Oct/2000:13:55:36 +0000] \"GET\" 20 1", status },
		{ "a - b [10/Oct/2000:13:55:36 +0000] \"GET\" 200", status },
		{ "a - b [10/Oct/2000:13:55:36 +0000] \"GET\" 200 x", status },
	};
	CHECK_SAYS(lines, WEFT_LINE_ACCESS);
}

#define CRI "2024-01-02T03:04:05.123456789Z"

TEST(CriLinesAreTakenApart)
{
	static const struct says lines[] = {
		{ CRI " stdout F it works", "info time=<" CRI "> message=<it works> "
		    "stream=<stdout>" },
		{ CRI " stderr F it failed", "error time=<" CRI "> message=<it failed> "
		    "stream=<stderr>" },
		{ CRI " stderr F ", "info time=<" CRI "> stream=<stderr>" },
		{ CRI " stderr F", "info time=<" CRI "> stream=<stderr>" },
		{ CRI " stdout P half", "info time=<" CRI "> message=<half> stream=<stdout> "
		    "partial:<true>" },
		{ CRI " stdout F:x tagged", "info time=<" CRI "> message=<tagged> "
		    "stream=<stdout>" },
		{ "2024-01-02T03:04:05+01:00 stdout F  two",
		    "info time=<2024-01-02T03:04:05+01:00> message=< two> stream=<stdout>" },
	};
	CHECK_SAYS(lines, WEFT_LINE_CRI);
	CHECK_SAYS(lines, WEFT_LINE_AUTO);
}

TEST(CriMessagesThatAreJsonAreLookedInto)
{
	static const struct says lines[] = {
		{ CRI " stdout F {\"level\":\"warn\",\"msg\":\"hi\",\"a\":1,\"b\":\"c\\n\"}",
		    "warn time=<" CRI "> message=<hi> a:<1> b~<c\\n> stream=<stdout>" },
		{ CRI " stdout F {\"time\":\"now\",\"msg\":\"say \\\"hi\\\"\",\"source\":null}",
		    "info time=<now> message=<say \"hi\"> source:<null> cri_time=<" CRI "> "
		    "stream=<stdout>" },
		{ CRI " stdout F {\"ts\":1.5,\"level\":30,\"level\":{}}",
		    "info time=<1.5> level:<{}> cri_time=<" CRI "> stream=<stdout>" },
		{ CRI " stdout F {\"a\":", "info time=<" CRI "> message=<{\"a\":> "
		    "stream=<stdout>" },
		{ CRI " stdout F [1]", "info time=<" CRI "> message=<[1]> stream=<stdout>" },
		{ CRI " stdout F {}", "info time=<" CRI "> stream=<stdout>" },
	};
	CHECK_SAYS(lines, WEFT_LINE_CRI);
}

TEST(CriLinesThatBelongTogetherAreOne)
{
	static const struct says lines[] = {
		{ CRI " stdout P one \n" CRI " stdout P two \n" CRI " stdout F three",
		    "info time=<" CRI "> message=<one two three> stream=<stdout>" },
		{ CRI " stdout P a\r\n" CRI " stderr F other\r\n" CRI " stdout F b",
		    "info time=<" CRI "> message=<ab> stream=<stdout>" },
		{ CRI " stderr F Error: x\n" CRI " stderr P \tat\n" CRI " stderr F  y\n",
		    "error time=<" CRI "> message=<Error: x\n\tat y> stream=<stderr>" },
		{ CRI " stdout P {\"msg\":\"a\n" CRI " stdout F b\",\"c\":\"\\\\\"}",
		    "info time=<" CRI "> message=<ab> c~<\\\\> stream=<stdout>" },
		{ CRI " stdout P a\n" CRI " stdout P b",
		    "info time=<" CRI "> message=<ab> stream=<stdout> partial:<true>" },
	};
	struct test_lines tl;

	CHECK_SAYS(lines, WEFT_LINE_CRI);
	test_lines_init(&tl);
	struct line *l = test_parse(&tl, lines[0].text, strlen(lines[0].text), WEFT_LINE_CRI,
	    false);
	CHECK_EQ(l->len, strlen(CRI " stdout F one two three"));
	CHECK(memcmp(l->text, CRI " stdout P one two three\n", l->len + 1) == 0);
	test_lines_finish(&tl);
}

TEST(CriLinesMustBeSome)
{
	static const char no[] = "not CRI: no time, stdout or stderr, and P or F";
	static const struct says lines[] = {
		{ "", no }, { CRI, no }, { CRI " stdout", no }, { CRI " stdout X a", no },
		{ CRI " stdin F a", no }, { CRI " stdout Fa b", no },
		{ "2024-01-02 03:04:05.123456 stdout F a", no },
	};
	CHECK_SAYS(lines, WEFT_LINE_CRI);
}

TEST(SyslogPartsAreFields)
{
	static const struct says lines[] = {
		{ "<165>1 2003-10-11T22:14:15.003Z web app 12 ID47 - hello",
		    "info time=<2003-10-11T22:14:15.003Z> host=<web> tag=<app 12 ID47> "
		    "message=<hello> app=<app> procid=<12> msgid=<ID47>" },
		{ "<165>1 2003-10-11T22:14:15.003Z web app - - [x@1 a=\"b\" "
		    "c=\"d\\\"\\]\\n\"][y] \357\273\277hi",
		    "info time=<2003-10-11T22:14:15.003Z> host=<web> tag=<app - -> message=<hi> "
		    "app=<app> x@1.a=<b> x@1.c=<d\"]\\n>" },
		{ "<165>1 2003-10-11T22:14:15.003Z web app - - [x a=\"b\"]",
		    "info time=<2003-10-11T22:14:15.003Z> host=<web> tag=<app - -> app=<app> "
		    "x.a=<b>" },
		{ "<165>1 2003-10-11T22:14:15.003Z web app - - [x a=b] hi",
		    "info time=<2003-10-11T22:14:15.003Z> host=<web> tag=<app - -> "
		    "message=<[x a=b] hi> app=<app>" },
		{ "<165>1 2003-10-11T22:14:15.003Z web app - - [x a=\"b\"]hi",
		    "info time=<2003-10-11T22:14:15.003Z> host=<web> tag=<app - -> "
		    "message=<[x a=\"b\"]hi> app=<app>" },
		{ "<165>1 - - - - - -", "info tag=<- - ->" },
		{ "<165>1 - - - - - - x", "info tag=<- - -> message=<x>" },
		{ "Jan  2 03:04:05 web sshd[12]: bye",
		    "info time=<Jan  2 03:04:05> host=<web> tag=<sshd[12]> message=<bye> "
		    "pid:<12>" },
		{ "<13>Jan  2 03:04:05 web su[x]: bye",
		    "info time=<Jan  2 03:04:05> host=<web> tag=<su[x]> message=<bye>" },
		{ "2024-01-02T03:04:05Z web cron[007]: (root)",
		    "info time=<2024-01-02T03:04:05Z> host=<web> tag=<cron[007]> message=<(root)> "
		    "pid=<007>" },
		{ "hello", "not syslog: no priority, and no time and host" },
		{ "{\"a\":1}", "not syslog: no priority, and no time and host" },
		{ "", "not syslog: no priority, and no time and host" },
	};
	CHECK_SAYS(lines, WEFT_LINE_SYSLOG);
}

TEST(StructuredDataAreFieldsThoughNobodyAsks)
{
	static const char text[] = "<165>1 - web app 1 - [x a=\"b\"] hi";
	struct test_lines tl;

	test_lines_init(&tl);
	CHECK_STR(test_says(&tl, test_parse(&tl, text, strlen(text), WEFT_LINE_AUTO, false)),
	    "info host=<web> tag=<app 1 -> message=<hi> x.a=<b>");
	test_lines_finish(&tl);
}

static const char *
by_regex(struct test_lines *t, const char *pattern, const char *text)
{
	struct buf err = { 0 };
	struct format f = { .kind = WEFT_LINE_REGEX, .regex = regex_new(pattern, "", &err) };
	struct line *l = test_line(t, text, strlen(text));

	REQUIRE(f.regex != NULL);
	parse_line(&f, t->s, t->b, l);
	test_says(t, l);
	regex_free(f.regex);
	buf_finish(&err);
	return l->error ? l->error : buf_str(&t->out);
}

TEST(RegexGroupsAreWhatALineSays)
{
	static const char all[] =
	    "^(?<time>\\S+) (?<level>\\w+) (?<host>\\w+) (?<tag>\\w+): (?<msg>.*?)(?: "
	    "n=(?<n>\\d+))?$";
	struct test_lines tl;

	test_lines_init(&tl);
	CHECK_STR(by_regex(&tl, all, "12:00 WARN web app: hi n=5"),
	    "warn time=<12:00> host=<web> tag=<app> message=<hi> n=<5>");
	CHECK_STR(by_regex(&tl, all, "12:00 WARN web app: hi"),
	    "warn time=<12:00> host=<web> tag=<app> message=<hi>");
	CHECK_STR(by_regex(&tl, all, "12:00 loud web app: it failed"),
	    "error time=<12:00> host=<web> tag=<app> message=<it failed> level=<loud>");
	CHECK_STR(by_regex(&tl, all, "hi"), "the source's regex does not match");
	CHECK_STR(by_regex(&tl, "(?<message>.)(?<msg>.)(.)", "abc"), "info message=<a> msg=<b>");
	CHECK_STR(by_regex(&tl, "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
	    "the source's regex gives up on it: too many steps");
	test_lines_finish(&tl);
}

TEST(JsonMembersAreFieldsIfWanted)
{
	static const struct says lines[] = {
		{ "{\"level\":\"warn\",\"a\":1,\"b\":\"c\\\"\",\"c\":{\"d\":[1,{}]},"
		    "\"e\":[],\"f\":{},\"g\":null}",
		    "warn level~<warn> a:<1> b~<c\\\"> c:<{\"d\":[1,{}]}> e:<[]> f:<{}> g:<null>" },
		{ " { \"a\" : [ 1 ] , \"b\" : true } ", "info a:<[ 1 ]> b:<true>" },
		{ "{\"\":\"\",\"\":0}", "info ~<> :<0>" },
		{ "{\"msg\":\"m\",\"time\":1,\"x\":\"y\"}",
		    "info time=<1> message=<m> msg~<m> time:<1> x~<y>" },
		{ "{}", "info" }, { "[{\"a\":1}]", "info" }, { "1", "info" },
		{ "{\"a\":1", "JSON ends too early" },
	};
	struct test_lines tl;

	CHECK_SAYS(lines, WEFT_LINE_JSON);
	test_lines_init(&tl);
	CHECK_STR(test_says(&tl, test_parse(&tl, lines[0].text, strlen(lines[0].text),
	    WEFT_LINE_JSON, false)), "warn");
	CHECK_EQ(tl.b->nfields, 0);
	test_lines_finish(&tl);
}

/* What a dead line left behind is not in the way of the next one. */
TEST(FieldsOfDeadLinesAreGone)
{
	struct test_lines tl;

	test_lines_init(&tl);
	for (int i = 0; i < 3; i++) {
		test_parse(&tl, "{\"a\":1,\"b\":2,", 13, WEFT_LINE_JSON, true);
		test_parse(&tl, "a=1 b=\"", 7, WEFT_LINE_LOGFMT, true);
		CHECK_EQ(tl.b->lines[2 * i].nfields, 0);
		CHECK_EQ(tl.b->lines[2 * i + 1].nfields, 0);
	}
	CHECK_EQ(tl.b->nfields, 0);
	CHECK_STR(test_says(&tl, test_parse(&tl, "a=1 b=2", 7, WEFT_LINE_AUTO, true)),
	    "info a=<1> b=<2>");
	test_lines_finish(&tl);
}

TEST(TooManyFieldsAreAnError)
{
	struct buf json = { 0 }, pairs = { 0 };
	struct test_lines tl;

	buf_adds(&json, "{\"a\":0");
	for (int i = 0; i < MAX_FIELDS; i++) {
		buf_adds(&json, ",\"a\":0");
		buf_adds(&pairs, "a=0 ");
	}
	test_lines_init(&tl);
	test_parse(&tl, pairs.data, pairs.len, WEFT_LINE_LOGFMT, true);
	CHECK_EQ(tl.b->lines[0].nfields, MAX_FIELDS);
	buf_adds(&pairs, "b");
	buf_adds(&json, "}");
	CHECK_STR(test_says(&tl, test_parse(&tl, pairs.data, pairs.len, WEFT_LINE_LOGFMT, true)),
	    "too many fields in a line");
	CHECK_STR(test_says(&tl, test_parse(&tl, json.data, json.len, WEFT_LINE_JSON, true)),
	    "too many members in a JSON object");
	CHECK_STR(test_says(&tl, test_parse(&tl, json.data, json.len, WEFT_LINE_JSON, false)),
	    "info");
	test_lines_finish(&tl);
	buf_finish(&json);
	buf_finish(&pairs);
}

/* split.c has said that a line is dead: nobody looks at it again. */
TEST(DeadLinesAreLeftAlone)
{
	struct test_lines tl;
	struct format f = { .kind = WEFT_LINE_AUTO };

	test_lines_init(&tl);
	struct line *l = test_line(&tl, "{\"a\":1}", 7);
	l->fate = DEAD;
	l->error = "cut";
	parse_line(&f, tl.s, tl.b, l);
	CHECK_STR(test_says(&tl, l), "cut");
	test_lines_finish(&tl);
}

TEST(FormatsHaveNames)
{
	CHECK_EQ(weft_line_format_parse("auto"), WEFT_LINE_AUTO);
	CHECK_EQ(weft_line_format_parse("json"), WEFT_LINE_JSON);
	CHECK_EQ(weft_line_format_parse("plain"), WEFT_LINE_PLAIN);
	CHECK_EQ(weft_line_format_parse("logfmt"), WEFT_LINE_LOGFMT);
	CHECK_EQ(weft_line_format_parse("syslog"), WEFT_LINE_SYSLOG);
	CHECK_EQ(weft_line_format_parse("access"), WEFT_LINE_ACCESS);
	CHECK_EQ(weft_line_format_parse("cri"), WEFT_LINE_CRI);
	CHECK_EQ(weft_line_format_parse("regex"), WEFT_LINE_REGEX);
	CHECK_EQ(weft_line_format_parse("xml"), -EINVAL);
	CHECK_EQ(weft_line_format_parse(""), -EINVAL);
}

static void
bench_format(weft_b *b, int kind, bool fields, const char *regex, const char *const *texts, int n)
{
	struct buf err = { 0 };
	struct format f = { .kind = kind, .wants.fields = fields,
	    .regex = regex ? regex_new(regex, "", &err) : NULL };
	struct test_lines tl;
	size_t bytes = 0;

	test_lines_init(&tl);
	for (int i = 0; i < 2000; i++) {
		bytes += strlen(texts[i % n]) + 1;
		test_line(&tl, texts[i % n], strlen(texts[i % n]));
	}
	weft_bytes(b, bytes);
	while (weft_loop(b)) {
		tl.b->nfields = 0;
		for (size_t i = 0; i < tl.b->nlines; i++) {
			struct line *l = &tl.b->lines[i];
			*l = (struct line){ .text = l->text, .len = l->len };
			parse_line(&f, tl.s, tl.b, l);
			if (l->error)
				abort();
		}
	}
	test_lines_finish(&tl);
	regex_free(f.regex);
}

static const char *const bench_json[] = {
	"{\"time\":\"2024-01-02T03:04:05.123Z\",\"level\":\"info\",\"msg\":\"request "
	    "handled\",\"method\":"
	"\"GET\",\"path\":\"/api/v1/users/12345\",\"status\":200,"
	"\"duration\":0.0123,\"user\":{\"id\":42,"
	"\"name\":\"ann\"}}",
	"{\"time\":\"2024-01-02T03:04:05.124Z\",\"level\":\"error\",\"msg\":\"connection to the "
	    "data"
	"base was lost, trying again\",\"attempt\":3,\"err\":\"read tcp 10.0.0.1:5432: "
	    "connection reset\"}",
};
static const char *const bench_access[] = {
	"192.168.10.25 - - [02/Jan/2024:03:04:05 +0000] \"GET /images/logo.png?v=3 HTTP/1.1\" "
	    "200 18231 "
	"\"https://www.example.com/start\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
	    "(KHTML, "
	"like Gecko) Chrome/120.0 Safari/537.36\"",
	"10.1.2.3 - frank [02/Jan/2024:03:04:06 +0000] \"POST /login HTTP/1.1\" 302 0 \"-\" "
	    "\"curl/8.1\"",
};
static const char *const bench_logfmt[] = {
	"ts=2024-01-02T03:04:05.123Z caller=main.go:123 level=info msg=\"request handled by "
	    "server\" "
	"method=GET path=/api/v1/users status=200 duration=12.3ms trace_id=4bf92f3577b34da6",
};
static const char *const bench_cri[] = {
	CRI " stdout F 2024-01-02 03:04:05 request from 10.1.2.3 was handled in 12 ms, status "
	    "200, ok",
};
static const char *const bench_syslog[] = {
	"Jan  2 03:04:05 web-1 sshd[1234]: Accepted publickey for ann from 10.1.2.3 port 51234 "
	    "ssh2",
	"<165>1 2003-10-11T22:14:15.003Z web app 1234 ID47 - request from 10.1.2.3 was handled "
	    "in 12 ms",
};
static const char *const bench_plain[] = {
	"2024-01-02 03:04:05,678 [main] com.example.Server - request from 10.1.2.3 was handled "
	    "in 12 ms",
};
static const char clf_regex[] =
    "^(?<remote>\\S+) (?<ident>\\S+) (?<user>\\S+) \\[(?<time>[^\\]]+)\\] \"(?<method>\\S+) "
    "(?<path>\\S+) (?<protocol>[^\"]+)\" (?<status>\\d+) (?<bytes>\\S+)"
    "(?: \"(?<referer>[^\"]*)\" \"(?<agent>[^\"]*)\")?";

#define BENCH_FORMAT(b, kind, fields, regex, texts) \
	bench_format(b, kind, fields, regex, texts, sizeof(texts) / sizeof((texts)[0]))

BENCH(ParseJson) { BENCH_FORMAT(b, WEFT_LINE_JSON, false, NULL, bench_json); }
BENCH(ParseJsonFields) { BENCH_FORMAT(b, WEFT_LINE_JSON, true, NULL, bench_json); }
BENCH(ParseAccess) { BENCH_FORMAT(b, WEFT_LINE_ACCESS, false, NULL, bench_access); }
BENCH(ParseAccessAuto) { BENCH_FORMAT(b, WEFT_LINE_AUTO, false, NULL, bench_access); }
BENCH(ParseAccessRegex) { BENCH_FORMAT(b, WEFT_LINE_REGEX, false, clf_regex, bench_access); }
BENCH(ParseLogfmt) { BENCH_FORMAT(b, WEFT_LINE_LOGFMT, false, NULL, bench_logfmt); }
BENCH(ParseLogfmtAuto) { BENCH_FORMAT(b, WEFT_LINE_AUTO, false, NULL, bench_logfmt); }
BENCH(ParseCri) { BENCH_FORMAT(b, WEFT_LINE_CRI, false, NULL, bench_cri); }
BENCH(ParseSyslog) { BENCH_FORMAT(b, WEFT_LINE_AUTO, false, NULL, bench_syslog); }
BENCH(ParseText) { BENCH_FORMAT(b, WEFT_LINE_AUTO, false, NULL, bench_plain); }
