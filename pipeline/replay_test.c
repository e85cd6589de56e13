/* replay_test.c - dead letters once more: each line once, whatever happens */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "letter.h"
#include "rig_test.h"

struct said { char text[2048]; weft_ctx *ctx; };

static void
keep_said(void *arg, const char *text)
{
	struct said *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%s\n", text);
}

static void
cancel_said(void *arg)
{
	struct said *s = arg;

	if (s->ctx)
		weft_cancel(s->ctx);
}

/* A pipeline with a source app and files "out" and "dead"; replay: that file, or NULL. */
static int
run(struct said *said, int format, const char *replay, struct weft_replay_counts *n)
{
	char state[512], path[512];
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){
	    .host = "h", .state = path_of(state, "state"), .warn = keep_said, .warn_arg = said,
	    .checkpoint = WEFT_MS, .batch = 4096, .workers = 2, .ready = cancel_said,
	    .ready_arg = said });
	int err;

	CHECK_EQ(weft_pipeline_source(p, "app", &(struct weft_source_options){
	    .file = path_of(path, "in"), .format = format, .once = true }), 0);
	CHECK_EQ(weft_pipeline_output(p, "out", &(struct weft_output_options){
	    .file = &(struct weft_file_options){ .path = path_of(path, "out") },
	    .format = WEFT_OUTPUT_RAW }), 0);
	CHECK_EQ(weft_pipeline_output(p, "dead", &(struct weft_output_options){
	    .file = &(struct weft_file_options){ .path = path_of(path, "dead") },
	    .dead = true }), 0);
	if (replay)
		CHECK_EQ(weft_pipeline_replay(p, path_of(path, replay), n), 0);
	err = weft_pipeline_run(said->ctx, p);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	return err;
}

static bool
exists(const char *name)
{
	char path[512];

	return access(path_of(path, name), F_OK) == 0;
}

TEST(ReplayedTwiceDeliversOnce)
{
	static const char in[] = "{\"a\":1}\nbroken one\n{\"a\":2}\nbroken \xff two\n";
	struct weft_replay_counts n;
	struct said said = { "", NULL };

	write_file("in", in, sizeof(in) - 1);
	CHECK_EQ(run(&said, WEFT_LINE_JSON, NULL, NULL), 0);
	check_file("out", "{\"a\":1}\n{\"a\":2}\n");
	CHECK_EQ(run(&said, WEFT_LINE_PLAIN, "dead", &n), 0);
	CHECK_EQ(n.letters, 2);
	CHECK_EQ(n.skipped, 0);
	check_file("out", "{\"a\":1}\n{\"a\":2}\nbroken one\nbroken \xff two\n");
	CHECK(exists("dead.replayed") && !exists("dead.replaying"));
	/* there may be an empty new file, or none */
	run(&said, WEFT_LINE_PLAIN, "dead", &n);
	check_file("out", "{\"a\":1}\n{\"a\":2}\nbroken one\nbroken \xff two\n");
}

TEST(LettersThatDieAgainAreLettersAgain)
{
	static const char in[] = "broken one\n";
	struct weft_replay_counts n;
	struct said said = { "", NULL };
	struct letter l;
	struct buf room = { 0 };
	size_t len;
	char *text;

	write_file("in", in, sizeof(in) - 1);
	CHECK_EQ(run(&said, WEFT_LINE_JSON, NULL, NULL), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(run(&said, WEFT_LINE_JSON, "dead", &n), 0);
		CHECK_EQ(n.letters, 1);
		text = read_file("dead", &len);
		CHECK(memchr(text, '\n', len) == text + len - 1);
		REQUIRE(letter_parse(text, len, &l, &room) == 0);
		CHECK_STR(l.source, "app");
		CHECK_STR(l.text, "broken one");
		free(text);
	}
	buf_finish(&room);
	check_file("out", "");
}

TEST(LettersOfNobodyAreKept)
{
	static const char letters[] =
	    "{\"source\":\"gone\",\"seq\":1,\"reason\":\"r\",\"line\":\"x\"}\n"
	    "{\"source\":\"app\",\"seq\":1,\"reason\":\"r\",\"line\":\"y\"}\n"
	    "{\"source\":\"app\",\"seq\":1,\"reason\":\"r\",\"output\":\"gone\",\"line\":\"z\"}\n"
	    "no letter";
	static const char left[] =
	    "{\"source\":\"gone\",\"seq\":1,\"reason\":\"r\",\"line\":\"x\"}\n"
	    "{\"source\":\"app\",\"seq\":1,\"reason\":\"r\",\"output\":\"gone\",\"line\":\"z\"}\n"
	    "no letter\n";
	struct weft_replay_counts n;
	struct said said = { "", NULL };

	write_file("in", "", 0);
	write_file("some", letters, sizeof(letters) - 1);
	CHECK_EQ(run(&said, WEFT_LINE_AUTO, "some", &n), 0);
	CHECK_EQ(n.letters, 1);
	CHECK_EQ(n.skipped, 3);
	check_file("out", "y\n");
	check_file("some.left", left);
	check_file("some.replayed", letters);
}

