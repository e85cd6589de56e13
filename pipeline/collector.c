/*
 * collector.c - puts the batches of each stream in order again, and hands them to every output
 *
 * Workers overtake each other; a batch waits here until those before it have come.  They
 * are with a worker, so they will.  An output that is full decides by its own rule:
 * only one that blocks makes the collector wait, and with it everybody.
 */
#include "stage.h"

/* A batch that is dropped: what is left of it is settled, as lost to a full queue. */
static void
fill_gap(struct batch *b, struct gap *g, void *arg)
{
	struct output *o = arg;

	*g = (struct gap){ .stream = b->stream, .span = ack_span(b) };
	ack_account(o, b, &g->account);
	g->account.full += g->account.delivered;
	g->account.delivered = 0;
}

static void
drop(struct output *o, struct batch *b)
{
	struct gap g;

	fill_gap(b, &g, o);
	queue_put_gap(&o->queue, &g);
	batch_unref(b);
}

/* In the end nobody waits any longer; see put_away in output.c. */
static void
block(struct output *o, struct batch *b)
{
	if (queue_put(o->ctx, &o->queue, b))
		queue_put_over(&o->queue, b);
}

/* What is for another output only is as good as filtered here; nobody waits for that. */
static bool
passes_over(struct output *o, struct batch *b)
{
	struct gap g = { .stream = b->stream, .span = ack_span(b) };

	if (!b->stream->only || o == o->p->plan.dead || strcmp(b->stream->only, o->name) == 0)
		return false;
	ack_account(o, b, &g.account);
	g.account.filtered += g.account.delivered;
	g.account.delivered = 0;
	queue_put_gap(&o->queue, &g);
	batch_unref(b);
	return true;
}

static void
hand_to(struct output *o, struct batch *b)
{
	if (passes_over(o, b))
		return;
	if (!b->rendered[o->rendering].n && !spill_going_on(o)) {
		drop(o, b);		/* nothing in it for o: its counts are all there is to keep */
		return;
	}
	switch (o->opt.when_full) {
	case WEFT_DROP_NEWEST:
		if (queue_full(&o->queue)) {
			drop(o, b);
			return;
		}
		break;
	case WEFT_DROP_OLDEST:
		while (queue_full(&o->queue) && queue_drop_oldest(&o->queue, fill_gap, o))
			;
		break;
	case WEFT_SPILL:
		if (spill_batch(o, b)) {
			batch_unref(b);
			return;
		}
	}
	block(o, b);
}

static void
fan_out(weft_pipeline *p, struct batch *b)
{
	struct plan *plan = &p->plan;

	batch_ref(b, plan->noutputs);
	for (int i = 0; i < plan->noutputs; i++)
		hand_to(plan->outputs[i], b);
	batch_unref(b);
	atomic_fetch_sub(&p->inside, 1);
}

static void
set_aside(struct stream *st, struct batch *b)
{
	struct batch **at = &st->early;

	while (*at && (*at)->seq < b->seq)
		at = &(*at)->next;
	b->next = *at;
	*at = b;
}

static void
in_order(weft_pipeline *p, struct batch *b)
{
	struct stream *st = b->stream;
	bool more;

	set_aside(st, b);
	more = st->early->seq == st->collected;
	while (more) {
		b = st->early;
		st->early = b->next;
		st->collected++;
		more = st->early && st->early->seq == st->collected;
		fan_out(p, b);		/* the last one: st may be gone after it */
	}
}

void
collector_run(weft_pipeline *p)
{
	for (struct batch *b; weft_recv(p->ready, &b); )
		if (p->opt.unordered)
			fan_out(p, b);
		else
			in_order(p, b);
}
