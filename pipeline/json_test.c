/* json_test.c - members, elements and strings of JSON; and what is no JSON at all */
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "weft/testing.h"

static const char *
shown(char out[128], bool found, const struct field *f)
{
	if (!found)
		return "-";
	snprintf(out, 128, "%c%.*s", f->kind == FIELD_ESCAPED ? '~' : ':', (int)f->len, f->value);
	return out;
}

static const char *
member(char out[128], const char *json, const char *key)
{
	struct field f;
	bool found = json_member(json, strlen(json), key, strlen(key), &f);

	return shown(out, found, &f);
}

static const char *
element(char out[128], const char *json, size_t i)
{
	struct field f;
	bool found = json_element(json, strlen(json), i, &f);

	return shown(out, found, &f);
}

TEST(JsonHasMembers)
{
	static const char json[] =
	    " {\"a\":1, \"b\" : \"x\\\"y\", \"c\":{\"d\":[\"}\"]} "
	    ",\"n\":null,\"\\u0061b\":true,\"a\":2}";
	char out[128];

	CHECK_STR(member(out, json, "a"), ":2");
	CHECK_STR(member(out, json, "b"), "~x\\\"y");
	CHECK_STR(member(out, json, "c"), ":{\"d\":[\"}\"]}");
	CHECK_STR(member(out, json, "n"), ":null");
	CHECK_STR(member(out, json, "ab"), ":true");
	CHECK_STR(member(out, json, "d"), "-");
	CHECK_STR(member(out, json, ""), "-");
	CHECK_STR(member(out, "{}", "a"), "-");
	CHECK_STR(member(out, "[1]", "a"), "-");
	CHECK_STR(member(out, "\"a\"", "a"), "-");
	CHECK_STR(member(out, "", "a"), "-");
}

TEST(JsonHasElements)
{
	static const char json[] = "[1, \"a,b\" , [2,3],{\"x\":[]},-0.5e1 ]";
	char out[128];

	CHECK_STR(element(out, json, 0), ":1");
	CHECK_STR(element(out, json, 1), "~a,b");
	CHECK_STR(element(out, json, 2), ":[2,3]");
	CHECK_STR(element(out, json, 3), ":{\"x\":[]}");
	CHECK_STR(element(out, json, 4), ":-0.5e1");
	CHECK_STR(element(out, json, 5), "-");
	CHECK_STR(element(out, "[]", 0), "-");
	CHECK_STR(element(out, "{\"a\":1}", 0), "-");
}

/* Cut anywhere, in memory that ends there. */
TEST(JsonIsNeverReadPastItsEnd)
{
	static const char json[] =
	    "{\"a\":{\"b\":\"\\\\\"},\"\\u0062\":[1,{\"c\":\"\\\"\"}],\"d\":1.5}";

	for (size_t n = 0; n < sizeof(json); n++) {
		char *copy = malloc(n ? n : 1);
		struct buf out = { 0 };
		struct field f;

		memcpy(copy, json, n);
		json_member(copy, n, "b", 1, &f);
		json_member(copy, n, "d", 1, &f);
		json_element(copy, n, 3, &f);
		json_unescape(&out, copy, n);
		buf_finish(&out);
		free(copy);
	}
}

static const char *
plain(struct buf *out, const char *text)
{
	out->len = 0;
	json_unescape(out, text, strlen(text));
	return buf_str(out);
}

TEST(JsonStringsAreUnescaped)
{
	struct buf out = { 0 };

	CHECK_STR(plain(&out, ""), "");
	CHECK_STR(plain(&out, "abc"), "abc");
	CHECK_STR(plain(&out, "\\\"\\\\\\/\\b\\f\\n\\r\\t"), "\"\\/\b\f\n\r\t");
	CHECK_STR(plain(&out, "\\u0041\\u00e9\\u20AC\\ud83d\\ude00."),
	    "A\303\251\342\202\254\360\237\230\200.");
	CHECK_STR(plain(&out, "\\ud83d"), "\357\277\275");
	CHECK_STR(plain(&out, "\\ude00x"), "\357\277\275x");
	CHECK_STR(plain(&out, "\\ud83d\\u0041"), "\357\277\275A");
	CHECK_STR(plain(&out, "\\ud83d\\ue000"), "\357\277\275\356\200\200");
	CHECK_STR(plain(&out, "\\ud83d\\udbff"), "\357\277\275\357\277\275");
	CHECK_STR(plain(&out, "\\ud83d\\n"), "\357\277\275\n");
	CHECK_STR(plain(&out, "\\x \\u12 \\"), "\\x \\u12 \\");
	out.len = 0;
	json_unescape(&out, "\\u0000", 6);
	CHECK_EQ(out.len, 1);
	buf_finish(&out);
}
