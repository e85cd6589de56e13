/* state_test.c - what is committed is there the next time, and what is not is not */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "state.h"
#include "state_db.h"
#include "testfiles.h"
#include "weft/testing.h"

static struct state *
opened(const char *dir)
{
	struct state *s = NULL;
	struct buf err = { 0 };

	CHECK_EQ(state_open(dir, &s, &err), 0);
	CHECK_STR(buf_str(&err), "");
	buf_finish(&err);
	REQUIRE(s != NULL);
	return s;
}

TEST(StateIsThereTheNextTime)
{
	struct file_id id = { 1, UINT64_MAX, -3, 1024, UINT64_C(0xfedcba9876543210) };
	struct place at = { 100, 10, 256, UINT64_MAX };
	struct span early[2] = { { 200, 20, { 300, 29, 0, 0 } }, { 400, 40, { 500, 49, 0, 0 } } };
	struct account a = { .read = 10, .expected = 10, .delivered = 7, .filtered = 3 };
	struct mark m = { 0 };
	struct span *got;
	struct buf sink = { 0 };
	uint32_t n;
	int64_t row;
	char dir[512];
	struct state *s = opened(path_of(dir, "state"));

	state_begin(s);
	row = state_stream_new(s, "app", "/var/log/app.log", &id);
	state_output_new(s, "disk");
	state_mark_put(s, "disk", row, &at, early, 2);
	state_ahead_put(s, "disk", row, &early[1], early, 1);
	state_account_add(s, "app", "disk", &a);
	state_account_add(s, "app", "disk", &a);
	state_output_put(s, "disk", "len\0gth", 7);
	CHECK_EQ(state_commit(s), 0);
	state_close(s);

	s = opened(dir);
	state_begin(s);
	struct known_file *k = state_known(s, "app");
	CHECK_EQ(k[0].row, row);
	CHECK_STR(k[0].path, "/var/log/app.log");
	CHECK_EQ(k[0].id.dev, id.dev);
	CHECK_EQ(k[0].id.ino, id.ino);
	CHECK_EQ(k[0].id.btime, id.btime);
	CHECK_EQ(k[0].id.head_len, id.head_len);
	CHECK_EQ(k[0].id.head_hash, id.head_hash);
	CHECK(!k[0].done);
	CHECK_EQ(k[1].row, 0);
	state_known_free(k);
	CHECK(state_mark_early(s, "disk", row, &m, &got, &n));
	CHECK_EQ(m.at.offset, 100);
	CHECK_EQ(m.at.lines, 10);
	CHECK_EQ(m.at.tail_len, 256);
	CHECK_EQ(m.at.tail_hash, UINT64_MAX);
	CHECK_EQ(m.ahead.from, 400);
	CHECK_EQ(m.ahead.to.lines, 49);
	CHECK_EQ(n, 3);
	CHECK_EQ(got[1].to.offset, 500);
	free(got);
	CHECK(state_account(s, "app", "disk", &a));
	CHECK_EQ(a.read, 20);
	CHECK_EQ(a.filtered, 6);
	CHECK(state_output(s, "disk", &sink));
	CHECK_EQ(sink.len, 7);
	buf_finish(&sink);
	/* one that is new starts where the others are */
	CHECK(!state_output(s, "other", &sink));
	state_output_new(s, "other");
	CHECK(state_mark(s, "other", row, &m));
	CHECK_EQ(m.at.offset, 100);
	state_stream_forget(s, row);
	CHECK(!state_mark(s, "disk", row, &m));
	CHECK_EQ(state_commit(s), 0);
	state_close(s);
}

TEST(StateHasOneUser)
{
	struct state *s, *other = NULL;
	struct buf err = { 0 };
	char dir[512];

	s = opened(path_of(dir, "state"));
	CHECK_EQ(state_open(dir, &other, &err), -EBUSY);
	CHECK(strstr(buf_str(&err), "another weft-pipeline uses") != NULL);
	state_close(s);
	buf_finish(&err);
	s = opened(dir);
	state_close(s);
}

TEST(StateOfANewerVersionIsLeftAlone)
{
	struct state *s, *other = NULL;
	struct buf err = { 0 };
	char dir[512];

	s = opened(path_of(dir, "state"));
	CHECK_EQ(sqlite3_exec(s->db, "UPDATE meta SET version = 99", NULL, NULL, NULL), SQLITE_OK);
	state_close(s);
	CHECK_EQ(state_open(dir, &other, &err), -EPROTONOSUPPORT);
	CHECK(strstr(buf_str(&err), "version 99") != NULL);
	buf_finish(&err);
}

