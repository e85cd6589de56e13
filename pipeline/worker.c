/*
 * worker.c - W goroutines: each takes a batch, parses its lines, runs the steps, renders
 *
 * Everything that depends on what a line says is done here, in parallel; nothing here depends
 * on the order of batches.  A worker has its own scratch, and shares only what steps lock.
 */
#include <stdlib.h>

#include "stage.h"
#include "weft/time.h"
#include "when.h"

struct worker {
	weft_pipeline	*p;
	struct scratch	*scratch;
	struct when	 when;
	struct look	*look;		/* NULL: nobody taps */
	struct look	 room;
};

static void
parse(struct worker *w, struct batch *b)
{
	struct format f = b->source->format;

	f.wants.fields |= w->look && w->look->fields;
	for (size_t i = 0; i < b->nlines; i++)
		if (b->lines[i].fate == KEPT)
			parse_line(&f, w->scratch, b, &b->lines[i]);
}

static void
run_step(struct worker *w, struct step *s, struct batch *b)
{
	if (w->look)
		look_ahead(w->look, s);
	s->run(s, w->scratch, b);
	if (w->look)
		look_past(w->look, s);
}

static void
run_steps(struct worker *w, struct batch *b)
{
	struct plan *plan = &w->p->plan;

	for (int i = 0; i < plan->nsteps; i++)
		run_step(w, plan->steps[i], b);
	for (size_t i = 0; i < b->nlines; i++)
		b->fates[b->lines[i].fate]++;
}

static bool
wanted(struct worker *w, const struct rendering *r, const struct batch *b, const struct line *l)
{
	if (r->dead)
		return l->fate == DEAD;
	return l->fate == KEPT && (!r->where || expr_true(r->where, w->scratch, b, l));
}

/* A guess that is mostly enough: what was read, and a prefix to each line. */
static void
make_room(struct rendered *out, const struct batch *b)
{
	buf_grow(&out->data, b->bytes.len + b->nlines * (b->stream->origin.prefix.len + 24));
}

static void
render(struct worker *w, struct batch *b, int which)
{
	const struct rendering *r = &w->p->plan.renderings[which];
	struct rendered *out = batch_rendered(b, which);

	if (r->some && !(r->sources[b->source->index / 64] >> b->source->index % 64 & 1))
		return;
	if (r->dead ? !b->fates[DEAD] : !b->fates[KEPT])
		return;
	make_room(out, b);
	for (size_t i = 0; i < b->nlines; i++) {
		const struct line *l = &b->lines[i];

		if (!wanted(w, r, b, l))
			continue;
		render_line(&out->data, r->format, b, l, b->first + i, &w->when);
		out->keep[i / 64] |= UINT64_C(1) << i % 64;
		out->ends[out->n++] = out->data.len;
	}
}

static void
tell_dead(weft_pipeline *p, const struct batch *b)
{
	static const uint64_t most = 5;		/* so many are told, then only counted */

	for (size_t i = 0; i < b->nlines; i++) {
		const struct line *l = &b->lines[i];
		uint64_t n;

		if (l->fate != DEAD)
			continue;
		weft_mutex_lock(&p->lock);
		n = p->told++;
		weft_mutex_unlock(&p->lock);
		if (n < most)
			pipeline_tell(p, "%s:%llu: %s", b->stream->name,
			    (unsigned long long)(b->first + i),
			    l->error ? l->error : "cannot be parsed");
		else if (n == most)
			pipeline_tell(p, "more dead lines follow; they are counted%s",
			    p->plan.dead ? " and kept as dead letters" : "");
		else
			return;
	}
}

static void
process(struct worker *w, struct batch *b)
{
	struct plan *plan = &w->p->plan;

	w->look = taps_any(&w->p->taps) ? &w->room : NULL;
	if (w->look)
		look_begin(w->look, &w->p->taps, b, w->scratch, &w->when);
	parse(w, b);
	if (w->look)
		look_source(w->look);
	run_steps(w, b);
	for (int i = 0; i < plan->nrenderings; i++)
		if (plan->renderings[i].users)
			render(w, b, i);
	if (w->look) {
		look_outputs(w->look, plan);
		look_end(w->look);
	}
}

void
worker_run(weft_pipeline *p, int number)
{
	struct worker w = { .p = p, .scratch = scratch_new() };
	struct worker_counts *c = &p->workers[number];

	for (struct batch *b; weft_recv(p->parsed, &b); ) {
		int64_t began = weft_now();

		process(&w, b);
		if (b->fates[DEAD])
			tell_dead(p, b);
		batch_charge(b);
		count(&c->batches, 1);
		count(&c->lines, b->nlines);
		count(&c->busy, weft_now() - began);
		weft_send(p->ready, b);
	}
	scratch_free(w.scratch);
}
