/*
 * intake.c - what a source has of the pipeline: batches, streams, and a way in
 *
 * Every batch of a stream goes through submit, in order, and takes the next lines' numbers
 * there.  The gate is open but during a reload: then who submits waits, and nothing is lost.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "ours.h"
#include "stage.h"
#include "when.h"

static struct source *
source_of(struct intake *in)
{
	return (struct source *)in;	/* its first member */
}

const struct origin *
batch_origin(const struct batch *b)
{
	return &b->stream->origin;
}

const char *
batch_source_name(const struct batch *b)
{
	return b->source->name;
}

const char *
batch_stream_name(const struct batch *b)
{
	return b->stream->name;
}

const char *
batch_host(const struct batch *b)
{
	return b->source->p->host;
}

static struct batch *
get(struct intake *in, struct stream *st, size_t room)
{
	struct source *s = source_of(in);

	(void)st;
	/* a file is read again; what a socket holds at the end is read now or never: hard ends that */
	return batch_get(s->opt.file ? s->ctx : s->p->hard, &s->p->pool, room);
}

static void
submit(struct intake *in, struct stream *st, struct batch *b)
{
	struct source *s = source_of(in);
	weft_pipeline *p = s->p;

	assert_always(b->from == st->end.offset && b->to >= b->from);
	weft_rwmutex_rlock(&p->gate);
	b->source = s;
	b->stream = st;
	b->seq = st->seq++;
	b->first = st->end.lines + 1;
	weft_mutex_lock(&p->lock);
	st->end.lines += b->nlines;
	st->end.offset = b->to;
	weft_mutex_unlock(&p->lock);
	count(&s->read, b->nlines);
	count(&s->bytes, b->to - b->from);
	count(&p->read, b->nlines);
	count(&p->bytes, b->to - b->from);
	count(&p->batches, 1);
	atomic_fetch_add(&p->inside, 1);
	weft_send(p->parsed, b);
	weft_rwmutex_runlock(&p->gate);
}

static const struct known_file *
known(struct intake *in)
{
	static const struct known_file none[1];
	const struct known_file *k = source_of(in)->known;

	return k ? k : none;
}

/* Where o stands at the beginning; the stream starts where the least one does. */
static void
take_up(struct output *o, struct stream *st)
{
	struct standing *at = stream_standing(st, o);

	if (!state_mark_early(o->p->state, o->name, st->row, &at->mark, &at->early, &at->nearly))
		return;
	at->resume = at->mark.at.offset;
	at->nholes = at->nearly + 1;
	at->holes = xcalloc(at->nholes, sizeof(*at->holes));
	at->holes[0] = at->mark.ahead;
	for (uint32_t i = 0; i < at->nearly; i++)
		at->holes[i + 1] = at->early[i];
}

static struct stream *
stream_new(struct source *s, const char *name, const struct known_file *k)
{
	struct stream *st = xcalloc(1, sizeof(*st));

	st->p = s->p;
	st->source = s;
	st->name = xstrdup(name);
	origin_init(&st->origin, s->p->host, s->name, name);
	if (k) {
		st->row = k->row;
		st->end = k->at;
	}
	return st;
}

/* Outputs do not change meanwhile: the gate is held. */
static struct stream *
stream_open(struct intake *in, const char *name, const struct known_file *k,
    const struct file_id *id)
{
	struct source *s = source_of(in);
	weft_pipeline *p = s->p;
	struct stream *st = stream_new(s, name, k);

	weft_rwmutex_rlock(&p->gate);
	if (p->state && id) {
		state_begin(p->state);
		if (k)
			state_stream_update(p->state, k->row, name, id);
		else
			st->row = state_stream_new(p->state, s->name, name, id);
		for (int i = 0; k && i < p->plan.noutputs; i++)
			take_up(p->plan.outputs[i], st);
		pipeline_fail(p, state_commit(p->state));
	}
	weft_mutex_lock(&p->lock);
	st->next = p->streams;
	p->streams = st;
	weft_mutex_unlock(&p->lock);
	weft_rwmutex_runlock(&p->gate);
	return st;
}

static void
update(struct intake *in, struct stream *st, const char *name, const struct file_id *id)
{
	struct state *state = source_of(in)->p->state;

	if (!state || !st->row)
		return;
	state_begin(state);
	state_stream_update(state, st->row, name, id);
	pipeline_fail(st->p, state_commit(state));
}

/* Freed by streams_sweep, once every output is past its end. */
static void
stream_close(struct intake *in, struct stream *st, bool done, bool forget)
{
	weft_pipeline *p = source_of(in)->p;

	weft_mutex_lock(&p->lock);
	st->closed = true;
	st->done = done;
	st->forget = forget;
	weft_mutex_unlock(&p->lock);
}

