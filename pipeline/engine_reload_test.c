/* engine_reload_test.c - another configuration while it runs: nothing lost, nothing doubled */
#include "testengine.h"
#include "weft/sync.h"

/* A pipeline that runs, and what is told to end it. */
struct live {
	struct weft_pipeline_options o;
	char		 dir[512];
	weft_pipeline	*p;
	weft_ctx	*ctx;
	weft_chan(int)	 done;
};

static void
set_up(struct live *l, const char *state)
{
	*l = (struct live){ .ctx = weft_with_cancel(NULL), .done = weft_make(int, 1) };
	l->o = small(state, l->dir);
	l->o.drain = 5 * WEFT_SECOND;
	l->p = weft_pipeline_new(&l->o);
}

static void
start(struct live *l)
{
	weft_go(run_engine, l->p, l->ctx, l->done);
}

static int
stop(struct live *l)
{
	int err;

	weft_cancel(l->ctx);
	weft_recv(l->done, &err);
	CHECK(weft_pipeline_balanced(l->p));
	return err;
}

static void
tear_down(struct live *l)
{
	weft_pipeline_free(l->p);
	weft_ctx_free(l->ctx);
	weft_free(l->done);
	free(l->o.warn_arg);
}

/* linger: something that can differ. */
static void
add_followed(weft_pipeline *p, const char *name, int64_t linger)
{
	char path[512];

	CHECK_EQ(weft_pipeline_source(p, name, &(struct weft_source_options){
	    .file = path_of(path, name), .linger = linger }), 0);
}

static void
append_lines(const char *name, int from, int to)
{
	char path[512];
	struct buf text = { 0 };
	int fd = open(path_of(path, name), O_WRONLY | O_APPEND | O_CREAT, 0666);

	REQUIRE(fd >= 0);
	for (int i = from; i < to; i++)
		buf_printf(&text, "line %05d\n", i);
	CHECK_EQ(write(fd, text.data, text.len), text.len);
	buf_finish(&text);
	close(fd);
}

/* Until it has so many lines, each with its number, in order, once. */
static void
check_lines(struct taker *t, int from, int to)
{
	char want[32];
	size_t at = 0;

	for (;;) {
		weft_mutex_lock(&t->lock);
		at = lines_in(&t->got);
		weft_mutex_unlock(&t->lock);
		if (at >= (size_t)(to - from))
			break;
		weft_sleep(WEFT_MS);
	}
	CHECK_EQ(at, to - from);
	weft_mutex_lock(&t->lock);
	for (int i = from; i < to && (size_t)(i - from + 1) * 11 <= t->got.len; i++) {
		snprintf(want, sizeof(want), "line %05d\n", i);
		if (memcmp(t->got.data + (i - from) * 11, want, 11) != 0) {
			CHECK_STR(want, "the next one");
			break;
		}
	}
	weft_mutex_unlock(&t->lock);
}

static void
reload(struct live *l, weft_pipeline *next)
{
	int err = weft_pipeline_reload(l->p, next);

	if (err)
		weft_logf("%s", weft_pipeline_error(next));
	CHECK_EQ(err, 0);
	if (err)
		weft_pipeline_free(next);
}

/* Several of the new ones may want the same lines in the same format. */
TEST(AReloadAddsAndTakesOutputs)
{
	struct taker a = { 0 }, b = { 0 }, c = { 0 };
	struct live l;
	weft_pipeline *next;

	set_up(&l, "state");
	append_lines("in", 0, 100);
	add_followed(l.p, "in", 0);
	add_taker(l.p, "a", &a, WEFT_BLOCK);
	start(&l);
	check_lines(&a, 0, 100);
	next = weft_pipeline_new(&l.o);
	add_followed(next, "in", 0);
	add_taker(next, "b", &b, WEFT_DROP_NEWEST);
	add_taker(next, "c", &c, WEFT_BLOCK);
	reload(&l, next);
	append_lines("in", 100, 200);
	check_lines(&b, 100, 200);
	check_lines(&c, 100, 200);
	CHECK_EQ(stop(&l), 0);
	CHECK_EQ(lines_in(&a.got), 100);
	tear_down(&l);
	buf_finish(&a.got);
	buf_finish(&b.got);
	buf_finish(&c.got);
}

