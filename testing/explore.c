/*
 * explore.c - one test under many schedules
 *
 * The test that is reported is a shell: each schedule runs a record of its own, in a
 * bubble of its own, whose log nobody sees.  The first that fails is run once more, to
 * see that it fails the same way; then it is shrunk, which is to take out pre-emptions
 * as long as it still fails; the last run that failed gives its log to the shell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

enum { SHRINK_RUNS = 5000, SHRINK_NS = WEFT_SECOND, SHRINK_LONG_NS = 30 * WEFT_SECOND };

/* What came of one run. */
struct outcome {
	bool		 failed, skipped, stuck, endless, raced;
	uint64_t	 hash;
	size_t		 preemptions, strays;
	uint64_t	 steps;
	struct choices	 made;		/* the caller's to free */
	struct buf	 log;		/* the same             */
	struct buf	 story;		/* the same; if asked   */
};

static void outcome_finish(struct outcome *o)
{
	free(o->made.at);
	buf_finish(&o->log);
	buf_finish(&o->story);
	*o = (struct outcome){0};
}

static struct outcome run_once(weft_t *shell, uint64_t seed, const struct choices *follow, bool telling)
{
	weft_t *t = test_new(shell->test, NULL, xstrdup(shell->name));
	struct schedule *s = xcalloc(1, sizeof *s);
	struct outcome o = {0};

	t->shell = shell;
	t->f = shell->f;
	t->words[0] = (intptr_t)t;
	schedule_init(s, seed, follow);
	s->telling = telling;
	t->bubble = test_bubble(t, seed);
	schedule_attach(s, t->bubble);
	atomic_store(&shell->seed, seed);
	test_run_quietly(t);
	schedule_detach();
	test_bubble_stop(t);
	o.failed = atomic_load(&t->failed);
	o.skipped = atomic_load(&t->skipped);
	o.stuck = atomic_load(&t->state) == T_STUCK;
	o.endless = s->endless;
	o.raced = atomic_load(&t->raced);
	o.hash = s->hash;
	o.preemptions = schedule_preemptions(&s->made);
	o.strays = s->strays;
	o.steps = s->steps;
	o.made = s->made;
	s->made = (struct choices){0};
	harness_lock();
	o.log = t->log;
	t->log = (struct buf){0};
	harness_unlock();
	if (telling)
		story_print(s, &o.story);
	if (t->gone) {
		test_bubble_free(t);
		schedule_finish(s);
		free(s);
		test_free(t);
	}
	return o;
}

/* ---- shrinking ---- */

/*
 * The list with one pre-emption less: where id was stopped at i, what it did when it
 * next ran comes first.
 */
static struct choices without(const struct choices *list, size_t i)
{
	int64_t id = list->at[i].from;
	struct choices out = {0};
	size_t next = i, end;

	while (next < list->n && list->at[next].id != id)
		next++;
	for (end = next; end < list->n && list->at[end].id == id; end++)
		;
	for (size_t k = 0; k < i; k++)
		choices_add(&out, list->at[k]);
	if (next == list->n)		/* it did not run again: it may have, now */
		choices_add(&out, (struct choice){ .id = id });
	for (size_t k = next; k < end; k++)
		choices_add(&out, list->at[k]);
	for (size_t k = i; k < list->n; k++)
		if (k < next || k >= end)
			choices_add(&out, list->at[k]);
	return out;
}

struct shrinking { weft_t *shell; uint64_t seed; struct outcome best; int runs; int64_t until; };

/* Where the first line of a log is from: the length of "    file.c:12:", or 0. */
static size_t place_of(const struct buf *log)
{
	const char *s = log->data, *end = log->len ? memchr(s, '\n', log->len) : NULL;
	const char *file = end ? memmem(s, (size_t)(end - s), ".c:", 3) : NULL;
	size_t n = file ? (size_t)(file - s) + 3 : 0;

	while (n && s[n] >= '0' && s[n] <= '9')
		n++;
	return n && s[n] == ':' ? n + 1 : 0;
}

