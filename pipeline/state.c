/*
 * state.c - the state directory's database: opening, transactions, streams and marks
 *
 * The lock is held from begin to commit, and everything else is done in between.  A statement
 * that fails makes the commit fail, and the commit then rolls everything back: whoever changed
 * something keeps it until commit has returned 0, and tries again.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "fdio.h"
#include "state_db.h"
#include "weft/net.h"

#define SCHEMA_VERSION 1

/* all or nothing: half of it could never be opened again */
static const char schema[] =
"BEGIN IMMEDIATE;"
"CREATE TABLE meta (version INTEGER);"
"CREATE TABLE stream (id INTEGER PRIMARY KEY, source TEXT, name TEXT, dev INTEGER,"
" ino INTEGER, btime INTEGER, head_len INTEGER, head_hash INTEGER, done INTEGER DEFAULT 0,"
" seen INTEGER DEFAULT 0);"
"CREATE INDEX stream_source ON stream (source);"
"CREATE TABLE mark (output TEXT, stream INTEGER, offset INTEGER DEFAULT 0,"
" lines INTEGER DEFAULT 0, tail_len INTEGER DEFAULT 0, tail_hash INTEGER DEFAULT 0,"
" early BLOB, spilled BLOB, a_from INTEGER DEFAULT 0, a_first INTEGER DEFAULT 0,"
" a_offset INTEGER DEFAULT 0, a_lines INTEGER DEFAULT 0, a_tail_len INTEGER DEFAULT 0,"
" a_tail_hash INTEGER DEFAULT 0,"
" PRIMARY KEY (output, stream)) WITHOUT ROWID;"
"CREATE TABLE ledger (source TEXT, output TEXT, read INTEGER DEFAULT 0,"
" expected INTEGER DEFAULT 0, delivered INTEGER DEFAULT 0, filtered INTEGER DEFAULT 0,"
" dead INTEGER DEFAULT 0, sampled INTEGER DEFAULT 0, limited INTEGER DEFAULT 0,"
" repeated INTEGER DEFAULT 0, full INTEGER DEFAULT 0, spilled INTEGER DEFAULT 0,"
" bytes INTEGER DEFAULT 0, lost INTEGER DEFAULT 0,"
" PRIMARY KEY (source, output)) WITHOUT ROWID;"
"CREATE TABLE output (name TEXT PRIMARY KEY, state BLOB) WITHOUT ROWID;"
/* an id is never used again: what was sent is known by the last one */
"CREATE TABLE spill (id INTEGER PRIMARY KEY AUTOINCREMENT, output TEXT, records INTEGER,"
" received INTEGER, source TEXT, stream TEXT, host TEXT, data BLOB, ends BLOB);"
"CREATE INDEX spill_output ON spill (output, id);"
"INSERT INTO meta VALUES (1);"
"COMMIT;";

