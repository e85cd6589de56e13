/*
 * run.c - the life of a pipeline: everything opened, started, and ended in order
 *
 * It starts from the outputs backwards and ends from the sources forwards: a channel is closed when
 * all who send on it have ended, never before.  Two contexts end it: ctx stops the
 * reading, and what was read is still delivered; hard, drain later, stops the waiting for outputs
 * that do not take it.  What they have not taken is read again next time, if it can be.
 */
#include "run.h"

#include "operate.h"

#include <malloc.h>
#include <stdlib.h>

#include "weft/time.h"

#define WORKER_STACK	(256 << 10)	/* PCRE2, the resolver, and functions of users */
#define HOUSEKEEPING	WEFT_SECOND

/*
 * What the queues hold together is half of the memory: the stages in between need some, too.  One
 * that is not to stall others must be full before the memory is.
 */
static size_t
fair_part(weft_pipeline *p, const struct output *o)
{
	size_t half = p->opt.memory / 2;

	if (!o->opt.queue)
		return half / p->plan.noutputs;
	return o->opt.when_full == WEFT_BLOCK || o->opt.queue < half ? o->opt.queue : half;
}

void
run_share_memory(weft_pipeline *p)
{
	for (int i = 0; i < p->plan.noutputs; i++) {
		struct output *o = p->plan.outputs[i];

		queue_limit(&o->queue, fair_part(p, o));
	}
}

void
run_grow_accounts(weft_pipeline *p, struct output *o)
{
	int n = p->nsources;

	weft_mutex_lock(&o->lock);
	o->total = xrealloc(o->total, n * sizeof(*o->total));
	o->unsaved = xrealloc(o->unsaved, n * sizeof(*o->unsaved));
	memset(o->total + o->naccounts, 0, (n - o->naccounts) * sizeof(*o->total));
	memset(o->unsaved + o->naccounts, 0, (n - o->naccounts) * sizeof(*o->unsaved));
	o->naccounts = n;
	weft_mutex_unlock(&o->lock);
}

/* What an earlier run has left for it; in a transaction. */
static void
recall(weft_pipeline *p, struct output *o, struct buf *sink)
{
	uint64_t records, bytes;

	for (int i = 0; i < p->nsources; i++)
		state_account(p->state, p->sources[i]->name, o->name, &o->total[i]);
	if (!state_output(p->state, o->name, sink))
		state_output_new(p->state, o->name);
	state_spill_size(p->state, o->name, &o->spill_rows, &records, &bytes);
	atomic_store(&o->spill_bytes, bytes);
	o->spilling = o->spill_rows > 0;
}

int
run_open_output(weft_pipeline *p, struct output *o, struct buf *err)
{
	struct buf sink = { 0 };
	int e = 0;

	run_grow_accounts(p, o);
	if (p->state) {
		state_begin(p->state);
		recall(p, o, &sink);
		e = state_commit(p->state);
	}
	o->p = p;
	o->ctx = weft_with_cancel(p->hard);
	o->sink->commit = p->state ? output_commit : NULL;
	o->sink->commit_arg = o;
	if (e)
		buf_printf(err, "%s: the state cannot be read: %s", o->name, strerror(-e));
	else if (o->sink->kind->open)
		e = o->sink->kind->open(p->ctx, o->sink, sink.data, sink.len, err);
	o->opened = !e;
	buf_finish(&sink);
	return e;
}

/* Its sources are other ones, with other numbers, now. */
void
run_adopt_output(weft_pipeline *p, struct output *o)
{
	o->naccounts = 0;
	run_grow_accounts(p, o);
	if (p->state) {
		state_begin(p->state);
		for (int i = 0; i < p->nsources; i++)
			state_account(p->state, p->sources[i]->name, o->name, &o->total[i]);
		pipeline_fail(p, state_commit(p->state));
	}
}

static int
open_sink(weft_pipeline *p, struct output *o, struct buf *err)
{
	struct buf sink = { 0 };
	int e = 0;

	if (p->state) {
		state_begin(p->state);
		state_output(p->state, o->name, &sink);
		e = state_commit(p->state);
	}
	o->sink->commit = p->state ? output_commit : NULL;
	o->sink->commit_arg = o;
	if (!e && o->sink->kind->open)
		e = o->sink->kind->open(p->ctx, o->sink, sink.data, sink.len, err);
	buf_finish(&sink);
	return e;
}

/* An open that failed leaves a sink that can only be closed. */
static void
new_sink(struct output *o)
{
	struct buf why = { 0 };
	struct sink *s = output_sink(&o->opt, &why);

	if (s) {
		sink_close(o->sink);
		o->sink = s;
	}
	buf_finish(&why);
}