/* A shorter schedule may run into another bug, which is not the one to tell of. */
static bool same_failure(const struct outcome *a, const struct outcome *b)
{
	size_t n = place_of(&a->log);

	return a->failed == b->failed && a->stuck == b->stuck && a->endless == b->endless &&
	    n == place_of(&b->log) && (!n || memcmp(a->log.data, b->log.data, n) == 0);
}

/* Takes list.  True: it fails, too, with fewer pre-emptions, and is now the best. */
static bool try_list(struct shrinking *k, struct choices list)
{
	struct outcome o = run_once(k->shell, k->seed, &list, false);
	bool better = same_failure(&o, &k->best) &&
	    (o.preemptions < k->best.preemptions ||
	     (o.preemptions == k->best.preemptions && o.made.n < k->best.made.n));

	k->runs++;
	free(list.at);
	if (better) {
		outcome_finish(&k->best);
		k->best = o;
	} else
		outcome_finish(&o);
	return better;
}

static bool time_left(const struct shrinking *k)
{
	return k->runs < SHRINK_RUNS && clock_now() < k->until;
}

static struct choices prefix(const struct choices *list, size_t n)
{
	struct choices out = {0};

	for (size_t i = 0; i < n; i++)
		choices_add(&out, list->at[i]);
	return out;
}

/*
 * Many bugs need one pre-emption only: each that could be, in the run that has none.
 * True: one did it.
 */
static bool try_single(struct shrinking *k)
{
	struct outcome none = run_once(k->shell, k->seed, &(struct choices){0}, false);
	int64_t ids = 0;
	bool found = false;

	for (size_t i = 0; i < none.made.n; i++)
		if (none.made.at[i].id > ids)
			ids = none.made.at[i].id;
	for (size_t i = 0; i < none.made.n && !found && time_left(k); i++)
		for (int64_t id = 1; id <= ids && !found && none.made.at[i].from; id++) {
			struct choices list = prefix(&none.made, i);

			choices_add(&list, (struct choice){ .id = id });
			found = try_list(k, list);
		}
	outcome_finish(&none);
	return found;
}

/* Then the end, and each pre-emption, the last first, until none can be spared. */
static void shrink(struct shrinking *k)
{
	bool again = true;

	if (k->best.preemptions > 1 && try_single(k))
		return;
	for (size_t n = k->best.made.n / 2; n && time_left(k); n /= 2)
		if (k->best.made.n > n)
			try_list(k, prefix(&k->best.made, k->best.made.n - n));
	try_list(k, (struct choices){0});
	while (again && k->best.preemptions && time_left(k)) {
		again = false;
		for (size_t i = k->best.made.n; i-- > 0 && time_left(k); ) {
			if (i >= k->best.made.n)
				continue;
			struct choice c = k->best.made.at[i];
			if (c.from && c.from != c.id)
				again |= try_list(k, without(&k->best.made, i)) ||
				    try_list(k, prefix(&k->best.made, i));
		}
	}
}

/* ---- reporting ---- */

static void log_add(weft_t *t, const char *text, size_t n)
{
	harness_lock();
	report_log_locked(t, text, n);
	harness_unlock();
}

static void log_buf(weft_t *t, struct buf *b)
{
	log_add(t, b->data, b->len);
	buf_finish(b);
}

static void how_to_replay(weft_t *t, uint64_t seed, const struct choices *made, struct buf *b)
{
	struct buf file = report_path(t, "schedule");
	const char *path = buf_str(&file);

	buf_printf(b, "    replay: %s -run '^%s$' -seed %#jx\n", harness.program, t->name,
	    (uintmax_t)seed);
	if (replay_write(path, t->name, seed, made))
		buf_printf(b, "    schedule: %s -replay %s\n", harness.program, path);
	else
		buf_printf(b, "    (cannot write %s: %s)\n", path, strerror(errno));
	buf_finish(&file);
}

/*
 * The detector tells a race once: a second run would pass, and so would all shorter
 * ones.  In another process the seed repeats it.  Takes o.
 */
