/* sink_file_test.c - records into files: full disks, rotation, many files, options */
#include "ours.h"
#include "testsink.h"

/* The disk is full after some bytes, again and again; what is there is whole at any time. */
static void
fill_disk(const char *compress, uint64_t rotate_size)
{
	struct model m = { 0 };
	struct buf got = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .compress = compress,
		.rotate_size = rotate_size };
	int live = compress_parse(compress), failed = 0, err;

	empty_dir();
	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	for (uint32_t i = 0, done; i < 20; i++) {
		done = 0;
		for (int room = i * 53 % 150; ; room += 30, failed++) {
			atomic_store(&room_left, room);
			err = m.next == i ? deliver(&m, &done) : 0;
			if (!err && !(err = checkpoint(&m)))
				break;
			CHECK_EQ(err, -ENOSPC);
			CHECK(strstr(buf_str(&m.sink->why), "No space left on device") != NULL);
			collect(&got, "f", live, 0);	/* readable, and whole records */
			CHECK(got.len == 0 || got.data[got.len - 1] == '\n');
			REQUIRE(failed < 1000);
		}
	}
	CHECK(failed > 5);
	expect(&m, "", 20);
	collect(&got, "f", live, 0);
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	buf_finish(&got);
	end_model(&m);
}

TEST(FullDiskLeavesNoHalfRecord)
{
	fill_disk(NULL, 0);
	fill_disk(NULL, 200);
	fill_disk("zstd", 0);
	fill_disk("gzip", 0);
}

TEST(FailedSyncIsToldUntilTheBytesAreSafe)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .fsync = 1 };
	uint32_t done = 0;

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver(&m, &done), 0);
	atomic_store(&sync_error, -EIO);
	CHECK_EQ(m.sink->kind->sync(m.sink), -EIO);
	CHECK_EQ(m.sink->kind->sync(m.sink), -EIO);
	atomic_store(&sync_error, 0);
	atomic_store(&syncs, 0);
	CHECK_EQ(m.sink->kind->sync(m.sink), 0);
	CHECK_EQ(atomic_load(&syncs), 1);
	CHECK_EQ(m.sink->kind->sync(m.sink), 0);
	CHECK_EQ(atomic_load(&syncs), 1);	/* nothing new */
	expect(&m, "", 1);
	check_file("f", buf_str(&m.expect));	/* written again, in its place */
	end_model(&m);
}

TEST(FileIsSyncedWithEachCheckpointButIfNever)
{
	static const struct { int64_t fsync; int after_sync, after_second; } policy[] = {
		{ 1, 5, 5 }, { -1, 0, 0 }, { 5 * WEFT_SECOND, 5, 5 }, { WEFT_SECOND, 5, 5 },
	};
	char path[512];

	for (size_t i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
		struct model m = { 0 };
		struct weft_file_options o = { .path = path_of(path, "f"), .fsync = policy[i].fsync };

		disk_is_fine();
		atomic_store(&clock_ns, when_now());
		CHECK_EQ(open_sink(&m, &o), 0);
		for (uint32_t n = 0, done; n < 6; n++) {
			done = 0;
			CHECK_EQ(deliver(&m, &done), 0);
			CHECK_EQ(m.sink->kind->sync(m.sink), 0);
			if (n == 0)
				atomic_store(&syncs, 0);	/* the first makes the file */
		}
		CHECK_EQ(atomic_load(&syncs), policy[i].after_sync);
		atomic_fetch_add(&clock_ns, WEFT_SECOND);
		CHECK_EQ(m.sink->kind->tick(m.sink), 0);
		CHECK_EQ(atomic_load(&syncs), policy[i].after_second);
		end_model(&m);
		empty_dir();
	}
}

TEST(RotationKeepsAsManyAsItShould)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .rotate_size = 200, .keep = 2 };
	struct buf got = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 12), 0);
	CHECK_EQ(access(path_of(path, "f.1"), F_OK), 0);
	CHECK_EQ(access(path_of(path, "f.2"), F_OK), 0);
	CHECK_EQ(access(path_of(path, "f.3"), F_OK), -1);
	expect(&m, "", 12);
	collect(&got, "f", 0, 0);
	CHECK(got.len > 400 && got.len < m.expect.len);
	CHECK_STR(buf_str(&got), buf_str(&m.expect) + m.expect.len - got.len);
	buf_finish(&got);
	end_model(&m);
}

