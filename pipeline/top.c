/*
 * top.c - two snapshots as a screen full of text; see top.h
 *
 * Every table takes the room it needs as long as there is some; lines that do not fit are cut, so
 * the terminal never wraps or scrolls.
 */
#include "top.h"

#include <inttypes.h>
#include <stdio.h>

#define BAR 12

struct screen {
	const struct snapshot *now, *before;
	double		 seconds;	/* between them */
	struct buf	*out;
	struct buf	 line;
	int		 rows, cols, used;
	bool		 color;
};

static void
text(struct screen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
text(struct screen *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&s->line, fmt, ap);
	va_end(ap);
}

/* How many bytes of b take cols columns; names are UTF-8. */
static size_t
fitting(const struct buf *b, int cols)
{
	size_t i = 0;

	for (; i < b->len; i++)
		if (((unsigned char)b->data[i] & 0xc0) != 0x80 && cols-- == 0)
			break;
	return i;
}

static void
end_line(struct screen *s, const char *attribute)
{
	size_t n = fitting(&s->line, s->cols);

	if (!s->rows || s->used < s->rows) {
		for (size_t i = 0; i < n; i++)	/* a name must not control the terminal */
			if ((unsigned char)s->line.data[i] < ' ' || s->line.data[i] == 127)
				s->line.data[i] = '?';
		if (s->color && attribute)
			buf_printf(s->out, "\033[%sm", attribute);
		buf_add(s->out, s->line.data, n);
		buf_adds(s->out, s->color ? attribute ? "\033[0m\033[K\n" : "\033[K\n" : "\n");
		s->used++;
	}
	s->line.len = 0;
}

/* Four digits or so and a prefix: 12.3k */
static const char *
amount(double n, char out[16])
{
	static const char prefix[] = " kMGTP";
	int i = 0;

	for (; n >= 9999.5 / (i ? 10 : 1) && i < 5; i++)
		n /= 1000;
	snprintf(out, 16, i == 0 ? "%.0f%c" : n < 9.995 ? "%.2f%c" : n < 99.95 ? "%.1f%c" :
	    "%.0f%c", n, prefix[i]);
	if (i == 0)
		out[strlen(out) - 1] = '\0';
	return out;
}

static void
cell(struct screen *s, int width, double n)
{
	char word[16];

	text(s, " %*s", width, amount(n, word));
}

/* The same thing a moment ago, or zeroes. */
static const struct snap_row *
earlier(const struct screen *s, int kind, const struct snap_row *r)
{
	static const struct snap_row none;

	for (int i = 0; s->before && i < s->before->count[kind]; i++)
		if (strcmp(s->before->rows[kind][i].text[0], r->text[0]) == 0)
			return &s->before->rows[kind][i];
	return &none;
}

/* A counter that went back began anew, with a reload. */
static double
rate(const struct screen *s, int kind, const struct snap_row *r, int i)
{
	uint64_t was = earlier(s, kind, r)->n[i];

	return (r->n[i] - (was <= r->n[i] ? was : 0)) / s->seconds;
}

static void
bar(struct screen *s, uint64_t n, uint64_t of)
{
	int full = of ? (int)((double)n / of * BAR + 0.999) : 0;

	full = full > BAR ? BAR : full;
	text(s, " [");
	for (int i = 0; i < BAR; i++)
		text(s, "%c", i < full ? '|' : ' ');
	text(s, "] %3.0f%%", of ? 100.0 * n / of : 0);
}