static void report_race(weft_t *t, uint64_t seed, struct outcome o, const char *which)
{
	struct buf b = {0};

	atomic_store(&t->failed, true);
	log_buf(t, &o.log);
	buf_printf(&b, "    %s, %zu pre-emption%s\n", which, o.preemptions,
	    o.preemptions == 1 ? "" : "s");
	how_to_replay(t, seed, &o.made, &b);
	log_buf(t, &b);
	outcome_finish(&o);
}

/* o failed in run number of many.  Takes o. */
static void report_failure(weft_t *t, uint64_t seed, const struct choices *follow, struct outcome o, const char *which)
{
	struct shrinking k = { .shell = t, .seed = seed,
	    .until = clock_now() + (harness.opt.shrink ? SHRINK_LONG_NS : SHRINK_NS) };
	struct outcome again = run_once(t, seed, follow, false);
	size_t before = o.preemptions;
	struct buf b = {0};

	atomic_store(&t->failed, true);
	if (again.hash != o.hash || again.failed != o.failed) {
		size_t i = 0, n = o.made.n < again.made.n ? o.made.n : again.made.n;

		while (i < n && o.made.at[i].id == again.made.at[i].id)
			i++;
		buf_printf(&b, "    not deterministic: a second run %s, and differs from choice %zu on\n",
		    again.failed ? "failed as well" : "passed", i + 1);
		log_buf(t, &o.log);
		buf_printf(&b, "    %s\n", which);
		how_to_replay(t, seed, &o.made, &b);
		log_buf(t, &b);
		outcome_finish(&o);
		outcome_finish(&again);
		return;
	}
	outcome_finish(&o);
	k.best = again;
	if (!again.endless)
		shrink(&k);
	o = run_once(t, seed, &k.best.made, true);
	log_buf(t, &o.log);
	if (o.endless)
		buf_printf(&b, "    livelock: no end after %ju steps, %zu choices\n",
		    (uintmax_t)o.steps, o.made.n);
	buf_printf(&b, "    %s, %zu pre-emption%s", which, o.preemptions, o.preemptions == 1 ? "" : "s");
	if (o.preemptions < before)
		buf_printf(&b, " after shrinking, %zu before", before);
	buf_adds(&b, ":\n");
	buf_add(&b, o.story.data, o.story.len);
	how_to_replay(t, seed, &o.made, &b);
	log_buf(t, &b);
	outcome_finish(&o);
	outcome_finish(&k.best);
}

/* ---- distinct schedules ---- */

struct seen { uint64_t *at; size_t n, room; };	/* open addressing; 0: empty */

static void seen_put(struct seen *s, uint64_t h)
{
	size_t i = h & (s->room - 1);

	while (s->at[i] && s->at[i] != h)
		i = (i + 1) & (s->room - 1);
	s->n += !s->at[i];
	s->at[i] = h;
}

static void seen_add(struct seen *s, uint64_t h)
{
	struct seen old = *s;

	if (2 * (s->n + 1) > s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->at = xcalloc(s->room, sizeof *s->at);
		s->n = 0;
		for (size_t i = 0; i < old.room; i++)
			if (old.at[i])
				seen_put(s, old.at[i]);
		free(old.at);
	}
	seen_put(s, h ? h : 1);
}

/* ---- exploring ---- */

static int log2_up(size_t n)
{
	int k = 4;

	while ((size_t)1 << k < n)
		k++;
	return k;
}

/* The portfolio: a third each; PCT with two and with three ordered events. */
static uint64_t seed_of(const weft_t *t, int64_t i, size_t most)
{
	enum strategy s = harness.opt.strategy;
	int depth = harness.opt.depth ? (int)harness.opt.depth : t->test->depth;

	if (depth < 0 || depth > MOST_DEPTH)
		die("%s: .depth is %d, and at most %d", t->name, depth, MOST_DEPTH);
	if (s == STRATEGY_ALL)
		s = depth ? STRATEGY_PCT : (enum strategy)(STRATEGY_RANDOM + i % 3);
	if (!depth)
		depth = 2 + (int)(i / 3 % 2);
	return seed_make(s, s == STRATEGY_PCT ? depth : 0, s == STRATEGY_PCT ? log2_up(most) : 0,
	    harness.opt.schedule_seed + (uint64_t)i);
}

