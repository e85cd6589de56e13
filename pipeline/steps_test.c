/* steps_test.c - what steps do to lines: their fates and fields, also with many workers at once */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline.h"
#include "step_impl.h"
#include "testlines.h"
#include "teststeps.h"
#include "weft/sync.h"
#include "weft/time.h"

/* A letter for each line's fate. */
static const char *
fates(const struct test_lines *t)
{
	static const char letters[] = { [KEPT] = 'k', [FILTERED] = 'f', [SAMPLED] = 's',
		[LIMITED] = 'l', [REPEATED] = 'r', [DEAD] = 'd' };
	static char out[101];

	for (size_t i = 0; i < t->b->nlines && i < 100; i++)
		out[i] = letters[t->b->lines[i].fate];
	out[t->b->nlines < 100 ? t->b->nlines : 100] = '\0';
	return out;
}

static void
check_counts(struct step *s, int in, int out, int failed)
{
	CHECK_EQ(s->in, in);
	CHECK_EQ(s->out, out);
	CHECK_EQ(s->failed, failed);
}

static const char *
error_of(struct step *s, struct buf *err)
{
	CHECK(s == NULL);
	return buf_str(err);
}

TEST(WhereFiltersWhatIsNotTrue)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *s = made(step_where("level >= warn and status != 404", &err), &err);

	CHECK(s->wants.fields);
	test_lines_init(&tb);
	add(&tb, "{\"level\":\"warn\",\"status\":500}");
	add(&tb, "{\"level\":\"warn\",\"status\":404}");
	add(&tb, "{\"level\":\"info\"}");
	add(&tb, "{\"level\":");
	add(&tb, "ERROR: x");
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "kffdk");
	check_counts(s, 4, 2, 0);
	step_free(s);
	CHECK_STR(error_of(step_where("level >= 4", &err), &err),
	    "column 10: level is compared with names like warn, not with 4");
	buf_finish(&err);
	test_lines_finish(&tb);
}

TEST(SampleOfAllOrNothing)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *all = made(step_sample(1, NULL, &err), &err);
	struct step *none = made(step_sample(0, NULL, &err), &err);

	test_lines_init(&tb);
	for (int i = 0; i < 5; i++)
		add(&tb, "x");
	all->run(all, tb.s, tb.b);
	CHECK_STR(fates(&tb), "kkkkk");
	none->run(none, tb.s, tb.b);
	CHECK_STR(fates(&tb), "sssss");
	step_free(all);
	step_free(none);
	error_of(step_sample(10, NULL, &err), &err);
	CHECK_STR(buf_str(&err), "a share is between 0 and 1, and 10 is not: a tenth is 0.1");
	buf_finish(&err);
	test_lines_finish(&tb);
}

/* The hashes are the same everywhere, so the numbers are too. */
TEST(SampleKeepsAShare)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *s = made(step_sample(0.1, NULL, &err), &err);
	char first[101];

	test_lines_init(&tb);
	for (int i = 0; i < 4000; i++)
		add(&tb, "x");
	tb.b->first = 1000;
	s->run(s, tb.s, tb.b);
	CHECK(s->out > 340 && s->out < 460);
	/* read again after a restart: the same ones */
	strcpy(first, fates(&tb));
	for (size_t i = 0; i < tb.b->nlines; i++)
		tb.b->lines[i].fate = KEPT;
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), first);
	step_free(s);
	test_lines_finish(&tb);
}

TEST(SampleByAValueKeepsAllOfItOrNone)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *s = made(step_sample(0.5, "trace", &err), &err);
	int kept[20] = { 0 };

	test_lines_init(&tb);
	for (int i = 0; i < 200; i++) {
		char text[40];

		snprintf(text, sizeof(text), "{\"trace\":\"t%d\"}", i % 20);
		add(&tb, text);
	}
	s->run(s, tb.s, tb.b);
	for (int i = 0; i < 200; i++)
		kept[i % 20] += tb.b->lines[i].fate == KEPT;
	for (int i = 0; i < 20; i++)
		CHECK(kept[i] == 0 || kept[i] == 10);
	CHECK(s->out > 40 && s->out < 160);
	step_free(s);
	test_lines_finish(&tb);
}

