/*
 * ledger.c - the account of every line: rows for each source and output, and do they balance?
 *
 * A row is what the output has counted, and in flight, which is what its source has read beyond
 * that.  What is counted must add up, and be as many as the line numbers of its places say.
 *
 * Whoever asks holds shape, under which a reload exchanges plan and sources, and the pipeline's lock,
 * which keeps its streams.
 */
#include <stdlib.h>

#include "stage.h"
#include "weft/time.h"

bool
account_balances(const struct account *a)
{
	return a->read == a->delivered + a->filtered + a->dead + a->sampled + a->limited +
	    a->repeated + a->full + a->spilled && a->read == a->expected;
}

struct weft_ledger_row
ledger_row(const char *source, const char *output, const struct account *a)
{
	return (struct weft_ledger_row){
		.source = source, .output = output, .read = a->read,
		.delivered = a->delivered, .filtered = a->filtered, .dead = a->dead,
		.sampled = a->sampled, .limited = a->limited, .repeated = a->repeated,
		.full = a->full, .spilled = a->spilled, .bytes = a->bytes, .lost = a->lost,
		.balanced = account_balances(a),
	};
}

/* Lines between two places that are settled out of order, or are in the disk queue. */
static uint64_t
beyond(const struct standing *at)
{
	const struct mark *m = &at->mark;
	uint64_t n = 0;

	for (uint32_t i = 0; i < at->nearly; i++)
		n += at->early[i].to.lines - at->early[i].first + 1;
	if (m->ahead.to.offset > m->at.offset)
		n += m->ahead.to.lines -
		    (m->ahead.first - 1 > m->at.lines ? m->ahead.first - 1 : m->at.lines);
	return n;
}

/* Lines of st that were handed on, and that o has not settled; p->lock held. */
static uint64_t
in_flight(const struct stream *st, struct output *o)
{
	const struct standing *at;
	uint64_t lines = 0;

	weft_mutex_lock(&o->lock);
	at = st->standing[o->slot];
	if (at)
		lines = at->mark.at.lines + beyond(at);
	weft_mutex_unlock(&o->lock);
	return st->end.lines > lines ? st->end.lines - lines : 0;
}

static struct weft_ledger_row
row_at(weft_pipeline *p, int source, struct output *o)
{
	struct account a = { 0 };
	struct weft_ledger_row row;

	weft_mutex_lock(&o->lock);
	if (source < o->naccounts)
		a = o->total[source];
	weft_mutex_unlock(&o->lock);
	row = ledger_row(pipeline_name(p, p->sources[source]->name), pipeline_name(p, o->name), &a);
	if (p->swept && o->left) {	/* there are no streams any more */
		row.in_flight = o->left[source];
		row.read += o->left[source];
	}
	return row;
}

static void
add_in_flight(weft_pipeline *p, struct weft_ledger_row *rows, int max)
{
	const struct plan *plan = &p->plan;

	for (struct stream *st = p->streams; st && max > 0; st = st->next)
		for (int i = 0; i < plan->noutputs; i++) {
			int at = st->index * plan->noutputs + i;
			uint64_t n;

			if (at >= max || plan->outputs[i] == plan->dead)
				continue;
			n = in_flight(st, plan->outputs[i]);
			rows[at].in_flight += n;
			rows[at].read += n;
		}
}

int
ledger_rows(weft_pipeline *p, struct weft_ledger_row *rows, int max)
{
	int n;

	weft_mutex_lock(&p->lock);
	n = p->nsources * p->plan.noutputs;
	for (int i = 0; i < n && i < max; i++)
		rows[i] = row_at(p, i / p->plan.noutputs,
		    p->plan.outputs[i % p->plan.noutputs]);
	add_in_flight(p, rows, max);
	weft_mutex_unlock(&p->lock);
	return n;
}

int
weft_pipeline_ledger(weft_pipeline *p, struct weft_ledger_row *rows, int max)
{
	int n;

	weft_rwmutex_rlock(&p->shape);
	n = ledger_rows(p, rows, max);
	weft_rwmutex_runlock(&p->shape);
	return n;
}