/* As long as it takes: what it has in its queue can wait, and dead letters for it, too. */
static void
run_again(weft_pipeline *p, struct output *o)
{
	struct buf why = { 0 };
	bool told = false;
	int err;

	weft_mutex_lock(&o->busy);
	while ((err = open_sink(p, o, &why))) {
		if (!told)
			pipeline_tell(p, "%s cannot be opened again: %s; trying on", o->name,
			    why.len ? buf_str(&why) : strerror(-err));
		told = true;
		why.len = 0;
		if (weft_sleep_ctx(o->ctx, WEFT_SECOND))
			break;
		new_sink(o);
	}
	o->opened = !err;
	weft_mutex_unlock(&o->busy);
	buf_finish(&why);
	output_run(o);
}

void
run_reopen_output(weft_pipeline *p, struct output *o)
{
	atomic_store(&o->leaves, false);
	queue_restart(&o->queue);
	weft_waitgroup_add(&o->running, 1);
	weft_go_stack(WORKER_STACK, run_again, p, o);
}

/* Under p->reloading.  True: it runs again, or somebody else has its place, or nobody will. */
static bool
try_restart(weft_pipeline *p, struct source *s, struct buf *err)
{
	struct syslog_sockets *old = s->sockets;

	if (s->gone || p->sources[s->index] != s)
		return true;
	weft_ctx_free(s->ctx);
	s->ctx = NULL;
	state_known_free(s->known);
	s->known = NULL;
	s->sockets = NULL;
	if (run_open_source(p, s, &(struct syslog_heritage){ &old, 1 }, err)) {
		s->sockets = old;
		return weft_err(p->ctx) != 0;
	}
	source_syslog_close(old);
	p->reloaded = true;
	intake_start(s);
	return true;
}

/* As it was; one that listened gets its address back, as soon as that is free. */
static void
restart_source(weft_pipeline *p, struct source *s)
{
	struct buf err = { 0 };
	bool done, told = false;

	weft_waitgroup_wait(&s->running);	/* it may still wait for an output */
	do {
		err.len = 0;
		weft_mutex_lock(&p->reloading);
		done = try_restart(p, s, &err);
		s->restarting = !done;
		weft_mutex_unlock(&p->reloading);
		if (!done && !told)
			pipeline_tell(p, "%s: %s; trying on", s->name, buf_str(&err));
		told = true;
	} while (!done && (weft_sleep_ctx(p->ctx, WEFT_SECOND), true));
	weft_waitgroup_done(&p->reading);
	buf_finish(&err);
}

void
run_restart_source(weft_pipeline *p, struct source *s)
{
	if (s->restarting)
		return;			/* by the reload before */
	s->restarting = true;
	weft_waitgroup_add(&p->reading, 1);
	weft_go_stack(WORKER_STACK, restart_source, p, s);
}

void
run_start_output(weft_pipeline *p, struct output *o)
{
	queue_limit(&o->queue, fair_part(p, o));
	weft_waitgroup_add(&o->running, 1);
	weft_go_stack(WORKER_STACK, output_run, o);
}

/* Sockets and the like, so that what fails is known before anything starts. */
int
run_open_source(weft_pipeline *p, struct source *s, const struct syslog_heritage *h,
    struct buf *err)
{
	s->p = p;
	intake_init(s);
	return s->opt.listen && !s->sockets ?
	    source_syslog_relisten(&s->opt, h, &s->sockets, err) : 0;
}

/* Which sources an output takes. */
static void
resolve_from(weft_pipeline *p, struct rendering *r, struct buf *err)
{
	const char *from = r->from;

	memset(r->sources, 0, sizeof(r->sources));
	while (*(from += strspn(from, " ,"))) {
		size_t len = strcspn(from, " ,");
		int found = -1;

		for (int i = 0; i < p->nsources; i++)
			if (strncmp(p->sources[i]->name, from, len) == 0 &&
			    !p->sources[i]->name[len])
				found = i;
		if (found < 0)
			buf_printf(err, "%sthere is no source %.*s", err->len ? "; " : "",
			    (int)len, from);
		else
			r->sources[found / 64] |= UINT64_C(1) << found % 64;
		r->some = true;
		from += len;
	}
}

/* Names that renderings use, and what has to be parsed for steps and outputs. */
int
run_resolve(weft_pipeline *p, struct buf *err)
{
	struct plan *plan = &p->plan;
	struct wants wants = p->wants;

	for (int i = 0; i < plan->nsteps; i++)
		wants.fields |= plan->steps[i]->wants.fields;
	for (int i = 0; i < p->nsources; i++)
		p->sources[i]->format.wants = wants;
	for (int i = 0; i < plan->nrenderings; i++)
		if (plan->renderings[i].users)
			resolve_from(p, &plan->renderings[i], err);
	return err->len ? -EINVAL : 0;
}

