/*
 * output.c - one goroutine per output: takes batches, delivers them, settles what is delivered
 *
 * A delivery is tried until it succeeds; meanwhile the queue fills, and when_full decides what
 * that means for the others.  A full disk or a dead server is told when it begins and when
 * it is over, and never ends the program.  What the other side will never take (rejects) goes to
 * the dead letters, before it counts as settled.
 *
 * busy is held from before a delivery until it is settled, so whoever has it finds sink and
 * marks in step.
 */
#include <stdio.h>
#include <stdlib.h>

#include "patterns/breaker.h"
#include "patterns/retry.h"
#include "letter.h"
#include "spec.h"
#include "stage.h"
#include "when.h"
#include "weft/time.h"

#define TICK	(250 * WEFT_MS)

struct delivery {
	struct output	*o;
	struct parcel	 parcel;
	struct rejects	 rejects;
	struct batch	*batch;		/* or NULL: from the disk queue */
	struct share	 share;		/* of the batch: what the parcel is of */
	uint32_t	 done;		/* of the parcel */
};

static void
well_again(struct output *o)
{
	if (!o->error)
		return;
	pipeline_tell(o->p, "%s works again after %.1f s", o->name,
	    (weft_now() - o->failing_since) / 1e9);
	weft_mutex_lock(&o->lock);
	o->error = 0;
	weft_mutex_unlock(&o->lock);
}

static const char *
while_waiting(const struct output *o)
{
	switch (o->opt.when_full) {
	case WEFT_DROP_NEWEST: case WEFT_DROP_OLDEST:
		return "what does not fit into its queue is dropped";
	case WEFT_SPILL:
		return "what does not fit into its queue goes to disk";
	}
	return "when its queue is full, the sources wait";
}

static void
failing(struct output *o, int err)
{
	count(&o->failures, 1);
	if (o->error)
		return;
	weft_mutex_lock(&o->lock);
	o->error = err;
	o->failing_since = weft_now();
	snprintf(o->why, sizeof(o->why), "%s",
	    o->sink->why.len ? buf_str(&o->sink->why) : strerror(-err));
	weft_mutex_unlock(&o->lock);
	pipeline_tell(o->p, "cannot write to %s: %s; trying on, %s", o->name, o->why,
	    while_waiting(o));
}

static bool
due(struct output *o)
{
	return weft_now() >= o->next_checkpoint;
}

/* Between attempts, too: what was delivered before must not wait for what is not. */
static void
checkpoint(struct output *o)
{
	const struct weft_file_options *f = o->opt.file;
	int64_t every = o->p->opt.checkpoint, fsync = f && !f->fsync ? WEFT_SECOND : f ? f->fsync : 0;
	int err = ack_checkpoint(o, true);

	/* a file's checkpoint is what makes it durable, so it comes as often as its fsync: says */
	o->next_checkpoint = weft_now() + (fsync > every ? fsync : every);
	if (err)
		failing(o, err);
	else if (!o->delivering)
		well_again(o);
}

/* For sinks, see sink.h. */
int
output_commit(void *arg)
{
	return ack_checkpoint(arg, false);
}

static int
attempt(weft_ctx *ctx, weft_retry_try *t, void *arg)
{
	struct delivery *d = arg;
	struct output *o = d->o;
	weft_breaker_ticket ticket = { 0 };
	int err = o->breaker ? weft_breaker_allow(o->breaker, &ticket) : 0;

	if (t->number > 1) {
		count(&o->retries, 1);
		if (due(o))
			checkpoint(o);
	}
	if (err)
		return err;
	o->sink->why.len = 0;
	o->sink->after = 0;
	err = o->sink->kind->write(ctx, o->sink, &d->parcel, &d->done, &d->rejects);
	if (o->breaker)
		weft_breaker_done(o->breaker, ticket, err);
	if (err == -EPIPE && o->opt.standard_output) {
		t->abort = true;	/* nobody reads it any more */
		return err;
	}
	if (err && err != -ECANCELED)
		failing(o, err);
	t->after = o->sink->after;
	return err;
}

/*
 * What a sink without a state has delivered is not sent again.  From a rejected record on it
 * is: the letter has not been written.
 */
static void
keep_part(struct delivery *d)
{
	uint32_t n = d->rejects.n && d->rejects.record[0] < d->done ? d->rejects.record[0] :
	    d->done;

	if (d->batch && n && !d->o->sink->kind->save)
		ack_partial(d->o, d->batch, share_record(&d->share, n - 1));
}

