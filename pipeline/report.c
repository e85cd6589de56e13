/* report.c - the table that shows at the end of a run what became of every line */
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

/* 1234567 -> 1,234,567 */
static const char *
grouped(uint64_t n, char text[32])
{
	char *p = text + 31;
	int digits = 0;

	*p = '\0';
	do {
		if (digits && digits % 3 == 0)
			*--p = ',';
		*--p = '0' + n % 10;
		digits++;
	} while (n /= 10);
	return p;
}

static void
cell(struct buf *out, uint64_t n)
{
	char text[32];

	buf_printf(out, " %12s", grouped(n, text));
}

static void
speed(struct buf *out, weft_pipeline *p)
{
	struct weft_pipeline_counts c;
	char lines[32], rate[32];
	double s;

	weft_pipeline_counts(p, &c);
	s = c.elapsed > 0 ? c.elapsed / 1e9 : 1e-9;
	buf_printf(out, "read %s lines from %d source%s, %.1f MB in %.2f s: ",
	    grouped(c.read, lines), c.sources, c.sources == 1 ? "" : "s", c.bytes / 1e6, s);
	buf_printf(out, "%.0f MB/s, %s lines/s\n", c.bytes / 1e6 / s, grouped(c.read / s, rate));
}

static uint64_t
dropped(const struct weft_ledger_row *r)
{
	return r->sampled + r->limited + r->repeated + r->full;
}

static void
row(struct buf *out, const struct weft_ledger_row *r)
{
	buf_printf(out, "%-20s %-16s", r->source, r->output);
	cell(out, r->read);
	cell(out, r->delivered);
	cell(out, r->filtered);
	cell(out, r->dead);
	cell(out, dropped(r));
	cell(out, r->in_flight + r->spilled);
	buf_printf(out, "  %s\n", r->balanced ? "balanced" : "NOT BALANCED");
}

/* A row that says nothing: many sources, one table. */
static bool
idle(const struct weft_ledger_row *r)
{
	return r->read == 0 && r->in_flight == 0 && r->lost == 0 && r->balanced;
}

void
weft_ledger_print(const struct weft_ledger_row *rows, int n, bool all, char *text, size_t size)
{
	struct buf out = { 0 };
	uint64_t lost = 0, most = 0;

	buf_printf(&out, "%-20s %-16s %12s %12s %12s %12s %12s %12s\n", "source", "output",
	    "read", "delivered", "filtered", "dead", "dropped", "in flight");
	for (int i = 0; i < n; i++) {
		if (all || !idle(&rows[i]))
			row(&out, &rows[i]);
		most = rows[i].lost > most ? rows[i].lost : most;
		if (i + 1 == n || strcmp(rows[i].source, rows[i + 1].source) != 0) {
			lost += most;	/* each output counts a source's, from when it was there */
			most = 0;
		}
	}
	if (lost)
		buf_printf(&out, "bytes that were gone before they could be read: %llu\n",
		    (unsigned long long)lost);
	snprintf(text, size, "%s", buf_str(&out));
	buf_finish(&out);
}

void
weft_pipeline_report(weft_pipeline *p, char *text, size_t n)
{
	struct weft_ledger_row *rows;
	int max = ledger_all(p, &rows);
	struct buf out = { 0 };
	size_t len;

	speed(&out, p);
	len = snprintf(text, n, "%s", buf_str(&out));
	if (len < n)
		weft_ledger_print(rows, max, max <= 12, text + len, n - len);
	buf_finish(&out);
	free(rows);
}
