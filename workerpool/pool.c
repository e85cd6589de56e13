/* pool.c - workers, the queue, and who waits for room in it; pool_impl.h has the invariants */
#include "pool_impl.h"

#include <stdlib.h>

#include "../weft/debug.h"
#include "../weft/time.h"

#define OR(x, otherwise)	((x) ? (x) : (otherwise))

static void run(struct worker *w);

/* ---- the queue, under the lock ---- */

static int64_t key(weft_workerpool *p, int priority)
{
	return -(int64_t)priority * (INT64_C(1) << 47) + p->age++;
}

static struct queued *queued_new(weft_workerpool *p, const weft_job *job, struct caller *c)
{
	struct queued *q = p->spare;

	if (q)
		p->spare = q->next;
	else
		q = xmalloc(sizeof *q);
	q->job = *job;
	q->caller = c;
	if (c)
		c->q = q;
	return q;
}

static void queued_free(weft_workerpool *p, struct queued *q)
{
	q->next = p->spare;
	p->spare = q;
}

static void push(weft_workerpool *p, struct queued *q)
{
	p->s.submitted++;
	heap_push(&p->queue, &q->node, key(p, q->job.priority));
}

static bool has_room(const weft_workerpool *p)
{
	return p->o.queue < 0 || p->queue.n < (size_t)p->o.queue;
}

static void tell(struct submitter *s, int err)
{
	list_remove(&s->at);
	s->done = true;
	s->err = err;
	weft_cond_signal(&s->told);
}

/* Takes it out, and lets in who waits for its place. */
static struct queued *unqueue(weft_workerpool *p, struct queued *q)
{
	heap_remove(&p->queue, &q->node);
	if (!list_empty(&p->submitters) && has_room(p)) {
		struct submitter *s = container_of(p->submitters.next, struct submitter, at);

		push(p, s->q);
		tell(s, 0);
	}
	return q;
}

static struct queued *oldest_of_the_highest(weft_workerpool *p)
{
	return container_of(p->queue.at[0].node, struct queued, node);
}

/* ---- workers, under the lock ---- */

static struct worker *worker_new(weft_workerpool *p)
{
	struct worker *w = xcalloc(1, sizeof *w);

	w->p = p;
	list_init(&w->at);
	p->workers = xrealloc(p->workers, (p->n + 1) * sizeof *p->workers);
	p->workers[p->n++] = w;
	return w;
}

static void assign(struct worker *w, const weft_job *job, struct caller *c, int64_t now)
{
	w->job = *job;
	w->caller = c;
	w->since = now;
	if (c)
		c->q = NULL;
}

static void spawn(struct worker *w)
{
	/* relaxed, as everywhere: a goroutine finds its own number, others only show it */
	atomic_store_explicit(&w->goid, 0, memory_order_relaxed);
	weft_spawn_((weft_entry_ *)run, (const intptr_t[6]){ (intptr_t)w }, w->job.site,
	    w->p->o.stack);
}

static void start(weft_workerpool *p, const weft_job *job, struct caller *c, int64_t now)
{
	struct list *e = list_pop_front(&p->idle);
	struct worker *w = e ? container_of(e, struct worker, at) : worker_new(p);

	assign(w, job, c, now);
	w->runs = true;
	if (++p->running >= p->target)
		p->calm = -1;
	spawn(w);
}

/* Jobs that wait get the workers that are free. */
static void fill(weft_workerpool *p, int64_t now)
{
	while (p->queue.n && p->running < p->target) {
		struct queued *q = unqueue(p, oldest_of_the_highest(p));

		start(p, &q->job, q->caller, now);
		queued_free(p, q);
	}
}

static void grow(weft_workerpool *p)
{
	while (p->target < p->o.max && p->queue.n > (size_t)p->o.grow_at * (size_t)p->target) {
		p->target++;
		fill(p, weft_now());
	}
}

static void note_calm(weft_workerpool *p, int64_t now)
{
	if (p->running >= p->target)
		p->calm = -1;
	else if (p->calm < 0)
		p->calm = now;
}

void workerpool_shrink(weft_workerpool *p, int64_t now)
{
	int64_t steps = p->calm < 0 ? 0 : (now - p->calm) / p->o.shrink_after;
	int least = p->running > p->o.workers ? p->running : p->o.workers;

	if (steps > 0 && p->target > least) {	/* now is from before the lock: maybe older */
		p->calm += steps * p->o.shrink_after;
		p->target = p->target - steps > least ? p->target - (int)steps : least;
		note_calm(p, now);
	}
}

/* ---- a worker's goroutine ---- */

static int call(const weft_job *j)
{
	const intptr_t *w = j->words;

	return ((int (*)(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t))j->f)(w[0],
	    w[1], w[2], w[3], w[4], w[5]);
}

