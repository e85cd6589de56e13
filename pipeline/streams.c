/*
 * streams.c - what is remembered of streams: where they go on, and until when they are kept
 *
 * A stream is kept until all outputs are past its end and the state knows that.  Files are known
 * from the state; without one, from a list here, as long as the pipeline lives.  Those that a
 * reload's source has left are known by their streams: the state's marks lag behind.
 */
#include <stdlib.h>

#include "stage.h"

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

/* What all outputs are done with is no stream any more.  p->lock held. */
static struct known_file *
known_here(struct source *s)
{
	weft_pipeline *p = s->p;
	struct known_file *k = xcalloc(p->npast + 1, sizeof(*k));
	size_t n = 0;

	for (size_t i = 0; i < p->npast; i++)
		if (p->past[i].source == s->index) {
			k[n] = p->past[i].k;
			k[n].path = xstrdup(k[n].path);
			n++;
		}
	return k;
}

static struct known_file *
add_known(struct known_file **k, const struct stream *st)
{
	size_t n = 0;

	while ((*k)[n].row)
		n++;
	*k = xrealloc(*k, (n + 2) * sizeof(**k));
	(*k)[n] = (struct known_file){ .row = st->row, .path = xstrdup(st->path), .id = st->id };
	(*k)[n + 1] = (struct known_file){ 0 };
	return *k + n;
}

/*
 * Files that a reload's source has read, and that outputs are not done with: the marks in
 * the state lag behind, but the lines are on their way.  p->lock held.
 */
static void
find_live(struct source *s, struct known_file **known)
{
	for (struct stream *st = s->p->streams; st; st = st->next) {
		struct known_file *k = *known;

		if (!st->row || !st->closed || st->index != s->index || st->forget)
			continue;
		while (k->row && k->row != st->row)
			k++;
		if (!k->row && s->p->state)
			continue;
		if (!k->row)
			k = add_known(known, st);
		k->at = st->end;
		k->done |= st->done;
	}
}

struct known_file *
intake_known(weft_pipeline *p, const char *owner)
{
	struct known_file *known;

	state_begin(p->state);
	known = state_known(p->state, owner);
	for (struct known_file *k = known; k->row; k++)
		k->at = least(p, k->row);
	pipeline_fail(p, state_commit(p->state));
	return known;
}

int
streams_recall(struct source *s)
{
	weft_pipeline *p = s->p;
	struct known_file *known = NULL;
	int err = 0;

	weft_rwmutex_rlock(&p->gate);
	if (p->state) {
		state_begin(p->state);
		known = state_known(p->state, s->name);
		for (struct known_file *k = known; k->row; k++)
			k->at = least(p, k->row);
		err = state_commit(p->state);
	}
	if (!err) {
		weft_mutex_lock(&p->lock);
		known = known ? known : known_here(s);
		find_live(s, &known);
		weft_mutex_unlock(&p->lock);
	}
	weft_rwmutex_runlock(&p->gate);
	if (err)
		state_known_free(known);
	else
		s->known = known;
	return err;
}

/* Not while the state takes nothing: then housekeeping tries again. */
int
stream_save_id(weft_pipeline *p, struct stream *st)
{
	struct file_id id;
	unsigned changed;
	char *path = NULL;
	int err;

	weft_mutex_lock(&p->lock);
	changed = st->changed;
	if (changed != st->saved)
		path = xstrdup(st->path);
	id = st->id;
	weft_mutex_unlock(&p->lock);
	if (!path)
		return 0;
	state_begin(p->state);
	state_stream_update(p->state, st->row, path, &id);
	err = state_commit(p->state);
	free(path);
	weft_mutex_lock(&p->lock);
	if (!err)
		st->saved = changed;	/* if there was another change, there is one more to do */
	weft_mutex_unlock(&p->lock);
	return err;
}

/* By housekeeping, which alone frees streams, with the gate held. */
void
streams_save(weft_pipeline *p)
{
	struct stream *st;
	int err = 0;

	while (p->state && !err) {
		weft_mutex_lock(&p->lock);
		for (st = p->streams; st && st->changed == st->saved; st = st->next)
			;
		weft_mutex_unlock(&p->lock);
		if (!st)
			break;
		err = stream_save_id(p, st);
	}
}

void
stream_add(weft_pipeline *p, struct stream *st)
{
	weft_mutex_lock(&p->lock);
	st->next = p->streams;
	p->streams = st;
	weft_mutex_unlock(&p->lock);
}

struct standing *
stream_standing(struct stream *st, struct output *o)
{
	if (!st->standing[o->slot])
		st->standing[o->slot] = xcalloc(1, sizeof(struct standing));
	return st->standing[o->slot];
}

bool
intake_settled(weft_pipeline *p, struct stream *st)
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
	free(at->spilled);
	free(at->holes);
	free(at);
}

static void
stream_free(struct stream *st)
{
	for (int i = 0; i < MAX_OUTPUTS; i++)
		standing_free(st->standing[i]);
	origin_finish(&st->origin);
	free(st->path);
	free(st->only);
	free(st->name);
	free(st);
}

/* Without a state: p->lock held. */
static void
remember(weft_pipeline *p, struct stream *st)
{
	struct past_file *f = NULL;

	for (size_t i = 0; i < p->npast && p->reloaded; i++)
		if (p->past[i].k.row == st->row)
			f = &p->past[i];
	if (!f && st->forget)
		return;
	if (!f) {
		if ((p->npast & (p->npast - 1)) == 0)
			p->past = xrealloc(p->past, (2 * p->npast + 1) * sizeof(*f));
		f = &p->past[p->npast++];
	} else {
		free(f->k.path);
	}
	*f = (struct past_file){ st->index, { .row = st->row, .path = st->path,
	    .id = st->id, .at = st->end, .done = st->done } };
	st->path = NULL;
	if (st->forget) {
		free(f->k.path);
		*f = p->past[--p->npast];
	}
}

static int
tell_state(weft_pipeline *p, struct stream *st)
{
	int err;

	if (!p->state || !st->row)
		return 0;
	err = st->forget ? 0 : stream_save_id(p, st);
	if (err || !(st->done || st->forget))
		return err;
	state_begin(p->state);
	if (st->forget)
		state_stream_forget(p->state, st->row);
	else
		state_stream_done(p->state, st->row);
	return state_commit(p->state);
}

/* Those that are to go, out of the list.  p->lock held. */
static struct stream *
take_gone(weft_pipeline *p, bool all)
{
	struct stream *gone = NULL, **at = &p->streams, *st;

	while ((st = *at)) {
		bool is = st->closed && intake_settled(p, st);

		if (!is && !all) {
			at = &st->next;
			continue;
		}
		*at = st->next;
		st->next = gone;
		gone = st;
		st->done &= is;
		st->forget &= is;
		if (!p->state && st->row && !all)
			remember(p, st);
	}
	return gone;
}

/* all: the outputs have ended, and what is not settled is given up. */
void
streams_sweep(weft_pipeline *p, bool all)
{
	struct stream *gone, *st;
	int err = 0;

	weft_mutex_lock(&p->lock);
	gone = take_gone(p, all);
	p->swept = all;
	weft_mutex_unlock(&p->lock);
	while ((st = gone)) {
		gone = st->next;
		err = err ? err : tell_state(p, st);
		if (err && !all)
			stream_add(p, st);	/* the next time */
		else
			stream_free(st);
	}
	if (all)
		pipeline_fail(p, err);
}
