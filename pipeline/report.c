/* report.c - does the account balance, and the table that shows it */
#include <stdio.h>

#include "stage.h"
#include "weft/time.h"

static bool
output_balanced(const struct weft_pipeline_counts *c,
    const struct weft_pipeline_output_counts *o)
{
	return c->read == c->filtered + c->unparsable + o->delivered + o->failed;
}

bool
weft_pipeline_balanced(weft_pipeline *p)
{
	struct weft_pipeline_counts c;
	struct weft_pipeline_output_counts o;

	weft_pipeline_counts(p, &c);
	if (c.read != c.filtered + c.unparsable + c.enriched)
		return false;
	for (int i = 0; i < c.outputs; i++) {
		weft_pipeline_output_counts(p, i, &o);
		if (!output_balanced(&c, &o))
			return false;
	}
	return true;
}

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
row(struct buf *out, const char *name, const uint64_t *n, int len, bool balanced)
{
	char text[32];

	buf_printf(out, "%-24s", name);
	for (int i = 0; i < len; i++)
		buf_printf(out, " %12s", grouped(n[i], text));
	buf_printf(out, "  %s\n", balanced ? "balanced" : "NOT BALANCED");
}

static void
speed(struct buf *out, const weft_pipeline *p, const struct weft_pipeline_counts *c)
{
	double s = (p->ended - p->started) / 1e9;
	char lines[32], rate[32];

	if (s <= 0)
		s = 1e-9;
	buf_printf(out, "read %s lines from %d source%s, %.1f MB in %.2f s: ",
	    grouped(c->read, lines), p->nsources, p->nsources == 1 ? "" : "s", c->bytes / 1e6, s);
	buf_printf(out, "%.0f MB/s, %s lines/s\n", c->bytes / 1e6 / s,
	    grouped(c->read / s, rate));
}

static void
remarks(struct buf *out, const struct weft_pipeline_counts *c)
{
	if (c->unread_sources)
		buf_printf(out, "sources that could not be read: %llu (named above)\n",
		    (unsigned long long)c->unread_sources);
	if (c->unfinished)
		buf_printf(out, "stopped inside a line: %llu bytes of it were read and left out\n",
		    (unsigned long long)c->unfinished);
	if (c->dead_lost)
		buf_printf(out, "dead letters that could not be written: %llu\n",
		    (unsigned long long)c->dead_lost);
}

void
weft_pipeline_report(weft_pipeline *p, char *text, size_t n)
{
	struct weft_pipeline_counts c;
	struct weft_pipeline_output_counts o;
	struct buf out = { 0 };

	weft_pipeline_counts(p, &c);
	speed(&out, p, &c);
	buf_printf(&out, "%-24s %12s %12s %12s %12s %12s\n", "output", "read", "filtered",
	    "unparsable", "delivered", "failed");
	for (int i = 0; i < c.outputs; i++) {
		weft_pipeline_output_counts(p, i, &o);
		row(&out, o.name, (uint64_t[]){ c.read, c.filtered, c.unparsable,
		    o.delivered, o.failed }, 5, output_balanced(&c, &o));
	}
	remarks(&out, &c);
	snprintf(text, n, "%s", buf_str(&out));
	buf_finish(&out);
}