TEST(LimitOfAllTogether, .bubble = true)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *s = made(step_limit(2, WEFT_SECOND, 3, NULL, &err), &err);

	test_lines_init(&tb);
	for (int i = 0; i < 5; i++)
		add(&tb, "x");
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "kkkll");		/* the burst */
	weft_sleep(WEFT_SECOND);
	for (int i = 0; i < 5; i++)
		tb.b->lines[i].fate = KEPT;
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "kklll");		/* two more in a second */
	check_counts(s, 10, 5, 0);
	step_free(s);
	test_lines_finish(&tb);
}

TEST(LimitPerKey, .bubble = true)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *s = made(step_limit(1, WEFT_SECOND, 0, "user", &err), &err);

	test_lines_init(&tb);
	add(&tb, "{\"user\":\"a\"}");
	add(&tb, "{\"user\":\"b\"}");
	add(&tb, "{\"user\":\"\\u0061\"}");	/* a as well */
	add(&tb, "{}");
	add(&tb, "{}");
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "kklkl");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(LimitsMustMakeSense)
{
	struct buf err = { 0 };

	CHECK_STR(error_of(step_limit(0, WEFT_SECOND, 0, NULL, &err), &err),
	    "a limit is of 1 to 2147483647 lines, not of 0");
	err.len = 0;
	CHECK_STR(error_of(step_limit(1, 0, 0, NULL, &err), &err),
	    "a limit is for some time, such as 1s");
	err.len = 0;
	CHECK_STR(error_of(step_limit(1, 1, -1, NULL, &err), &err),
	    "a burst is of 1 to 2147483647 lines, not of -1");
	err.len = 0;
	CHECK_STR(error_of(step_limit(1, 1, 0, "a b", &err), &err), "\"a b\" is no name of a field:"
	    " only letters, digits, _, - and @ need no quotes, as in [\"a b\"]");
	buf_finish(&err);
}

TEST(DedupWithinAWindow, .bubble = true)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *s = made(step_dedup(10 * WEFT_SECOND, NULL, &err), &err);

	test_lines_init(&tb);
	CHECK(!s->wants.fields);
	add(&tb, "2026-01-02T03:04:05Z same");
	add(&tb, "2026-01-02T03:04:06Z same");	/* the time is not looked at */
	add(&tb, "2026-01-02T03:04:06Z other");
	add(&tb, "ERROR same");
	add(&tb, "ERROR same");
	add(&tb, "{\"n\":1}");			/* no message: nothing to compare */
	add(&tb, "{\"n\":1}");
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "krkkrkk");
	check_counts(s, 7, 5, 0);
	weft_sleep(9 * WEFT_SECOND);
	for (size_t i = 0; i < tb.b->nlines; i++)
		tb.b->lines[i].fate = KEPT;
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "rrrrrkk");
	/* the window began with the first one, not with the last */
	weft_sleep(WEFT_SECOND);
	for (size_t i = 0; i < tb.b->nlines; i++)
		tb.b->lines[i].fate = KEPT;
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "krkkrkk");
	step_free(s);
	test_lines_finish(&tb);
}

TEST(DedupByAValue)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *s = made(step_dedup(3600 * WEFT_SECOND, "id", &err), &err);

	test_lines_init(&tb);
	add(&tb, "{\"id\":1,\"msg\":\"a\"}");
	add(&tb, "{\"id\":1,\"msg\":\"b\",\"level\":\"error\"}");
	add(&tb, "{\"id\":2,\"msg\":\"a\"}");
	add(&tb, "{\"msg\":\"a\"}");
	add(&tb, "{\"msg\":\"a\"}");
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "krkkk");
	step_free(s);
	CHECK_STR(error_of(step_dedup(0, NULL, &err), &err), "a window is some time, such as 10s");
	buf_finish(&err);
	test_lines_finish(&tb);
}

enum { WORKERS = 8, ROUNDS = 25, EACH = 100 };

static void
work(struct step *s, _Atomic long *kept)
{
	struct test_lines tb;

	test_lines_init(&tb);
	for (int i = 0; i < EACH; i++) {
		char text[40];

		snprintf(text, sizeof(text), "{\"msg\":\"m%d\",\"id\":%d}", i % 50, i % 50);
		add(&tb, text);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < EACH; i++)
			tb.b->lines[i].fate = KEPT;
		s->run(s, tb.s, tb.b);
		for (int i = 0; i < EACH; i++)
			atomic_fetch_add(kept, tb.b->lines[i].fate == KEPT);
		weft_yield();
	}
	test_lines_finish(&tb);
}

