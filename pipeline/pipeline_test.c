/* pipeline_test.c - whole pipelines over temporary files, with exact accounts */
#include "testengine.h"

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
run_over(const char *files)
{
	char state[512];
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){
	    .host = "h", .state = path_of(state, "state"), .checkpoint = WEFT_MS,
	    .batch = 4096 });
	int err;

	add_source(p, files);
	add_file(p, "out", WEFT_OUTPUT_RAW);
	err = weft_pipeline_run(NULL, p);
	if (err)
		fprintf(stderr, "%s %d\n", weft_pipeline_error(p), err);
	if (!weft_pipeline_balanced(p))
		err = -EDOM;
	weft_pipeline_free(p);
	return err;
}

static int
run_with_state(void)
{
	return run_over("in");
}

TEST(WhatWasReadIsNotReadAgain)
{
	struct weft_verify_counts c;

	generate("in", 20000, 1, WEFT_GEN_JSON);
	CHECK_EQ(run_with_state(), 0);
	CHECK_EQ(run_with_state(), 0);
	c = verified("out", WEFT_LEVEL_TRACE);
	CHECK_EQ(c.lines, 20000);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.doubled, 0);
}

/* More than a source remembers of those that end while it runs. */
TEST(ThousandsOfFilesAreKnownAfterARestart)
{
	char name[32];
	size_t len;
	char *out;

	for (int i = 0; i < 4200; i++) {
		snprintf(name, sizeof(name), "in%d", i);
		write_file(name, "x\n", 2);
	}
	CHECK_EQ(run_over("in*"), 0);
	CHECK_EQ(run_over("in*"), 0);
	out = read_file("out", &len);
	CHECK_EQ(len, 2 * 4200);
	free(out);
}

static void
count_trial(const struct weft_trial *t, void *arg)
{
	*(int *)arg += strcmp(t->fate, "kept") == 0;
	free(t->json);
}

/* More lines than a batch holds. */
TEST(ATrialTakesEveryLine)
{
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){ .host = "h" });
	struct buf text = { 0 };
	int n = 0;

	add_source(p, "in");
	for (int i = 0; i < BATCH_LINES + 10; i++)
		buf_adds(&text, "line\n");
	CHECK_EQ(weft_pipeline_try(p, "in", text.data, text.len, count_trial, &n), 0);
	CHECK_EQ(n, BATCH_LINES + 10);
	weft_pipeline_free(p);
	buf_finish(&text);
}

static void
stalled(int when_full)
{
	struct taker t = { .gate = weft_make(char, 0) };
	char state[512];
	struct weft_pipeline_options o = small("state", state);
	weft_pipeline *p = weft_pipeline_new(&o);
	weft_chan(int) done = weft_make(int, 1);
	struct weft_ledger_row r[2];
	int err;

	o.drain = 0;
	generate("in", 20000, 1, WEFT_GEN_JSON);
	add_source(p, "in");
	add_taker(p, "stalled", &t, when_full);
	add_file(p, "out", WEFT_OUTPUT_RAW);
	weft_go(run_engine, p, NULL, done);
	wait_for_file("out", size_of("in"));	/* the other one has got everything */
	weft_close(t.gate);
	weft_recv(done, &err);
	CHECK_EQ(err, 0);
	CHECK_EQ(weft_pipeline_ledger(p, r, 2), 2);
	CHECK(weft_pipeline_balanced(p));
	CHECK_EQ(r[0].read, 20000);
	CHECK_EQ(r[0].delivered, lines_in(&t.got));
	CHECK_EQ(r[0].delivered + r[0].full, 20000);
	CHECK_EQ(r[1].delivered, 20000);
	if (when_full == WEFT_SPILL)
		CHECK_EQ(r[0].full, 0);
	else
		CHECK(r[0].full > 0);
	CHECK_EQ(verified("out", WEFT_LEVEL_TRACE).lost, 0);
	if (when_full == WEFT_SPILL) {
		write_file("spilled", t.got.data, t.got.len);
		struct weft_verify_counts c = verified("spilled", WEFT_LEVEL_TRACE);
		CHECK_EQ(c.lost, 0);
		CHECK_EQ(c.doubled, 0);
		CHECK_EQ(c.disorder, 0);
	}
	weft_pipeline_free(p);
	free(o.warn_arg);
	buf_finish(&t.got);
	weft_free(t.gate);
	weft_free(done);
}

