/* sink_test.c - the simplest sinks, and how records are counted */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sink.h"
#include "weft/testing.h"

static const uint32_t ends[] = { 2, 5, 5, 9 };
static const struct parcel parcel = { "a\nbc\ndef\n", 9, 4, ends, "s", "s", "h", 0 };

TEST(RecordsAreCountedByTheirEnds)
{
	static const uint32_t three[] = { 2, 5, 9 };
	const struct parcel p = { "a\nbc\ndef\n", 9, 3, three, "s", "s", "h", 0 };

	CHECK_EQ(parcel_offset(&p, 0), 0);
	CHECK_EQ(parcel_offset(&p, 2), 5);
	for (size_t at = 0; at <= 9; at++)
		CHECK_EQ(parcel_record(&p, 0, at), (at >= 2) + (at >= 5) + (at >= 9));
	CHECK_EQ(parcel_record(&p, 1, 4), 1);
	CHECK_EQ(parcel_record(&p, 3, 9), 3);
}

/* A pipe that is full in the middle of a record, and gets room later. */
TEST(DescriptorGoesOnInTheMiddleOfARecord)
{
	int fd[2];
	struct sink *s;
	struct rejects r = { 0 };
	uint32_t done = 0;
	size_t n = 1 << 17;
	char *data = malloc(n);
	uint32_t end = n;
	struct parcel p = { data, n, 1, &end, "s", "s", "h", 0 };
	weft_ctx *ctx = weft_with_cancel(NULL);

	memset(data, 'x', n);
	REQUIRE(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0);
	s = sink_fd(fd[1]);
	weft_cancel(ctx);
	CHECK_EQ(s->kind->write(ctx, s, &p, &done, &r), -ECANCELED);
	CHECK_EQ(done, 0);
	size_t first = read(fd[0], data, n);
	CHECK(first > 0 && first < n);
	CHECK_EQ(s->kind->write(NULL, s, &p, &done, &r), 0);
	CHECK_EQ(done, 1);
	CHECK_EQ(first + read(fd[0], data, n), n);
	sink_close(s);
	close(fd[0]);
	close(fd[1]);
	weft_ctx_free(ctx);
	free(data);
}

static int
take(weft_ctx *ctx, const char *records, size_t len, void *arg)
{
	(void)ctx;
	CHECK_EQ(len, 7);
	CHECK(memcmp(records, "bc\ndef\n", 7) == 0);
	return *(int *)arg;
}

TEST(FunctionTakesAllOrNothing)
{
	int answer = -EAGAIN;
	struct sink *s = sink_call(take, &answer);
	struct rejects r = { 0 };
	uint32_t done = 1;

	CHECK_EQ(s->kind->write(NULL, s, &parcel, &done, &r), -EAGAIN);
	CHECK_EQ(done, 1);
	answer = 0;
	CHECK_EQ(s->kind->write(NULL, s, &parcel, &done, &r), 0);
	CHECK_EQ(done, 4);
	sink_close(s);
	sink_close(NULL);
}

TEST(RejectsAreCopied)
{
	struct rejects r = { 0 };
	char why[] = "bad";

	for (uint32_t i = 0; i < 40; i++)
		rejects_add(&r, i, why);
	why[0] = 'x';
	CHECK_EQ(r.n, 40);
	CHECK_EQ(r.record[39], 39);
	CHECK_STR(r.why[39], "bad");
	rejects_finish(&r);
	CHECK_EQ(r.n, 0);
}
