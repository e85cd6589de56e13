/* render_test.c - the bytes that outputs write */
#include <string.h>

#include "parse.h"
#include "render.h"
#include "weft/testing.h"

static const char *
rendered(struct buf *out, int format, const char *text, size_t len)
{
	char room[512];
	struct origin o;
	struct line l = { .text = room, .len = len };

	memcpy(room, text, len);
	memset(room + len, '\n', BATCH_PAD);
	parse_line(&l, WEFT_LINE_AUTO);
	origin_init(&o, "h", "s\"1");
	out->len = 0;
	render_line(out, format, &o, &l, 7);
	origin_finish(&o);
	return buf_str(out);
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

static const struct { const char *in, *out; } text[] = {
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

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		CHECK_STR(rendered(&out, RENDER_TEXT, text[i].in, strlen(text[i].in)), text[i].out);
	CHECK_STR(rendered(&out, RENDER_COLOR, "error", 5),
	    "\033[31mERROR\033[0m h s\"1: error\n");
	buf_finish(&out);
}

TEST(RendersRawAsItWas)
{
	struct buf out = { 0 };

	CHECK_STR(rendered(&out, RENDER_RAW, " {\"a\" : 1} ", 11), " {\"a\" : 1} \n");
	buf_finish(&out);
}
