/*
 * rotate_test.c - files that are renamed, copied, truncated, deleted and replaced under load
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

static void
configure(struct lab *l, const char *pattern, const char *source, const char *output)
{
	lab_config(l,
	    "state: st\n"
	    "sources:\n"
	    "  a: { file: '%s', format: plain%s }\n"
	    "outputs:\n"
	    "  raw: { file: out.raw, format: raw%s }\n", pattern, source, output);
}

static void
judge(struct lab *l, struct load *v)
{
	load_finish(v);
	await_read(l, "a", "raw", v->gen.lines);
	lab_stop(l);
	check_read(l, "a", "raw", v->gen.lines);
	check_verify(l, "out.raw", WEFT_LEVEL_TRACE);
	check_balanced(l, false);
}

static void
rotate_often(weft_t *t, const char *pattern, long seconds)
{
	struct lab *l = lab_new();
	struct load set = { .name = "a.log", .rotate = 100 * WEFT_MS, .keep = 5, .speed = 24000000,
	    .gen = { .lines = 120000 * seconds, .source = 1, .format = WEFT_GEN_PLAIN,
	    .pad = 200 } };
	struct load *v = load_new(l, &set);

	(void)t;
	configure(l, pattern, "", "");
	lab_start(l);
	load_start(v);
	judge(l, v);
	weft_logf("%d rotations", v->rotations);
}

FAULT(TenRotationsPerSecond)
{
	weft_run(t, "pattern for the live file", rotate_often, "a.log",
	    (long)by_form(20, 3, 1));
	weft_run(t, "pattern for all", rotate_often, "a.log*", (long)by_form(20, 3, 1));
}

/* All that is not in the output was counted: as lost, or as never read by anybody. */
static void
copy_and_truncate(weft_t *t, const char *pattern, long seconds)
{
	struct lab *l = lab_new();
	struct load set = { .name = "a.log", .rotate = 300 * WEFT_MS, .speed = 10000000,
	    .copytruncate = true,
	    .gen = { .lines = 50000 * seconds, .source = 1, .format = WEFT_GEN_PLAIN,
	    .pad = 200 } };
	struct load *v = load_new(l, &set);
	struct weft_verify_counts c;
	struct sums s;

	(void)t;
	configure(l, pattern, "", "");
	lab_start(l);
	load_start(v);
	load_finish(v);
	await_quiet(l);
	lab_stop(l);
	verify_files(l, "out.raw", WEFT_LEVEL_TRACE, &c);
	REQUIRE(ledger_sums(l, "a", "raw", &s));
	weft_logf("%d truncations, %llu lines lost, %llu bytes counted as lost", v->rotations,
	    (unsigned long long)c.lost, (unsigned long long)s.lost);
	CHECK_EQ(c.doubled, 0);
	CHECK(c.lost * 200 <= s.lost);
	if (c.lost == 0)
		CHECK_EQ(c.torn, 0);
	check_balanced(l, false);
}

FAULT(CopiedAndTruncated)
{
	weft_run(t, "live file", copy_and_truncate, "a.log", (long)by_form(20, 3, 1));
	weft_run(t, "with copies", copy_and_truncate, "a.log*", (long)by_form(20, 3, 1));
}