int64_t explore_count(const struct weft_test *test)
{
	if (test->real)
		return 0;
	if (harness.opt.explore)
		return harness.opt.explore;
	if (harness.opt.stress)
		return test->explore ? INT64_MAX : 0;
	if (harness.opt.seeded && harness.opt.schedule_seed >> SEED_NUMBER_BITS)
		return 1;	/* -explore may have put it into a bubble */
	return test->explore;
}

/* Fewer schedules than the test asks for prove nothing. */
static void check_sometimes(weft_t *t, int64_t runs)
{
	if (runs < t->test->explore)
		return;
	for (struct sometimes *s = t->sometimes; s; s = s->next)
		if (!s->seen)
			test_fail(t, "%s:%d: never in %jd schedules: %s", check_basename(s->file),
			    s->line, (intmax_t)runs, s->what);
}

void explore(weft_t *t)
{
	int64_t n = explore_count(t->test), i = 0;
	int64_t until = harness.opt.stress ? clock_now() + harness.opt.stress : INT64_MAX;
	bool one = harness.opt.seeded && harness.opt.schedule_seed >> SEED_NUMBER_BITS;
	struct seen seen = {0};
	size_t most = 0;
	char which[64];

	atomic_fetch_add(&harness.stressed, harness.opt.stress);
	for (; i < n && clock_now() < until; i++) {
		uint64_t seed = one ? harness.opt.schedule_seed : seed_of(t, i, most);
		struct outcome o = run_once(t, seed, NULL, false);

		seen_add(&seen, o.hash);
		if (o.made.n > most)
			most = o.made.n;
		if (o.failed) {
			snprintf(which, sizeof which, "schedule %jd of %jd", (intmax_t)i + 1, (intmax_t)n);
			if (n == INT64_MAX)
				snprintf(which, sizeof which, "schedule %jd", (intmax_t)i + 1);
			if (o.raced)
				report_race(t, seed, o, which);
			else
				report_failure(t, seed, NULL, o, which);
			break;
		}
		if (o.skipped) {
			atomic_store(&t->skipped, true);
			log_buf(t, &o.log);
			outcome_finish(&o);
			break;
		}
		outcome_finish(&o);
		if (one)
			break;
	}
	if (!atomic_load(&t->failed) && !atomic_load(&t->skipped) && i > 1) {
		struct buf b = {0};

		check_sometimes(t, i);
		buf_printf(&b, "    %jd schedules, %zu distinct\n", (intmax_t)i, seen.n);
		log_buf(t, &b);
	}
	free(seen.at);
}

void explore_replay(weft_t *t, const struct replay *r)
{
	struct outcome o = run_once(t, r->seed, &r->choices, true);
	struct buf b = {0};

	log_buf(t, &o.log);
	if (o.strays)
		buf_printf(&b, "    the schedule does not fit: %zu of its %zu choices were not possible;"
		    " it is of other code, or the test depends on more than its schedule\n",
		    o.strays, r->choices.n);
	else if (!o.failed)
		buf_adds(&b, "    replayed, and it does not fail\n");
	atomic_store(&t->failed, o.failed || o.strays);
	if (o.failed) {
		buf_printf(&b, "    replayed, %zu pre-emption%s:\n", o.preemptions,
		    o.preemptions == 1 ? "" : "s");
		buf_add(&b, o.story.data, o.story.len);
	}
	log_buf(t, &b);
	outcome_finish(&o);
}

void weft_sometimes_(bool cond, const char *what, const char *file, int line)
{
	weft_t *t = test_current("SOMETIMES")->top;
	struct sometimes *s;

	if (t->shell)
		t = t->shell;
	harness_lock();
	for (s = t->sometimes; s; s = s->next)
		if (s->line == line && strcmp(s->file, file) == 0 && strcmp(s->what, what) == 0)
			break;
	if (!s) {
		s = xcalloc(1, sizeof *s);
		*s = (struct sometimes){ .next = t->sometimes, .what = xstrdup(what), .file = file, .line = line };
		t->sometimes = s;
	}
	s->seen |= cond;
	harness_unlock();
}
