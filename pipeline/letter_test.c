/* letter_test.c - dead letters come back as they were */
#include "letter.h"

#include "weft/testing.h"

static void
check_same(const char *a, const char *b)
{
	CHECK_EQ(a == NULL, b == NULL);
	if (a && b)
		CHECK_STR(a, b);
}

static void
there_and_back(const char *text, size_t len, const char *stream, const char *output)
{
	struct letter was = { "h\"1", "s\\", stream, output, "bad\n", UINT64_MAX, text, len }, is;
	struct buf out = { 0 }, room = { 0 };

	letter_render(&out, &was);
	CHECK_EQ(memchr(out.data, '\n', out.len) == out.data + out.len - 1, 1);
	REQUIRE(letter_parse(out.data, out.len, &is, &room) == 0);
	check_same(is.host, was.host);
	check_same(is.source, was.source);
	check_same(is.stream, was.stream);
	check_same(is.output, was.output);
	check_same(is.reason, was.reason);
	CHECK_EQ(is.seq, was.seq);
	CHECK_EQ(is.len, len);
	CHECK(is.len == len && memcmp(is.text, text, len) == 0);
	buf_finish(&out);
	buf_finish(&room);
}

TEST(LetterComesBackAsItWas)
{
	static const char *const texts[] = { "", "plain", "a \"b\" \\ \n\t\r\b\f\001\177 end",
		"\303\251 \360\237\230\200 \342\200\250", "\377", "a\303", "ab\377", "abc\377",
		"\355\240\200 a surrogate", "\300\200 overlong" };
	char all[256];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		there_and_back(texts[i], strlen(texts[i]), i % 2 ? "/var/log/x" : NULL,
		    i % 3 ? "disk" : NULL);
	for (int i = 0; i < 256; i++)
		all[i] = i;
	for (int i = 0; i <= 256; i++)
		there_and_back(all, i, NULL, NULL);
	there_and_back("a\0b", 3, "", "");
}

TEST(LetterMayHaveBeenEdited)
{
	static const char text[] = " { \"line\" : \"x\\u0041\\/\" , \"more\":null,\"z\":\"\\\"\","
	    "\"seq\": 12 }\r\n";
	struct letter l;
	struct buf room = { 0 };

	CHECK_EQ(letter_parse(text, strlen(text), &l, &room), 0);
	CHECK_STR(l.text, "xA/");
	CHECK_EQ(l.seq, 12);
	CHECK_STR(l.source, "");
	CHECK(l.output == NULL);
	buf_finish(&room);
}

TEST(LetterThatIsNoneIsRefused)
{
	static const char *const texts[] = { "", "{", "{}", "{\"line\":1}", "{\"line\":\"x\"",
		"{\"line\":\"x\"}}", "{\"line\":\"x\\\"}", "{\"base64\":\"abc\"}",
		"{\"base64\":\"ab*=\"}", "{\"base64\":\"=abc\"}", "{\"line\":\"x\",\"seq\":-1}",
		"{\"line\":\"x\",\"seq\":99999999999999999999}", "{\"line\":\"x\",\"a\":[1]}",
		"{\"line\":\"x\",}", "[\"line\"]", "{\"line\"\"x\"}", "{\"line\":\"x\\" };
	struct letter l;
	struct buf room = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_EQ(letter_parse(texts[i], strlen(texts[i]), &l, &room), -EINVAL);
	buf_finish(&room);
}