static void
check_size(const char *name, off_t at_most)
{
	char path[512];
	struct stat st;

	CHECK_EQ(stat(path_of(path, name), &st), 0);
	CHECK(st.st_size <= at_most);
}

TEST(RotationFillsGapsAndObeysTheSize)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .rotate_size = 200 };

	disk_is_fine();
	write_file("f.1.gz", "one", 3);
	write_file("f.3", "three", 5);
	write_file("f.x", "x", 1);
	write_file("f.1.bak", "bak", 3);
	CHECK_EQ(open_sink(&m, &o), 0);
	while (access(path_of(path, "f.2.gz"), F_OK) != 0) {
		uint32_t done = 0;

		CHECK_EQ(deliver(&m, &done), 0);
		REQUIRE(m.next < 20);
	}
	check_file("f.2.gz", "one");
	check_file("f.3", "three");
	check_file("f.x", "x");
	check_file("f.1.bak", "bak");
	check_size("f", 200);
	check_size("f.1", 200);
	end_model(&m);
}

TEST(RotationByTimeFollowsLocalTime)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"),
		.rotate_every = 86400 * WEFT_SECOND };
	int64_t day = INT64_C(1700000000) * WEFT_SECOND, midnight;
	uint32_t done = 0;

	disk_is_fine();
	midnight = day - day % (86400 * WEFT_SECOND) + 86400 * WEFT_SECOND -
	    outname_offset(day) * WEFT_SECOND;
	atomic_store(&clock_ns, midnight - 1);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver(&m, &done), 0);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(access(path_of(path, "f.1"), F_OK), -1);
	atomic_store(&clock_ns, midnight);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(access(path_of(path, "f.1"), F_OK), 0);
	atomic_store(&clock_ns, midnight + 5);
	done = 0;
	CHECK_EQ(deliver(&m, &done), 0);
	atomic_store(&clock_ns, midnight + 86400 * WEFT_SECOND);
	done = 0;
	CHECK_EQ(deliver(&m, &done), 0);	/* without a tick as well */
	CHECK_EQ(access(path_of(path, "f.2"), F_OK), 0);
	end_model(&m);
}

TEST(FileThatWasRenamedOrDeletedIsMadeAnew)
{
	struct model m = { 0 };
	char path[512], moved[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct buf got = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 1), 0);
	rename(path, path_of(moved, "f-yesterday"));
	CHECK_EQ(deliver_to(&m, 3), 0);		/* ticks after the second */
	add_content(&got, "f-yesterday", 0);
	add_content(&got, "f", 0);
	expect(&m, "", 3);
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	unlink(path);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(deliver_to(&m, 4), 0);
	CHECK_EQ(access(path, F_OK), 0);
	buf_finish(&got);
	end_model(&m);
}

TEST(FileRenamedBySomebodyIsCutUnderItsNewName)
{
	struct model m = { 0 };
	char path[512], moved[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct buf got = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 3), 0);		/* and the state has three */
	CHECK_EQ(deliver_to(&m, 5), 0);
	sink_close(m.sink);
	rename(path, path_of(moved, "f-yesterday"));
	write_file("f", "another's\n", 10);
	m.next = m.durable;
	CHECK_EQ(m.next, 3);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 6), 0);
	add_content(&got, "f-yesterday", 0);
	buf_adds(&got, "|");
	add_content(&got, "f", 0);
	expect(&m, "", 3);
	buf_adds(&m.expect, "|another's\n");
	for (uint32_t i = 3; i < 6; i++) {
		struct parcel p = make_parcel(&m, i);

		buf_add(&m.expect, p.data, p.len);
	}
	CHECK_STR(buf_str(&got), buf_str(&m.expect));
	buf_finish(&got);
	end_model(&m);
}

TEST(FileOfAnotherIsNeverCut)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 3), 0);
	sink_close(m.sink);
	unlink(path);
	write_file("f", "a file that has nothing to do with it and is long enough to be cut, "
	    "if anybody were so careless as to look at nothing but its name, or at an inode "
	    "that was used again; and then some more, since the parcels are not so short.\n",
	    68 + 79 + 78);
	CHECK_EQ(open_sink(&m, &o), 0);
	sink_close(m.sink);
	check_size("f", 68 + 79 + 78);
	CHECK_EQ(open_sink(&m, &o), 0);
	end_model(&m);
}

