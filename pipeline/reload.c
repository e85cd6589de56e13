/*
 * reload.c - another configuration for a pipeline that runs, without losing a line
 *
 * Sources and outputs whose options are the same go on as they are: files stay open, connections
 * stay connected, queues keep what is in them.  The order: sources that change stop reading;
 * the gate closes, and all that was read goes to the outputs' queues; outputs that change deliver
 * what they have; the new ones are opened; then steps, outputs and sources are exchanged and the
 * gate opens.  Until the exchange every step can be taken back, and is, when one fails: the old
 * configuration then goes on.
 */
#include <stdlib.h>

#include "operate.h"
#include "run.h"
#include "spec.h"
#include "weft/time.h"

#define PATIENCE	(10 * WEFT_SECOND)

struct reload {
	weft_pipeline	*p, *next;
	int64_t		 until;
	bool		 stopped[MAX_SOURCES];	/* sources of p that were told to stop */
	bool		 kept_source[MAX_SOURCES]; /* of next: p has it already */
	struct output	*same[MAX_OUTPUTS];	/* for each of next's: p's, if it stays */
	bool		 stays[MAX_OUTPUTS];	/* of p's outputs */
	bool		 held[MAX_OUTPUTS];	/* of p's outputs: busy is ours */
	struct sink	*spare[MAX_OUTPUTS];	/* for those that have ended, to go on with */
	int		 ended;			/* so many of p's that do not stay have ended */
	bool		 closed;		/* the gate */
};

