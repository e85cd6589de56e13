/*
 * spill.c - an output's disk queue, between the collector, who puts, and the output, who takes
 *
 * While it holds anything, new batches go to its end, so the order stays: what waits in memory is
 * older than all of it.  A batch, the place behind it and its counts are one transaction.
 * Its lines count as spilled until they are delivered.
 *
 * The disk budget is for all outputs together.  When it is used up, or the disk takes no more,
 * the output blocks like one without a disk queue.
 */
#include <stdlib.h>

#include "stage.h"

static uint64_t
on_disk(weft_pipeline *p)
{
	uint64_t bytes = 0;

	for (int i = 0; i < p->plan.noutputs; i++)
		bytes += atomic_load_explicit(&p->plan.outputs[i]->spill_bytes,
		    memory_order_relaxed);	/* a limit, not to the byte */
	return bytes;
}

bool
spill_going_on(struct output *o)
{
	bool is;

	weft_mutex_lock(&o->lock);
	is = o->spilling;
	weft_mutex_unlock(&o->lock);
	return is;
}

static bool
has_room(struct output *o, const struct batch *b)
{
	return on_disk(o->p) + b->rendered[o->rendering].data.len <= o->p->opt.disk;
}

bool
spill_batch(struct output *o, struct batch *b)
{
	bool told = false;
	int err = 0;

	while (spill_going_on(o) || queue_full(&o->queue)) {
		if (has_room(o, b) && (err = spill_put(o, b)) == 0)
			return true;
		if (err && !told)
			pipeline_tell(o->p, "%s: the disk queue takes nothing: %s; the sources "
			    "wait", o->name, strerror(-err));
		told |= err != 0;
		/* what comes now must not overtake, so it waits for the disk queue to be empty */
		if (!spill_going_on(o) || weft_sleep_ctx(o->ctx, 10 * WEFT_MS))
			return false;
	}
	return false;
}

/* Returns the bytes it put there. */
static size_t
store(struct output *o, struct batch *b, const struct account *a, const struct span *ahead,
    const struct span *spilled, uint32_t nspilled)
{
	struct state *s = o->p->state;
	struct share share;
	struct spilled row;

	ack_share(o, b, &share);
	row = (struct spilled){
		.records = share.n, .received = b->received,
		.source = b->source->name, .stream = b->stream->name, .host = o->p->host,
		.data = { (char *)share.data, share.len, 0 },
		.ends = { (char *)share.ends, share.n * sizeof(uint32_t), 0 },
	};
	if (row.records)
		state_spill_put(s, o->name, &row);
	state_account_add(s, b->source->name, o->name, a);
	if (b->stream->row)
		state_ahead_put(s, o->name, b->stream->row, ahead, spilled, nspilled);
	share_finish(&share);
	return row.data.len;
}

/* The span in the disk queue, with b behind it; and those before, which are yours to free. */
static struct span
longer(struct output *o, struct batch *b, struct span **spilled, uint32_t *n)
{
	struct standing *at;
	struct span s = ack_span(b);

	weft_mutex_lock(&o->lock);
	at = stream_standing(b->stream, o);
	ack_displace(at, b);
	if (at->mark.ahead.to.offset) {
		s.from = at->mark.ahead.from;
		s.first = at->mark.ahead.first;
	}
	*n = at->nspilled;
	*spilled = xmalloc((*n + 1) * sizeof(**spilled));
	if (*n)
		memcpy(*spilled, at->spilled, *n * sizeof(**spilled));
	weft_mutex_unlock(&o->lock);
	return s;
}

int
spill_put(struct output *o, struct batch *b)
{
	struct account a;
	struct span ahead;
	struct span *spilled;
	uint32_t nspilled;
	size_t bytes;
	int err;

	ack_account(o, b, &a);
	a.spilled = a.delivered;
	a.delivered = 0;
	ahead = longer(o, b, &spilled, &nspilled);
	state_begin(o->p->state);
	bytes = store(o, b, &a, &ahead, spilled, nspilled);
	err = state_commit(o->p->state);
	free(spilled);
	if (err)
		return err;
	weft_mutex_lock(&o->lock);
	stream_standing(b->stream, o)->mark.ahead = ahead;
	ack_spilled(o, b, &a);
	o->spill_rows += bytes > 0;
	o->spilling = o->spill_rows > 0;
	weft_mutex_unlock(&o->lock);
	atomic_fetch_add(&o->spill_bytes, bytes);
	queue_poke(&o->queue);
	return 0;
}

/* The next parcel; false: there is none. */
bool
spill_next(struct output *o, struct spilled *s)
{
	bool found;

	weft_mutex_lock(&o->lock);
	found = o->spill_rows > 0;
	weft_mutex_unlock(&o->lock);
	if (!found)
		return false;
	state_begin(o->p->state);
	found = state_spill_next(o->p->state, o->name, o->spill_sent, s);
	if (state_commit(o->p->state))
		found = false;
	return found;
}

/* Delivered, all but those rejected; the row goes with the next checkpoint. */
void
spill_sent(struct output *o, const struct spilled *s, uint32_t rejected)
{
	struct account a = {
		.delivered = s->records - rejected, .dead = rejected,
		.spilled = -(uint64_t)s->records,
	};
	bool known;

	weft_mutex_lock(&o->lock);
	o->spill_sent = s->id;
	o->changes++;
	o->spill_rows--;
	o->spilling = o->spill_rows > 0;
	known = ack_account_only(o, s->source, &a);
	weft_mutex_unlock(&o->lock);
	atomic_fetch_sub(&o->spill_bytes, s->data.len);
	if (known)
		return;
	/* of a source that is no longer configured */
	state_begin(o->p->state);
	state_account_add(o->p->state, s->source, o->name, &a);
	pipeline_fail(o->p, state_commit(o->p->state));
}
