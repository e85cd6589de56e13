/*
 * stage.c - between sources and outputs: filter, enrichment workers, collector
 *
 * One filter clears bits, W workers turn what is left into the bytes that outputs
 * write, and one collector puts the batches of each source in order again and
 * hands them to every output.  The collector waits for the slowest output; that
 * is the backpressure, and it reaches the sources when the pool is empty.
 */
#include "stage.h"

static void
filter(struct batch *b, int level)
{
	size_t kept = 0;

	memset(b->keep, 0, sizeof(b->keep));
	for (size_t i = 0; i < b->nlines; i++) {
		uint64_t keep = b->lines[i].level >= level && !b->lines[i].error;

		b->keep[i / 64] |= keep << i % 64;
		kept += keep;
	}
	b->nkeep = kept;
}

void
filter_run(weft_pipeline *p)
{
	for (struct batch *b; weft_recv(p->parsed, &b); ) {
		filter(b, p->opt.level);
		count(&p->filtered, b->nlines - b->nerrors - b->nkeep);
		weft_send(p->kept, b);
	}
}

static void
render(struct batch *b, int format)
{
	struct buf *out = &b->rendered[format];

	out->len = 0;
	buf_grow(out, b->bytes.len + b->nkeep * b->source->origin.prefix.len);
	for (size_t i = 0; i < b->nlines; i++)
		if (batch_kept(b, i))
			render_line(out, format, &b->source->origin, &b->lines[i], b->first + i);
}

void
worker_run(weft_pipeline *p)
{
	for (struct batch *b; weft_recv(p->kept, &b); ) {
		for (int f = 0; f < RENDER_FORMATS; f++)
			if (p->renders[f] && b->nkeep)
				render(b, f);
		count(&p->nenriched, b->nkeep);
		weft_send(p->enriched, b);
	}
}

static void
fan_out(weft_pipeline *p, struct batch *b)
{
	if (b->nkeep == 0 || p->noutputs == 0) {
		batch_unref(b);
		return;
	}
	batch_ref(b, p->noutputs - 1);
	for (int i = 0; i < p->noutputs; i++)
		weft_send(p->outputs[i]->queue, b);
}

/* Keeps b until those before it have come; they are with a worker, so they will. */
static void
set_aside(struct source *s, struct batch *b)
{
	struct batch **at = &s->early;

	while (*at && (*at)->seq < b->seq)
		at = &(*at)->next;
	b->next = *at;
	*at = b;
}

static void
in_order(weft_pipeline *p, struct batch *b)
{
	struct source *s = b->source;

	set_aside(s, b);
	while ((b = s->early) && b->seq == s->next) {
		s->early = b->next;
		s->next++;
		fan_out(p, b);
	}
}

void
collector_run(weft_pipeline *p)
{
	for (struct batch *b; weft_recv(p->enriched, &b); ) {
		if (p->opt.unordered)
			fan_out(p, b);
		else
			in_order(p, b);
	}
}
