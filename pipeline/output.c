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
	struct batch	*batch;		/* or */
	const struct spilled *spilled;	/* from the disk queue; neither: letters */
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

/* Told when it begins and when it is over: it is nothing that the other side has to do with. */
static void
tell_checkpoint(struct output *o, int err)
{
	if (err && !o->unsaved_for)
		pipeline_tell(o->p, "%s: what has become of its lines cannot be saved: %s; "
		    "trying on, and after a crash they come again", o->name,
		    o->sink->why.len ? buf_str(&o->sink->why) : strerror(-err));
	else if (!err && o->unsaved_for)
		pipeline_tell(o->p, "%s: what has become of its lines is saved again", o->name);
	weft_mutex_lock(&o->lock);
	o->unsaved_for = err;
	weft_mutex_unlock(&o->lock);
}

/* Between attempts, too: what was delivered before must not wait for what is not. */
static int
checkpoint(struct output *o)
{
	const struct weft_file_options *f = o->opt.file;
	int64_t every = atomic_load(&o->p->checkpoint);
	int64_t fsync = f && !f->fsync ? WEFT_SECOND : f ? f->fsync : 0;
	int err;

	o->sink->why.len = 0;
	err = ack_checkpoint(o, true);
	/* a file's checkpoint is what makes it durable, so it comes as often as its fsync: says */
	o->next_checkpoint = weft_now() + (fsync > every ? fsync : every);
	if (err || o->unsaved_for)
		tell_checkpoint(o, err);
	return err;
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
		count(&o->records, d->parcel.records - d->rejects.n);
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

/* From another output's goroutine, with busy held: as durable as its own, with its checkpoint. */
static int
deliver_letters(struct output *dead, const struct buf *text, const struct buf *ends,
    const char *source)
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
	int err = deliver(&d);

	if (!err) {
		weft_mutex_lock(&dead->lock);
		ack_account_only(dead, source, &a);
		weft_mutex_unlock(&dead->lock);
	}
	rejects_finish(&d.rejects);
	return err;
}

static int
write_letters(struct delivery *d, struct output *dead)
{
	struct buf text = { 0 }, ends = { 0 };
	int err;

	if (d->batch)
		letters_of_batch(d, &text, &ends);
	else
		letters_of_parcel(d, &text, &ends);
	err = deliver_letters(dead, &text, &ends, d->parcel.source);
	if (!err)
		atomic_store(&d->o->letters, true);
	buf_finish(&text);
	buf_finish(&ends);
	return err;
}

/* The first ones, then only now and then: a server may reject all there is. */
static void
tell_rejects(struct delivery *d, const struct output *dead)
{
	struct output *o = d->o;

	if (!d->rejects.n || weft_now() < o->next_reject)
		return;
	o->next_reject = weft_now() + 10 * WEFT_SECOND;
	pipeline_tell(o->p, "%s: %zu lines were rejected (%s)%s", o->name, d->rejects.n,
	    d->rejects.why[0], dead ? "; they are dead letters" : "");
}

/* Settled by done.  Rejected ones are dead letters first, but nobody sees that in between. */
static int
settle(struct delivery *d, void (*done)(struct delivery *d))
{
	struct output *dead = d->o->p->plan.dead;
	int err = 0;

	tell_rejects(d, dead);
	if (!d->rejects.n || dead == d->o)
		dead = NULL;
	if (dead) {
		weft_mutex_lock(&dead->busy);
		err = write_letters(d, dead);
	}
	if (!err)
		done(d);
	if (dead)
		weft_mutex_unlock(&dead->busy);
	return err;
}

static void
batch_done(struct delivery *d)
{
	ack_batch(d->o, d->batch, &d->rejects);
}

static void
spilled_done(struct delivery *d)
{
	spill_sent(d->o, d->spilled, d->rejects.n);
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
		err = settle(&d, batch_done);
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
	struct delivery d = { .o = o, .spilled = &s };
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
		err = settle(&d, spilled_done);
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
	if (now >= o->next_tick && o->opened && o->sink->kind->tick) {
		err = o->sink->kind->tick(o->sink);
		o->next_tick = now + TICK;
	}
	if (err)
		failing(o, err);
	if (due(o) && ack_unsaved(o))
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

static void
next_item(struct output *o)
{
	struct item *it = queue_take(&o->queue, wake_at(o));

	if (it)
		deliver_item(o, it);
	else if (deliver_spilled(o))
		queue_poke(&o->queue);	/* there may be more of it */
	else if (queue_ended(&o->queue) && !ended(o))
		weft_sleep_ctx(o->ctx, TICK);	/* the disk queue cannot be read just now */
	look_after(o);
}

/* What has been delivered is saved before it ends.  False: it goes on. */
static bool
finish(struct output *o)
{
	int err;

	weft_mutex_lock(&o->busy);
	err = checkpoint(o);
	weft_mutex_unlock(&o->busy);
	if (err && weft_sleep_ctx(o->ctx, TICK) == 0)
		return false;
	pipeline_fail(o->p, err);
	return queue_leave(&o->queue);
}

void
output_run(struct output *o)
{
	/* what an earlier run has put away is older than all that comes */
	while (o->opt.when_full != WEFT_SPILL && deliver_spilled(o))
		look_after(o);
	do {
		while (!ended(o))
			next_item(o);
	} while (!finish(o));
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
	free(o->left);
	free(o->name);
	free(o->spec);
	free(o);
}
