/*
 * exchange.c - the moment of a reload: steps, outputs and sources are exchanged
 *
 * Nothing is on its way between the gate and the queues, and nobody looks (shape): so all of it may
 * change.  Nothing here can fail; what could was done before (reload.c).
 */
#include <stdlib.h>

#include "operate.h"
#include "reload.h"
#include "run.h"

/*
 * An output that takes another's place, and slot, stands where that one stood.  That may be
 * beyond what was read: of a file that is read again for others, it leaves lines out.  Of one
 * that is new, lines read so far are none of its business.
 */
static void
take_place(weft_pipeline *p, struct output *o, bool new)
{
	weft_mutex_lock(&p->lock);
	for (struct stream *st = p->streams; st; st = st->next) {
		struct standing *at = st->standing[o->slot];

		if (new) {
			standing_free(at);
			at = st->standing[o->slot] = NULL;
		}
		weft_mutex_lock(&o->lock);
		if (!at) {
			at = stream_standing(st, o);
			at->mark.at = st->end;
			at->resume = st->end.offset;
		}
		at->dirty = false;	/* in the other's list, which goes with it */
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

/* The one whose place it takes, or NULL. */
static struct output *
predecessor(weft_pipeline *p, const struct output *o)
{
	for (int i = 0; i < p->plan.noutputs; i++)
		if (strcmp(p->plan.outputs[i]->name, o->name) == 0)
			return p->plan.outputs[i];
	return NULL;
}

/* Takes one of next's into p; before: at its slot, else at one that none of all has. */
static void
adopt(struct reload *r, struct output *o, const struct output *before, struct output *const *all)
{
	weft_pipeline *p = r->p;

	o->slot = before ? before->slot : free_slot(all, r->next->plan.noutputs);
	o->p = p;
	run_adopt_output(p, o);
	if (before)
		take_totals(p, o, before);
	take_place(p, o, !before);
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

/* First those that take over a slot: the others get what is left. */
static void
adopt_all(struct reload *r, struct output **all)
{
	struct plan *new = &r->next->plan;

	for (int take_over = 1; take_over >= 0; take_over--)
		for (int i = 0; i < new->noutputs; i++) {
			struct output *o = new->outputs[i], *before = predecessor(r->p, o);

			if (all[i] || (before != NULL) != take_over)
				continue;
			adopt(r, o, before, all);
			all[i] = o;
		}
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
	adopt_all(r, all);
	take_outputs(r, all);
	reload_release_letters(r, old);
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
		struct source *s = next->sources[i], *old = reload_source(p, s->name);

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

void
reload_exchange(struct reload *r)
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
void
reload_exchange_server(weft_pipeline *p, weft_pipeline *next)
{
	struct server *old = p->server;
	char *listen = p->listen;

	if (reload_same_text(p->listen, next->listen))
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
