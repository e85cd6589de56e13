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
#include "reload.h"
#include "run.h"
#include "spec.h"
#include "weft/time.h"

#define PATIENCE	(10 * WEFT_SECOND)

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

struct source *
reload_source(weft_pipeline *p, const char *name)
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
		struct source *s = p->sources[i], *n = reload_source(next, s->name);
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

bool
reload_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int
count_new_sources(struct reload *r)
{
	int n = 0;

	for (int i = 0; i < r->next->nsources; i++)
		n += !reload_source(r->p, r->next->sources[i]->name);
	return n;
}

/* What a running pipeline cannot change. */
static int
check(struct reload *r)
{
	weft_pipeline *p = r->p, *next = r->next;

	if (!reload_same_text(p->statedir, next->statedir))
		return refuse(r, -EINVAL, "state: is another directory now; that needs a restart");
	if (p->opt.unordered != next->opt.unordered)
		return refuse(r, -EINVAL, "order: is another one now; that needs a restart");
	if (!reload_same_text(p->opt.host, next->opt.host))
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

void
reload_release_letters(struct reload *r, struct output *const *outputs)
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
	if (!e && next->listen && !reload_same_text(p->listen, next->listen))
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
	reload_release_letters(r, p->plan.outputs);
	if (r->closed)
		weft_rwmutex_unlock(&p->gate);
	for (int i = 0; i < p->nsources; i++)
		if (r->stopped[i])
			run_restart_source(p, p->sources[i]);
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
		reload_exchange(r);
	if (!err)
		reload_exchange_server(r->p, r->next);
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