static void
lost(struct intake *in, struct stream *st, uint64_t bytes, const char *why)
{
	struct source *s = source_of(in);
	weft_pipeline *p = s->p;
	struct plan *plan = &p->plan;

	count(&s->lost, bytes);
	pipeline_tell(p, "%s: %llu bytes are lost: %s", st ? st->name : s->name,
	    (unsigned long long)bytes, why);
	weft_rwmutex_rlock(&p->gate);
	for (int i = 0; i < plan->noutputs; i++) {
		struct output *o = plan->outputs[i];

		if (o == plan->dead)
			continue;
		weft_mutex_lock(&o->lock);
		o->total[s->index].lost += bytes;
		o->unsaved[s->index].lost += bytes;
		weft_mutex_unlock(&o->lock);
	}
	weft_rwmutex_runlock(&p->gate);
}

static void tell(struct intake *in, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
tell(struct intake *in, int err, const char *fmt, ...)
{
	struct source *s = source_of(in);
	struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (err) {
		count(&s->errors, 1);
		pipeline_fail(s->p, err);
	}
	pipeline_tell(s->p, "%s", buf_str(&text));
	buf_finish(&text);
}

static bool
ours(struct intake *in, dev_t dev, ino_t ino)
{
	(void)in;
	return ours_has(dev, ino);
}

void
intake_init(struct source *s)
{
	s->in = (struct intake){
		.get = get, .submit = submit, .known = known, .open = stream_open,
		.update = update, .close = stream_close, .lost = lost, .tell = tell, .ours = ours,
		.batch = s->p->opt.batch,
	};
}

static void
source_run(struct source *s)
{
	if (s->opt.file)
		source_file_run(s->ctx, &s->in, &s->opt);
	else if (s->opt.listen)
		source_syslog_run(s->ctx, &s->in, s->sockets, &s->opt);
	else
		source_stdin_run(s->ctx, &s->in, &s->opt);
	weft_waitgroup_done(&s->p->reading);
}

/*
 * A file goes on where the output stands that is least far.  One without a mark has had nothing
 * of it; an output that is new to the state has got marks when it was registered.
 */
static struct place
least(weft_pipeline *p, int64_t row)
{
	struct place at = { 0 };

	for (int i = 0; i < p->plan.noutputs; i++) {
		struct mark m = { 0 };

		state_mark(p->state, p->plan.outputs[i]->name, row, &m);
		if (i == 0 || m.at.offset < at.offset)
			at = m.at;
	}
	return at;
}

void
intake_start(struct source *s)
{
	weft_pipeline *p = s->p;

	s->ctx = weft_with_cancel(p->ctx);
	if (p->state && s->opt.file) {
		state_begin(p->state);
		s->known = state_known(p->state, s->name);
		for (struct known_file *k = s->known; k->row; k++)
			k->at = least(p, k->row);
		pipeline_fail(p, state_commit(p->state));
	}
	weft_waitgroup_add(&p->reading, 1);
	weft_waitgroup_go(&s->running, source_run, s);
}

struct standing *
stream_standing(struct stream *st, struct output *o)
{
	if (!st->standing[o->slot])
		st->standing[o->slot] = xcalloc(1, sizeof(struct standing));
	return st->standing[o->slot];
}

/* Is every output past its end, and does the state know? */
static bool
settled(weft_pipeline *p, struct stream *st)
{
	bool is = true;

	for (int i = 0; i < p->plan.noutputs && is; i++) {
		struct output *o = p->plan.outputs[i];
		struct standing *at;

		weft_mutex_lock(&o->lock);
		at = st->standing[o->slot];
		is = at ? !at->dirty && at->mark.at.offset >= st->end.offset :
		    st->seq == 0;
		weft_mutex_unlock(&o->lock);
	}
	return is;
}

void
standing_free(struct standing *at)
{
	if (!at)
		return;
	free(at->early);
	free(at->holes);
	free(at);
}

static void
stream_free(struct stream *st)
{
	for (int i = 0; i < MAX_OUTPUTS; i++)
		standing_free(st->standing[i]);
	origin_finish(&st->origin);
	free(st->name);
	free(st);
}

static void
tell_state(weft_pipeline *p, const struct stream *st)
{
	if (!p->state || !st->row || !(st->done || st->forget))
		return;
	state_begin(p->state);
	if (st->forget)
		state_stream_forget(p->state, st->row);
	else
		state_stream_done(p->state, st->row);
	pipeline_fail(p, state_commit(p->state));
}

/* all: the outputs have ended, and what is not settled is given up. */
void
streams_sweep(weft_pipeline *p, bool all)
{
	struct stream *gone = NULL, **at = &p->streams, *st;

	weft_mutex_lock(&p->lock);
	while ((st = *at)) {
		bool is = st->closed && settled(p, st);

		st->done &= is;
		st->forget &= is;
		if (is || all) {
			*at = st->next;
			st->next = gone;
			gone = st;
		} else {
			at = &st->next;
		}
	}
	weft_mutex_unlock(&p->lock);
	while ((st = gone)) {
		gone = st->next;
		tell_state(p, st);
		stream_free(st);
	}
}