static int
open_all(weft_pipeline *p, struct buf *err)
{
	int e = 0;

	if (p->plan.noutputs == 0) {
		buf_adds(err, "there is no output");
		return -EINVAL;
	}
	if (p->statedir)
		e = state_open(p->statedir, &p->state, err);
	if (!e)
		e = run_resolve(p, err);
	if (!e && p->state)
		e = control_open(p, p->statedir, &p->control, err);
	if (!e && p->listen)
		e = server_open(p, p->listen, &p->server, err);
	for (int i = 0; !e && !p->replay && i < p->nsources; i++)
		e = run_open_source(p, p->sources[i], NULL, err);
	for (int i = 0; !e && i < p->plan.noutputs; i++)
		e = run_open_output(p, p->plan.outputs[i], err);
	return e;
}

/* Streams that everybody is done with; memory that nobody needs while it is quiet. */
static void
keep_house(weft_pipeline *p, weft_ctx *life)
{
	uint64_t got, before = 0;
	bool quiet = false;

	while (weft_sleep_ctx(life, HOUSEKEEPING) == 0) {
		weft_rwmutex_rlock(&p->gate);
		streams_save(p);
		streams_sweep(p, false);
		weft_rwmutex_runlock(&p->gate);
		got = __atomic_load_n(&p->pool.got, __ATOMIC_RELAXED);
		if (got == before && !quiet) {
			batch_pool_trim(&p->pool);
			malloc_trim(0);
		}
		quiet = got == before;
		before = got;
	}
	weft_waitgroup_done(&p->keeping);
}

static void
run_worker(weft_pipeline *p, int number)
{
	worker_run(p, number);
	weft_waitgroup_done(&p->working);
}

static void
run_collector(weft_pipeline *p)
{
	collector_run(p);
	weft_waitgroup_done(&p->collecting);
}

/* Counts go on over a reload; nobody works now. */
static void
grow_workers(weft_pipeline *p)
{
	struct worker_counts *more = aligned_alloc(64, p->opt.workers * sizeof(*more));

	assert_always(more);
	for (int i = 0; i < p->opt.workers; i++)
		if (i < p->nworkers)
			more[i] = p->workers[i];
		else
			more[i] = (struct worker_counts){ 0 };
	free(p->workers);
	p->workers = more;
	p->nworkers = p->opt.workers;
}

/* shape is held, or nobody looks yet. */
void
run_start_stages(weft_pipeline *p)
{
	grow_workers(p);
	p->parsed = weft_make(struct batch *, DEPTH);
	p->ready = weft_make(struct batch *, DEPTH);
	weft_waitgroup_add(&p->collecting, 1);
	weft_go_stack(WORKER_STACK, run_collector, p);
	for (int i = 0; i < p->opt.workers; i++) {
		weft_waitgroup_add(&p->working, 1);
		weft_go_stack(WORKER_STACK, run_worker, p, i);
	}
}

void
run_end_stages(weft_pipeline *p)
{
	weft_close(p->parsed);
	weft_waitgroup_wait(&p->working);
	weft_close(p->ready);
	weft_waitgroup_wait(&p->collecting);
	weft_free(p->parsed);
	weft_free(p->ready);
}

/* hard follows ctx when the time to drain is over. */
static void
watch_drain(weft_pipeline *p, weft_ctx *life)
{
	weft_ctx *over;

	if (weft_select(weft_on_done(p->ctx), weft_on_done(life)) == 0) {
		over = weft_with_timeout(life, atomic_load(&p->drain));
		weft_select(weft_on_done(over));
		if (!weft_err(life)) {
			pipeline_tell(p, "the outputs have not taken everything in %.0f s; "
			    "giving up",
			    atomic_load(&p->drain) / 1e9);
			weft_cancel(p->hard);
		}
		weft_ctx_free(over);
	}
	weft_waitgroup_done(&p->keeping);
}

static void
end_outputs(weft_pipeline *p)
{
	for (int i = 0; i < p->plan.noutputs; i++)
		if (p->plan.outputs[i] != p->plan.dead)
			queue_close(&p->plan.outputs[i]->queue);
	for (int i = 0; i < p->plan.noutputs; i++)
		if (p->plan.outputs[i] != p->plan.dead)
			weft_waitgroup_wait(&p->plan.outputs[i]->running);
	if (p->plan.dead) {		/* last: the others may have letters for it */
		queue_close(&p->plan.dead->queue);
		weft_waitgroup_wait(&p->plan.dead->running);
	}
}

/* A reload counts as reading: what it starts is waited for, too. */
static void
wait_for_sources(weft_pipeline *p)
{
	do {
		weft_waitgroup_wait(&p->reading);
		weft_mutex_lock(&p->lock);
		p->ending = p->reloads == 0;
		weft_mutex_unlock(&p->lock);
	} while (!p->ending);
}

