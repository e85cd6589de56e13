/*
 * sink_kill_test.c - a process that writes files is killed, again and again
 *
 * The child delivers parcels from where its state says, and says so, a byte for each.  The parent
 * kills it after some of them, wherever it then is, and starts it again.
 */
#include <stdlib.h>

#include "../weft/child_test.h"
#include "files.h"
#include "testfiles.h"

#define PARCELS	400
#define RECORDS	5

struct keeper { struct sink *sink; const char *dir; uint32_t next; };

static struct parcel
numbered(uint32_t number, struct buf *bytes, uint32_t ends[RECORDS])
{
	bytes->len = 0;
	for (int i = 0; i < RECORDS; i++) {
		buf_printf(bytes, "%05u %*d\n", number * RECORDS + i, 1 + (int)(number * 7 + i) % 40, i);
		ends[i] = bytes->len;
	}
	return (struct parcel){ .data = bytes->data, .len = bytes->len, .records = RECORDS,
		.ends = ends, .source = "s", .stream = "s", .host = "h" };
}

static void
name_in(char out[512], const char *dir, const char *name)
{
	snprintf(out, 512, "%s/%s", dir, name);
}

/* What the output keeps in SQLite: the state, and how far it is, in one. */
static int
keep(void *arg)
{
	struct keeper *k = arg;
	char new[512], old[512];
	struct buf b = { 0 };
	size_t taken;
	int fd, err;

	name_in(new, k->dir, "state.new");
	name_in(old, k->dir, "state");
	buf_add(&b, &k->next, sizeof(k->next));
	k->sink->kind->save(k->sink, &b);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	err = fd < 0 ? -EIO : outfile_put(fd, b.data, b.len, &taken);
	close(fd);
	buf_finish(&b);
	return err ? err : rename(new, old) < 0 ? -EIO : 0;
}

static void
load(struct keeper *k, struct buf *state)
{
	char name[512];
	int fd;
	ssize_t n;

	name_in(name, k->dir, "state");
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	buf_grow(state, 1 << 16);
	n = read(fd, state->data, 1 << 16);
	close(fd);
	if (n >= (ssize_t)sizeof(k->next)) {
		memcpy(&k->next, state->data, sizeof(k->next));
		state->len = n - sizeof(k->next);
		memmove(state->data, state->data + sizeof(k->next), state->len);
	}
}

static int
write_all(struct keeper *k)
{
	const struct sink_kind *kind = k->sink->kind;
	struct buf bytes = { 0 };
	struct rejects r = { 0 };
	uint32_t ends[RECORDS];
	int err = 0;

	while (!err && k->next < PARCELS) {
		struct parcel p = numbered(k->next, &bytes, ends);
		uint32_t done = 0;

		err = kind->write(NULL, k->sink, &p, &done, &r);
		k->next += !err;
		if (!err && k->next % 5 == 0 && !(err = kind->sync(k->sink)))
			err = keep(k);
		if (!err && k->next % 3 == 0)
			err = kind->tick(k->sink);
		if (write(STDERR_FILENO, ".", 1) != 1)
			err = -EPIPE;
	}
	buf_finish(&bytes);
	return err;
}

static int
finish(struct keeper *k)
{
	struct file_sink *fs = (struct file_sink *)k->sink;
	int err;

	do {
		err = k->sink->kind->tick(k->sink);
		weft_waitgroup_wait(&fs->rotator.working);
	} while (!err && !list_empty(&fs->jobs));
	return err;
}

static int
write_files(const char *compress, bool rotated)
{
	char path[512];
	struct keeper k = { .dir = getenv("WEFT_KILL_DIR") };
	struct buf state = { 0 }, why = { 0 };
	int err;

	name_in(path, k.dir, "f");
	k.sink = sink_file(&(struct weft_file_options){ .path = path, .rotate_size = 1000,
	    .compress = compress, .compress_rotated = rotated, .fsync = -1 }, &why);
	k.sink->commit = keep;
	k.sink->commit_arg = &k;
	load(&k, &state);
	err = k.sink->kind->open(NULL, k.sink, state.data, state.len, &why);
	err = err ? err : write_all(&k);
	err = err ? err : finish(&k);
	sink_close(k.sink);
	buf_finish(&state);
	buf_finish(&why);
	return err ? 1 : 0;
}

CHILD(WritesPlainFiles)
{
	return write_files(NULL, false);
}

CHILD(WritesFilesCompressedLater)
{
	return write_files("gzip", true);
}

/* After so many bytes from it; false: it had come to its end. */
static bool
kill_after(const char *child, int bytes, int *status)
{
	int fd[2], got = 0;
	pid_t pid;
	char c;

	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	pid = child_spawn_(child, fd[1]);
	close(fd[1]);
	REQUIRE(pid > 0);
	weft_enter_blocking();
	while (got < bytes && read(fd[0], &c, 1) == 1)
		got++;
	if (got == bytes)
		kill(pid, SIGKILL);
	while (read(fd[0], &c, 1) == 1)
		;
	waitpid(pid, status, 0);
	weft_leave_blocking();
	close(fd[0]);
	return got == bytes;
}

static void
collect(struct buf *out, bool packed)
{
	char command[1200];
	FILE *f;
	char piece[4096];
	size_t n;

	snprintf(command, sizeof(command), "cd %s && for i in $(seq 400 -1 1); do "
	    "[ -f f.$i ] && cat f.$i; [ -f f.$i.gz ] && %s f.$i.gz; done; cat f",
	    weft_tempdir(), packed ? "gzip -dc" : "false");
	weft_enter_blocking();
	f = popen(command, "r");
	while (f && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_add(out, piece, n);
	if (f)
		pclose(f);
	weft_leave_blocking();
}

static void
kill_often(const char *child, bool packed)
{
	struct buf want = { 0 }, got = { 0 }, bytes = { 0 };
	uint32_t seed = 7, ends[RECORDS];
	int status = 0, kills = 0;

	if (getenv("WEFT_EMULATED"))
		weft_skip("a program cannot run itself again under an emulator");
	setenv("WEFT_KILL_DIR", weft_tempdir(), 1);
	for (; kills < (weft_short() ? 10 : 60); kills++) {
		seed = seed * 1664525 + 1013904223;
		if (!kill_after(child, 1 + (seed >> 16) % 12, &status))
			break;
	}
	CHECK(kills >= 10);
	CHECK(!kill_after(child, 1 << 20, &status));
	CHECK_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
	unsetenv("WEFT_KILL_DIR");
	for (uint32_t i = 0; i < PARCELS; i++) {
		struct parcel p = numbered(i, &bytes, ends);

		buf_add(&want, p.data, p.len);
	}
	collect(&got, packed);
	CHECK_STR(buf_str(&got), buf_str(&want));
	buf_finish(&want);
	buf_finish(&got);
	buf_finish(&bytes);
}

TEST(KilledWriterLosesAndDoublesNothing)
{
	kill_often("WritesPlainFiles", false);
}

TEST(KilledCompressorLosesAndDoublesNothing)
{
	kill_often("WritesFilesCompressedLater", true);
}