/* 0: all of it is delivered or rejected; else the output has ended. */
static int
deliver(struct delivery *d)
{
	static const weft_retry policy = {
		.attempts = -1, .min = 20 * WEFT_MS, .max = 5 * WEFT_SECOND,
		.jitter = WEFT_RETRY_EQUAL,
	};
	struct output *o = d->o;
	int err;

	o->delivering = true;
	err = weft_retry_do(o->ctx, &policy, attempt, d);
	if (!err) {
		well_again(o);
		count(&o->bytes, d->parcel.len);
		count(&o->records, d->parcel.records);
	} else {
		keep_part(d);
	}
	o->delivering = false;
	if (err == -EPIPE) {
		pipeline_fail(o->p, err);
		weft_cancel(o->p->ctx);
		weft_cancel(o->ctx);
	}
	return err;
}

static void
add_letter(const struct letter *l, struct buf *out, struct buf *ends)
{
	letter_render(out, l);
	buf_add(ends, &(uint32_t){ out->len }, sizeof(uint32_t));
}

static struct letter
blank(struct delivery *d, const char *why)
{
	return (struct letter){
		.host = d->o->p->host, .source = d->parcel.source, .stream = d->parcel.stream,
		.output = d->o->name, .reason = why,
	};
}

/* Of the lines as they were read. */
static void
letters_of_batch(struct delivery *d, struct buf *out, struct buf *ends)
{
	struct rendered *r = &d->batch->rendered[d->o->rendering];
	uint32_t record = 0;
	size_t next = 0;

	for (size_t i = 0; i < d->batch->nlines && next < d->rejects.n; i++) {
		const struct line *line = &d->batch->lines[i];
		struct letter l = blank(d, d->rejects.why[next]);

		if (!rendered_keeps(r, i) ||
		    record++ != share_record(&d->share, d->rejects.record[next]))
			continue;
		l.seq = d->batch->first + i;
		l.text = line->text;
		l.len = line->len;
		add_letter(&l, out, ends);
		next++;
	}
}

/* From the disk queue: only what was to be delivered is left. */
static void
letters_of_parcel(struct delivery *d, struct buf *out, struct buf *ends)
{
	for (size_t i = 0; i < d->rejects.n; i++) {
		uint32_t n = d->rejects.record[i];
		size_t from = parcel_offset(&d->parcel, n);
		struct letter l = blank(d, d->rejects.why[i]);

		l.text = d->parcel.data + from;
		l.len = d->parcel.ends[n] - from - 1;
		add_letter(&l, out, ends);
	}
}

static int
write_letters(struct delivery *d)
{
	struct output *o = d->o, *dead = o->p->plan.dead;
	struct buf text = { 0 }, ends = { 0 };
	int err = 0;

	if (!d->rejects.n)
		return 0;
	pipeline_tell(o->p, "%s: %zu lines were rejected (%s)%s", o->name, d->rejects.n,
	    d->rejects.why[0], dead ? "; they are dead letters" : "");
	if (dead && dead != o) {
		if (d->batch)
			letters_of_batch(d, &text, &ends);
		else
			letters_of_parcel(d, &text, &ends);
		err = output_write_letters(dead, &text, &ends, d->parcel.source);
		o->letters = true;
	}
	buf_finish(&text);
	buf_finish(&ends);
	return err;
}

/* From another output's goroutine: as durable as its own are, once that has a checkpoint. */
int
output_write_letters(struct output *dead, struct buf *text, struct buf *ends, const char *source)
{
	struct delivery d = {
		.o = dead,
		.parcel = {
			.data = text->data, .len = text->len,
			.records = ends->len / sizeof(uint32_t), .ends = (uint32_t *)ends->data,
			.source = source, .stream = source, .host = dead->p->host,
			.received = when_now(),
		},
	};
	struct account a = { .read = d.parcel.records, .expected = d.parcel.records,
	    .delivered = d.parcel.records };
	int err;

	weft_mutex_lock(&dead->busy);
	err = deliver(&d);
	if (!err) {
		weft_mutex_lock(&dead->lock);
		ack_account_only(dead, source, &a);
		weft_mutex_unlock(&dead->lock);
	}
	weft_mutex_unlock(&dead->busy);
	rejects_finish(&d.rejects);
	return err;
}