TEST(AStalledOutputThatDropsTheNewestStallsNobody)
{
	stalled(WEFT_DROP_NEWEST);
}

TEST(AStalledOutputThatDropsTheOldestStallsNobody)
{
	stalled(WEFT_DROP_OLDEST);
}

TEST(AStalledOutputThatSpillsStallsNobodyAndLosesNothing)
{
	stalled(WEFT_SPILL);
}

TEST(AFailingOutputIsTriedUntilItWorks)
{
	struct taker out = { .fail = 3 };
	char state[512];
	struct weft_pipeline_options o = small(NULL, state);
	weft_pipeline *p = weft_pipeline_new(&o);

	write_file("in", "a\nb\n", 4);
	add_source(p, "in");
	add_taker(p, "out", &out, WEFT_BLOCK);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	CHECK_EQ(out.calls, 4);
	CHECK_STR(buf_str(&out.got), "a\nb\n");
	CHECK(strstr(o.warn_arg, "out works again") != NULL);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	free(o.warn_arg);
	buf_finish(&out.got);
}

/* Stopped with a stalled output: what it has not taken comes in the next run, once. */
static void
restarted(int when_full)
{
	struct taker t = { .gate = weft_make(char, 0) }, all = { 0 };
	char state[512];
	struct weft_pipeline_options o = small("state", state);
	weft_chan(int) done = weft_make(int, 1);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_pipeline *p = weft_pipeline_new(&o);
	struct weft_verify_counts c;
	int err;

	generate("in", 5000, 1, WEFT_GEN_JSON);
	add_source(p, "in");
	add_taker(p, "taker", &t, when_full);
	add_file(p, "out", WEFT_OUTPUT_RAW);
	weft_go(run_engine, p, ctx, done);
	wait_for_file("out", 8192);
	weft_cancel(ctx);
	weft_recv(done, &err);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	CHECK_EQ(t.got.len, 0);
	p = weft_pipeline_new(&o);
	add_source(p, "in");
	add_taker(p, "taker", &all, when_full);
	add_file(p, "out", WEFT_OUTPUT_RAW);
	CHECK_EQ(weft_pipeline_run(NULL, p), 0);
	CHECK_STR(weft_pipeline_error(p), "");
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	write_file("taken", all.got.data, all.got.len);
	c = verified("taken", WEFT_LEVEL_TRACE);
	CHECK_EQ(c.lines, 5000);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.doubled, 0);
	c = verified("out", WEFT_LEVEL_TRACE);
	CHECK_EQ(c.lines, 5000);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.doubled, 0);
	free(o.warn_arg);
	buf_finish(&all.got);
	weft_free(t.gate);
	weft_free(done);
	weft_ctx_free(ctx);
}

TEST(WhatABlockedOutputHasNotTakenComesAfterARestart)
{
	restarted(WEFT_BLOCK);
}

TEST(WhatWaitsInTheDiskQueueComesAfterARestart)
{
	restarted(WEFT_SPILL);
}

TEST(MemoryStaysWithinTheBudgetWhenAnOutputStalls)
{
	struct taker out = { .gate = weft_make(char, 0) };
	char state[512];
	struct weft_pipeline_options o = small(NULL, state);
	weft_pipeline *p = weft_pipeline_new(&o);
	weft_chan(int) done = weft_make(int, 1);
	struct weft_pipeline_counts c;
	uint64_t read;
	int err;

	o.memory = 1 << 20;
	generate("in", 50000, 1, WEFT_GEN_JSON);
	add_source(p, "in");
	CHECK_EQ(weft_pipeline_output(p, "all", &(struct weft_output_options){
	    .call = take, .arg = &out, .queue = 64 << 20 }), 0);
	weft_go(run_engine, p, NULL, done);
	do {				/* until nothing moves any more */
		weft_pipeline_counts(p, &c);
		read = c.read;
		weft_sleep(20 * WEFT_MS);
		weft_pipeline_counts(p, &c);
	} while (c.read == 0 || c.read != read);
	CHECK(c.read < 50000);
	CHECK(c.memory_peak < (4 << 20) + (1 << 20));
	weft_close(out.gate);
	weft_recv(done, &err);
	CHECK_EQ(lines_in(&out.got), 50000);
	weft_pipeline_free(p);
	free(o.warn_arg);
	buf_finish(&out.got);
	weft_free(out.gate);
	weft_free(done);
}