/* Stopped in the middle, again and again, and not once since: each line comes once. */
TEST(InterruptedReplayGoesOn)
{
	struct buf letters = { 0 }, want = { 0 };
	struct weft_replay_counts n;
	struct said said = { "", NULL };
	int err, lines = 20000;

	write_file("in", "", 0);
	for (int i = 0; i < lines; i++) {
		buf_printf(&letters, "{\"source\":\"app\",\"reason\":\"r\","
		    "\"line\":\"line %d\"}\n", i);
		buf_printf(&want, "line %d\n", i);
	}
	write_file("some", letters.data, letters.len);
	for (int i = 0; i < 5; i++) {
		said.ctx = weft_with_cancel(NULL);
		err = run(&said, WEFT_LINE_PLAIN, "some", &n);
		CHECK(err == 0 || err == -ECANCELED || err == -ENOENT || err == -ESHUTDOWN);
		weft_ctx_free(said.ctx);
	}
	said.ctx = NULL;
	if (exists("some") || exists("some.replaying"))
		CHECK_EQ(run(&said, WEFT_LINE_PLAIN, "some", &n), 0);
	check_file("out", buf_str(&want));
	buf_finish(&letters);
	buf_finish(&want);
}

static int
count_lines(weft_ctx *ctx, const char *records, size_t len, void *arg)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		atomic_fetch_add((atomic_int *)arg, records[i] == '\n');
	return 0;
}

static bool
keep_all(const char *line, size_t len, void *arg)
{
	buf_add(arg, line, len);
	return true;
}

TEST(RejectedLinesGoToTheirOutputOnly)
{
	static const char letters[] =
	    "{\"source\":\"app\",\"reason\":\"r\",\"output\":\"second\",\"line\":\"x\"}\n"
	    "{\"source\":\"app\",\"reason\":\"r\",\"output\":\"second\",\"line\":\"y\"}\n"
	    "{\"source\":\"app\",\"reason\":\"r\",\"line\":\"z\"}\n";
	struct weft_ledger_row rows[8];
	struct buf got = { 0 }, why = { 0 }, command = { 0 };
	atomic_int second = 0;
	struct rig r;
	char path[512];
	int n;

	write_file("in", "first\n", 6);
	write_file("some", letters, sizeof(letters) - 1);
	rig_init(&r, true);
	CHECK_EQ(weft_pipeline_output(r.p, "second", &(struct weft_output_options){
	    .call = count_lines, .arg = &second }), 0);
	rig_start(&r);
	rig_wait(&r, 1);
	buf_printf(&command, "replay %s", path_of(path, "some"));
	CHECK_EQ(control_ask(NULL, r.state, buf_str(&command), keep_all, &got, &why), 0);
	CHECK_STR(buf_str(&got), "{\"replay\":true,\"letters\":3,\"skipped\":0}\n");
	CHECK_EQ(atomic_load(&second), 4);
	n = weft_pipeline_ledger(r.p, rows, 8);
	for (int i = 0; i < n; i++) {
		CHECK(rows[i].balanced);
		if (strcmp(rows[i].source, "app") == 0) {
			CHECK_EQ(rows[i].read, 4);
			CHECK_EQ(rows[i].delivered, strcmp(rows[i].output, "out") ? 4 : 2);
		}
	}
	CHECK_EQ(control_ask(NULL, r.state, buf_str(&command), keep_all, &got, &why), -EREMOTEIO);
	CHECK(strncmp(buf_str(&why), "there are no dead letters", 25) == 0);
	rig_finish(&r);
	buf_finish(&got);
	buf_finish(&why);
	buf_finish(&command);
}

static void
add_dead(weft_pipeline *p, const char *file)
{
	char path[512];

	CHECK_EQ(weft_pipeline_output(p, "dead", &(struct weft_output_options){
	    .file = &(struct weft_file_options){ .path = path_of(path, file) },
	    .dead = true }), 0);
}

/* Another output takes them: all the others begin again, so that none writes to the old one. */
TEST(DeadLettersGoElsewhereAfterAReload)
{
	weft_pipeline *next;
	struct rig r;
	char path[512];

	write_file("in", "{broken\n", 8);
	write_file("in2", "{broken, too\n{also\n", 19);
	rig_init(&r, true);
	add_dead(r.p, "dead1");
	rig_start(&r);
	rig_wait(&r, 1);
	next = weft_pipeline_new(&(struct weft_pipeline_options){ .host = "h", .warn = rig_quiet,
	    .state = r.state });
	CHECK_EQ(weft_pipeline_source(next, "app", &(struct weft_source_options){
	    .file = path_of(path, "in2"), .once = true }), 0);
	CHECK_EQ(weft_pipeline_output(next, "out", &(struct weft_output_options){
	    .call = rig_output, .arg = &r, .format = WEFT_OUTPUT_RAW }), 0);
	add_dead(next, "dead2");
	CHECK_EQ(weft_pipeline_reload(r.p, next), 0);
	rig_wait(&r, 3);
	rig_finish(&r);
	CHECK_EQ(r.err, 0);
	for (int i = 1; i <= 2; i++) {
		char name[16], *text;
		size_t len, lines = 0;

		snprintf(name, sizeof(name), "dead%d", i);
		text = read_file(name, &len);
		for (size_t k = 0; k < len; k++)
			lines += text[k] == '\n';
		CHECK_EQ(lines, i);
		free(text);
	}
}