static const char *const statements[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[STREAM_NEW] = "INSERT INTO stream (source, name, dev, ino, btime, head_len, head_hash,"
	    " seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, unixepoch())",
	[STREAM_UPDATE] = "UPDATE stream SET name = ?2, dev = ?3, ino = ?4, btime = ?5,"
	    " head_len = ?6, head_hash = ?7, seen = unixepoch() WHERE id = ?1",
	[STREAM_DONE] = "UPDATE stream SET done = 1 WHERE id = ?1",
	[STREAM_FORGET] = "DELETE FROM stream WHERE id = ?1",
	[STREAM_UNMARK] = "DELETE FROM mark WHERE stream = ?1",
	[STREAM_KNOWN] = "SELECT id, name, dev, ino, btime, head_len, head_hash, done FROM stream"
	    " WHERE source = ?1 ORDER BY id",
	[MARK] = "SELECT offset, lines, tail_len, tail_hash, a_from, a_first, a_offset, a_lines,"
	    " a_tail_len, a_tail_hash, early, spilled FROM mark WHERE output = ?1 AND stream = ?2",
	[MARK_PUT] = "INSERT INTO mark (output, stream, offset, lines, tail_len, tail_hash, early)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (output, stream) DO UPDATE SET"
	    " offset = ?3, lines = ?4, tail_len = ?5, tail_hash = ?6, early = ?7",
	[AHEAD_PUT] = "INSERT INTO mark (output, stream, a_from, a_first, a_offset, a_lines,"
	    " a_tail_len, a_tail_hash, spilled) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
	    " ON CONFLICT (output, stream) DO UPDATE SET a_from = ?3, a_first = ?4,"
	    " a_offset = ?5, a_lines = ?6, a_tail_len = ?7, a_tail_hash = ?8, spilled = ?9",
	/* of a group's rows SQLite takes the one with the maximum */
	[ADOPT] = "INSERT OR IGNORE INTO mark (output, stream, offset, lines, tail_len, tail_hash)"
	    " SELECT ?1, stream, max(offset), lines, tail_len, tail_hash FROM mark"
	    " GROUP BY stream",
	[ACCOUNT] = "SELECT read, expected, delivered, filtered, dead, sampled, limited, repeated,"
	    " full, spilled, bytes, lost, source, output FROM ledger"
	    " WHERE source = ?1 AND output = ?2",
	[ACCOUNT_ADD] = "INSERT INTO ledger (read, expected, delivered, filtered, dead, sampled,"
	    " limited, repeated, full, spilled, bytes, lost, source, output)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
	    " ON CONFLICT (source, output) DO UPDATE SET read = read + ?1,"
	    " expected = expected + ?2, delivered = delivered + ?3, filtered = filtered + ?4,"
	    " dead = dead + ?5, sampled = sampled + ?6, limited = limited + ?7,"
	    " repeated = repeated + ?8, full = full + ?9, spilled = spilled + ?10,"
	    " bytes = bytes + ?11, lost = lost + ?12",
	[ACCOUNTS] = "SELECT read, expected, delivered, filtered, dead, sampled, limited, repeated,"
	    " full, spilled, bytes, lost, source, output FROM ledger ORDER BY source, output",
	[OUTPUT] = "SELECT state FROM output WHERE name = ?1",
	[OUTPUT_PUT] = "INSERT INTO output (name, state) VALUES (?1, ?2)"
	    " ON CONFLICT (name) DO UPDATE SET state = ?2",
	[SPILL_PUT] = "INSERT INTO spill (output, records, received, source, stream, host, data,"
	    " ends) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SPILL_NEXT] = "SELECT id, records, received, source, stream, host, data, ends FROM spill"
	    " WHERE output = ?1 AND id > ?2 ORDER BY id LIMIT 1",
	[SPILL_DROP] = "DELETE FROM spill WHERE output = ?1 AND id <= ?2",
	[SPILL_SIZE] = "SELECT count(*), coalesce(sum(records), 0),"
	    " coalesce(sum(length(data)), 0) FROM spill WHERE output = ?1",
};

/* SQLite's codes in the system's words. */
int
state_errno(struct state *s)
{
	int system = sqlite3_system_errno(s->db);

	switch (sqlite3_errcode(s->db) & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY: case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_CANTOPEN:
		return system ? -system : -EACCES;
	case SQLITE_CORRUPT: case SQLITE_NOTADB:
		return -EBADMSG;
	}
	return system ? -system : -EIO;
}

static int
step_bracketed(sqlite3_stmt *q)
{
	int got;

	weft_enter_blocking();
	got = sqlite3_step(q);
	weft_leave_blocking();
	return got;
}

/*
 * True: there is a row.  After an error nothing more is done: SQLite has ended the transaction by
 * itself perhaps, or has never begun it, and would write each statement by itself.
 */
bool
state_row(struct state *s, sqlite3_stmt *q)
{
	int got;

	if (s->error)
		return false;
	got = step_bracketed(q);
	if (got != SQLITE_ROW && got != SQLITE_DONE)
		s->error = state_errno(s);
	return got == SQLITE_ROW;
}

int
state_done(struct state *s, sqlite3_stmt *q)
{
	state_row(s, q);
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return s->error;
}

sqlite3_stmt *
state_query(struct state *s, enum statement which)
{
	assert_always(s->inside);
	return s->query[which];
}

void
state_begin(struct state *s)
{
	weft_mutex_lock(&s->lock);
	s->inside = true;
	s->error = 0;
	state_done(s, s->query[BEGIN]);
}

int
state_commit(struct state *s)
{
	int err;

	if (!s->error)
		state_done(s, s->query[COMMIT]);
	err = s->error;
	if (err && !sqlite3_get_autocommit(s->db)) {
		step_bracketed(s->query[ROLLBACK]);
		sqlite3_reset(s->query[ROLLBACK]);
	}
	s->inside = false;
	weft_mutex_unlock(&s->lock);
	return err;
}

static int
failed(struct state *s, struct buf *err, const char *path, const char *what)
{
	int e = s->db ? state_errno(s) : -ENOMEM;

	buf_printf(err, "%s: %s: %s", path, what, s->db ? sqlite3_errmsg(s->db) : "no memory");
	return e;
}

static int
prepare(struct state *s, struct buf *err, const char *path)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
		    &s->query[i], NULL) != SQLITE_OK)
			return failed(s, err, path, statements[i]);
	return 0;
}

