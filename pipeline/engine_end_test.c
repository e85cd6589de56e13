/* engine_end_test.c - how runs end: at a deadline, without a reader; what the next one finds */
#include "testengine.h"
#include "weft/net.h"
#include "weft/sync.h"

struct ending {
	struct weft_pipeline_options o;
	char		 dir[512];
	weft_pipeline	*p;
	weft_ctx	*ctx;
	weft_chan(int)	 done;
};

static void
prepare(struct ending *e, const char *state)
{
	*e = (struct ending){ .ctx = weft_with_cancel(NULL), .done = weft_make(int, 1) };
	e->o = small(state, e->dir);
	e->p = weft_pipeline_new(&e->o);
}

static void
begin(struct ending *e)
{
	weft_go(run_engine, e->p, e->ctx, e->done);
}

static int
end(struct ending *e)
{
	int err;

	weft_cancel(e->ctx);
	weft_recv(e->done, &err);
	CHECK(weft_pipeline_balanced(e->p));
	return err;
}

static void
finish(struct ending *e)
{
	weft_pipeline_free(e->p);
	weft_ctx_free(e->ctx);
	weft_free(e->done);
	free(e->o.warn_arg);
}

static void
wait_for_lines(struct ending *e, uint64_t lines)
{
	struct weft_pipeline_counts c = { 0 };

	for (; c.read < lines; weft_pipeline_counts(e->p, &c))
		weft_sleep(WEFT_MS);
}

TEST(ADeadlineEndsTheWaitForAnOutput)
{
	struct taker stalled = { .gate = weft_make(char, 0) };
	struct weft_ledger_row r;
	struct ending e;

	prepare(&e, NULL);
	write_file("in", "a\nb\n", 4);
	add_source(e.p, "in");
	add_taker(e.p, "stalled", &stalled, WEFT_BLOCK);
	begin(&e);
	wait_for_lines(&e, 2);
	CHECK_EQ(end(&e), -ETIMEDOUT);
	CHECK_STR(weft_pipeline_error(e.p), "2 lines of in were not delivered to stalled");
	CHECK_EQ(weft_pipeline_ledger(e.p, &r, 1), 1);
	CHECK_EQ(r.read, 2);
	finish(&e);
	weft_free(stalled.gate);
}

static void
add_socket(weft_pipeline *p, char address[600])
{
	snprintf(address, 600, "unix:%s/s", weft_tempdir());
	CHECK_EQ(weft_pipeline_source(p, "net", &(struct weft_source_options){
	    .listen = address, .format = WEFT_LINE_PLAIN }), 0);
}

static void
send_to(const char *address, const char *text)
{
	weft_conn *c = NULL;

	while (weft_dial(NULL, address, &c) < 0)
		weft_sleep(WEFT_MS);
	CHECK_EQ(weft_write(NULL, c, text, strlen(text)), strlen(text));
	weft_conn_close(c);
}

/* Nobody could read them again. */
TEST(WhatCameOverASocketIsPutAway)
{
	struct taker stalled = { .gate = weft_make(char, 0) }, open = { 0 };
	struct weft_ledger_row r;
	struct ending e;
	char address[600];

	prepare(&e, "state");
	add_socket(e.p, address);
	add_taker(e.p, "out", &stalled, WEFT_BLOCK);
	begin(&e);
	send_to(address, "one\ntwo\nthree\n");
	wait_for_lines(&e, 3);
	CHECK_EQ(end(&e), 0);
	CHECK_EQ(weft_pipeline_ledger(e.p, &r, 1), 1);
	CHECK_EQ(r.spilled, 3);
	CHECK_EQ(r.in_flight, 0);
	finish(&e);
	prepare(&e, "state");
	add_socket(e.p, address);
	add_taker(e.p, "out", &open, WEFT_BLOCK);
	begin(&e);
	send_to(address, "four\n");
	for (r.delivered = 0; r.delivered < 4; weft_pipeline_ledger(e.p, &r, 1))
		weft_sleep(WEFT_MS);
	CHECK_EQ(end(&e), 0);
	CHECK_EQ(weft_pipeline_ledger(e.p, &r, 1), 1);
	CHECK_EQ(r.read, 4);
	CHECK_EQ(r.spilled, 0);
	CHECK_STR(buf_str(&open.got), "one\ntwo\nthree\nfour\n");
	finish(&e);
	weft_free(stalled.gate);
	buf_finish(&open.got);
}

/* The others still get what was read. */
TEST(AStandardOutputThatNobodyReadsEndsTheRun)
{
	struct ending e;
	int fds[2], out = dup(STDOUT_FILENO), err;

	prepare(&e, NULL);
	generate("in", 5000, 1, WEFT_GEN_JSON);
	add_source(e.p, "in");
	add_file(e.p, "out", WEFT_OUTPUT_RAW);
	CHECK_EQ(weft_pipeline_output(e.p, "stdout", &(struct weft_output_options){
	    .standard_output = true, .format = WEFT_OUTPUT_RAW }), 0);
	CHECK_EQ(pipe(fds), 0);
	close(fds[0]);
	fflush(stdout);
	dup2(fds[1], STDOUT_FILENO);
	close(fds[1]);
	err = weft_pipeline_run(NULL, e.p);
	dup2(out, STDOUT_FILENO);
	close(out);
	CHECK_EQ(err, -EPIPE);
	CHECK(weft_pipeline_balanced(e.p));
	CHECK_EQ(verified("out", WEFT_LEVEL_TRACE).doubled, 0);
	finish(&e);
}

/* It takes so many batches, stalls, and the run ends; the next run brings the rest. */
static void
interrupted(bool unordered)
{
	struct taker some = { .gate = weft_make(char, 5) }, rest = { 0 };
	struct weft_verify_counts c;
	struct ending e;

	generate("in", 5000, 1, WEFT_GEN_JSON);
	for (int i = 0; i < 2; i++) {
		prepare(&e, "state");
		weft_pipeline_free(e.p);
		e.o.unordered = unordered;
		e.o.workers = 4;
		e.p = weft_pipeline_new(&e.o);
		add_source(e.p, "in");
		add_taker(e.p, "out", i ? &rest : &some, WEFT_BLOCK);
		for (int j = 0; !i && j < 5; j++)
			weft_send(some.gate, 0);
		if (i) {
			CHECK_EQ(weft_pipeline_run(NULL, e.p), 0);
			CHECK(weft_pipeline_balanced(e.p));
		} else {
			begin(&e);
			while (atomic_load(&some.calls) < 6)
				weft_sleep(WEFT_MS);
			end(&e);
		}
		finish(&e);
	}
	buf_add(&some.got, rest.got.data, rest.got.len);
	write_file("out", some.got.data, some.got.len);
	c = verified("out", WEFT_LEVEL_TRACE);
	CHECK_EQ(c.lines, 5000);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.doubled, 0);
	buf_finish(&some.got);
	buf_finish(&rest.got);
	weft_free(some.gate);
}

TEST(AnInterruptedOutputGoesOn)
{
	interrupted(false);
}

TEST(AnInterruptedOutputGoesOnOutOfOrder)
{
	interrupted(true);
}