static void
start_sources(weft_pipeline *p)
{
	for (int i = 0; i < p->nsources; i++)
		if (p->replay) {
			intake_init(p->sources[i]);
			p->sources[i]->ctx = weft_with_cancel(p->ctx);
		} else {
			intake_start(p->sources[i]);
		}
}

/* From here on it can be asked things, and told to reload or replay. */
static void
start_looking(weft_pipeline *p)
{
	control_start(p->control);
	if (p->server)
		server_start(p->server);
	if (p->replay)
		replay_alone(p);
	if (p->opt.ready)
		p->opt.ready(p->opt.ready_arg);
}

/* A reload may be exchanging the server at this moment. */
static void
stop_looking(weft_pipeline *p)
{
	struct server *s;

	weft_mutex_lock(&p->lock);
	s = p->server;
	p->server = NULL;
	weft_mutex_unlock(&p->lock);
	server_stop(s);
	control_stop(p->control);
	p->control = NULL;
}

static void
run_stages(weft_pipeline *p)
{
	weft_ctx *life = weft_with_cancel(NULL);

	weft_mutex_lock(&p->reloading);		/* until everything is started */
	run_start_stages(p);
	for (int i = 0; i < p->plan.noutputs; i++)
		run_start_output(p, p->plan.outputs[i]);
	weft_waitgroup_add(&p->keeping, 2);
	weft_go(keep_house, p, life);
	weft_go(watch_drain, p, life);
	start_sources(p);
	weft_mutex_lock(&p->lock);
	p->running = true;
	weft_mutex_unlock(&p->lock);
	weft_mutex_unlock(&p->reloading);
	start_looking(p);
	wait_for_sources(p);
	run_end_stages(p);
	end_outputs(p);
	stop_looking(p);
	weft_cancel(life);
	weft_waitgroup_wait(&p->keeping);
	weft_ctx_free(life);
}

/* For those who look when the streams are gone. */
static void
keep_left_over(weft_pipeline *p, int row, uint64_t lines)
{
	struct output *o = p->plan.outputs[row % p->plan.noutputs];

	if (!o->left)
		o->left = xcalloc(p->nsources, sizeof(*o->left));
	o->left[row / p->plan.noutputs] = lines;
}

/* Lines that nobody took. */
static void
tell_left_over(weft_pipeline *p)
{
	struct weft_ledger_row *rows;
	int n = ledger_all(p, &rows);

	for (int i = 0; i < n; i++) {
		if (!rows[i].in_flight)
			continue;
		keep_left_over(p, i, rows[i].in_flight);
		pipeline_tell(p, "%s: %llu lines of %s are not delivered%s", rows[i].output,
		    (unsigned long long)rows[i].in_flight, rows[i].source,
		    p->state ? "; the next run will read them again" : "");
		pipeline_fail(p, -ETIMEDOUT);
		if (p->first_error == -ETIMEDOUT && !p->error.len)
			buf_printf(&p->error, "%llu lines of %s were not delivered to %s",
			    (unsigned long long)rows[i].in_flight, rows[i].source,
			    rows[i].output);
	}
	free(rows);
}

static void
let_go(weft_pipeline *p)
{
	struct plan *plan = &p->plan;

	tell_left_over(p);
	streams_sweep(p, true);
	for (int i = 0; i < plan->noutputs; i++)
		queue_finish(&plan->outputs[i]->queue);
	batch_pool_finish(&p->pool);
}

static void
free_contexts(weft_pipeline *p)
{
	for (int i = 0; i < p->plan.noutputs; i++) {
		weft_ctx_free(p->plan.outputs[i]->ctx);
		p->plan.outputs[i]->ctx = NULL;
	}
	for (int i = 0; i < p->nsources; i++) {
		weft_ctx_free(p->sources[i]->ctx);
		p->sources[i]->ctx = NULL;
	}
	weft_ctx_free(p->ctx);
	weft_ctx_free(p->hard);
	p->ctx = p->hard = NULL;
}

static void
note_start(weft_pipeline *p)
{
	weft_mutex_lock(&p->lock);
	p->started = weft_now();
	weft_mutex_unlock(&p->lock);
}

static void
note_end(weft_pipeline *p)
{
	weft_mutex_lock(&p->lock);
	p->ended = weft_now();
	weft_mutex_unlock(&p->lock);
}

int
weft_pipeline_run(weft_ctx *ctx, weft_pipeline *p)
{
	int err;

	p->error.len = 0;
	p->ctx = weft_with_cancel(ctx);
	p->hard = weft_with_cancel(NULL);
	err = open_all(p, &p->error);
	if (!err) {
		note_start(p);
		run_stages(p);
		note_end(p);
		let_go(p);
		err = p->first_error;
		if (err && !p->error.len)
			buf_adds(&p->error, strerror(-err));
	}
	stop_looking(p);		/* what was opened and never started */
	state_close(p->state);
	p->state = NULL;
	free_contexts(p);
	return err;
}