static int refuse(struct reload *r, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
refuse(struct reload *r, int err, const char *fmt, ...)
{
	va_list ap;

	r->next->error.len = 0;
	va_start(ap, fmt);
	buf_vprintf(&r->next->error, fmt, ap);
	va_end(ap);
	return err;
}

static struct source *
source_named(weft_pipeline *p, const char *name)
{
	for (int i = 0; i < p->nsources; i++)
		if (strcmp(p->sources[i]->name, name) == 0)
			return p->sources[i];
	return NULL;
}

static void
compare(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;

	for (int i = 0; i < p->nsources; i++) {
		struct source *s = p->sources[i], *n = source_named(next, s->name);
		bool same = n && !s->gone && strcmp(n->spec, s->spec) == 0;

		if (same)
			r->kept_source[n->index] = true;
		r->stopped[i] = !same && !s->gone;
	}
	for (int i = 0; i < next->plan.noutputs; i++)
		for (int j = 0; j < p->plan.noutputs; j++) {
			struct output *n = next->plan.outputs[i], *o = p->plan.outputs[j];

			if (strcmp(n->name, o->name) || strcmp(n->spec, o->spec))
				continue;
			r->same[i] = o;
			r->stays[j] = true;
		}
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int
count_new_sources(struct reload *r)
{
	int n = 0;

	for (int i = 0; i < r->next->nsources; i++)
		n += !source_named(r->p, r->next->sources[i]->name);
	return n;
}

/* What a running pipeline cannot change. */
static int
check(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;

	if (!same_text(p->statedir, next->statedir))
		return refuse(r, -EINVAL, "state: is another directory now; that needs a restart");
	if (p->opt.unordered != next->opt.unordered)
		return refuse(r, -EINVAL, "order: is another one now; that needs a restart");
	if (!same_text(p->opt.host, next->opt.host))
		return refuse(r, -EINVAL, "host: is another name now; that needs a restart");
	if (p->opt.batch != next->opt.batch)
		return refuse(r, -EINVAL, "batch: is another size now; that needs a restart");
	if (next->plan.noutputs == 0)
		return refuse(r, -EINVAL, "there is no output");
	if (p->replay)
		return refuse(r, -EBUSY, "dead letters are being replayed; that ends by itself");
	if (p->nsources + count_new_sources(r) > MAX_SOURCES)
		return refuse(r, -E2BIG, "too many sources have come and gone; restart");
	return 0;
}

/* Half lines stay where they are: files are read again from there. */
static int
stop_sources(struct reload *r)
{
	weft_ctx *patience = weft_with_deadline(NULL, r->until);
	int err = 0;

	for (int i = 0; i < r->p->nsources; i++)
		if (r->stopped[i] && r->p->sources[i]->ctx) /* NULL: it waits for its address */
			weft_cancel(r->p->sources[i]->ctx);
	for (int i = 0; i < r->p->nsources && !err; i++)
		if (r->stopped[i])
			err = weft_waitgroup_wait_ctx(patience, &r->p->sources[i]->running);
	weft_ctx_free(patience);
	return err ? refuse(r, err, "what was read could not be passed on in time; an output takes "
	    "nothing (see ledger)") : 0;
}

static int
close_gate(struct reload *r)
{
	weft_ctx *patience = weft_with_deadline(NULL, r->until);
	int err = weft_rwmutex_lock_ctx(patience, &r->p->gate);

	r->closed = !err;
	while (!err && atomic_load(&r->p->inside) > 0)
		err = weft_sleep_ctx(patience, WEFT_MS);
	weft_ctx_free(patience);
	return err ? refuse(r, err, "what was read could not be passed on in time; an output takes "
	    "nothing (see ledger)") : 0;
}

/* The outputs that do not stay; the one for dead letters last. */
static struct output *
leaving(struct reload *r, int n)
{
	struct plan *plan = &r->p->plan;
	struct output *dead = NULL;

	for (int i = 0; i < plan->noutputs; i++) {
		if (r->stays[i])
			continue;
		if (plan->outputs[i] == plan->dead)
			dead = plan->dead;
		else if (n-- == 0)
			return plan->outputs[i];
	}
	return n == 0 ? dead : NULL;
}

/*
 * When the output for dead letters changes, nobody may be about to write some: what they wrote is
 * saved with it, and until the exchange they wait.
 */
static int
hold_letters(struct reload *r)
{
	struct plan *plan = &r->p->plan;
	weft_ctx *patience = weft_with_deadline(NULL, r->until);
	struct output *dead = NULL;
	int err = 0;

	for (int i = 0; i < r->next->plan.noutputs; i++)
		if (r->next->plan.outputs[i]->opt.dead)
			dead = r->same[i] ? r->same[i] : r->next->plan.outputs[i];
	for (int i = 0; i < plan->noutputs && dead != plan->dead && !err; i++) {
		struct output *o = plan->outputs[i];

		if (!r->stays[i] || o == plan->dead)
			continue;
		err = weft_mutex_lock_ctx(patience, &o->busy);
		r->held[i] = !err;
		if (!err && atomic_load(&o->letters))
			err = ack_checkpoint(o, true);
		if (err)
			refuse(r, err, "output %s cannot let go of the dead letters in time",
			    o->name);
	}
	weft_ctx_free(patience);
	return err;
}

static void
release_letters(struct reload *r, struct output *const *outputs)
{
	for (int i = 0; i < MAX_OUTPUTS; i++)
		if (r->held[i])
			weft_mutex_unlock(&outputs[i]->busy);
}

/* It has delivered what it had, saved that, and is gone. */
static int
end_output(struct reload *r, struct output *o, weft_ctx *patience)
{
	struct buf why = { 0 };
	int err;

	/* what opens the new one may fail, and then this one is needed again */
	r->spare[r->ended] = output_sink(&o->opt, &why);
	if (!r->spare[r->ended]) {
		err = refuse(r, -EINVAL, "output %s could not be had back if the new one fails: %s",
		    o->name, buf_str(&why));
		buf_finish(&why);
		return err;
	}
	atomic_store(&o->leaves, true);
	queue_close(&o->queue);
	err = weft_waitgroup_wait_ctx(patience, &o->running);
	if (err && queue_reopen(&o->queue)) {
		atomic_store(&o->leaves, false);
		sink_close(r->spare[r->ended]);
		return refuse(r, err, "output %s could not deliver what it had in time", o->name);
	}
	weft_waitgroup_wait(&o->running);	/* it has left the queue: it is about to */
	sink_close(o->sink);
	o->sink = NULL;
	o->opened = false;
	r->ended++;
	return 0;
}

static int
end_outputs(struct reload *r)
{
	weft_ctx *patience = weft_with_deadline(NULL, r->until);
	struct output *o;
	int err = 0;

	while (!err && (o = leaving(r, r->ended)))
		err = end_output(r, o, patience);
	weft_ctx_free(patience);
	return err;
}

/* The sockets of the sources that were stopped: whoever takes over an address gets them. */
static struct syslog_heritage
heritage(struct reload *r)
{
	struct syslog_heritage h = { .from = xcalloc(r->p->nsources + 1, sizeof(*h.from)) };

	for (int i = 0; i < r->p->nsources; i++)
		if (r->stopped[i] && r->p->sources[i]->sockets)
			h.from[h.n++] = r->p->sources[i]->sockets;
	return h;
}

static int
open_new(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;
	struct syslog_heritage h = heritage(r);
	struct buf err = { 0 };
	int e = 0;

	next->ctx = p->ctx;
	next->hard = p->hard;
	next->state = p->state;
	for (int i = 0; i < next->nsources && !e; i++)
		if (!r->kept_source[i])
			e = run_open_source(next, next->sources[i], &h, &err);
	free(h.from);
	for (int i = 0; i < next->plan.noutputs && !e; i++)
		if (!r->same[i])
			e = run_open_output(next, next->plan.outputs[i], &err);
	if (!e && next->listen && !same_text(p->listen, next->listen))
		e = server_open(p, next->listen, &next->server, &err);
	if (e)
		refuse(r, e, "%s", buf_str(&err));
	buf_finish(&err);
	return e;
}

static void
close_new(struct reload *r)
{
	weft_pipeline *next = r->next;
	struct syslog_heritage h = heritage(r);

	for (int i = 0; i < next->plan.noutputs; i++) {
		sink_close(next->plan.outputs[i]->sink);
		next->plan.outputs[i]->sink = NULL;
		weft_ctx_free(next->plan.outputs[i]->ctx);
		next->plan.outputs[i]->ctx = NULL;
	}
	for (int i = 0; i < next->nsources; i++) {
		for (int j = 0; j < h.n; j++)
			source_syslog_inherit(h.from[j], next->sources[i]->sockets);
		source_syslog_close(next->sources[i]->sockets);
		next->sources[i]->sockets = NULL;
	}
	free(h.from);
	server_stop(next->server);
	next->server = NULL;
	next->ctx = next->hard = NULL;
	next->state = NULL;
}

/* What has ended starts again, as it was. */
static void
take_back(struct reload *r)
{
	weft_pipeline *p = r->p;

	close_new(r);
	while (r->ended > 0) {
		struct output *o = leaving(r, --r->ended);

		o->sink = r->spare[r->ended];
		run_reopen_output(p, o);
	}
	release_letters(r, p->plan.outputs);
	if (r->closed)
		weft_rwmutex_unlock(&p->gate);
	for (int i = 0; i < p->nsources; i++)
		if (r->stopped[i])
			run_restart_source(p, p->sources[i]);
}

/* Lines read so far are none of its business. */
static void
stand_at_end(weft_pipeline *p, struct output *o)
{
	weft_mutex_lock(&p->lock);
	for (struct stream *st = p->streams; st; st = st->next) {
		struct standing *at;

		standing_free(st->standing[o->slot]);
		st->standing[o->slot] = NULL;
		weft_mutex_lock(&o->lock);
		at = stream_standing(st, o);
		at->mark.at = st->end;
		at->resume = st->end.offset;
		ack_make_dirty(o, st, at);
		weft_mutex_unlock(&o->lock);
	}
	weft_mutex_unlock(&p->lock);
}

static int
free_slot(struct output *const *outputs, int n)
{
	for (int slot = 0; ; slot++) {
		bool taken = false;

		for (int i = 0; i < n; i++)
			taken |= outputs[i] && outputs[i]->slot == slot;
		if (!taken)
			return slot;
	}
}

/* Into the plan, unless there is an equal one. */
static int
move_rendering(struct plan *plan, struct rendering *from)
{
	int i = plan_rendering(plan, from);

	if (i < 0) {
		for (i = 0; i < plan->nrenderings && plan->renderings[i].users; i++)
			;
		if (i < plan->nrenderings)
			rendering_finish(&plan->renderings[i]);
		else
			plan->nrenderings++;
		plan->renderings[i] = *from;
		plan->renderings[i].users = 0;
		*from = (struct rendering){ 0 };
	}
	return i;
}

static void
take_totals(weft_pipeline *p, struct output *o, const struct output *old)
{
	if (p->state)
		return;			/* they have come from there */
	for (int i = 0; i < old->naccounts; i++)
		o->total[i] = old->total[i];
}

/* Takes one of next's into p, at a slot that none of all has. */
static void
adopt(struct reload *r, struct output *o, struct output *const *all)
{
	weft_pipeline *p = r->p;

	o->slot = free_slot(all, r->next->plan.noutputs);
	o->p = p;
	run_adopt_output(p, o);
	for (int i = 0; i < p->plan.noutputs; i++)
		if (strcmp(p->plan.outputs[i]->name, o->name) == 0)
			take_totals(p, o, p->plan.outputs[i]);
	stand_at_end(p, o);
}

/* Several of next's outputs may share a rendering, and the first one moves it. */
static void
move_renderings(struct reload *r)
{
	struct plan *plan = &r->p->plan, *new = &r->next->plan;
	int at[2 * MAX_OUTPUTS];

	for (int i = 0; i < plan->noutputs; i++)
		if (!r->stays[i])
			plan->renderings[plan->outputs[i]->rendering].users--;
	for (int i = 0; i < new->nrenderings; i++)
		at[i] = -1;
	for (int i = 0; i < new->noutputs; i++) {
		struct output *o = new->outputs[i];
		int *to = &at[o->rendering];

		if (r->same[i])
			continue;
		if (*to < 0)
			*to = move_rendering(plan, &new->renderings[o->rendering]);
		plan->renderings[*to].users++;
		o->rendering = *to;
	}
}

/* next keeps those that were not needed. */
static void
take_outputs(struct reload *r, struct output *const *all)
{
	weft_pipeline *p = r->p;
	struct plan *plan = &p->plan, *new = &r->next->plan;
	struct output *dead = NULL;
	int left = 0;

	weft_mutex_lock(&p->lock);	/* whoever looks has them all old or all new */
	plan->noutputs = new->noutputs;
	for (int i = 0; i < plan->noutputs; i++) {
		plan->outputs[i] = all[i];
		if (all[i]->opt.dead)
			dead = all[i];
	}
	if (dead != plan->dead)		/* those who write letters are held then, and only then */
		plan->dead = dead;
	weft_mutex_unlock(&p->lock);
	for (int i = 0; i < plan->noutputs; i++)
		if (r->same[i])
			new->outputs[left++] = new->outputs[i];
	new->noutputs = left;
}

static void
exchange_outputs(struct reload *r)
{
	weft_pipeline *p = r->p;
	struct output *old[MAX_OUTPUTS] = { 0 }, *all[MAX_OUTPUTS] = { 0 };
	int nold = p->plan.noutputs;

	memcpy(old, p->plan.outputs, nold * sizeof(*old));
	move_renderings(r);
	for (int i = 0; i < r->next->plan.noutputs; i++)
		all[i] = r->same[i];
	for (int i = 0; i < r->next->plan.noutputs; i++)
		if (!all[i]) {
			adopt(r, r->next->plan.outputs[i], all);
			all[i] = r->next->plan.outputs[i];
		}
	take_outputs(r, all);
	release_letters(r, old);
	for (int i = 0; i < p->plan.noutputs; i++)
		if (!r->same[i])
			run_start_output(p, all[i]);
	run_share_memory(p);
	for (int i = 0; i < nold; i++)
		if (!r->stays[i])
			output_finish(old[i]);
	for (int i = 0; i < r->ended; i++)
		sink_close(r->spare[i]);
}

static void
exchange_steps(struct reload *r)
{
	struct plan *plan = &r->p->plan, *new = &r->next->plan;
	struct step **steps = plan->steps;
	int n = plan->nsteps;

	weft_mutex_lock(&r->p->lock);
	plan->steps = new->steps;
	plan->nsteps = new->nsteps;
	new->steps = steps;
	new->nsteps = n;
	weft_mutex_unlock(&r->p->lock);
	r->p->wants = r->next->wants;
}

/* A source keeps its number as long as the pipeline lives: accounts go by it. */
static void
exchange_sources(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;
	int left = 0;

	for (int i = 0; i < p->nsources; i++) {
		if (!r->stopped[i])
			continue;
		p->sources[i]->gone = true;
		source_syslog_close(p->sources[i]->sockets);	/* what nobody has taken over */
		p->sources[i]->sockets = NULL;
	}
	for (int i = 0; i < next->nsources; i++) {
		struct source *s = next->sources[i], *old = source_named(p, s->name);

		if (r->kept_source[i]) {
			next->sources[left++] = s;
			continue;
		}
		s->p = p;
		s->index = old ? old->index : p->nsources;
		if (old) {
			old->retired = p->retired;
			p->retired = old;
		} else {
			p->source_names[p->nsources++] = pipeline_name(p, s->name);
		}
		p->sources[s->index] = s;
		s->starting = true;
	}
	next->nsources = left;
}

static void
take_options(weft_pipeline *p, const weft_pipeline *next)
{
	p->opt.workers = next->opt.workers;
	p->opt.disk = next->opt.disk;
	p->opt.memory = next->opt.memory;
	budget_set(&p->budget, p->opt.memory);
	atomic_store(&p->drain, next->drain);
	atomic_store(&p->checkpoint, next->checkpoint);
}

static void
exchange(struct reload *r)
{
	weft_pipeline *p = r->p;
	struct buf err = { 0 };

	run_end_stages(p);
	weft_rwmutex_lock(&p->shape);
	take_options(p, r->next);
	weft_mutex_lock(&p->lock);
	p->reloaded = true;
	exchange_sources(r);
	weft_mutex_unlock(&p->lock);
	for (int i = 0; i < p->plan.noutputs; i++)
		if (r->stays[i])
			run_grow_accounts(p, p->plan.outputs[i]);
	exchange_outputs(r);
	exchange_steps(r);
	run_resolve(p, &err);	/* an unknown name selects nothing; next was asked before */
	buf_finish(&err);
	run_start_stages(p);
	weft_rwmutex_unlock(&p->shape);
	weft_rwmutex_unlock(&p->gate);
	for (int i = 0; i < p->nsources; i++)
		if (p->sources[i]->starting) {
			p->sources[i]->starting = false;
			intake_start(p->sources[i]);
		}
}

/* After the exchange, with no lock held: those who are being served want to look once more. */
static void
exchange_server(weft_pipeline *p, weft_pipeline *next)
{
	struct server *old = p->server;
	char *listen = p->listen;

	if (same_text(p->listen, next->listen))
		return;
	weft_mutex_lock(&p->lock);
	p->server = next->server;
	p->listen = next->listen;
	weft_mutex_unlock(&p->lock);
	if (p->server)
		server_start(p->server);
	next->server = NULL;
	next->listen = listen;
	server_stop(old);
}

static int
reload(struct reload *r)
{
	struct buf names = { 0 };
	int err = check(r);

	if (!err && run_resolve(r->next, &names))
		err = refuse(r, -EINVAL, "%s", buf_str(&names));
	buf_finish(&names);
	if (err)
		return err;
	compare(r);
	err = stop_sources(r);
	if (!err)
		err = close_gate(r);
	if (!err)
		err = hold_letters(r);
	if (!err)
		err = end_outputs(r);
	if (!err)
		err = open_new(r);
	if (err)
		take_back(r);
	else
		exchange(r);
	if (!err)
		exchange_server(r->p, r->next);
	return err;
}

int
weft_pipeline_reload(weft_pipeline *p, weft_pipeline *next)
{
	struct reload *r = xcalloc(1, sizeof(*r));
	weft_ctx *patience;
	int err;

	*r = (struct reload){ .p = p, .next = next, .until = weft_now() + PATIENCE };
	patience = weft_with_deadline(NULL, r->until);
	err = weft_mutex_lock_ctx(patience, &p->reloading);
	weft_ctx_free(patience);
	if (err) {
		refuse(r, err, "the reload before is still being taken back: an output takes "
		    "nothing");
		free(r);
		return err;
	}
	weft_mutex_lock(&p->lock);
	if (!p->running || p->ending || weft_err(p->ctx))
		err = refuse(r, -ESHUTDOWN, "the pipeline does not run, or is about to end");
	else
		p->reloads++;
	weft_mutex_unlock(&p->lock);
	if (!err) {
		weft_waitgroup_add(&p->reading, 1);
		err = reload(r);
		weft_mutex_lock(&p->lock);
		p->reloads--;
		weft_mutex_unlock(&p->lock);
		weft_waitgroup_done(&p->reading);
	}
	weft_mutex_unlock(&p->reloading);
	free(r);
	if (!err) {
		next->ctx = next->hard = NULL;
		next->state = NULL;
		weft_pipeline_free(next);
	}
	return err;
}
