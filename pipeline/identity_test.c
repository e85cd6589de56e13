/* identity_test.c - a file is known by what it is and by what it holds */
#include <sys/stat.h>

#include "globs.h"
#include "identity.h"
#include "inflate.h"
#include "testfiles.h"
#include "watch.h"

static int
holds(const char *name, const struct file_id *id, const struct place *at)
{
	char path[512];
	struct look l;
	int fd = open(path_of(path, name), O_RDONLY | O_CLOEXEC), is;

	REQUIRE(fd >= 0 && look_fd(fd, &l) == 0);
	is = identity_holds(fd, &l, id, at);
	close(fd);
	return is;
}

static void
learn(const char *name, size_t offset, struct file_id *id, struct place *at)
{
	char path[512];
	struct look l;
	struct trail t;
	int fd = open(path_of(path, name), O_RDONLY | O_CLOEXEC);

	REQUIRE(fd >= 0 && look_fd(fd, &l) == 0);
	CHECK_EQ(identity_of(fd, &l, id), 0);
	CHECK(identity_same(id, &l));
	CHECK_EQ(trail_load(&t, fd, offset), 0);
	*at = (struct place){ offset, 0, t.len, trail_hash(&t) };
	CHECK_EQ(trail_holds(&t, fd, offset), 1);
	CHECK_EQ(trail_load(&t, fd, l.size + 1), -ESTALE);
	close(fd);
}

TEST(IdentityIsHeadAndTail)
{
	char text[4096];
	struct file_id id;
	struct place at;

	memset(text, 'x', sizeof(text));
	write_file("a", text, sizeof(text));
	learn("a", 3000, &id, &at);
	CHECK_EQ(at.tail_len, FILE_TAIL);
	CHECK_EQ(id.head_len, FILE_HEAD);
	CHECK_EQ(holds("a", &id, &at), 1);
	text[3500] = 'y';			/* after the place: new */
	write_file("b", text, sizeof(text));
	CHECK_EQ(holds("b", &id, &at), 1);
	write_file("b", text, 2999);		/* too short */
	CHECK_EQ(holds("b", &id, &at), 0);
	text[2999] = 'y';
	write_file("b", text, sizeof(text));
	CHECK_EQ(holds("b", &id, &at), 0);
	text[2999] = 'x';
	text[0] = 'y';
	write_file("b", text, sizeof(text));
	CHECK_EQ(holds("b", &id, &at), 0);
}

TEST(IdentityOfAnEmptyFileProvesNothing)
{
	struct file_id id;
	struct place at;

	write_file("a", "", 0);
	learn("a", 0, &id, &at);
	CHECK_EQ(holds("a", &id, &at), 1);
	at.offset = 1;
	write_file("a", "xy", 2);
	CHECK_EQ(holds("a", &id, &at), 0);
}

TEST(TrailKeepsTheLastBytes)
{
	struct trail a = { 0 }, b = { 0 };
	unsigned char text[2000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i * 7 % 251;
	for (size_t at = 0, n = 1; at < sizeof(text); at += n, n = n * 3 % 301 + 1)
		trail_add(&a, text + at, n < sizeof(text) - at ? n : sizeof(text) - at);
	trail_add(&b, text, sizeof(text));
	CHECK_EQ(a.len, FILE_TAIL);
	CHECK(memcmp(a.last, text + sizeof(text) - FILE_TAIL, FILE_TAIL) == 0);
	CHECK_EQ(trail_hash(&a), trail_hash(&b));
}

static struct globs
globs_of(const char *patterns, const char *exclude)
{
	struct buf err = { 0 };
	struct globs g;

	CHECK_EQ(globs_init(&g, patterns, exclude, &err), 0);
	CHECK_EQ(err.len, 0);
	return g;
}

TEST(PatternsMatchAsInTheShell)
{
	struct globs g = globs_of("/var/log/*.log /srv/?/[ab].txt /with\\ blank/x", "*old* /srv/z/*");

	CHECK(globs_match(&g, "/var/log/a.log"));
	CHECK(!globs_match(&g, "/var/log/.a.log"));
	CHECK(!globs_match(&g, "/var/log/sub/a.log"));
	CHECK(!globs_match(&g, "/var/log/old.log"));
	CHECK(globs_match(&g, "/srv/q/a.txt"));
	CHECK(!globs_match(&g, "/srv/qq/a.txt"));
	CHECK(!globs_match(&g, "/srv/z/a.txt"));
	CHECK(globs_match(&g, "/with blank/x"));
	globs_finish(&g);
}

static void
count_dir(void *arg, const char *path)
{
	(void)path;
	++*(int *)arg;
}

TEST(FilesOfSeveralPatternsComeOnceInOrder)
{
	char patterns[2048], path[512];
	struct sights s = { 0 };
	struct globs g;
	int dirs = 0;

	write_file("b.log", "", 0);
	write_file("a.log", "", 0);
	mkdir(path_of(path, "d"), 0777);
	write_file("d/c.log", "", 0);
	snprintf(patterns, sizeof(patterns), "%s/*.log %s/a* %s/*/c.log %s/none/x %s/a.log",
	    weft_tempdir(), weft_tempdir(), weft_tempdir(), weft_tempdir(), weft_tempdir());
	g = globs_of(patterns, NULL);
	globs_find(&g, &s, count_dir, &dirs);
	CHECK_EQ(s.n, 3);
	CHECK(s.n == 3 && strstr(s.at[0].path, "/a.log") && strstr(s.at[2].path, "/d/c.log"));
	CHECK(s.at[0].named && !s.at[1].named);
	CHECK_EQ(s.error, 0);
	CHECK(dirs >= 5);
	sights_finish(&s);
	globs_finish(&g);
}

TEST(WatchTellsOfFilesAndDirectories)
{
	struct watch *w = malloc(sizeof(*w));
	const struct inotify_event *e;
	char path[512];
	int dir, file, fd, seen = 0;

	CHECK_EQ(watch_open(w), 0);
	write_file("a", "", 0);
	dir = watch_dir(w, weft_tempdir());
	CHECK(dir >= 0);
	CHECK_EQ(watch_dir(w, weft_tempdir()), dir);
	fd = open(path_of(path, "a"), O_RDWR | O_CLOEXEC);
	file = watch_file(w, fd);
	CHECK(file >= 0 && file != dir);
	CHECK(!watch_next(w));
	CHECK_EQ(write(fd, "x", 1), 1);
	write_file("b", "", 0);
	CHECK_EQ(watch_wait(NULL, w), 0);
	while ((e = watch_next(w))) {
		seen |= e->wd == file && (e->mask & IN_MODIFY) ? 1 : 0;
		seen |= e->wd == dir && (e->mask & IN_CREATE) && !strcmp(e->name, "b") ? 2 : 0;
	}
	CHECK_EQ(seen, 3);
	CHECK_EQ(watch_dir(w, "/proc"), -EOPNOTSUPP);	/* which tells nothing */
	close(fd);
	watch_close(w);
	CHECK(watch_dir(w, weft_tempdir()) < 0);
	free(w);
}

TEST(PackingIsKnownByItsMagic)
{
	CHECK_EQ(packing_of("\x1f\x8b\x08\x00", 4), PACKED_GZIP);
	CHECK_EQ(packing_of("\x28\xb5\x2f\xfd", 4), PACKED_ZSTD);
	CHECK_EQ(packing_of("plain", 5), PACKED_NOT);
	CHECK_EQ(packing_of("\x1f", 1), PACKED_NOT);
}
