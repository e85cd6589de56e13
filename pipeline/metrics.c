/*
 * metrics.c - a snapshot in Prometheus' text format
 *
 * All samples of a metric stand together after its HELP and TYPE, as the format demands.
 * Names of sources and outputs are the user's, so labels are escaped.
 */
#include <inttypes.h>

#include "parse.h"
#include "snapshot.h"

/* Labels are UTF-8: what is not becomes a question mark. */
static void
add_label(struct buf *out, const char *name, const char *value)
{
	const unsigned char *p = (const unsigned char *)value, *end = p + strlen(value);
	int n;

	buf_printf(out, "%s=\"", name);
	for (; p < end; p += n) {
		n = *p < 0x80 ? 1 : utf8_length(p, end);
		if (*p == '\n')
			buf_adds(out, "\\n");
		else if (*p == '\\' || *p == '"')
			buf_printf(out, "\\%c", *p);
		else if (n)
			buf_add(out, p, n);
		else
			buf_addc(out, '?');
		n = n ? n : 1;
	}
	buf_addc(out, '"');
}

static void
add_labels(struct buf *out, const struct snap_table *t, const struct snap_row *r)
{
	bool any = false;

	for (int i = 0; i < SNAP_TEXTS; i++) {
		if (!t->label[i])
			continue;
		buf_addc(out, any ? ',' : '{');
		add_label(out, t->text[i], r->text[i]);
		any = true;
	}
	if (any)
		buf_addc(out, '}');
}

static void
add_sample(struct buf *out, const struct snap_table *t, const struct snap_number *n,
    const struct snap_row *r, uint64_t value)
{
	buf_printf(out, "weft_pipeline_%s", n->metric);
	add_labels(out, t, r);
	if (n->type == SNAP_GAUGE_NS || n->type == SNAP_COUNTER_NS)
		buf_printf(out, " %" PRIu64 ".%09" PRIu64 "\n", value / WEFT_SECOND,
		    value % WEFT_SECOND);
	else
		buf_printf(out, " %" PRIu64 "\n", value);
}

static void
add_metric(struct buf *out, const struct snapshot *s, int kind, int i)
{
	const struct snap_table *t = &snap_tables[kind];
	const struct snap_number *n = &t->number[i];
	bool gauge = n->type == SNAP_GAUGE || n->type == SNAP_GAUGE_NS;

	if (n->type == SNAP_HIDDEN || !s->count[kind])
		return;
	buf_printf(out, "# HELP weft_pipeline_%s %s\n# TYPE weft_pipeline_%s %s\n", n->metric,
	    n->help, n->metric, gauge ? "gauge" : "counter");
	for (int r = 0; r < s->count[kind]; r++)
		add_sample(out, t, n, &s->rows[kind][r], s->rows[kind][r].n[i]);
}

void
snapshot_metrics(const struct snapshot *s, struct buf *out)
{
	for (int kind = 0; kind < SNAP_KINDS; kind++)
		for (int i = 0; i < snap_tables[kind].numbers; i++)
			add_metric(out, s, kind, i);
}