/* With room in its queue for all that a test sends. */
static void
add_stalled(weft_pipeline *p, struct taker *t)
{
	CHECK_EQ(weft_pipeline_output(p, "stalled", &(struct weft_output_options){
	    .call = take, .arg = t, .format = WEFT_OUTPUT_RAW }), 0);
}

/* The source goes on where it was, though an output has not taken, nor saved, what it read. */
static void
change_source(const char *state)
{
	struct taker a = { 0 }, stalled = { .gate = weft_make(char, 0) };
	struct live l;
	weft_pipeline *next;

	set_up(&l, state);
	append_lines("in", 0, 1000);
	add_followed(l.p, "in", 0);
	add_taker(l.p, "a", &a, WEFT_BLOCK);
	add_stalled(l.p, &stalled);
	start(&l);
	check_lines(&a, 0, 1000);
	next = weft_pipeline_new(&l.o);
	add_followed(next, "in", WEFT_SECOND);
	add_taker(next, "a", &a, WEFT_BLOCK);
	add_stalled(next, &stalled);
	reload(&l, next);
	append_lines("in", 1000, 2000);
	check_lines(&a, 0, 2000);
	weft_close(stalled.gate);
	check_lines(&stalled, 0, 2000);
	CHECK_EQ(stop(&l), 0);
	tear_down(&l);
	weft_free(stalled.gate);
	buf_finish(&a.got);
	buf_finish(&stalled.got);
}

TEST(AReloadedSourceGoesOnWhereItWas)
{
	change_source("state");
}

TEST(AReloadedSourceGoesOnWhereItWasWithoutAState)
{
	change_source(NULL);
}

/* What a reload has moved is where the next run begins. */
TEST(AfterAReloadARestartGoesOn)
{
	struct taker a = { 0 }, b = { 0 }, again[2] = { 0 };
	struct live l;
	weft_pipeline *next;

	set_up(&l, "state");
	append_lines("in", 0, 100);
	add_followed(l.p, "in", 0);
	add_taker(l.p, "a", &a, WEFT_BLOCK);
	start(&l);
	check_lines(&a, 0, 100);
	next = weft_pipeline_new(&l.o);
	add_followed(next, "in", WEFT_SECOND);
	add_taker(next, "a", &a, WEFT_BLOCK);
	add_taker(next, "b", &b, WEFT_BLOCK);
	reload(&l, next);
	CHECK_EQ(stop(&l), 0);
	tear_down(&l);
	append_lines("in", 100, 200);
	set_up(&l, "state");
	add_followed(l.p, "in", WEFT_SECOND);
	add_taker(l.p, "a", &again[0], WEFT_BLOCK);
	add_taker(l.p, "b", &again[1], WEFT_BLOCK);
	start(&l);
	check_lines(&again[0], 100, 200);
	check_lines(&again[1], 100, 200);
	CHECK_EQ(stop(&l), 0);
	tear_down(&l);
	CHECK_EQ(b.got.len, 0);
	buf_finish(&a.got);
	for (int i = 0; i < 2; i++)
		buf_finish(&again[i].got);
}

static void
refused(const char *state)
{
	struct taker a = { 0 }, b = { 0 };
	struct live l;
	char path[512];
	weft_pipeline *next;

	set_up(&l, state);
	append_lines("in", 0, 100);
	write_file("file", "", 0);
	add_followed(l.p, "in", 0);
	add_taker(l.p, "a", &a, WEFT_BLOCK);
	add_taker(l.p, "b", &b, WEFT_BLOCK);
	start(&l);
	check_lines(&a, 0, 100);
	next = weft_pipeline_new(&l.o);
	add_followed(next, "in", WEFT_SECOND);
	add_taker(next, "a", &a, WEFT_BLOCK);
	add_taker(next, "b", &b, WEFT_DROP_NEWEST);
	CHECK_EQ(weft_pipeline_output(next, "bad", &(struct weft_output_options){
	    .file = &(struct weft_file_options){ .path = path_of(path, "file/in-a-file") } }), 0);
	CHECK(weft_pipeline_reload(l.p, next) < 0);
	CHECK(strstr(weft_pipeline_error(next), "in-a-file") != NULL);
	weft_pipeline_free(next);
	append_lines("in", 100, 200);
	check_lines(&a, 0, 200);
	check_lines(&b, 0, 200);
	CHECK_EQ(stop(&l), 0);
	tear_down(&l);
	buf_finish(&a.got);
	buf_finish(&b.got);
}

