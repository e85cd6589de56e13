/* engine_letters_test.c - what the other side rejects is a dead letter, once */
#include <sqlite3.h>

#include "testengine.h"
#include "testhttp.h"

static const struct reply refuse[] = { { 400, ANSWER, NULL, "no" } };

static weft_pipeline *
rejected(struct server *s, struct weft_pipeline_options *o)
{
	char path[512];
	weft_pipeline *p = weft_pipeline_new(o);

	add_source(p, "in");
	CHECK_EQ(weft_pipeline_output(p, "http", &(struct weft_output_options){
	    .http = &(struct weft_http_options){ .url = s->url } }), 0);
	CHECK_EQ(weft_pipeline_output(p, "letters", &(struct weft_output_options){ .dead = true,
	    .file = &(struct weft_file_options){ .path = path_of(path, "letters") } }), 0);
	return p;
}

static uint64_t
number_in(sqlite3 *db, const char *query)
{
	sqlite3_stmt *q;
	uint64_t n = 0;

	CHECK_EQ(sqlite3_prepare_v2(db, query, -1, &q, NULL), SQLITE_OK);
	if (sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

/* What a kill at this moment would leave: letters without their lines, or lines without letters? */
static bool
fits(sqlite3 *db)
{
	uint64_t dead, letters;

	CHECK_EQ(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	dead = number_in(db, "SELECT dead FROM ledger WHERE output = 'http'");
	letters = number_in(db, "SELECT delivered FROM ledger WHERE output = 'letters'");
	CHECK_EQ(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	CHECK_EQ(dead, letters);
	return dead == letters;
}

TEST(ALetterAndItsLineAreSavedTogether)
{
	struct server s;
	char dir[512], path[600];
	struct weft_pipeline_options o = small("state", dir);
	weft_chan(int) done = weft_make(int, 1);
	weft_pipeline *p;
	sqlite3 *db;
	int err;

	START(s, refuse, "/");
	generate("in", 6000, 1, WEFT_GEN_JSON);
	o.checkpoint = 1;
	p = rejected(&s, &o);
	weft_go(run_engine, p, NULL, done);
	for (path_of(path, "state/state.db"); access(path, F_OK) < 0; )
		weft_sleep(WEFT_MS);
	weft_recv(s.came, &err);	/* by then there are tables */
	CHECK_EQ(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 1000);
	while (fits(db) && weft_poll(weft_on_recv(done, &err)) < 0)
		weft_yield();
	CHECK(fits(db));
	CHECK_EQ(number_in(db, "SELECT delivered FROM ledger WHERE output = 'letters'"), 6000);
	CHECK_EQ(sqlite3_close(db), SQLITE_OK);
	CHECK_EQ(err, 0);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	end_server(&s);
	free(o.warn_arg);
	weft_free(done);
}

/* Whoever has letters to write waits while the output for them changes. */
TEST(TheOutputForDeadLettersCanBeReloaded)
{
	struct server s;
	char dir[512], path[512], name[16];
	struct weft_pipeline_options o = small("state", dir);
	weft_chan(int) done = weft_make(int, 1);
	uint64_t letters = 0;
	weft_pipeline *p;
	size_t len;
	int err;

	START(s, refuse, "/");
	generate("in", 3000, 1, WEFT_GEN_JSON);
	p = rejected(&s, &o);
	weft_go(run_engine, p, NULL, done);
	weft_recv(s.came, &err);
	for (int i = 0; i < 4; i++) {
		weft_pipeline *next = weft_pipeline_new(&o);

		snprintf(name, sizeof(name), "letters%d", i);
		add_source(next, "in");
		CHECK_EQ(weft_pipeline_output(next, "http", &(struct weft_output_options){
		    .http = &(struct weft_http_options){ .url = s.url } }), 0);
		CHECK_EQ(weft_pipeline_output(next, "letters", &(struct weft_output_options){
		    .dead = true,
		    .file = &(struct weft_file_options){ .path = path_of(path, name) } }), 0);
		if (weft_pipeline_reload(p, next))
			weft_pipeline_free(next);	/* all has been read */
	}
	weft_recv(done, &err);
	CHECK_EQ(err, 0);
	CHECK(weft_pipeline_balanced(p));
	weft_pipeline_free(p);
	for (int i = -1; i < 4; i++) {
		char *text;

		snprintf(name, sizeof(name), i < 0 ? "letters" : "letters%d", i);
		if (access(path_of(path, name), F_OK) < 0)
			continue;
		text = read_file(name, &len);
		letters += lines_in(&(struct buf){ .data = text, .len = len });
		free(text);
	}
	CHECK_EQ(letters, 3000);
	end_server(&s);
	free(o.warn_arg);
	weft_free(done);
}