TEST(FileForTwoOutputsIsRefused)
{
	struct model a = { 0 }, b = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct buf err = { 0 };

	disk_is_fine();
	CHECK_EQ(open_sink(&a, &o), 0);
	b.sink = sink_file(&o, &err);
	CHECK_EQ(b.sink->kind->open(NULL, b.sink, NULL, 0, &err), -EBUSY);
	CHECK(strstr(buf_str(&err), "/f is being written by another output") != NULL);
	buf_finish(&err);
	end_model(&b);
	end_model(&a);
}

TEST(FileGetsItsDirectoriesAndMode)
{
	struct model m = { 0 };
	char path[512], made[512];
	struct weft_file_options o = { .path = path_of(path, "a/b/{source}/f"), .mode = 0600 };
	struct stat st;

	disk_is_fine();
	m.source = "../x";
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 1), 0);
	CHECK_EQ(stat(path_of(made, "a/b/___x/f"), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	end_model(&m);
}

/* More files than may be open, one after the other, and a crash. */
TEST(ManyFilesAreOpenedInTurn)
{
	struct model m = { 0 };
	char path[512], name[40];
	struct weft_file_options o = { .path = path_of(path, "{source}"), .fsync = -1 };
	int files = 3 * FILES_OPEN + 5;
	struct file_sink *fs;

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	m.source = name;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < files; i++) {
			uint32_t done = 0;

			snprintf(name, sizeof(name), "s%d", i);
			m.next = round;
			CHECK_EQ(deliver(&m, &done), 0);
			fs = (struct file_sink *)m.sink;
			CHECK(fs->nopen <= FILES_OPEN);
		}
	m.next = 3;
	CHECK_EQ(checkpoint(&m), 0);
	for (int i = 0; i < files; i += 7) {
		uint32_t done = 0;

		snprintf(name, sizeof(name), "s%d", i);
		m.next = 3;
		CHECK_EQ(deliver(&m, &done), 0);	/* lost again by the crash */
	}
	sink_close(m.sink);
	CHECK_EQ(open_sink(&m, &o), 0);
	expect(&m, "", 3);
	for (int i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		check_file(name, buf_str(&m.expect));
	}
	end_model(&m);
}

TEST(FilesAreForgottenWhenThereAreTooMany)
{
	struct model m = { 0 };
	char path[512], name[40];
	struct weft_file_options o = { .path = path_of(path, "{source}"), .fsync = -1 };
	struct file_sink *fs;

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	m.source = name;
	for (int i = 0; i < FILES_KNOWN + 50; i++) {
		uint32_t done = 0;

		snprintf(name, sizeof(name), "s%d", i);
		m.next = 0;
		CHECK_EQ(deliver(&m, &done), 0);
	}
	fs = (struct file_sink *)m.sink;
	CHECK(fs->known.n <= FILES_KNOWN);
	end_model(&m);
}

TEST(ReplaceBeginsWithAnEmptyFileButOnlyOnce)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f"), .replace = true };

	disk_is_fine();
	write_file("f", "old\n", 4);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 3), 0);
	sink_close(m.sink);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 6), 0);
	expect(&m, "", 6);
	check_file("f", buf_str(&m.expect));
	end_model(&m);
}

TEST(FilesThatAreWrittenAreOurs)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };
	struct stat st, other;

	disk_is_fine();
	write_file("g", "x\n", 2);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 1), 0);
	CHECK_EQ(stat(path, &st), 0);
	CHECK(ours_has(st.st_dev, st.st_ino));
	CHECK_EQ(stat(path_of(path, "g"), &other), 0);
	CHECK(!ours_has(other.st_dev, other.st_ino));
	end_model(&m);
	CHECK(!ours_has(st.st_dev, st.st_ino));
}

TEST(IdleFilesAreClosedAndForgotten)
{
	struct model m = { 0 };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "{source}") };
	struct file_sink *fs;

	disk_is_fine();
	atomic_store(&clock_ns, when_now());
	CHECK_EQ(open_sink(&m, &o), 0);
	fs = (struct file_sink *)m.sink;
	CHECK_EQ(deliver_to(&m, 2), 0);
	CHECK_EQ(fs->nopen, 1);
	atomic_fetch_add(&clock_ns, 61 * WEFT_SECOND);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(fs->nopen, 0);
	CHECK_EQ(deliver_to(&m, 3), 0);
	atomic_fetch_add(&clock_ns, 601 * WEFT_SECOND);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(m.sink->kind->tick(m.sink), 0);
	CHECK_EQ(fs->known.n, 0);
	CHECK_EQ(deliver_to(&m, 4), 0);
	expect(&m, "", 4);
	check_file("src", buf_str(&m.expect));
	end_model(&m);
}

