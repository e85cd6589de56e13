/*
 * ledger.c - the account of every line: rows for each source and output, and do they balance?
 *
 * A row is what the output has counted, and in flight is what its source has read beyond that.
 * The lines of a row must add up, and be as many as the line numbers of its places say.
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

/* Lines of s that were handed on, and that o has not settled; p->lock held. */
static uint64_t
in_flight(weft_pipeline *p, const struct source *s, struct output *o)
{
	uint64_t n = 0, early;

	for (struct stream *st = p->streams; st; st = st->next) {
		struct standing *at;
		uint64_t lines = 0;

		if (st->source->index != s->index)
			continue;
		weft_mutex_lock(&o->lock);
		at = st->standing[o->slot];
		if (at) {
			lines = at->mark.at.lines;
			/* in the disk queue, while older lines still wait in memory */
			if (at->mark.ahead.to.lines > lines)
				lines += at->mark.ahead.to.lines - at->mark.ahead.first + 1;
			for (uint32_t i = 0; i < at->nearly; i++) {
				early = at->early[i].to.lines - at->early[i].first + 1;
				lines += early;
			}
		}
		weft_mutex_unlock(&o->lock);
		if (st->end.lines > lines)
			n += st->end.lines - lines;
	}
	return n;
}

int
ledger_rows(weft_pipeline *p, struct weft_ledger_row *rows, int max)
{
	struct plan *plan = &p->plan;
	int n = 0;

	weft_mutex_lock(&p->lock);
	for (int s = 0; s < p->nsources; s++)
		for (int i = 0; i < plan->noutputs; i++, n++) {
			struct output *o = plan->outputs[i];
			struct account a = { 0 };

			if (n >= max)
				continue;
			weft_mutex_lock(&o->lock);
			if (s < o->naccounts)
				a = o->total[s];
			weft_mutex_unlock(&o->lock);
			rows[n] = ledger_row(p->sources[s]->name, o->name, &a);
			if (o == plan->dead)
				continue;
			rows[n].in_flight = in_flight(p, p->sources[s], o);
			rows[n].read += rows[n].in_flight;
		}
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

bool
weft_pipeline_balanced(weft_pipeline *p)
{
	struct weft_ledger_row *rows;
	int n = weft_pipeline_ledger(p, NULL, 0);
	bool is = true;

	rows = xcalloc(n + 1, sizeof(*rows));
	n = weft_pipeline_ledger(p, rows, n);
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

void
weft_pipeline_counts(weft_pipeline *p, struct weft_pipeline_counts *out)
{
	weft_rwmutex_rlock(&p->shape);
	*out = (struct weft_pipeline_counts){
		.read = counted(&p->read), .bytes = counted(&p->bytes),
		.sources = p->nsources, .steps = p->plan.nsteps, .outputs = p->plan.noutputs,
		.elapsed = elapsed(p),
	};
	weft_mutex_lock(&p->budget.lock);
	out->memory = p->budget.used;
	out->memory_peak = p->budget.peak;
	weft_mutex_unlock(&p->budget.lock);
	for (int i = 0; i < p->nsources; i++) {
		out->lost += counted(&p->sources[i]->lost);
		out->errors += counted(&p->sources[i]->errors);
	}
	weft_rwmutex_runlock(&p->shape);
}

bool
weft_pipeline_step_counts(weft_pipeline *p, int i, struct weft_step_counts *out)
{
	bool there;

	weft_rwmutex_rlock(&p->shape);
	there = i >= 0 && i < p->plan.nsteps;
	if (there) {
		struct step *s = p->plan.steps[i];

		*out = (struct weft_step_counts){ s->name, s->kind, counted(&s->in),
		    counted(&s->out), counted(&s->failed) };
	}
	weft_rwmutex_runlock(&p->shape);
	return there;
}

void
ledger_output_counts(struct output *o, struct weft_output_counts *out)
{
	*out = (struct weft_output_counts){
		.name = o->name, .records = counted(&o->records), .bytes = counted(&o->bytes),
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
	out->failing = o->error != 0;
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
	weft_rwmutex_runlock(&p->shape);
	return there;
}
