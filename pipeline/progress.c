/*
 * progress.c - the line is written over five times a second
 *
 * The speed is that of the last two seconds, so that it follows what happens.
 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "weft/time.h"

#define EVERY	(200 * WEFT_MS)
#define BACK	10		/* updates that the speed looks back */

struct sample { int64_t at; uint64_t bytes, lines; };

/* 1234567, " read": 1.23 M read; 1234567, " B/s": 1.23 MB/s */
static void
amount(struct buf *out, double n, const char *unit)
{
	static const struct { double from; const char *prefix; } steps[] = {
		{ 1e9, "G" }, { 1e6, "M" }, { 1e4, "k" },
	};
	bool joins = unit[1] == 'B';

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (n >= steps[i].from) {
			n /= steps[i].from == 1e4 ? 1e3 : steps[i].from;
			buf_printf(out, "%.*f %s%s", n < 10 ? 2 : n < 100 ? 1 : 0, n,
			    steps[i].prefix, unit + joins);
			return;
		}
	buf_printf(out, "%.0f%s", n, unit);
}

/* The slowest output tells how far we are; those that fail are named. */
static void
outputs(struct buf *out, weft_pipeline *p, struct buf *failing)
{
	struct weft_output_counts o;
	uint64_t least = 0, spilled = 0;

	for (int i = 0; weft_pipeline_output_counts(p, i, &o); i++) {
		if (i == 0 || o.records < least)
			least = o.records;
		spilled += o.spilled_bytes;
		if (o.failing)
			buf_printf(failing, "; %s fails", o.name);
	}
	amount(out, least, " delivered");
	if (spilled) {
		buf_adds(out, ", ");
		amount(out, spilled, " B in disk queues");
	}
}

static void
line(struct buf *out, weft_pipeline *p, const struct weft_pipeline_counts *c,
    const struct sample *then, const struct sample *now)
{
	double s = (now->at - then->at) / 1e9;
	struct buf failing = { 0 };

	buf_adds(out, "\r\033[K");
	amount(out, c->read, " read, ");
	outputs(out, p, &failing);
	if (s > 0) {
		buf_adds(out, "; ");
		amount(out, (now->bytes - then->bytes) / s, " B/s, ");
		amount(out, (now->lines - then->lines) / s, " lines/s");
	}
	buf_add(out, failing.data, failing.len);
	buf_finish(&failing);
}

static void
update(weft_pipeline *p, int fd, struct sample *samples, int i)
{
	struct weft_pipeline_counts c;
	struct sample *now = &samples[i % BACK];
	struct sample then = i >= BACK ? *now : samples[0];
	struct buf out = { 0 };

	weft_pipeline_counts(p, &c);
	*now = (struct sample){ weft_now(), c.bytes, c.read };
	line(&out, p, &c, &then, now);
	if (write(fd, out.data, out.len) < 0) {
		/* the line is a courtesy */
	}
	buf_finish(&out);
}

void
progress_run(weft_ctx *ctx, weft_pipeline *p, int fd)
{
	struct sample samples[BACK] = { { weft_now(), 0, 0 } };
	weft_ticker *ticker = weft_ticker_new(EVERY);
	int64_t when;

	for (int i = 1; weft_select(weft_on_recv(weft_ticker_chan(ticker), &when),
	    weft_on_done(ctx)) == 0; i++)
		update(p, fd, samples, i);
	weft_ticker_free(ticker);
	if (write(fd, "\r\033[K", 4) < 0) {
		/* likewise */
	}
}
