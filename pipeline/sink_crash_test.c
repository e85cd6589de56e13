/*
 * sink_crash_test.c - files hold each record once, wherever the crash was
 *
 * The world is stopped before every call that changes the disk, one after the other, and half way
 * through each write; then the output begins again, and the bytes are compared.
 */
#include "testsink.h"

struct scenario {
	const char	*name, *foreign;	/* what the file holds before: no newline at its end */
	struct weft_file_options o;
	uint32_t	 parcels;
};

/* False: it ran to its end before the crash. */
static bool
crash_at(const struct scenario *c, int step, bool half)
{
	struct model m = { 0 };
	struct buf got = { 0 };
	char path[512], want[64] = "";
	struct weft_file_options o = c->o;
	int live = o.compress_rotated ? COMPRESS_NONE : compress_parse(o.compress);
	int rotated = o.compress_rotated ? compress_parse(o.compress) : COMPRESS_NONE;
	bool did;

	empty_dir();
	disk_is_fine();
	o.path = path_of(path, "f");
	if (c->foreign) {
		write_file("f", c->foreign, strlen(c->foreign));
		snprintf(want, sizeof(want), "%s\n", c->foreign);
	}
	atomic_store(&torn, half);
	atomic_store(&steps_left, step);
	if (open_sink(&m, &o) == 0 && deliver_to(&m, c->parcels) == 0)
		checkpoint(&m);
	did = atomic_load(&crashed);
	sink_close(m.sink);
	disk_is_fine();

	m.next = m.durable;
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, c->parcels), 0);
	CHECK_EQ(checkpoint(&m), 0);
	finish_jobs(m.sink);
	expect(&m, want, c->parcels);
	collect(&got, "f", live, rotated);
	if (got.len != m.expect.len || memcmp(got.data, m.expect.data, got.len) != 0)
		weft_logf("%s, crash at step %d%s", c->name, step, half ? ", half" : "");
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	buf_finish(&got);
	end_model(&m);
	return did;
}

static void
crash_everywhere(const struct scenario *c)
{
	int step = 0;

	for (; crash_at(c, step, false); step += weft_short() ? 3 : 1) {
		REQUIRE(step < 2000);
		if (atomic_load(&in_write))
			crash_at(c, step, true);
	}
	weft_logf("%s: %d steps", c->name, step);
	CHECK(step > 5);
}

TEST(FileHoldsEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "plain", .parcels = 12 });
	crash_everywhere(&(struct scenario){ "foreign", "someone's line", .parcels = 12 });
}

TEST(RotatedFilesHoldEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "rotated", .parcels = 8,
	    .o = { .rotate_size = 300 } });
	crash_everywhere(&(struct scenario){ "rotated within a parcel", .parcels = 4,
	    .o = { .rotate_size = 90 } });
}

TEST(CompressedFilesHoldEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "zstd", .parcels = 12,
	    .o = { .compress = "zstd", .rotate_size = 250 } });
	crash_everywhere(&(struct scenario){ "gzip", .parcels = 12,
	    .o = { .compress = "gzip" } });
}

TEST(FilesCompressedLaterHoldEachRecordOnceAfterACrash)
{
	crash_everywhere(&(struct scenario){ "rotated to zstd", .parcels = 8,
	    .o = { .compress = "zstd", .rotate_size = 300, .compress_rotated = true } });
	crash_everywhere(&(struct scenario){ "rotated to gzip", .parcels = 5,
	    .o = { .compress = "gzip", .rotate_size = 100, .compress_rotated = true } });
}
