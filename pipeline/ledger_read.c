/*
 * ledger_read.c - the ledger of a state directory, from outside
 *
 * Reads the database without changing it, next to the process that writes it, or after that was
 * killed: then SQLite finds in the write-ahead log what was committed, and nothing else.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage.h"
#include "weft/net.h"

static const char query[] =
    "SELECT source, output, read, expected, delivered, filtered, dead, sampled, limited,"
    " repeated, full, spilled, bytes, lost FROM ledger ORDER BY source, output";

/*
 * Who may not write there cannot make the index of the log that SQLite wants; without a log
 * there is nothing to index, and nobody who writes.
 */
static int
open_database(const char *path, sqlite3 **db)
{
	struct buf uri = { 0 }, wal = { 0 };
	int got = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL);

	if (got == SQLITE_OK)
		got = sqlite3_exec(*db, "SELECT version FROM meta", NULL, NULL, NULL);
	buf_printf(&wal, "%s-wal", path);
	if (got == SQLITE_CANTOPEN && access(path, R_OK) == 0 && access(buf_str(&wal), F_OK) < 0) {
		sqlite3_close(*db);
		buf_printf(&uri, "file:%s?immutable=1", path);
		got = sqlite3_open_v2(buf_str(&uri), db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
		    NULL);
	}
	buf_finish(&uri);
	buf_finish(&wal);
	return got;
}

/* Rows with offsets into names, for names moves while it grows. */
static struct weft_ledger_row
row_of(sqlite3_stmt *q, struct buf *names, size_t at[2])
{
	struct account a;

	for (int i = 0; i < 2; i++) {
		const char *text = (const char *)sqlite3_column_text(q, i);

		at[i] = names->len;
		buf_add(names, text ? text : "", text ? strlen(text) + 1 : 1);
	}
	for (int i = 0; i < ACCOUNT_COLUMNS; i++)
		((uint64_t *)&a)[i] = sqlite3_column_int64(q, i + 2);
	return ledger_row(NULL, NULL, &a);
}

/* Rows and names in one piece. */
static struct weft_ledger_row *
one_piece(const struct buf *rows, const struct buf *at, const struct buf *names, int n)
{
	struct weft_ledger_row *out = xmalloc(rows->len + names->len + 1);
	char *text = (char *)(out + n);
	const size_t *offset = (const size_t *)at->data;

	if (n) {
		memcpy(out, rows->data, rows->len);
		memcpy(text, names->data, names->len);
	}
	for (int i = 0; i < n; i++) {
		out[i].source = text + offset[2 * i];
		out[i].output = text + offset[2 * i + 1];
	}
	return out;
}

static int
read_rows(sqlite3 *db, struct weft_ledger_row **out)
{
	struct buf rows = { 0 }, at = { 0 }, names = { 0 };
	sqlite3_stmt *q = NULL;
	int n = 0, got = sqlite3_prepare_v2(db, query, -1, &q, NULL);

	while (got == SQLITE_OK || got == SQLITE_ROW) {
		struct weft_ledger_row row;
		size_t offset[2];

		got = sqlite3_step(q);
		if (got != SQLITE_ROW)
			break;
		row = row_of(q, &names, offset);
		buf_add(&rows, &row, sizeof(row));
		buf_add(&at, offset, sizeof(offset));
		n++;
	}
	if (got == SQLITE_DONE)
		*out = one_piece(&rows, &at, &names, n);
	sqlite3_finalize(q);
	buf_finish(&rows);
	buf_finish(&at);
	buf_finish(&names);
	return got == SQLITE_DONE ? n : -EIO;
}

int
weft_ledger_read(const char *state, struct weft_ledger_row **rows, char *why, size_t size)
{
	struct buf path = { 0 };
	sqlite3 *db = NULL;
	int n = -EIO, got;

	*why = '\0';
	buf_printf(&path, "%s/state.db", state);
	if (access(buf_str(&path), R_OK) < 0) {
		n = -errno;
		snprintf(why, size, n == -ENOENT ? "%s does not exist; is %s a state directory?" :
		    "cannot read %s, of the state directory %s", path.data, state);
		buf_finish(&path);
		return n;
	}
	weft_enter_blocking();
	got = open_database(path.data, &db);
	if (got == SQLITE_OK) {
		sqlite3_busy_timeout(db, 5000);
		n = read_rows(db, rows);
	}
	if (n < 0)
		snprintf(why, size, "%s: %s", path.data, db ? sqlite3_errmsg(db) : "no memory");
	sqlite3_close(db);
	weft_leave_blocking();
	buf_finish(&path);
	return n;
}