int
ledger_all(weft_pipeline *p, struct weft_ledger_row **rows)
{
	int n = weft_pipeline_ledger(p, NULL, 0), now;

	*rows = xcalloc(n + 1, sizeof(**rows));
	now = weft_pipeline_ledger(p, *rows, n);	/* a reload may have come between */
	return now < n ? now : n;
}

bool
weft_pipeline_balanced(weft_pipeline *p)
{
	struct weft_ledger_row *rows;
	int n = ledger_all(p, &rows);
	bool is = true;

	for (int i = 0; i < n; i++)
		is &= rows[i].balanced;
	free(rows);
	return is;
}

static int64_t
elapsed(weft_pipeline *p)
{
	if (!p->started)
		return 0;
	return (p->ended ? p->ended : weft_now()) - p->started;
}

static void
add_troubles(struct weft_pipeline_counts *out, struct source *s)
{
	out->lost += counted(&s->lost);
	out->errors += counted(&s->errors);
}

void
weft_pipeline_counts(weft_pipeline *p, struct weft_pipeline_counts *out)
{
	weft_rwmutex_rlock(&p->shape);
	*out = (struct weft_pipeline_counts){
		.read = counted(&p->read), .bytes = counted(&p->bytes),
	};
	weft_mutex_lock(&p->budget.lock);
	out->memory = p->budget.used;
	out->memory_peak = p->budget.peak;
	weft_mutex_unlock(&p->budget.lock);
	weft_mutex_lock(&p->lock);
	out->sources = p->nsources;
	out->steps = p->plan.nsteps;
	out->outputs = p->plan.noutputs;
	out->elapsed = elapsed(p);
	for (int i = 0; i < p->nsources; i++)
		add_troubles(out, p->sources[i]);
	for (struct source *s = p->retired; s; s = s->retired)
		add_troubles(out, s);
	weft_mutex_unlock(&p->lock);
	weft_rwmutex_runlock(&p->shape);
}

bool
weft_pipeline_step_counts(weft_pipeline *p, int i, struct weft_step_counts *out)
{
	bool there;

	weft_rwmutex_rlock(&p->shape);
	weft_mutex_lock(&p->lock);
	there = i >= 0 && i < p->plan.nsteps;
	if (there) {
		struct step *s = p->plan.steps[i];

		*out = (struct weft_step_counts){ pipeline_name(p, s->name), s->kind,
		    counted(&s->in), counted(&s->out), counted(&s->failed) };
	}
	weft_mutex_unlock(&p->lock);
	weft_rwmutex_runlock(&p->shape);
	return there;
}

void
ledger_output_counts(struct output *o, struct weft_output_counts *out)
{
	*out = (struct weft_output_counts){
		.name = o->name,
		.records = counted(&o->records), .bytes = counted(&o->bytes),
		.failures = counted(&o->failures), .retries = counted(&o->retries),
		.spilled_bytes = atomic_load(&o->spill_bytes),
	};
	weft_mutex_lock(&o->queue.lock);
	out->queued = o->queue.batches;
	out->queue_bytes = o->queue.bytes;
	out->queue_limit = o->queue.limit;
	out->waits = o->queue.waits;
	weft_mutex_unlock(&o->queue.lock);
	weft_mutex_lock(&o->lock);
	out->spilled_parcels = o->spill_rows;
	out->failing = o->error || o->unsaved_for;
	weft_mutex_unlock(&o->lock);
}

bool
weft_pipeline_output_counts(weft_pipeline *p, int i, struct weft_output_counts *out)
{
	bool there;

	weft_rwmutex_rlock(&p->shape);
	there = i >= 0 && i < p->plan.noutputs;
	if (there)
		ledger_output_counts(p->plan.outputs[i], out);
	weft_mutex_lock(&p->lock);
	if (there)
		out->name = pipeline_name(p, out->name);
	weft_mutex_unlock(&p->lock);
	weft_rwmutex_runlock(&p->shape);
	return there;
}
