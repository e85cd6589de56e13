/* tap_test.c - looks at lines as they pass */
#include <stdlib.h>
#include <string.h>

#include "rig_test.h"

static void
open_tap(struct rig *r, int place, const char *name, const char *where, struct tap **tap)
{
	struct buf err = { 0 };

	REQUIRE(tap_open(r->p, place, name, where, tap, &err) == 0);
	buf_finish(&err);
}

static void
next(struct tap *t, struct buf *out)
{
	out->len = 0;
	CHECK_EQ(tap_next(NULL, t, weft_now() + 10 * WEFT_SECOND, out), 1);
	buf_str(out);
}

TEST(TapShowsWhatAStepDoes)
{
	static const char text[] = "a debug line\nan error line\n";
	struct buf got = { 0 };
	struct tap *source, *step, *output;
	struct rig r;

	write_file("in", text, sizeof(text) - 1);
	rig_init(&r, false);
	CHECK_EQ(weft_pipeline_where(r.p, "keep", "level >= warn"), 0);
	open_tap(&r, TAP_SOURCE, "app", NULL, &source);
	open_tap(&r, TAP_STEP, "keep", NULL, &step);
	open_tap(&r, TAP_OUTPUT, "out", NULL, &output);
	rig_start(&r);
	next(source, &got);
	CHECK(strncmp(got.data, "{\"line\":{\"host\":\"h\",\"source\":\"app\",", 34) == 0);
	CHECK(strstr(got.data, "a debug line"));
	next(step, &got);
	CHECK(strncmp(got.data, "{\"fate\":\"filtered\",\"before\":{", 29) == 0);
	CHECK(strstr(got.data, ",\"after\":null}\n"));
	next(step, &got);
	CHECK(strncmp(got.data, "{\"fate\":\"kept\",\"before\":{", 25) == 0);
	CHECK(strstr(got.data, ",\"after\":{\"host\""));
	next(output, &got);
	CHECK_STR(got.data, "{\"record\":\"an error line\"}\n");
	tap_close(r.p, source);
	tap_close(r.p, step);
	tap_close(r.p, output);
	rig_finish(&r);
	buf_finish(&got);
}

TEST(TapSelectsByExpression)
{
	static const char text[] = "{\"n\":1,\"who\":\"a\"}\n{\"n\":2,\"who\":\"b\"}\n";
	struct buf got = { 0 }, err = { 0 };
	struct tap_counts n;
	struct tap *tap;
	struct rig r;

	write_file("in", text, sizeof(text) - 1);
	rig_init(&r, false);
	CHECK_EQ(tap_open(r.p, TAP_SOURCE, "app", "n >", &tap, &err), -EINVAL);
	CHECK(err.len > 0);
	err.len = 0;
	CHECK_EQ(tap_open(r.p, TAP_SOURCE, "nobody", NULL, &tap, &err), -ENOENT);
	CHECK_STR(buf_str(&err), "there is no source nobody; there is app, net");
	open_tap(&r, TAP_SOURCE, "app", "who == \"b\"", &tap);
	rig_start(&r);
	next(tap, &got);
	CHECK(strstr(got.data, "\"n\":2"));
	tap_counts(tap, &n);
	CHECK_EQ(n.seen, 2);
	CHECK_EQ(n.shown, 1);
	CHECK_EQ(n.missed, 0);
	tap_close(r.p, tap);
	rig_finish(&r);
	buf_finish(&got);
	buf_finish(&err);
}

/* Nobody fetches anything: the pipeline goes on, and all is counted. */
TEST(TapsThatNobodyReadsLoseNothing)
{
	struct weft_ledger_row rows[8];
	struct buf text = { 0 };
	struct tap *tap[MAX_TAPS], *more;
	struct tap_counts n;
	struct buf err = { 0 };
	struct rig r;
	int lines = 100000;

	for (int i = 0; i < lines; i++)
		buf_printf(&text, "line %d, error or not\n", i);
	write_file("in", text.data, text.len);
	rig_init(&r, false);
	CHECK_EQ(weft_pipeline_where(r.p, "keep", "message contains \"7\""), 0);
	for (int i = 0; i < MAX_TAPS; i++)
		if (i % 2)
			open_tap(&r, TAP_STEP, "keep", NULL, &tap[i]);
		else
			open_tap(&r, TAP_OUTPUT, "out", NULL, &tap[i]);
	CHECK_EQ(tap_open(r.p, TAP_SOURCE, "app", NULL, &more, &err), -EBUSY);
	rig_start(&r);
	rig_wait(&r, lines);
	CHECK_EQ(weft_pipeline_ledger(r.p, rows, 8), 2);
	CHECK_EQ(rows[0].read, lines);
	CHECK_EQ(rows[0].read, rows[0].delivered + rows[0].filtered);
	CHECK(rows[0].balanced);
	tap_counts(tap[1], &n);
	CHECK_EQ(n.seen, lines);
	CHECK_EQ(n.shown + n.missed, lines);
	tap_counts(tap[0], &n);
	CHECK_EQ(n.seen, rows[0].delivered);
	CHECK_EQ(n.shown + n.missed, n.seen);
	for (int i = 0; i < MAX_TAPS; i++)
		tap_close(r.p, tap[i]);
	rig_finish(&r);
	buf_finish(&text);
	buf_finish(&err);
}

/* By name: the step is another one after a reload. */
TEST(TapSurvivesAReload)
{
	struct buf got = { 0 };
	weft_pipeline *next_one;
	struct tap *tap;
	struct rig r;
	char path[512];

	write_file("in", "", 0);
	write_file("in2", "after\n", 6);
	rig_init(&r, false);
	CHECK_EQ(weft_pipeline_where(r.p, "keep", "level >= trace"), 0);
	open_tap(&r, TAP_STEP, "keep", NULL, &tap);
	rig_start(&r);
	next_one = weft_pipeline_new(&(struct weft_pipeline_options){ .host = "h", .workers = 3,
	    .warn = rig_quiet });
	CHECK_EQ(weft_pipeline_source(next_one, "app2", &(struct weft_source_options){
	    .file = path_of(path, "in2"), .once = true }), 0);
	CHECK_EQ(weft_pipeline_where(next_one, "keep", "level >= fatal"), 0);
	CHECK_EQ(weft_pipeline_output(next_one, "out", &(struct weft_output_options){
	    .call = rig_output, .arg = &r, .format = WEFT_OUTPUT_RAW }), 0);
	CHECK_EQ(weft_pipeline_reload(r.p, next_one), 0);
	next(tap, &got);
	CHECK(strncmp(got.data, "{\"fate\":\"filtered\"", 18) == 0);
	CHECK(tap_exists(r.p, tap));
	tap_close(r.p, tap);
	rig_finish(&r);
	buf_finish(&got);
}
