/* buf_test.c - the buffer against an array, at every boundary of its room */
#include <stdlib.h>
#include <string.h>

#include "../weft/child_test.h"
#include "../weft/testing.h"
#include "buf.h"
#include "rand.h"

static bool holds(const struct buf *b, const char *text, size_t n)
{
	return b->len == n && n <= b->room && (!n || !memcmp(b->data, text, n));
}

TEST(EmptyBuffer, .parallel = true)
{
	struct buf b = {0};

	buf_add(&b, NULL, 0);
	buf_add(&b, "x", 0);
	buf_adds(&b, "");
	CHECK(!b.data && !b.len && !b.room);	/* costs nothing */
	buf_finish(&b);
	CHECK_STR(buf_str(&b), "");
	CHECK_EQ(b.len, 0);
	buf_finish(&b);
	CHECK(!b.data && !b.len && !b.room);
	buf_printf(&b, "%s", "");
	CHECK_EQ(b.len, 0);
	buf_finish(&b);
}

TEST(BytesAreKept, .parallel = true)
{
	struct buf b = {0};

	buf_add(&b, "a\0b", 3);
	buf_addc(&b, '\0');
	buf_adds(&b, "cd");
	buf_printf(&b, "%d%c%s", -1, '\0', "e");
	CHECK(holds(&b, "a\0b\0cd-1\0e", 10));
	buf_finish(&b);
}

TEST(StrEndsItAndAddsNothing, .parallel = true)
{
	struct buf b = {0};

	/* at every length up to beyond the first room, also when it is full */
	for (size_t n = 0; n <= 130; n++) {
		const char *s = buf_str(&b);

		CHECK_EQ(strlen(s), n);
		CHECK_EQ(b.len, n);
		CHECK(b.len < b.room);
		buf_addc(&b, 'x');
	}
	buf_finish(&b);
}

/* From each length, each length: that the text fits exactly, too. */
TEST(PrintfAtEveryBoundary, .parallel = true)
{
	char want[200];

	memset(want, 'w', sizeof want);
	for (int before = 0; before <= 70; before++)
		for (int n = 55; n <= 70; n++) {
			struct buf b = {0};

			buf_add(&b, want, (size_t)before);
			buf_printf(&b, "%.*s", n, want);
			CHECK(holds(&b, want, (size_t)(before + n)));
			buf_finish(&b);
		}
}

TEST(GrowKeepsWhatIsThere, .parallel = true)
{
	struct buf b = {0};
	char *at;

	buf_adds(&b, "text");
	buf_grow(&b, 100000);
	CHECK(b.room - b.len >= 100000);
	CHECK(holds(&b, "text", 4));
	at = b.data;
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, 'x');
	CHECK(b.data == at);		/* there was room */
	buf_grow(&b, 0);
	CHECK_EQ(b.len, 100004);
	buf_finish(&b);
}

CHILD(GrowTooMuch)
{
	struct buf b = {0};

	buf_grow(&b, SIZE_MAX);
	return 0;
}

/* 60 bytes and the largest power of two: the room would wrap around to nothing. */
CHILD(GrowAroundZero)
{
	struct buf b = {0};

	for (int i = 0; i < 60; i++)
		buf_addc(&b, 'x');
	buf_grow(&b, SIZE_MAX / 2 + 1);
	return 0;
}

CHILD(GrowToTheLimit)
{
	struct buf b = {0};

	buf_addc(&b, 'x');
	buf_grow(&b, SIZE_MAX / 2 - 1);
	return 0;
}

TEST(SizesThatDoNotFitStopTheProgram)
{
	CHECK_DIES("GrowTooMuch", "out of memory: 0 bytes and 18446744073709551615 more");
	CHECK_DIES("GrowAroundZero", "out of memory: 60 bytes and 9223372036854775808 more");
	CHECK_DIES("GrowToTheLimit", "out of memory: 9223372036854775808 bytes");
}

/* ---- at random ---- */

enum { MOST = 20000 };

static void add_some(struct buf *b, const char *text, size_t n, uint32_t how)
{
	char word[301];

	memcpy(word, text, n);
	word[n] = '\0';
	switch (how) {
	case 0:
		buf_add(b, text, n);
		break;
	case 1:
		buf_adds(b, word);
		break;
	case 2:
		buf_printf(b, "%s", word);
		break;
	default:
		for (size_t i = 0; i < n; i++)
			buf_addc(b, text[i]);
	}
}

static void buf_from_seed(int seed, const char *text)
{
	struct buf b = {0};
	struct rand r;
	size_t len = 0;

	rand_seed(&r, (uint64_t)seed);
	while (len < MOST - 300) {
		/* mostly short, so that boundaries are met at every place */
		size_t n = rand_below(&r, rand_below(&r, 10) ? 20 : 301);

		add_some(&b, text + len, n, rand_below(&r, 4));
		len += n;
		if (!rand_below(&r, 10))
			CHECK(!strncmp(buf_str(&b), text, len));
		if (!CHECK(holds(&b, text, len))) {
			weft_logf("seed %d, %zu bytes", seed, len);
			break;
		}
	}
	buf_finish(&b);
}

TEST(BufAtRandom, .parallel = true)
{
	char *text = xmalloc(MOST);
	struct rand r;

	rand_seed(&r, 1);
	for (int i = 0; i < MOST; i++)
		text[i] = (char)('a' + rand_below(&r, 26));
	for (int seed = 0; seed < 10; seed++)
		buf_from_seed(seed, text);
	free(text);
}
