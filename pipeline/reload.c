/*
 * reload.c - another configuration for a pipeline that runs, without losing a line
 *
 * Sources and outputs whose options are the same go on as they are: files stay open, connections
 * stay connected, queues keep what is in them.  The order: sources that change stop reading;
 * the gate closes, and all that was read goes to the outputs' queues; outputs that change deliver
 * what they have; the new ones are opened; then steps, outputs and sources are exchanged and the gate
 * opens.  Until the exchange every step can be taken back, and is, when one fails: the old
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

static struct output *
dead_of(const struct plan *plan)
{
	for (int i = 0; i < plan->noutputs; i++)
		if (plan->outputs[i]->opt.dead)
			return plan->outputs[i];
	return NULL;
}

/*
 * Any output may be writing dead letters at any time.  So when those are to go elsewhere, all
 * outputs end, and begin again.
 */
static void
compare_dead(struct reload *r)
{
	struct output *was = dead_of(&r->p->plan), *is = dead_of(&r->next->plan);

	if (!was && !is)
		return;
	if (was && is && strcmp(was->name, is->name) == 0 && strcmp(was->spec, is->spec) == 0)
		return;
	memset(r->same, 0, sizeof(r->same));
	memset(r->stays, 0, sizeof(r->stays));
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int
check(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;

	if (!same_text(p->statedir, next->statedir))
		return refuse(r, -EINVAL, "state: is another directory now; that needs a restart");
	if (next->plan.noutputs == 0)
		return refuse(r, -EINVAL, "there is no output");
	if (p->replay)
		return refuse(r, -EBUSY, "dead letters are being replayed; that ends by itself");
	if (p->nsources + next->nsources > MAX_SOURCES)
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
		if (r->stopped[i])
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

static int
end_outputs(struct reload *r)
{
	weft_ctx *patience = weft_with_deadline(NULL, r->until);
	struct output *o;
	int err = 0;

	while (!err && (o = leaving(r, r->ended))) {
		atomic_store(&o->leaves, true);
		queue_close(&o->queue);
		err = weft_waitgroup_wait_ctx(patience, &o->running);
		if (err) {
			atomic_store(&o->leaves, false);
			queue_reopen(&o->queue);
			refuse(r, err, "output %s could not deliver what it had in time", o->name);
			break;
		}
		sink_close(o->sink);
		o->sink = NULL;
		r->ended++;
	}
	weft_ctx_free(patience);
	return err;
}

static int
open_new(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;
	struct buf err = { 0 };
	int e = 0;

	next->ctx = p->ctx;
	next->hard = p->hard;
	next->state = p->state;
	for (int i = 0; i < next->nsources && !e; i++)
		if (!r->kept_source[i])
			e = run_open_source(next, next->sources[i], &err);
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

/* What has ended starts again, as it was. */
static void
take_back(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;
	struct buf err = { 0 };

	for (int i = 0; i < next->plan.noutputs; i++) {
		sink_close(next->plan.outputs[i]->sink);
		next->plan.outputs[i]->sink = NULL;
		weft_ctx_free(next->plan.outputs[i]->ctx);
		next->plan.outputs[i]->ctx = NULL;
	}
	server_stop(next->server);
	next->server = NULL;
	next->ctx = next->hard = NULL;
	next->state = NULL;
	for (int i = 0; i < next->nsources; i++) {
		source_syslog_close(next->sources[i]->sockets);
		next->sources[i]->sockets = NULL;
	}
	while (r->ended > 0) {
		struct output *o = leaving(r, --r->ended);

		o->sink = output_sink(&o->opt, &err);
		run_reopen_output(p, o);
	}
	buf_finish(&err);
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

/* Moves next's rendering of o into p's plan, or finds an equal one there. */
static int
move_rendering(weft_pipeline *p, struct rendering *from)
{
	struct plan *plan = &p->plan;
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
	plan->renderings[i].users++;
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

/* Only if it is another one: then no output runs that would look. */
static void
set_dead(struct reload *r)
{
	struct output *dead = NULL, *o;

	for (int i = 0; i < r->next->plan.noutputs; i++) {
		o = r->same[i] ? r->same[i] : r->next->plan.outputs[i];
		if (o->opt.dead)
			dead = o;
	}
	if (r->p->plan.dead != dead)
		r->p->plan.dead = dead;
}

static void
exchange_outputs(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;
	struct plan *plan = &p->plan, *new = &next->plan;
	struct output *old[MAX_OUTPUTS], *all[MAX_OUTPUTS];
	int nold = plan->noutputs;

	memcpy(old, plan->outputs, sizeof(old));
	for (int i = 0; i < nold; i++)
		if (!r->stays[i])
			plan->renderings[old[i]->rendering].users--;
	for (int i = 0; i < new->noutputs; i++)
		all[i] = r->same[i];
	set_dead(r);
	for (int i = 0; i < new->noutputs; i++) {
		struct output *o = new->outputs[i];

		if (!r->same[i]) {
			o->slot = free_slot(all, new->noutputs);
			o->p = p;
			o->rendering = move_rendering(p, &new->renderings[o->rendering]);
			all[i] = o;
			run_adopt_output(p, o);
			for (int j = 0; j < nold; j++)
				if (strcmp(old[j]->name, o->name) == 0)
					take_totals(p, o, old[j]);
			stand_at_end(p, o);
			new->outputs[i] = NULL;
		}
	}
	memcpy(plan->outputs, all, sizeof(all));
	plan->noutputs = new->noutputs;
	for (int i = 0; i < nold; i++)
		if (!r->stays[i])
			output_finish(old[i]);
	/* next keeps those that were not needed */
	new->noutputs = 0;
	for (int i = 0; i < plan->noutputs; i++)
		if (new->outputs[i])
			new->outputs[new->noutputs++] = new->outputs[i];
}

static void
exchange_steps(struct reload *r)
{
	struct plan *plan = &r->p->plan, *new = &r->next->plan;
	struct step **steps = plan->steps;
	int n = plan->nsteps;

	plan->steps = new->steps;
	plan->nsteps = new->nsteps;
	new->steps = steps;
	new->nsteps = n;
	r->p->wants = r->next->wants;
}

/* A source keeps its number as long as the pipeline lives: accounts go by it. */
static void
exchange_sources(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;
	int left = 0;

	for (int i = 0; i < p->nsources; i++)
		p->sources[i]->gone |= r->stopped[i];
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
			p->nsources++;
		}
		p->sources[s->index] = s;
		s->starting = true;
	}
	next->nsources = left;
}

static void
exchange(struct reload *r)
{
	weft_pipeline *p = r->p;
	struct buf err = { 0 };

	run_end_stages(p);
	weft_rwmutex_lock(&p->shape);
	weft_mutex_lock(&p->lock);
	exchange_sources(r);
	weft_mutex_unlock(&p->lock);
	for (int i = 0; i < p->plan.noutputs; i++)
		if (r->stays[i])
			run_grow_accounts(p, p->plan.outputs[i]);
	exchange_outputs(r);
	exchange_steps(r);
	run_resolve(p, &err);	/* an unknown name selects nothing; next was asked before */
	buf_finish(&err);
	p->opt.workers = r->next->opt.workers;
	atomic_store(&p->drain, atomic_load(&r->next->drain));
	atomic_store(&p->checkpoint, atomic_load(&r->next->checkpoint));
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
	compare_dead(r);
	err = stop_sources(r);
	if (!err)
		err = close_gate(r);
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
		refuse(r, err, "the reload before is still being taken back: an output takes nothing");
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
