/* snapshot_json.c - snapshots as one line of JSON, and back; see snapshot.h */
#include <stdlib.h>

#include "json.h"
#include "render.h"
#include "snapshot.h"

static void
row_json(const struct snap_table *t, const struct snap_row *r, struct buf *out)
{
	const char *comma = "";

	buf_addc(out, '{');
	for (int i = 0; i < SNAP_TEXTS; i++) {
		if (!t->text[i])
			continue;
		buf_printf(out, "%s\"%s\":", comma, t->text[i]);
		render_string(out, r->text[i], strlen(r->text[i]));
		comma = ",";
	}
	for (int i = 0; i < t->numbers; i++) {
		buf_printf(out, "%s\"%s\":", comma, t->number[i].name);
		render_number(out, r->n[i]);
		comma = ",";
	}
	buf_addc(out, '}');
}

void
snapshot_json(const struct snapshot *s, struct buf *out)
{
	for (int k = 0; k < SNAP_KINDS; k++) {
		buf_printf(out, "%s\"%s\":[", k ? "," : "{", snap_tables[k].name);
		for (int i = 0; i < s->count[k]; i++) {
			if (i)
				buf_addc(out, ',');
			row_json(&snap_tables[k], &s->rows[k][i], out);
		}
		buf_addc(out, ']');
	}
	buf_adds(out, "}\n");
}

static char *
text_of(const struct field *row, const char *name)
{
	struct buf b = { 0 };
	struct field f;

	if (name && json_member(row->value, row->len, name, strlen(name), &f))
		json_unescape(&b, f.value, f.len);
	buf_str(&b);
	return b.data;
}

static uint64_t
number_of(const struct field *row, const char *name)
{
	struct field f;
	uint64_t n = 0;

	if (json_member(row->value, row->len, name, strlen(name), &f))
		for (size_t i = 0; i < f.len && f.value[i] >= '0' && f.value[i] <= '9'; i++)
			n = 10 * n + (f.value[i] - '0');
	return n;
}

static void
parse_row(const struct snap_table *t, const struct field *row, struct snap_row *r)
{
	for (int i = 0; i < SNAP_TEXTS; i++)
		r->text[i] = text_of(row, t->text[i]);
	for (int i = 0; i < t->numbers; i++)
		r->n[i] = number_of(row, t->number[i].name);
}

int
snapshot_parse(const char *json, size_t len, struct snapshot *s)
{
	struct field list, row;

	*s = (struct snapshot){ 0 };
	for (int k = 0; k < SNAP_KINDS; k++) {
		const char *name = snap_tables[k].name;

		if (!json_member(json, len, name, strlen(name), &list))
			return snapshot_finish(s), -EINVAL;
		for (int n = 0; json_element(list.value, list.len, n, &row); n++) {
			s->rows[k] = xrealloc(s->rows[k], (n + 1) * sizeof(**s->rows));
			s->rows[k][n] = (struct snap_row){ 0 };
			parse_row(&snap_tables[k], &row, &s->rows[k][n]);
			s->count[k] = n + 1;
		}
	}
	if (s->count[SNAP_PROCESS] == 1)
		return 0;
	snapshot_finish(s);
	return -EINVAL;
}

void
ledger_json(const struct weft_ledger_row *r, struct buf *out)
{
	const uint64_t numbers[LEDGER_BALANCED] = {
		r->read, r->delivered, r->filtered, r->dead, r->sampled, r->limited, r->repeated,
		r->full, r->in_flight, r->spilled, r->bytes, r->lost
	};
	const struct snap_table *t = &snap_tables[SNAP_LEDGER];

	buf_adds(out, "{\"source\":");
	render_string(out, r->source, strlen(r->source));
	buf_adds(out, ",\"output\":");
	render_string(out, r->output, strlen(r->output));
	for (int i = 0; i < LEDGER_BALANCED; i++) {
		buf_printf(out, ",\"%s\":", t->number[i].name);
		render_number(out, numbers[i]);
	}
	buf_printf(out, ",\"balanced\":%s}\n", r->balanced ? "true" : "false");
}