/* How many of all lines went on. */
static long
many_workers(struct step *s)
{
	weft_waitgroup wg = { 0 };
	_Atomic long kept = 0;

	for (int i = 0; i < WORKERS; i++)
		weft_waitgroup_go(&wg, work, s, &kept);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(s->in, WORKERS * ROUNDS * EACH);
	CHECK_EQ(s->out, kept);
	step_free(s);
	return kept;
}

TEST(ManyWorkersLimitAndDedupExactly)
{
	struct buf err = { 0 };
	int64_t hour = 3600 * WEFT_SECOND;

	CHECK_EQ(many_workers(made(step_dedup(hour, NULL, &err), &err)), 50);
	CHECK_EQ(many_workers(made(step_dedup(hour, "id", &err), &err)), 50);
	CHECK_EQ(many_workers(made(step_limit(1, hour, 3, NULL, &err), &err)), 3);
	CHECK_EQ(many_workers(made(step_limit(1, hour, 3, "id", &err), &err)), 150);
}

/* More keys than are remembered: none is dropped that was not seen, and memory has an end. */
TEST(AFloodOfKeysIsForgotten)
{
	struct test_lines tb;
	struct buf err = { 0 };
	struct step *limit = made(step_limit(1, 3600 * WEFT_SECOND, 1, "id", &err), &err);
	struct step *dedup = made(step_dedup(3600 * WEFT_SECOND, "id", &err), &err);
	int n = weft_short() ? 20000 : 100000;

	for (int i = 0; i < n; i += 1000) {
		test_lines_init(&tb);
		for (int j = 0; j < 1000; j++) {
			char text[40];

			snprintf(text, sizeof(text), "{\"id\":%d}", i + j);
			add(&tb, text);
		}
		limit->run(limit, tb.s, tb.b);
		dedup->run(dedup, tb.s, tb.b);
		test_lines_finish(&tb);
	}
	CHECK_EQ(limit->out, n);
	CHECK_EQ(dedup->out, n);
	step_free(limit);
	step_free(dedup);
}

/* A function of the user's, by message. */
static enum weft_verdict
by_message(weft_entry *e, void *arg)
{
	const char *text;
	size_t len;

	(void)arg;
	if (!weft_entry_get(e, "message", &text, &len))
		return WEFT_KEEP;
	if (len == 4 && memcmp(text, "drop", 4) == 0)
		return WEFT_DROP;
	if (len == 4 && memcmp(text, "dead", 4) == 0) {
		weft_entry_reason(e, "I do not like it");
		return WEFT_DEAD;
	}
	return len == 4 && memcmp(text, "kill", 4) == 0 ? WEFT_DEAD : WEFT_KEEP;
}

TEST(FunctionsDecideOnLines)
{
	struct test_lines tb;
	struct step *s = step_call(by_message, NULL);

	test_lines_init(&tb);
	add(&tb, "stay");
	add(&tb, "drop");
	add(&tb, "dead");
	add(&tb, "kill");
	s->run(s, tb.s, tb.b);
	CHECK_STR(fates(&tb), "kfdd");
	CHECK_STR(tb.b->lines[2].error, "I do not like it");
	CHECK_STR(tb.b->lines[3].error, "a function of the program's refused it");
	check_counts(s, 4, 1, 0);
	step_free(s);
	test_lines_finish(&tb);
}

static enum weft_verdict
change(weft_entry *e, void *arg)
{
	const char *a, *b;
	size_t na = 0, nb = 0;
	int64_t ns;

	(void)arg;
	CHECK_EQ(weft_entry_level(e), WEFT_LEVEL_INFO);
	CHECK(weft_entry_time(e, &ns) && ns == 1767323045 * INT64_C(1000000000));
	/* two texts at once, each unescaped */
	REQUIRE(weft_entry_get(e, "message", &a, &na) && weft_entry_get(e, "user", &b, &nb));
	CHECK(na == 5 && memcmp(a, "a \"b\"", 5) == 0);
	CHECK(nb == 5 && memcmp(b, "x\ty\tz", 5) == 0);
	CHECK(!weft_entry_get(e, "odd name", &a, &na));
	weft_entry_set(e, "message", "new \"one\"", 9);
	weft_entry_set(e, "user", "bob", 3);
	weft_entry_set(e, "odd name", "1", 1);
	weft_entry_set(e, "n", "text", 4);
	weft_entry_set_level(e, WEFT_LEVEL_ERROR);
	REQUIRE(weft_entry_get(e, "odd name", &a, &na));
	CHECK(na == 1 && *a == '1');
	REQUIRE(weft_entry_get(e, "message", &a, &na));
	CHECK(na == 9 && memcmp(a, "new \"one\"", 9) == 0);
	return WEFT_KEEP;
}