static void account(struct worker *w, int result, int64_t now)
{
	weft_workerpool *p = w->p;

	w->jobs++, p->s.done++;
	w->failed += result < 0, p->s.failed += result < 0;
	w->busy += now - w->since;
	if (w->caller) {
		w->caller->result = result;
		w->caller->done = true;
		weft_cond_signal(&w->caller->told);
	}
}

/* Those who are told of the end touch the pool once more. */
static void note_end(weft_workerpool *p)
{
	if (!p->running && !p->waiting)
		weft_cond_broadcast(&p->ended);
}

static void rest(struct worker *w, int64_t now)
{
	weft_workerpool *p = w->p;

	w->runs = false;
	list_push_back(p->idle.next, &w->at);	/* in front */
	p->running--;
	note_calm(p, now);
	note_end(p);
}

/* True: w has another job. */
static bool next(struct worker *w, int result, int64_t now)
{
	weft_workerpool *p = w->p;
	struct queued *q;
	bool more;

	weft_mutex_lock(&p->lock);
	account(w, result, now);
	if (p->target > p->o.workers)
		workerpool_shrink(p, now);
	more = p->queue.n && p->running <= p->target;
	if (more) {
		q = unqueue(p, oldest_of_the_highest(p));
		assign(w, &q->job, q->caller, now);
		queued_free(p, q);
	} else {
		rest(w, now);
	}
	weft_mutex_unlock(&p->lock);
	return more;
}

static void run(struct worker *w)
{
	const struct weft_site *named = w->job.site;
	int64_t now, began = weft_now();

	atomic_store_explicit(&w->goid, weft_goid(), memory_order_relaxed);
	for (;;) {
		int result = call(&w->job);

		now = weft_now();
		if (!next(w, result, now))
			return;		/* w is another's by now, or gone */
		if (w->job.site != named)
			break;
		if (now - began > 10 * WEFT_MS) {
			weft_yield();	/* as ending would have been */
			began = now;
		}
	}
	spawn(w);
}

/* ---- submit ---- */

/* Under the lock. */
static int wait_for_room(weft_ctx *ctx, weft_workerpool *p, struct queued *q)
{
	struct submitter s = { .q = q };
	int err = 0;

	list_push_back(&p->submitters, &s.at);
	p->s.submitters++, p->waiting++;
	while (!s.done && !err)
		err = weft_cond_wait_ctx(ctx, &s.told, &p->lock);
	p->s.submitters--, p->waiting--;
	note_end(p);
	if (!s.done)
		list_remove(&s.at);
	else
		err = s.err;		/* both: success wins */
	if (err)
		queued_free(p, q);
	return err;
}

static int try(weft_workerpool *p, const weft_job *job, struct caller *c)
{
	if (p->stopping)
		return -ESHUTDOWN;
	if (p->target > p->o.workers)
		workerpool_shrink(p, weft_now());
	if (p->running < p->target) {
		p->s.submitted++;
		start(p, job, c, weft_now());
		return 0;
	}
	if (!has_room(p))
		return -EAGAIN;
	push(p, queued_new(p, job, c));
	grow(p);
	return 0;
}

static int put(weft_ctx *ctx, weft_workerpool *p, const weft_job *job, struct caller *c)
{
	int err = try(p, job, c);

	return err == -EAGAIN ? wait_for_room(ctx, p, queued_new(p, job, c)) : err;
}

static void check_job(const weft_job *job)
{
	if (job->priority > INT16_MAX || job->priority < -INT16_MAX)
		die("weft_job_at: priority is %d", job->priority);
}

int weft_workerpool_submit(weft_ctx *ctx, weft_workerpool *p, weft_job job)
{
	int err;

	check_job(&job);
	weft_mutex_lock(&p->lock);
	err = put(ctx, p, &job, NULL);
	weft_mutex_unlock(&p->lock);
	return err;
}

int weft_workerpool_try_submit(weft_workerpool *p, weft_job job)
{
	int err;

	check_job(&job);
	weft_mutex_lock(&p->lock);
	err = try(p, &job, NULL);
	weft_mutex_unlock(&p->lock);
	return err;
}

/* Under the lock. */
static int wait_for_job(weft_ctx *ctx, weft_workerpool *p, struct caller *c)
{
	while (!c->done) {
		int err = weft_cond_wait_ctx(c->q ? ctx : NULL, &c->told, &p->lock);

		if (err && c->q) {
			queued_free(p, unqueue(p, c->q));
			p->s.submitted--;
			return err;
		}
	}
	return c->err;
}