static int
deliver_batch(struct output *o, struct batch *b)
{
	struct delivery d = { .o = o, .batch = b };
	int err = 0;

	ack_share(o, b, &d.share);
	d.parcel = (struct parcel){
		.data = d.share.data, .len = d.share.len,
		.records = d.share.n, .ends = d.share.ends,
		.source = b->source->name, .stream = b->stream->name, .host = o->p->host,
		.received = b->received,
	};
	if (d.parcel.records)
		err = deliver(&d);
	if (!err)
		err = write_letters(&d);
	if (!err)
		ack_batch(o, b, &d.rejects);
	rejects_finish(&d.rejects);
	share_finish(&d.share);
	return err;
}

/*
 * The time to drain is over.  A file will be read again; what came over a socket is nowhere else,
 * so it goes to disk, whatever the output does otherwise when it is full.
 */
static void
put_away(struct output *o, struct batch *b)
{
	if (o->p->state && !b->stream->row && o != o->p->plan.dead)
		spill_put(o, b);
}

static void
deliver_item(struct output *o, struct item *it)
{
	weft_mutex_lock(&o->busy);
	if (!it->batch)
		ack_gap(o, &it->gap);
	else if (weft_err(o->ctx) || deliver_batch(o, it->batch))
		put_away(o, it->batch);
	weft_mutex_unlock(&o->busy);
	queue_item_free(it);
}

/* From the disk queue, when there is nothing older in memory. */
static bool
deliver_spilled(struct output *o)
{
	struct spilled s = { 0 };
	struct delivery d = { .o = o };
	int err;

	if (weft_err(o->ctx) || !spill_next(o, &s))
		return false;
	d.parcel = (struct parcel){
		.data = s.data.data, .len = s.data.len, .records = s.records,
		.ends = (uint32_t *)s.ends.data, .source = s.source, .stream = s.stream,
		.host = s.host, .received = s.received,
	};
	weft_mutex_lock(&o->busy);
	err = deliver(&d);
	if (!err)
		err = write_letters(&d);
	if (!err)
		spill_sent(o, &s, d.rejects.n);
	weft_mutex_unlock(&o->busy);
	rejects_finish(&d.rejects);
	spilled_finish(&s);
	return !err;
}

static void
look_after(struct output *o)
{
	int64_t now = weft_now();
	int err = 0;

	weft_mutex_lock(&o->busy);
	if (now >= o->next_tick && o->sink->kind->tick) {
		err = o->sink->kind->tick(o->sink);
		o->next_tick = now + TICK;
	}
	if (err)
		failing(o, err);
	if (due(o) && (ack_unsaved(o) || o->letters))
		checkpoint(o);
	weft_mutex_unlock(&o->busy);
}

static int64_t
wake_at(struct output *o)
{
	int64_t at = weft_now() + TICK;

	if (ack_unsaved(o) && o->next_checkpoint < at)
		at = o->next_checkpoint;
	return at;
}

/* What is on disk is delivered too, but when somebody wants it to end, it can stay there. */
static bool
ended(struct output *o)
{
	bool spilled;

	if (!queue_ended(&o->queue))
		return false;
	weft_mutex_lock(&o->lock);
	spilled = o->spill_rows > 0;
	weft_mutex_unlock(&o->lock);
	return !spilled || weft_err(o->p->ctx) || weft_err(o->ctx) || o->leaves;
}

void
output_run(struct output *o)
{
	/* what an earlier run has put away is older than all that comes */
	while (o->opt.when_full != WEFT_SPILL && deliver_spilled(o))
		look_after(o);
	while (!ended(o)) {
		struct item *it = queue_take(&o->queue, wake_at(o));

		if (it)
			deliver_item(o, it);
		else if (deliver_spilled(o))
			queue_poke(&o->queue);	/* there may be more of it */
		look_after(o);
	}
	weft_mutex_lock(&o->busy);
	pipeline_fail(o->p, ack_checkpoint(o, true));
	weft_mutex_unlock(&o->busy);
	weft_waitgroup_done(&o->running);
}

void
output_finish(struct output *o)
{
	if (!o)
		return;
	sink_close(o->sink);
	weft_breaker_free(o->breaker);
	weft_ctx_free(o->ctx);
	output_options_finish(&o->opt);
	free(o->dirty);
	free(o->total);
	free(o->unsaved);
	free(o->name);
	free(o->spec);
	free(o);
}