TEST(FunctionsChangeJson)
{
	struct test_lines tb;
	struct step *s = step_call(change, NULL);
	struct line *l;

	test_lines_init(&tb);
	l = add(&tb, "{\"time\":\"2026-01-02T03:04:05Z\",\"msg\":\"a \\\"b\\\"\","
	    "\"user\":\"x\\ty\\tz\",\"n\":5,\"level\":\"info\"}");
	s->run(s, tb.s, tb.b);
	CHECK_STR(test_says(&tb, l), "error time=<2026-01-02T03:04:05Z> message=<new \\\"one\\\">"
	    " time~<2026-01-02T03:04:05Z> msg~<new \\\"one\\\"> user~<bob> n~<text> level~<error>"
	    " odd name=<1>");
	tb.out.len = 0;
	buf_add(&tb.out, l->text, l->len);
	CHECK_STR(buf_str(&tb.out), "{\"time\":\"2026-01-02T03:04:05Z\",\"msg\":\"new"
	    " \\\"one\\\"\","
	    "\"user\":\"bob\",\"n\":\"text\",\"level\":\"error\"}");
	CHECK_EQ(l->has & IS_CHANGED, 0);
	/* it is still JSON, and says the same */
	l = test_parse(&tb, l->text, l->len, WEFT_LINE_JSON, false);
	CHECK_EQ(l->level, WEFT_LEVEL_ERROR);
	step_free(s);
	test_lines_finish(&tb);
}

TEST(FunctionsChangeText)
{
	struct test_lines tb;
	struct step *s = step_call(change, NULL);
	struct line *l;

	test_lines_init(&tb);
	l = add(&tb, "time=2026-01-02T03:04:05Z msg=\"a \\\"b\\\"\" level=info n=5"
	    " user=\"x\\ty\\tz\"");
	s->run(s, tb.s, tb.b);
	CHECK_STR(test_says(&tb, l), "error time=<2026-01-02T03:04:05Z> message=<new \"one\">"
	    " n=<text> user=<bob> odd name=<1>");
	CHECK_EQ(l->has & IS_CHANGED, IS_CHANGED);
	step_free(s);
	test_lines_finish(&tb);
}

/* A million lines a second are 1000 ns each, for all steps together. */
static void
bench_step(weft_b *b, struct step *s, bool fields)
{
	struct test_lines tb;

	test_lines_init(&tb);
	for (int i = 0; i < 1000; i++) {
		char text[200];
		int n = snprintf(text, sizeof(text), "{\"time\":\"2026-01-02T03:04:05Z\","
		    "\"level\":\"%s\",\"msg\":\"request %d done\",\"status\":%d,"
		    "\"path\":\"/api/v1/items\",\"user\":\"u%d\"}", i % 2 ? "warn" : "info",
		    i, i % 3 ? 200 : 503, i % 100);

		test_parse(&tb, text, n, WEFT_LINE_JSON, fields);
	}
	for (int64_t i = weft_loops(b); i > 0; i -= 1000) {
		for (int j = 0; j < 1000; j++)
			tb.b->lines[j].fate = KEPT;
		s->run(s, tb.s, tb.b);
	}
	CHECK(s->in > 0);
	step_free(s);
	test_lines_finish(&tb);
}

BENCH(StepWhereLevel)
{
	struct buf err = { 0 };

	bench_step(b, made(step_where("level >= warn", &err), &err), false);
}

BENCH(StepWhereStatusAndPath)
{
	struct buf err = { 0 };

	bench_step(b, made(step_where("status >= 500 and path =~ \"^/api\"", &err), &err), true);
}

BENCH(StepSampleByUser)
{
	struct buf err = { 0 };

	bench_step(b, made(step_sample(0.5, "user", &err), &err), true);
}

BENCH(StepLimitPerUser)
{
	struct buf err = { 0 };

	bench_step(b, made(step_limit(1000, WEFT_SECOND, 0, "user", &err), &err), true);
}

BENCH(StepDedup)
{
	struct buf err = { 0 };

	bench_step(b, made(step_dedup(WEFT_SECOND, NULL, &err), &err), false);
}

BENCH(StepSet)
{
	struct buf err = { 0 };

	bench_step(b, made(step_set("env", "prod", &err), &err), true);
}