int weft_workerpool_submit_wait(weft_ctx *ctx, weft_workerpool *p, weft_job job, int *result)
{
	struct caller c = {0};
	int err;

	check_job(&job);
	weft_mutex_lock(&p->lock);
	p->waiting++;
	err = put(ctx, p, &job, &c);
	if (!err)
		err = wait_for_job(ctx, p, &c);
	p->waiting--;
	note_end(p);
	weft_mutex_unlock(&p->lock);
	if (!err && result)
		*result = c.result;
	return err;
}

/* ---- stop ---- */

/* What waits will not run: the highest first, in a chain of their own. */
static struct queued *take_all(weft_workerpool *p)
{
	struct queued *all = NULL, **end = &all;

	while (p->queue.n) {
		struct queued *q = unqueue(p, oldest_of_the_highest(p));

		if (q->caller) {	/* who has the arguments, and is told */
			q->caller->q = NULL;
			q->caller->done = true;
			q->caller->err = -ESHUTDOWN;
			weft_cond_signal(&q->caller->told);
			p->s.submitted--;
			queued_free(p, q);
			continue;
		}
		p->s.dropped++;
		*end = q;
		end = &q->next;
	}
	*end = NULL;
	return all;
}

static void drop_all(weft_workerpool *p, struct queued *all)
{
	for (struct queued *q; (q = all); free(q)) {
		all = q->next;
		if (p->o.dropped)
			p->o.dropped(&q->job, p->o.arg);
	}
}

static bool inside(const weft_workerpool *p)
{
	int64_t me = weft_goid();

	for (size_t i = 0; me && i < p->n; i++)
		if (p->workers[i]->runs &&
		    atomic_load_explicit(&p->workers[i]->goid, memory_order_relaxed) == me)
			return true;
	return false;
}

/* Refuses from now on, and gives back what is not to run any more. */
static struct queued *shut(weft_workerpool *p, enum weft_workerpool_how how)
{
	p->stopping = true;
	while (!list_empty(&p->submitters))
		tell(container_of(p->submitters.next, struct submitter, at), -ESHUTDOWN);
	if (how == WEFT_WORKERPOOL_DRAIN)
		return NULL;
	weft_cancel(p->ctx);
	return take_all(p);
}

int weft_workerpool_stop(weft_ctx *ctx, weft_workerpool *p, enum weft_workerpool_how how)
{
	struct queued *all;
	int err = 0;

	weft_mutex_lock(&p->lock);
	all = shut(p, how);
	weft_mutex_unlock(&p->lock);
	drop_all(p, all);
	weft_mutex_lock(&p->lock);
	if (inside(p))
		err = -EINPROGRESS;
	while (!err && (p->running || p->waiting))
		err = weft_cond_wait_ctx(ctx, &p->ended, &p->lock);
	if (!p->running && !p->waiting)
		err = 0;
	weft_mutex_unlock(&p->lock);
	return err;
}

weft_ctx *weft_workerpool_ctx(weft_workerpool *p)
{
	return p->ctx;
}

/* ---- the pool ---- */

static void set_size(weft_workerpool *p, int workers, int max)
{
	if (workers < 1 || max < workers)
		die("weft_workerpool: %d workers, at most %d", workers, max);
	p->o.workers = workers;
	p->o.max = max;
	p->target = p->target < workers ? workers : p->target > max ? max : p->target;
}

weft_workerpool *weft_workerpool_new(weft_workerpool_options o)
{
	weft_workerpool *p = xcalloc(1, sizeof *p);
	int workers = OR(o.workers, weft_procs());

	o.queue = OR(o.queue, 1024);
	o.grow_at = OR(o.grow_at, 4);
	o.shrink_after = OR(o.shrink_after, 10 * WEFT_SECOND);
	if (o.grow_at < 0 || o.shrink_after < 0)
		die("weft_workerpool_new: grow_at is %d, shrink_after %lld", o.grow_at,
		    (long long)o.shrink_after);
	p->o = o;
	set_size(p, workers, OR(o.max, workers));
	p->calm = -1;
	p->ctx = weft_with_cancel(NULL);
	list_init(&p->idle);
	list_init(&p->submitters);
	return p;
}

void weft_workerpool_free(weft_workerpool *p)
{
	if (!p)
		return;
	if (weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_DRAIN) == -EINPROGRESS)
		die("weft_workerpool_free: called in a job of pool %p", (void *)p);
	for (size_t i = 0; i < p->n; i++)
		free(p->workers[i]);
	for (struct queued *q; (q = p->spare); free(q))
		p->spare = q->next;
	free(p->workers);
	free(p->queue.at);
	weft_ctx_free(p->ctx);
	free(p);
}

void weft_workerpool_resize(weft_workerpool *p, int workers, int max)
{
	int64_t now = weft_now();

	weft_mutex_lock(&p->lock);
	workerpool_shrink(p, now);
	set_size(p, workers, max);
	fill(p, now);
	grow(p);
	note_calm(p, now);
	weft_mutex_unlock(&p->lock);
}
