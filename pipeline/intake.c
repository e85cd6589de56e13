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
#include "weft/time.h"
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

	if (st->stopped)
		return NULL;
	/* a file is read again some day; what has come over a connection must go on */
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
	st->end.tail_len = b->tail_len;
	st->end.tail_hash = b->tail_hash;
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
	struct span *beyond;
	uint32_t n;

	if (state_mark_early(o->p->state, o->name, st->row, &at->mark, &beyond, &n))
		ack_take_up(at, beyond, n);
}

static void
start_at(struct output *o, struct stream *st, const struct place *at)
{
	struct standing *standing = stream_standing(st, o);

	standing->mark.at = *at;
	standing->resume = at->offset;
}

static struct stream *
stream_new(struct source *s, const char *name, const struct known_file *k)
{
	struct stream *st = xcalloc(1, sizeof(*st));

	st->p = s->p;
	st->source = s;
	st->index = s->index;
	st->name = xstrdup(name);
	origin_init(&st->origin, s->p->host, s->name, name);
	if (k)
		st->end = k->at;
	return st;
}

/* In a transaction.  A file may begin at its end (at_end) without having been known. */
static void
look_up(struct stream *st, const char *owner, const struct known_file *k,
    const struct file_id *id)
{
	weft_pipeline *p = st->p;
	bool known = k && k->row;

	if (known)
		state_stream_update(p->state, k->row, st->name, id);
	st->row = known ? k->row : state_stream_new(p->state, owner, st->name, id);
	for (int i = 0; k && i < p->plan.noutputs; i++) {
		struct output *o = p->plan.outputs[i];

		if (known) {
			take_up(o, st);
			continue;
		}
		start_at(o, st, &k->at);
		state_mark_put(p->state, o->name, st->row, &k->at, NULL, 0);
	}
}

/* Without a state it is known as long as the pipeline lives: a reload may ask for it. */
static void
look_up_here(struct stream *st, const struct known_file *k, const struct file_id *id)
{
	weft_pipeline *p = st->p;

	weft_mutex_lock(&p->lock);
	st->row = k && k->row ? k->row : ++p->last_row;
	weft_mutex_unlock(&p->lock);
	st->path = xstrdup(st->name);
	st->id = *id;
	for (int i = 0; k && i < p->plan.noutputs; i++)
		start_at(p->plan.outputs[i], st, &k->at);
}

/* Outputs do not change meanwhile: the gate is held. */
static int
stream_register(struct stream *st, const char *owner, const struct known_file *k,
    const struct file_id *id)
{
	weft_pipeline *p = st->p;
	int err = 0;

	if (!p->state) {
		look_up_here(st, k, id);
	} else {
		state_begin(p->state);
		look_up(st, owner, k, id);
		err = state_commit(p->state);
	}
	for (int i = 0; err && i < MAX_OUTPUTS; i++) {
		standing_free(st->standing[i]);
		st->standing[i] = NULL;
	}
	st->row = err ? 0 : st->row;
	return err;
}

/*
 * One that a reload's source had, or whose file came back, and that outputs are not done with: it
 * goes on, for two of them would move the same marks.
 */
static struct stream *
revive(struct source *s, const struct known_file *k)
{
	struct stream *st = NULL;

	if (!k || !k->row)
		return NULL;
	weft_mutex_lock(&s->p->lock);
	for (st = s->p->streams; st; st = st->next)
		if (st->closed && st->row == k->row && st->index == s->index &&
		    st->end.offset == k->at.offset)
			break;
	if (st) {
		st->closed = st->done = st->forget = false;
	}
	weft_mutex_unlock(&s->p->lock);
	return st;
}

/* A state that fails makes its source wait.  False: it is to stop. */
static bool
wait_for_state(struct source *s, int err, bool *told)
{
	if (!*told)
		pipeline_tell(s->p, "%s waits: the state cannot be written: %s", s->name,
		    strerror(-err));
	*told = true;
	return weft_sleep_ctx(s->ctx, 100 * WEFT_MS) == 0;
}

/* What cannot be remembered is not read: it would be read again, and delivered twice. */
struct stream *
intake_open(struct source *s, const char *owner, const char *only, const char *name,
    const struct known_file *k, const struct file_id *id)
{
	weft_pipeline *p = s->p;
	struct stream *st = NULL;
	bool told = false;
	int err = 0;

	do {
		weft_rwmutex_rlock(&p->gate);
		if (!st && (st = revive(s, k))) {
			weft_rwmutex_runlock(&p->gate);
			return st;
		}
		if (!st) {
			st = stream_new(s, name, k);
			st->only = only ? xstrdup(only) : NULL;
		}
		err = id ? stream_register(st, owner, k, id) : 0;
		if (!err)
			stream_add(p, st);
		weft_rwmutex_runlock(&p->gate);
	} while (err && wait_for_state(s, err, &told));
	if (err) {
		st->stopped = true;
		stream_add(p, st);
	}
	return st;
}

static struct stream *
stream_open(struct intake *in, const char *name, const struct known_file *k,
    const struct file_id *id)
{
	struct source *s = source_of(in);

	return intake_open(s, s->name, NULL, name, k, id);
}

static void
update(struct intake *in, struct stream *st, const char *name, const struct file_id *id)
{
	weft_pipeline *p = source_of(in)->p;

	if (!st->row)
		return;
	weft_mutex_lock(&p->lock);
	free(st->path);
	st->path = xstrdup(name);
	st->id = *id;
	st->changed += p->state != NULL;
	weft_mutex_unlock(&p->lock);
	stream_save_id(p, st);
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
		ack_count(o, s->index, &(struct account){ .lost = bytes });
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
		atomic_store(&s->failed, weft_now());
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
read_files(struct source *s)
{
	bool told = false, go = true;
	int err;

	while (go && (err = streams_recall(s)))
		go = wait_for_state(s, err, &told);
	if (go)
		source_file_run(s->ctx, &s->in, &s->opt);
}

static void
source_run(struct source *s)
{
	if (s->opt.file)
		read_files(s);
	else if (s->opt.listen)
		source_syslog_run(s->ctx, &s->in, s->sockets, &s->opt);
	else
		source_stdin_run(s->ctx, &s->in, &s->opt);
	weft_waitgroup_done(&s->p->reading);
}

void
intake_start(struct source *s)
{
	s->ctx = weft_with_cancel(s->p->ctx);
	weft_waitgroup_add(&s->p->reading, 1);
	weft_waitgroup_go(&s->running, source_run, s);
}