/* A file is deleted and made again until it has the inode it had; then it gets other lines. */
static uint64_t
replace(struct lab *l, int number, uint64_t lines)
{
	struct stat before, after;
	struct load set = { .name = "a.log",
	    .gen = { .source = number, .format = WEFT_GEN_PLAIN, .lines = lines } };
	struct load *v;
	int tries = 0;

	if (stat(lab_path(l, "a.log"), &before) < 0)
		before.st_ino = 0;
	do {
		if (tries)
			weft_sleep(l->pid ? 20 * WEFT_MS : 0);	/* somebody has it open still */
		unlink(lab_path(l, "a.log"));
		close(open(lab_path(l, "a.log"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		REQUIRE(stat(lab_path(l, "a.log"), &after) == 0);
	} while (before.st_ino && after.st_ino != before.st_ino && ++tries < 50);
	v = load_new(l, &set);
	load_write(v);
	l->nloads--;
	load_free(v);
	return before.st_ino == after.st_ino;
}

static void
reuse_inodes(weft_t *t, int live, int rounds)
{
	struct lab *l = lab_new();
	uint64_t lines = 0, same = 0;

	(void)t;
	configure(l, "a.log", ", linger: 50ms", live ? "" : ", rotate: { size: 100kB }");
	for (int i = 1; i <= rounds; i++) {
		uint64_t n = 1 + dice(l, i % 2 ? 300 : 3000);

		same += replace(l, i, n);
		lines += n;
		if (!l->pid)
			lab_start(l);
		await_read(l, "a", "raw", lines);
		if (!live)
			lab_stop(l);
	}
	if (live)
		lab_stop(l);
	check_read(l, "a", "raw", lines);
	check_verify(l, "out.raw*", WEFT_LEVEL_TRACE);
	check_balanced(l, false);
	weft_logf("%llu of %d times the inode was the same", (unsigned long long)same, rounds);
}

FAULT(InodesAreUsedAgain)
{
	weft_run(t, "live", reuse_inodes, true, (int)by_form(40, 6, 3));
	weft_run(t, "while stopped", reuse_inodes, false, (int)by_form(40, 6, 3));
}

/* Many files begin with the same 8 KiB, and grow at the same time. */
FAULT(HeadsAreEqual)
{
	enum { FILES = 6 };
	static char head[8192];
	struct lab *l = lab_new();
	struct load *v[FILES];
	struct weft_verify_counts c;
	char name[FILES][20];
	uint64_t lines = by_form(20000, 4000, 1000);

	memset(head, 'h', sizeof(head));
	for (int i = 99; i < (int)sizeof(head); i += 100)
		head[i] = '\n';
	head[sizeof(head) - 1] = '\n';
	configure(l, "h*.log", "", "");
	for (int i = 0; i < FILES; i++) {
		struct load set = { .name = name[i], .speed = 3000000,
		    .gen = { .source = i + 1, .format = WEFT_GEN_PLAIN, .lines = lines } };

		snprintf(name[i], sizeof(name[i]), "h%d.log", i);
		v[i] = load_new(l, &set);
		REQUIRE(write(v[i]->fd, head, sizeof(head)) == sizeof(head));
	}
	for (int i = 0; i < FILES; i++)
		load_start(v[i]);
	for (int i = 0; i < 6; i++) {
		lab_start(l);
		lab_sleep(l, 200 * WEFT_MS);
		lab_kill(l);
	}
	lab_start(l);
	for (int i = 0; i < FILES; i++)
		load_finish(v[i]);
	await_read(l, "a", "raw", FILES * (lines + 82));
	lab_stop(l);
	verify_files(l, "out.raw", WEFT_LEVEL_TRACE, &c);
	CHECK_EQ(c.lines, FILES * lines);
	CHECK_EQ(c.other, FILES * 82);
	CHECK_EQ(c.lost + c.doubled + c.torn, 0);
	check_balanced(l, false);
}

/* A million lines at once, and the file goes: nobody waits for us. */
static void
burst(weft_t *t, const char *pattern, uint64_t lines)
{
	struct lab *l = lab_new();
	struct load set = { .name = "a.log",
	    .gen = { .source = 1, .format = WEFT_GEN_PLAIN, .lines = lines } };
	struct load *v = load_new(l, &set);

	(void)t;
	configure(l, pattern, "", "");
	load_piece(v, 100000);
	lab_start(l);
	await_read(l, "a", "raw", 1);	/* it knows the file by its name */
	load_write(v);
	load_rotate(v);
	v->over = true;
	judge(l, v);
}

FAULT(BurstThenRotation)
{
	weft_run(t, "live file", burst, "a.log", (long)by_form(1000000, 200000, 20000));
	weft_run(t, "all", burst, "a.log*", (long)by_form(1000000, 200000, 20000));
}

static void
put(int fd, const char *data, size_t n)
{
	REQUIRE(write(fd, data, n) == (ssize_t)n);
}

/* A line of 16 MB, NULs, bytes that are no UTF-8, among lines that must be whole. */
FAULT(LinesNobodyExpects)
{
	static const size_t big = 16 << 20;
	struct lab *l = lab_new();
	struct load set = { .name = "a.log",
	    .gen = { .source = 1, .format = WEFT_GEN_PLAIN, .lines = 3000 } };
	struct load *v = load_new(l, &set);
	struct weft_verify_counts c;
	char *line = malloc(big), bad[256];
	uint64_t want;

	configure(l, "a.log*", "", "");
	for (int i = 0; i < 256; i++)
		bad[i] = i == '\n' ? 0 : i;
	lab_start(l);
	for (int i = 0; i < 3; i++) {
		load_piece(v, 100000);
		load_rotate(v);
		memset(line, 'x' + i, big);	/* else it could be a copy */
		put(v->fd, line, big / 2);
		weft_sleep(dice(l, 50 * WEFT_MS));
		put(v->fd, line, big / 2);
		put(v->fd, "\n", 1);
		put(v->fd, bad, 256);
		put(v->fd, "\n\0\0\0\n\n\xff\xfe\n", 9);
		load_rotate(v);
	}
	load_write(v);
	v->over = true;
	want = 3000 + 3 * 5;
	await_read(l, "a", "raw", want);
	lab_stop(l);
	verify_files(l, "out.raw", WEFT_LEVEL_TRACE, &c);
	CHECK_EQ(c.lines, 3000);
	CHECK_EQ(c.other, 15);
	CHECK_EQ(c.lost + c.doubled + c.torn, 0);
	CHECK_EQ(size_of_files(l, "out.raw"), v->len + 3 * (big + 1 + 256 + 9));
	check_balanced(l, false);
	free(line);
}
