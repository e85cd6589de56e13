/*
 * source_torture_test.c - a log is appended to, rotated in every way, and its reader stopped and
 * stalled, in an order that a seed decides: each line comes once
 *
 * What nobody could decide is left out: a file is not truncated twice between two looks, nothing
 * is written between a copy and its truncation, and a pattern that matches copies meets none,
 * for one that is found before it is known what it is comes twice.
 */
#include <zlib.h>

#include "base/rand.h"
#include "testintake.h"

struct world {
	struct rig *r;
	struct rand rand;
	int	written, rotated;
	bool	half;			/* the last line has no newline yet */
	bool	running, copies;
	struct buf story;		/* for who has to find out what went wrong */
	char	last[32];		/* the file that was rotated last, if it may be packed */
};

static void __attribute__((format(printf, 2, 3)))
tell(struct world *w, const char *fmt, ...)
{
	size_t read;
	va_list ap;

	weft_mutex_lock(&w->r->lock);
	read = w->r->nlines;
	weft_mutex_unlock(&w->r->lock);
	va_start(ap, fmt);
	buf_vprintf(&w->story, fmt, ap);
	va_end(ap);
	buf_printf(&w->story, " (%d written, %zu read)\n", w->written, read);
}

static void
grow(struct world *w, int n)
{
	struct buf b = { 0 };

	if (w->half)
		buf_adds(&b, "the rest\n");
	w->half = false;
	for (int i = 0; i < n; i++)
		buf_printf(&b, "line %d with something in it\n", w->written++);
	if (n && rand_below(&w->rand, 4) == 0) {
		buf_printf(&b, "line %d in two parts and ", w->written++);
		w->half = true;
	}
	append("a.log", buf_str(&b));
	buf_finish(&b);
	tell(w, "grow %d", n);
}

/* A writer ends its line before it goes on in another file. */
static void
whole(struct world *w)
{
	if (w->half)
		grow(w, 0);
	w->half = false;
}

static void
by_rename(struct world *w)
{
	whole(w);
	snprintf(w->last, sizeof(w->last), "a.log.%d", ++w->rotated);
	move("a.log", w->last);
	tell(w, "rename to %s", w->last);
	append("a.log", "");
}

/* What nobody has looked at cannot be known again when it is changed. */
static void
let_look(struct world *w)
{
	if (!w->running)
		return;
	rig_stall(w->r, false);
	rig_lines(w->r, w->written - w->half);
}

static void
by_copy(struct world *w)
{
	char to[32];

	if (!w->copies)
		return;
	whole(w);
	let_look(w);
	snprintf(to, sizeof(to), "a.log.%d", ++w->rotated);
	copy("a.log", to);
	cut("a.log", 0);
	tell(w, "copy and truncate %s", to);
	grow(w, 1 + rand_below(&w->rand, 20));
	w->last[0] = '\0';
	let_look(w);
}

static void
by_archive(struct world *w)
{
	char path[512], to[48];
	size_t n;
	char *text;
	gzFile z;

	if (!w->last[0])
		return;
	let_look(w);
	text = read_file(w->last, &n);
	snprintf(to, sizeof(to), "%s.gz", w->last);
	z = gzopen(path_of(path, to), "wb");
	CHECK_EQ(gzwrite(z, text, n), n);
	CHECK_EQ(gzclose(z), Z_OK);
	drop(w->last);
	tell(w, "pack %s", w->last);
	free(text);
	w->last[0] = '\0';
}

static void
start(struct world *w)
{
	tell(w, "start");
	rig_start(w->r);
	w->running = true;
	if (w->written > 30)
		rig_lines(w->r, w->written - w->half - (int)rand_below(&w->rand, 30));
}

static void
stop(struct world *w)
{
	rig_stop(w->r);
	tell(w, "stop");
	rig_stall(w->r, false);
	w->running = false;
}

static void
while_stopped(struct world *w)
{
	int how = rand_below(&w->rand, 5);

	if (how < 2) {			/* it has to have a head that is known */
		grow(w, 1);
		let_look(w);
	}
	stop(w);
	grow(w, rand_below(&w->rand, 50));
	switch (how) {
	case 0:
		by_copy(w);
		break;
	case 1:
		by_rename(w);
		grow(w, rand_below(&w->rand, 50));
		by_archive(w);
		break;
	case 2:
	case 3:
		for (int i = 0; i < 3; i++) {
			by_rename(w);
			grow(w, 1 + rand_below(&w->rand, 50));
		}
		w->last[0] = '\0';
	}
	start(w);
}

static void
something(struct world *w)
{
	switch (rand_below(&w->rand, 12)) {
	case 0:
		while_stopped(w);
		break;
	case 1:
	case 2:
		by_rename(w);
		break;
	case 3:
		by_copy(w);
		break;
	case 4:
		by_archive(w);
		break;
	case 5:
		rig_stall(w->r, true);
		tell(w, "stall");
		break;
	case 6:
	case 7:
		rig_stall(w->r, false);
		break;
	default:
		grow(w, rand_below(&w->rand, 100));
	}
}

static void
check_each_once(struct world *w, int n)
{
	struct rig *r = w->r;
	int *seen = calloc(n, sizeof(*seen)), bad = 0;
	char *s = (char *)buf_str(&r->text);

	for (char *line; (line = strsep(&s, "\n")) && *line; ) {
		int i = atoi(line + 5);

		REQUIRE(strncmp(line, "line ", 5) == 0 && i >= 0 && i < n);
		CHECK(strstr(line, "something in it") || strstr(line, "two parts and the rest"));
		seen[i]++;
	}
	for (int i = 0; i < n; i++)
		if (seen[i] != 1 && bad++ < 5)
			weft_logf("line %d came %d times", i, seen[i]);
	if (!CHECK_EQ(bad, 0))
		weft_logf("%s", buf_str(&w->story));
	free(seen);
}

static void
torture(weft_t *t, const char *patterns, long seed)
{
	struct world w = { .r = rig_new(patterns), .copies = strcmp(patterns, "a.log") == 0 };

	(void)t;
	rand_seed(&w.rand, seed);
	append("a.log", "");
	grow(&w, 10);
	start(&w);
	let_look(&w);			/* what left before it was ever seen is not ours */
	for (int i = 0; i < 60; i++)
		something(&w);
	rig_stall(w.r, false);
	whole(&w);
	rig_lines(w.r, w.written);
	rig_stop(w.r);
	check_each_once(&w, w.written);
	CHECK_EQ(w.r->lost, 0);
	buf_finish(&w.story);
}

TEST(AnyMixOfRotationsAndRestartsLosesNothing, .timeout = 60 * WEFT_SECOND)
{
	int n = weft_short() ? 2 : 8;

	for (int i = 0; i < n; i++) {
		long seed = weft_random() >> 16;

		weft_run(t, "live name", torture, "a.log", seed);
		weft_run(t, "all names", torture, "a.log*", seed + 1);
	}
}