TEST(ARefusedReloadLeavesEverythingAsItWas)
{
	refused("state");
}

TEST(ARefusedReloadLeavesEverythingAsItWasWithoutAState)
{
	refused(NULL);
}

/* What cannot be changed is not passed over in silence. */
TEST(AReloadRefusesWhatNeedsARestart)
{
	struct taker a = { 0 };
	struct live l;
	struct weft_pipeline_options o;
	weft_pipeline *next;

	set_up(&l, NULL);
	append_lines("in", 0, 1);
	add_followed(l.p, "in", 0);
	add_taker(l.p, "a", &a, WEFT_BLOCK);
	start(&l);
	check_lines(&a, 0, 1);
	for (int i = 0; i < 4; i++) {
		o = l.o;
		o.unordered = i == 0;
		o.host = i == 1 ? "other" : o.host;
		o.batch = i == 2 ? 4096 : o.batch;
		o.state = i == 3 ? weft_tempdir() : o.state;
		next = weft_pipeline_new(&o);
		add_followed(next, "in", 0);
		add_taker(next, "a", &a, WEFT_BLOCK);
		CHECK_EQ(weft_pipeline_reload(l.p, next), -EINVAL);
		CHECK(strstr(weft_pipeline_error(next), "restart") != NULL);
		weft_pipeline_free(next);
	}
	CHECK_EQ(stop(&l), 0);
	tear_down(&l);
	buf_finish(&a.got);
}

/* So that somebody reads the ledger all the time. */
static void
look(weft_ctx *ctx, weft_pipeline *p, weft_chan(int) done)
{
	struct weft_ledger_row rows[16];
	struct weft_pipeline_counts c;
	struct weft_output_counts o;
	struct weft_step_counts s;
	int n = 0, err = 0;

	while (!weft_err(ctx)) {
		n = weft_pipeline_ledger(p, rows, 16);
		for (int i = 0; i < n && i < 16; i++)
			err |= rows[i].read != rows[i].delivered + rows[i].filtered +
			    rows[i].dead + rows[i].full + rows[i].in_flight;
		weft_pipeline_counts(p, &c);
		weft_pipeline_output_counts(p, 0, &o);
		weft_pipeline_step_counts(p, 0, &s);
		weft_yield();
	}
	/* names are good when what they named is gone */
	for (int i = 0; i < n && i < 16; i++)
		err |= strlen(rows[i].output) == 0;
	weft_send(done, err);
}

/* Under load: the source changes, its output stays, another one and the step change each time. */
TEST(ReloadsUnderLoad)
{
	enum { TIMES = 12, LINES = 500 };
	struct taker a = { 0 }, b = { 0 };
	weft_chan(int) looked = weft_make(int, 1);
	struct live l;
	int err;

	set_up(&l, "state");
	append_lines("in", 0, LINES);
	add_followed(l.p, "in", 0);
	CHECK_EQ(weft_pipeline_where(l.p, "step", "level >= trace"), 0);
	add_taker(l.p, "a", &a, WEFT_BLOCK);
	add_taker(l.p, "b0", &b, WEFT_BLOCK);
	start(&l);
	check_lines(&a, 0, LINES);
	weft_go(look, l.ctx, l.p, looked);
	for (int i = 1; i <= TIMES; i++) {
		weft_pipeline *next = weft_pipeline_new(&l.o);
		char name[16];

		append_lines("in", i * LINES, (i + 1) * LINES);
		snprintf(name, sizeof(name), "b%d", i);
		add_followed(next, "in", i * WEFT_SECOND);
		CHECK_EQ(weft_pipeline_where(next, name, "level >= trace"), 0);
		add_taker(next, "a", &a, WEFT_BLOCK);
		add_taker(next, name, &b, WEFT_BLOCK);
		reload(&l, next);
	}
	check_lines(&a, 0, (TIMES + 1) * LINES);
	CHECK_EQ(stop(&l), 0);
	weft_recv(looked, &err);
	CHECK_EQ(err, 0);
	tear_down(&l);
	check_lines(&b, 0, (TIMES + 1) * LINES);
	buf_finish(&a.got);
	buf_finish(&b.got);
	weft_free(looked);
}
