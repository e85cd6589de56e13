/* engine_restart_test.c - what an earlier run has settled is not delivered again, the rest is */
#include "testengine.h"
#include "weft/sync.h"

/* Lines of ten bytes, numbered. */
static void
write_numbers(const char *name, int n)
{
	struct buf text = { 0 };

	for (int i = 0; i < n; i++)
		buf_printf(&text, "line %04d\n", i);
	write_file(name, text.data, text.len);
	buf_finish(&text);
}

static void
add_numbers(struct buf *out, int from, int to)
{
	for (int i = from; i < to; i++)
		buf_printf(out, "line %04d\n", i);
}

/* One run over "in" with two takers; returns what came of it. */
static int
run_takers(struct taker *a, struct taker *b)
{
	char dir[512];
	struct weft_pipeline_options o = small("state", dir);
	weft_pipeline *p = weft_pipeline_new(&o);
	int err;

	add_source(p, "in");
	add_taker(p, "a", a, WEFT_BLOCK);
	add_taker(p, "b", b, WEFT_BLOCK);
	err = weft_pipeline_run(NULL, p);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	free(o.warn_arg);
	return err;
}

/* As a kill might have left it. */
static void
set_back(const char *output, struct place at, const struct span *early)
{
	struct buf err = { 0 };
	struct known_file *k;
	struct state *s;
	char dir[512];

	REQUIRE(state_open(path_of(dir, "state"), &s, &err) == 0);
	state_begin(s);
	k = state_known(s, "in");
	state_mark_put(s, output, k[0].row, &at, early, early != NULL);
	CHECK_EQ(state_commit(s), 0);
	state_known_free(k);
	state_close(s);
}

/* The hole lies in the middle of a batch: it is not the batch's first records that are left out. */
TEST(WhatWasSettledOutOfOrderIsNotDeliveredAgain)
{
	struct taker first[2] = { 0 }, second[2] = { 0 };
	struct place at = { .offset = 100, .lines = 10 };
	struct span early = { .from = 500, .first = 51, .to = { .offset = 600, .lines = 60 } };
	struct buf want = { 0 };

	write_numbers("in", 100);
	CHECK_EQ(run_takers(&first[0], &first[1]), 0);
	set_back("a", at, &early);
	CHECK_EQ(run_takers(&second[0], &second[1]), 0);
	add_numbers(&want, 10, 50);
	add_numbers(&want, 60, 100);
	CHECK_STR(buf_str(&second[0].got), buf_str(&want));
	CHECK_EQ(second[1].got.len, 0);
	for (int i = 0; i < 2; i++) {
		buf_finish(&first[i].got);
		buf_finish(&second[i].got);
	}
	buf_finish(&want);
}

/* Lines that overlap have the place where they begin as their end, and the mark may stand there. */
TEST(LinesThatOverlapAreNotTakenForThoseBefore)
{
	static const char one[] = "2024-01-01T00:00:00Z stdout F one\n";
	static const char rest[] = "2024-01-01T00:00:00Z stdout P two\n"
	    "2024-01-01T00:00:00Z stderr F err\n2024-01-01T00:00:00Z stdout F more\n";
	struct taker first[2] = { 0 }, second[2] = { 0 };
	struct buf in = { 0 };

	buf_adds(&in, one);
	buf_adds(&in, rest);
	write_file("in", in.data, in.len);
	CHECK_EQ(run_takers(&first[0], &first[1]), 0);
	CHECK(strstr(buf_str(&first[0].got), "err") != NULL);
	set_back("a", (struct place){ .offset = sizeof(one) - 1, .lines = 1 }, NULL);
	set_back("b", (struct place){ 0 }, NULL);
	CHECK_EQ(run_takers(&second[0], &second[1]), 0);
	CHECK_STR(buf_str(&second[1].got), buf_str(&first[1].got));
	CHECK(strstr(buf_str(&second[0].got), "one") == NULL);
	CHECK(strstr(buf_str(&second[0].got), "err") != NULL);
	CHECK(strstr(buf_str(&second[0].got), "more") != NULL);
	for (int i = 0; i < 2; i++) {
		buf_finish(&first[i].got);
		buf_finish(&second[i].got);
	}
	buf_finish(&in);
}

static void
append(const char *name, const char *text)
{
	char path[512];
	int fd = open(path_of(path, name), O_WRONLY | O_APPEND);

	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
run_from_end(struct taker *t)
{
	char dir[512], path[512];
	struct weft_pipeline_options o = small("state", dir);
	weft_pipeline *p = weft_pipeline_new(&o);

	CHECK_EQ(weft_pipeline_source(p, "in", &(struct weft_source_options){
	    .file = path_of(path, "in"), .once = true, .at_end = true }), 0);
	add_taker(p, "a", t, WEFT_BLOCK);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	free(o.warn_arg);
}

/* Where it began is remembered: it is not the end that it has the next time. */
TEST(AFileThatBeganAtItsEndGoesOnFromThere)
{
	struct taker took[4] = { 0 };

	write_file("in", "old\n", 4);
	run_from_end(&took[0]);
	append("in", "new\n");
	run_from_end(&took[1]);
	run_from_end(&took[2]);
	append("in", "newer\n");
	run_from_end(&took[3]);
	CHECK_EQ(took[0].got.len, 0);
	CHECK_STR(buf_str(&took[1].got), "new\n");
	CHECK_EQ(took[2].got.len, 0);
	CHECK_STR(buf_str(&took[3].got), "newer\n");
	for (int i = 0; i < 4; i++)
		buf_finish(&took[i].got);
}