static int
version(void *arg, int n, char **value, char **name)
{
	(void)name;
	*(int *)arg = n > 0 && value[0] ? atoi(value[0]) : -1;
	return 0;
}

/* A newer schema is refused before anything is touched; there is no older one yet. */
static int
set_up(struct state *s, struct buf *err, const char *path)
{
	static const char *const pragmas = "PRAGMA auto_vacuum = INCREMENTAL;"
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024;";
	int found = 0;

	if (sqlite3_exec(s->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return failed(s, err, path, "cannot be set up");
	if (sqlite3_exec(s->db, "SELECT version FROM meta", version, &found, NULL) != SQLITE_OK &&
	    sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return failed(s, err, path, "cannot be set up");
	if (found > SCHEMA_VERSION) {
		buf_printf(err, "%s is of version %d, made by a newer weft-pipeline; this one knows "
		    "version %d: use the newer program, or another state directory", path,
		    found, SCHEMA_VERSION);
		return -EPROTONOSUPPORT;
	}
	return prepare(s, err, path);
}

/* The lock file says who has the directory; SQLite's own locks come too late for that. */
static int
lock_directory(struct state *s, const char *dir, struct buf *err)
{
	struct buf path = { 0 };
	int e = 0;

	if (mkdir(dir, 0750) < 0 && errno != EEXIST) {
		e = -errno;
		buf_printf(err, "cannot make the state directory %s: %s", dir, strerror(-e));
		return e;
	}
	buf_printf(&path, "%s/lock", dir);
	s->lock_fd = fdio_open(buf_str(&path), O_RDWR | O_CREAT, 0640);
	if (s->lock_fd < 0) {
		e = s->lock_fd;
		buf_printf(err, "cannot open %s: %s", buf_str(&path), strerror(-e));
	} else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		e = -EBUSY;
		buf_printf(err, "another weft-pipeline uses the state directory %s; stop it, or give "
		    "this one a state: of its own", dir);
	}
	buf_finish(&path);
	return e;
}

int
state_open(const char *dir, struct state **out, struct buf *err)
{
	struct state *s = xcalloc(1, sizeof(*s));
	struct buf path = { 0 };
	int e;

	s->lock_fd = -1;
	e = lock_directory(s, dir, err);
	buf_printf(&path, "%s/state.db", dir);
	if (!e && sqlite3_open_v2(buf_str(&path), &s->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
		e = failed(s, err, buf_str(&path), "cannot be opened");
	if (!e) {
		sqlite3_busy_timeout(s->db, 5000);	/* a ledger command may be reading */
		e = set_up(s, err, buf_str(&path));
	}
	buf_finish(&path);
	if (e) {
		state_close(s);
		return e;
	}
	*out = s;
	return 0;
}

void
state_close(struct state *s)
{
	if (!s)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->query[i]);
	sqlite3_close(s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s);
}

static void
bind_text(sqlite3_stmt *q, int i, const char *text)
{
	sqlite3_bind_text(q, i, text, -1, SQLITE_STATIC);
}

static void
bind_file(sqlite3_stmt *q, int i, const struct file_id *id)
{
	sqlite3_bind_int64(q, i, id->dev);
	sqlite3_bind_int64(q, i + 1, id->ino);
	sqlite3_bind_int64(q, i + 2, id->btime);
	sqlite3_bind_int64(q, i + 3, id->head_len);
	sqlite3_bind_int64(q, i + 4, id->head_hash);
}

int64_t
state_stream_new(struct state *s, const char *source, const char *name, const struct file_id *id)
{
	sqlite3_stmt *q = state_query(s, STREAM_NEW);

	bind_text(q, 1, source);
	bind_text(q, 2, name);
	bind_file(q, 3, id);
	return state_done(s, q) ? 0 : sqlite3_last_insert_rowid(s->db);
}

void
state_stream_update(struct state *s, int64_t row, const char *name, const struct file_id *id)
{
	sqlite3_stmt *q = state_query(s, STREAM_UPDATE);

	sqlite3_bind_int64(q, 1, row);
	bind_text(q, 2, name);
	bind_file(q, 3, id);
	state_done(s, q);
}

static void
with_row(struct state *s, enum statement which, int64_t row)
{
	sqlite3_stmt *q = state_query(s, which);

	sqlite3_bind_int64(q, 1, row);
	state_done(s, q);
}

void
state_stream_done(struct state *s, int64_t row)
{
	with_row(s, STREAM_DONE, row);
}

void
state_stream_forget(struct state *s, int64_t row)
{
	with_row(s, STREAM_FORGET, row);
	with_row(s, STREAM_UNMARK, row);
}

static char *
column_text(sqlite3_stmt *q, int i)
{
	const unsigned char *text = sqlite3_column_text(q, i);

	return xstrdup(text ? (const char *)text : "");
}

struct known_file *
state_known(struct state *s, const char *source)
{
	sqlite3_stmt *q = state_query(s, STREAM_KNOWN);
	struct known_file *known = xcalloc(1, sizeof(*known));
	size_t n = 0;

	bind_text(q, 1, source);
	while (state_row(s, q)) {
		known = xrealloc(known, (n + 2) * sizeof(*known));
		known[n++] = (struct known_file){
			.row = sqlite3_column_int64(q, 0),
			.path = column_text(q, 1),
			.id = {
				.dev = sqlite3_column_int64(q, 2),
				.ino = sqlite3_column_int64(q, 3),
				.btime = sqlite3_column_int64(q, 4),
				.head_len = sqlite3_column_int64(q, 5),
				.head_hash = sqlite3_column_int64(q, 6),
			},
			.done = sqlite3_column_int(q, 7),
		};
		known[n] = (struct known_file){ 0 };
	}
	state_done(s, q);
	return known;
}

void
state_known_free(struct known_file *k)
{
	for (struct known_file *f = k; f && f->row; f++)
		free(f->path);
	free(k);
}

static struct place
column_place(sqlite3_stmt *q, int i)
{
	return (struct place){
		.offset = sqlite3_column_int64(q, i),
		.lines = sqlite3_column_int64(q, i + 1),
		.tail_len = sqlite3_column_int64(q, i + 2),
		.tail_hash = sqlite3_column_int64(q, i + 3),
	};
}

static void
bind_place(sqlite3_stmt *q, int i, const struct place *p)
{
	sqlite3_bind_int64(q, i, p->offset);
	sqlite3_bind_int64(q, i + 1, p->lines);
	sqlite3_bind_int64(q, i + 2, p->tail_len);
	sqlite3_bind_int64(q, i + 3, p->tail_hash);
}

static void
add_spans(sqlite3_stmt *q, int column, struct span **spans, uint32_t *n)
{
	uint32_t more = sqlite3_column_bytes(q, column) / sizeof(**spans);

	if (!more)
		return;
	*spans = xrealloc(*spans, (*n + more) * sizeof(**spans));
	memcpy(*spans + *n, sqlite3_column_blob(q, column), more * sizeof(**spans));
	*n += more;
}

bool
state_mark_early(struct state *s, const char *output, int64_t row, struct mark *m,
    struct span **early, uint32_t *n)
{
	sqlite3_stmt *q = state_query(s, MARK);
	bool found;

	*early = NULL;
	*n = 0;
	bind_text(q, 1, output);
	sqlite3_bind_int64(q, 2, row);
	found = state_row(s, q);
	if (found) {
		m->at = column_place(q, 0);
		m->ahead.from = sqlite3_column_int64(q, 4);
		m->ahead.first = sqlite3_column_int64(q, 5);
		m->ahead.to = column_place(q, 6);
		add_spans(q, 10, early, n);
		add_spans(q, 11, early, n);
	}
	state_done(s, q);
	return found;
}

bool
state_mark(struct state *s, const char *output, int64_t row, struct mark *m)
{
	struct span *early;
	uint32_t n;
	bool found = state_mark_early(s, output, row, m, &early, &n);

	free(early);
	return found;
}

void
state_mark_put(struct state *s, const char *output, int64_t row, const struct place *at,
    const struct span *early, uint32_t n)
{
	sqlite3_stmt *q = state_query(s, MARK_PUT);

	bind_text(q, 1, output);
	sqlite3_bind_int64(q, 2, row);
	bind_place(q, 3, at);
	if (n)
		sqlite3_bind_blob(q, 7, early, n * sizeof(*early), SQLITE_STATIC);
	state_done(s, q);
}

void
state_ahead_put(struct state *s, const char *output, int64_t row, const struct span *ahead,
    const struct span *spilled, uint32_t n)
{
	sqlite3_stmt *q = state_query(s, AHEAD_PUT);

	bind_text(q, 1, output);
	sqlite3_bind_int64(q, 2, row);
	sqlite3_bind_int64(q, 3, ahead->from);
	sqlite3_bind_int64(q, 4, ahead->first);
	bind_place(q, 5, &ahead->to);
	if (n)
		sqlite3_bind_blob(q, 9, spilled, n * sizeof(*spilled), SQLITE_STATIC);
	state_done(s, q);
}
