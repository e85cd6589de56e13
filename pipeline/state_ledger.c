/* state_ledger.c - the database's ledger, outputs' states and disk queues */
#include <stdlib.h>

#include "base/die.h"
#include "state_db.h"

static void
bind_text(sqlite3_stmt *q, int i, const char *text)
{
	sqlite3_bind_text(q, i, text, -1, SQLITE_STATIC);
}

/* An account as the row of numbers that it is. */
static uint64_t *
numbers(struct account *a)
{
	_Static_assert(sizeof(*a) == ACCOUNT_COLUMNS * sizeof(uint64_t), "numbers only");
	return (uint64_t *)a;
}

static struct account
column_account(sqlite3_stmt *q)
{
	struct account a;

	for (int i = 0; i < ACCOUNT_COLUMNS; i++)
		numbers(&a)[i] = sqlite3_column_int64(q, i);
	return a;
}

bool
state_account(struct state *s, const char *source, const char *output, struct account *a)
{
	sqlite3_stmt *q = state_query(s, ACCOUNT);
	bool found;

	bind_text(q, 1, source);
	bind_text(q, 2, output);
	found = state_row(s, q);
	if (found)
		*a = column_account(q);
	state_done(s, q);
	return found;
}

void
state_account_add(struct state *s, const char *source, const char *output,
    const struct account *delta)
{
	sqlite3_stmt *q = state_query(s, ACCOUNT_ADD);
	struct account a = *delta;

	for (int i = 0; i < ACCOUNT_COLUMNS; i++)
		sqlite3_bind_int64(q, i + 1, numbers(&a)[i]);
	bind_text(q, ACCOUNT_COLUMNS + 1, source);
	bind_text(q, ACCOUNT_COLUMNS + 2, output);
	state_done(s, q);
}

void
state_accounts(struct state *s, bool (*f)(const char *source, const char *output,
    const struct account *a, void *arg), void *arg)
{
	sqlite3_stmt *q = state_query(s, ACCOUNTS);

	while (state_row(s, q)) {
		struct account a = column_account(q);

		if (!f((const char *)sqlite3_column_text(q, ACCOUNT_COLUMNS),
		    (const char *)sqlite3_column_text(q, ACCOUNT_COLUMNS + 1), &a, arg))
			break;
	}
	state_done(s, q);
}

void
state_output_put(struct state *s, const char *output, const void *data, size_t len)
{
	sqlite3_stmt *q = state_query(s, OUTPUT_PUT);

	bind_text(q, 1, output);
	sqlite3_bind_blob64(q, 2, len ? data : "", len, SQLITE_STATIC);
	state_done(s, q);
}

void
state_output_new(struct state *s, const char *output)
{
	sqlite3_stmt *q = state_query(s, ADOPT);

	bind_text(q, 1, output);
	state_done(s, q);
	state_output_put(s, output, NULL, 0);
}

static void
column_blob(sqlite3_stmt *q, int i, struct buf *out)
{
	buf_add(out, sqlite3_column_blob(q, i), sqlite3_column_bytes(q, i));
}

bool
state_output(struct state *s, const char *output, struct buf *data)
{
	sqlite3_stmt *q = state_query(s, OUTPUT);
	bool found;

	bind_text(q, 1, output);
	found = state_row(s, q);
	if (found)
		column_blob(q, 0, data);
	state_done(s, q);
	return found;
}

int
state_spill_put(struct state *s, const char *output, const struct spilled *p)
{
	sqlite3_stmt *q = state_query(s, SPILL_PUT);

	bind_text(q, 1, output);
	sqlite3_bind_int64(q, 2, p->records);
	sqlite3_bind_int64(q, 3, p->received);
	bind_text(q, 4, p->source);
	bind_text(q, 5, p->stream);
	bind_text(q, 6, p->host);
	sqlite3_bind_blob64(q, 7, p->data.data, p->data.len, SQLITE_STATIC);
	sqlite3_bind_blob64(q, 8, p->ends.data, p->ends.len, SQLITE_STATIC);
	return state_done(s, q);
}

static char *
column_text(sqlite3_stmt *q, int i)
{
	const unsigned char *text = sqlite3_column_text(q, i);

	return xstrdup(text ? (const char *)text : "");
}

bool
state_spill_next(struct state *s, const char *output, int64_t after, struct spilled *p)
{
	sqlite3_stmt *q = state_query(s, SPILL_NEXT);
	bool found;

	bind_text(q, 1, output);
	sqlite3_bind_int64(q, 2, after);
	found = state_row(s, q);
	if (found) {
		*p = (struct spilled){
			.id = sqlite3_column_int64(q, 0),
			.records = sqlite3_column_int64(q, 1),
			.received = sqlite3_column_int64(q, 2),
			.source = column_text(q, 3),
			.stream = column_text(q, 4),
			.host = column_text(q, 5),
		};
		column_blob(q, 6, &p->data);
		column_blob(q, 7, &p->ends);
	}
	state_done(s, q);
	return found;
}

void
spilled_finish(struct spilled *p)
{
	free(p->source);
	free(p->stream);
	free(p->host);
	buf_finish(&p->data);
	buf_finish(&p->ends);
}

void
state_spill_drop(struct state *s, const char *output, int64_t upto)
{
	sqlite3_stmt *q = state_query(s, SPILL_DROP);

	bind_text(q, 1, output);
	sqlite3_bind_int64(q, 2, upto);
	state_done(s, q);
}

void
state_spill_size(struct state *s, const char *output, uint64_t *parcels, uint64_t *records,
    uint64_t *bytes)
{
	sqlite3_stmt *q = state_query(s, SPILL_SIZE);

	*parcels = *records = *bytes = 0;
	bind_text(q, 1, output);
	if (state_row(s, q)) {
		*parcels = sqlite3_column_int64(q, 0);
		*records = sqlite3_column_int64(q, 1);
		*bytes = sqlite3_column_int64(q, 2);
	}
	state_done(s, q);
}