TEST(StateThatIsNoDatabaseIsRefused)
{
	struct state *s = NULL;
	struct buf err = { 0 };
	char dir[512], text[4096];

	mkdir(path_of(dir, "state"), 0755);
	memset(text, 'x', sizeof(text));
	write_file("state/state.db", text, sizeof(text));
	CHECK_EQ(state_open(dir, &s, &err), -EBADMSG);
	CHECK(strstr(buf_str(&err), "state.db") != NULL);
	buf_finish(&err);
}

/* A transaction in which something went wrong leaves nothing behind, and the next one works. */
TEST(ATransactionThatFailsLeavesNothing)
{
	struct file_id id = { 0 };
	struct account a = { .read = 1 };
	char dir[512];
	struct state *s = opened(path_of(dir, "state"));

	state_begin(s);
	state_account_add(s, "app", "disk", &a);
	CHECK_EQ(sqlite3_exec(s->db, "DROP TABLE stream", NULL, NULL, NULL), SQLITE_OK);
	state_stream_new(s, "app", "x", &id);
	CHECK(state_commit(s) < 0);
	state_begin(s);
	CHECK(!state_account(s, "app", "disk", &a));
	CHECK(state_stream_new(s, "app", "x", &id) > 0);
	CHECK_EQ(state_commit(s), 0);
	state_close(s);
}

TEST(DiskQueuesAreFirstInFirstOut)
{
	struct spilled p = { .received = 5, .source = "app", .stream = "x", .host = "h" }, got;
	uint64_t parcels, records, bytes;
	char dir[512], text[32];
	struct state *s = opened(path_of(dir, "state"));
	int64_t after = 0;

	state_begin(s);
	for (int i = 0; i < 10; i++) {
		p.records = i;
		p.data.len = snprintf(text, sizeof(text), "parcel %d", i);
		p.data.data = text;
		CHECK_EQ(state_spill_put(s, i % 2 ? "odd" : "even", &p), 0);
	}
	for (int i = 1; i < 10; i += 2) {
		REQUIRE(state_spill_next(s, "odd", after, &got));
		CHECK_EQ(got.records, i);
		CHECK_EQ(got.data.len, 8);
		CHECK_STR(got.source, "app");
		after = got.id;
		spilled_finish(&got);
	}
	CHECK(!state_spill_next(s, "odd", after, &got));
	state_spill_drop(s, "odd", after - 2);
	state_spill_size(s, "odd", &parcels, &records, &bytes);
	CHECK_EQ(parcels, 1);
	CHECK_EQ(records, 9);
	CHECK_EQ(bytes, 8);
	/* ids are not used again */
	state_spill_drop(s, "odd", after);
	CHECK_EQ(state_spill_put(s, "odd", &p), 0);
	CHECK(state_spill_next(s, "odd", after, &got));
	spilled_finish(&got);
	state_spill_size(s, "even", &parcels, &records, &bytes);
	CHECK_EQ(parcels, 5);
	CHECK_EQ(state_commit(s), 0);
	state_close(s);
}

/* Another program has the lock when it begins, and lets go of it in the middle. */
TEST(StateThatCannotBeginWritesNothing)
{
	struct account a = { .read = 1, .expected = 1, .delivered = 1 }, got;
	char dir[512], path[600];
	struct state *s = opened(path_of(dir, "state"));
	sqlite3 *other;

	snprintf(path, sizeof(path), "%s/state.db", dir);
	CHECK_EQ(sqlite3_open(path, &other), SQLITE_OK);
	sqlite3_busy_timeout(s->db, 0);
	CHECK_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	state_begin(s);
	CHECK_EQ(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	state_account_add(s, "app", "disk", &a);
	CHECK_EQ(state_commit(s), -EBUSY);
	state_begin(s);
	CHECK(!state_account(s, "app", "disk", &got));
	state_account_add(s, "app", "disk", &a);
	CHECK_EQ(state_commit(s), 0);
	state_begin(s);
	CHECK(state_account(s, "app", "disk", &got));
	CHECK_EQ(got.read, 1);
	CHECK_EQ(state_commit(s), 0);
	CHECK_EQ(sqlite3_close(other), SQLITE_OK);
	state_close(s);
}