static void
refused(struct weft_file_options o, const char *why)
{
	struct buf err = { 0 };

	CHECK(sink_file(&o, &err) == NULL);
	CHECK_STR(buf_str(&err), why);
	buf_finish(&err);
}

TEST(FileOptionsAreChecked)
{
	refused((struct weft_file_options){ 0 }, "path: is missing");
	refused((struct weft_file_options){ .path = "/x/" },
	    "path: /x/ is a directory; name a file in it");
	refused((struct weft_file_options){ .path = "x", .compress = "lz4" },
	    "compress: \"lz4\" is unknown; there are none, gzip and zstd");
	refused((struct weft_file_options){ .path = "x", .compress_rotated = true },
	    "compress_rotated: needs compress: gzip or zstd");
	refused((struct weft_file_options){ .path = "x%d", .replace = true },
	    "replace: x%d stands for many files; use a path without % and {}");
}

TEST(DamagedStateIsRefused)
{
	static const char *const states[] = { "nonsense", "weft-file 1\n1 2 3", "weft-file 1\n\n",
		"weft-file 1\n1 2 3 4 5 600 x\n", "weft-file 2\n" };
	char path[512];
	struct weft_file_options o = { .path = path_of(path, "f") };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct buf err = { 0 };
		struct sink *s = sink_file(&o, &err);

		CHECK_EQ(s->kind->open(NULL, s, states[i], strlen(states[i]), &err), -EINVAL);
		CHECK(err.len > 0);
		sink_close(s);
		buf_finish(&err);
	}
}

TEST(FileMayBeADevice)
{
	struct model m = { 0 };
	struct weft_file_options o = { .path = "/dev/null", .rotate_size = 10 };

	disk_is_fine();
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver_to(&m, 5), 0);
	end_model(&m);
	CHECK_EQ(access("/dev/null.1", F_OK), -1);
}

static void
bench_file(weft_b *b, const char *compress)
{
	static char data[1 << 17];
	static uint32_t ends[512];
	struct parcel p = { data, sizeof(data), 512, ends, "s", "s", "h", 0 };
	struct weft_file_options o = { .path = "/dev/shm/weft-bench-file", .fsync = -1,
		.rotate_size = 64 << 20, .keep = 1, .compress = compress };
	struct buf err = { 0 };
	struct sink *s = sink_file(&o, &err);
	struct rejects r = { 0 };
	uint32_t done;

	for (int i = 0; i < 512; i++) {
		snprintf(data + 256 * i, 256, "{\"time\":\"2026-11-25T18:31:%02d.%06dZ\",\"level\":"
		    "\"info\",\"message\":\"request %d done\",\"user\":%d,\"took\":%d}%*c", i % 60,
		    i * 7919 % 1000000, i * 31, i * 104729 % 65536, i * i % 977, 130, ' ');
		data[256 * i + 255] = '\n';
		ends[i] = 256 * (i + 1);
	}
	s->kind->open(NULL, s, NULL, 0, &err);
	weft_bytes(b, sizeof(data));
	while (weft_loop(b)) {
		done = 0;
		if (s->kind->write(NULL, s, &p, &done, &r))
			break;
	}
	sink_close(s);
	unlink("/dev/shm/weft-bench-file");
	unlink("/dev/shm/weft-bench-file.1");
}

BENCH(FileSink)
{
	weft_run(b, "compress=none", bench_file, NULL);
	weft_run(b, "compress=zstd", bench_file, "zstd");
	weft_run(b, "compress=gzip", bench_file, "gzip");
}

TEST(FileThatIsAPipeIsWrittenAsItComes)
{
	struct model m = { 0 };
	char path[512], got[4096];
	struct weft_file_options o = { .path = path_of(path, "f") };
	uint32_t done = 0;
	int fd;
	ssize_t n;

	disk_is_fine();
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(open_sink(&m, &o), 0);
	CHECK_EQ(deliver(&m, &done), -ENXIO);	/* nobody reads */
	fd = open(path, O_RDONLY | O_NONBLOCK);
	CHECK_EQ(deliver(&m, &done), 0);
	n = read(fd, got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	expect(&m, "", 1);
	CHECK_STR(got, buf_str(&m.expect));
	close(fd);
	end_model(&m);
}

TEST(DeviceCannotBeCompressed)
{
	struct model m = { 0 };
	struct weft_file_options o = { .path = "/dev/null", .compress = "gzip" };

	CHECK_EQ(open_sink(&m, &o), -EINVAL);
	end_model(&m);
}