static void
head(struct screen *s)
{
	const struct snap_row *p = s->now->rows[SNAP_PROCESS];
	uint64_t up = (p->n[PROCESS_NOW] - p->n[PROCESS_STARTED]) / WEFT_SECOND;
	char a[16], b[16], c[16], d[16];

	text(s, "weft-pipeline, process %" PRIu64 ", up %" PRIu64 "d %02" PRIu64 ":%02" PRIu64
	    ":%02" PRIu64, p->n[PROCESS_PID], up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
	text(s, "   %s lines/s, %sB/s", amount(rate(s, SNAP_PROCESS, p, PROCESS_LINES), a),
	    amount(rate(s, SNAP_PROCESS, p, PROCESS_BYTES), b));
	end_line(s, "1");
	text(s, "memory");
	bar(s, p->n[PROCESS_MEMORY], p->n[PROCESS_LIMIT]);
	text(s, "  %sB of %sB, peak %sB, %" PRIu64 " waits; process %sB, %" PRIu64 " files",
	    amount(p->n[PROCESS_MEMORY], a), amount(p->n[PROCESS_LIMIT], b),
	    amount(p->n[PROCESS_PEAK], c), p->n[PROCESS_WAITS], amount(p->n[PROCESS_RSS], d),
	    p->n[PROCESS_FDS]);
	end_line(s, NULL);
}

static void
disk(struct screen *s)
{
	uint64_t n = 0, limit = s->now->rows[SNAP_PROCESS]->n[PROCESS_DISK];
	char a[16], b[16];

	for (int i = 0; i < s->now->count[SNAP_OUTPUT]; i++)
		n += s->now->rows[SNAP_OUTPUT][i].n[OUTPUT_SPILLED];
	if (!n)
		return;
	text(s, "disk  ");
	bar(s, n, limit);
	text(s, "  %sB of %sB", amount(n, a), amount(limit, b));
	end_line(s, NULL);
}

static void
title(struct screen *s, const char *line)
{
	if (s->used)
		end_line(s, NULL);
	text(s, "%s", line);
	end_line(s, "7");
}

static void
sources(struct screen *s)
{
	title(s, "SOURCE               lines/s     B/s   lines  errors    lost streams");
	for (int i = 0; i < s->now->count[SNAP_SOURCE]; i++) {
		const struct snap_row *r = &s->now->rows[SNAP_SOURCE][i];

		text(s, "%-20.20s", r->text[0]);
		cell(s, 7, rate(s, SNAP_SOURCE, r, SOURCE_LINES));
		cell(s, 7, rate(s, SNAP_SOURCE, r, SOURCE_BYTES));
		cell(s, 7, r->n[SOURCE_LINES]);
		cell(s, 7, r->n[SOURCE_ERRORS]);
		cell(s, 7, r->n[SOURCE_LOST]);
		cell(s, 7, r->n[SOURCE_STREAMS]);
		end_line(s, r->n[SOURCE_LOST] ? "33" : NULL);
	}
}

static void
steps(struct screen *s)
{
	if (!s->now->count[SNAP_STEP])
		return;
	title(s, "STEP                    in/s   out/s   stays  failed kind");
	for (int i = 0; i < s->now->count[SNAP_STEP]; i++) {
		const struct snap_row *r = &s->now->rows[SNAP_STEP][i];

		text(s, "%-20.20s", r->text[0]);
		cell(s, 7, rate(s, SNAP_STEP, r, STEP_IN));
		cell(s, 7, rate(s, SNAP_STEP, r, STEP_OUT));
		text(s, " %6.1f%%", r->n[STEP_IN] ? 100.0 * r->n[STEP_OUT] / r->n[STEP_IN] : 100);
		cell(s, 7, r->n[STEP_FAILED]);
		text(s, " %s", r->text[1]);
		end_line(s, NULL);
	}
}

static const char *
state_of(const struct screen *s, const struct snap_row *r, char out[64])
{
	const struct snap_row *was = earlier(s, SNAP_OUTPUT, r);

	if (r->n[OUTPUT_FAILING])
		snprintf(out, 64, "failing for %" PRIu64 " s: ",
		    r->n[OUTPUT_FAILING_FOR] / WEFT_SECOND);
	else if (s->before && r->n[OUTPUT_WAITS] > was->n[OUTPUT_WAITS])
		snprintf(out, 64, "all wait for it");
	else if (r->n[OUTPUT_SPILLED])
		snprintf(out, 64, "has a disk queue");
	else
		snprintf(out, 64, "ok");
	return out;
}

static void
outputs(struct screen *s)
{
	char word[64];

	title(s, "OUTPUT             records/s     B/s queue                 waits retries    disk "
	    "state");
	for (int i = 0; i < s->now->count[SNAP_OUTPUT]; i++) {
		const struct snap_row *r = &s->now->rows[SNAP_OUTPUT][i];

		text(s, "%-20.20s", r->text[0]);
		cell(s, 7, rate(s, SNAP_OUTPUT, r, OUTPUT_RECORDS));
		cell(s, 7, rate(s, SNAP_OUTPUT, r, OUTPUT_BYTES));
		bar(s, r->n[OUTPUT_QUEUE], r->n[OUTPUT_LIMIT]);
		cell(s, 7, r->n[OUTPUT_WAITS]);
		cell(s, 7, r->n[OUTPUT_RETRIES]);
		cell(s, 7, r->n[OUTPUT_SPILLED]);
		text(s, " %s%s", state_of(s, r, word), r->text[1]);
		end_line(s, r->n[OUTPUT_FAILING] ? "31" : NULL);
	}
}

static void
workers(struct screen *s)
{
	title(s, "WORKER  busy                lines/s batches/s");
	for (int i = 0; i < s->now->count[SNAP_WORKER]; i++) {
		const struct snap_row *r = &s->now->rows[SNAP_WORKER][i];

		text(s, "%-6.6s", r->text[0]);
		bar(s, rate(s, SNAP_WORKER, r, WORKER_BUSY), WEFT_SECOND);
		cell(s, 7, rate(s, SNAP_WORKER, r, WORKER_LINES));
		cell(s, 9, rate(s, SNAP_WORKER, r, WORKER_BATCHES));
		end_line(s, NULL);
	}
}

static void
ledger(struct screen *s)
{
	bool all = true;

	for (int i = 0; i < s->now->count[SNAP_LEDGER]; i++) {
		const struct snap_row *r = &s->now->rows[SNAP_LEDGER][i];

		if (r->n[LEDGER_BALANCED])
			continue;
		all = false;
		text(s, "%s to %s does not balance", r->text[0], r->text[1]);
		end_line(s, "31");
	}
	if (all) {
		text(s, "every line is accounted for");
		end_line(s, NULL);
	}
}

void
top_draw(const struct snapshot *now, const struct snapshot *before, int rows, int cols,
    bool color, struct buf *out)
{
	const uint64_t *n = now->rows[SNAP_PROCESS]->n;
	uint64_t since = before ? before->rows[SNAP_PROCESS]->n[PROCESS_NOW] :
	    n[PROCESS_STARTED];
	struct screen s = {
		.now = now, .before = before, .out = out, .rows = rows, .cols = cols,
		.color = color, .seconds = ((double)n[PROCESS_NOW] - since) / WEFT_SECOND,
	};

	if (s.seconds < 1e-3)		/* the clock may have been set */
		s.seconds = 1e-3;
	head(&s);
	disk(&s);
	ledger(&s);
	sources(&s);
	steps(&s);
	outputs(&s);
	workers(&s);
	buf_finish(&s.line);
}
