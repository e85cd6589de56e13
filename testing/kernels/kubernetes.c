/*
 * kubernetes.c - bugs of the Kubernetes cluster manager, by the numbers of their reports
 */
#include "kernel.h"

/* A status is sent with the lock held that the receiver takes after each one. */
struct k10182 { weft_mutex lock; weft_chan(bool) statuses; };

static void k10182_sync(struct k10182 *m)
{
	for (int i = 0; i < 2; i++) {
		weft_recv(m->statuses, NULL);
		weft_mutex_lock(&m->lock);
		weft_mutex_unlock(&m->lock);
	}
}

static void k10182_set(struct k10182 *m)
{
	weft_mutex_lock(&m->lock);
	if (fixed)
		weft_mutex_unlock(&m->lock);
	weft_send(m->statuses, true);
	if (!fixed)
		weft_mutex_unlock(&m->lock);
}

KERNEL(Kubernetes10182, leak)
{
	struct k10182 *m = NEW(struct k10182, .statuses = MAKE(bool, 0));

	weft_go(k10182_sync, m);
	weft_go(k10182_set, m);
	weft_go(k10182_set, m);
}

/* An abort signals a helper that does not wait yet, and then waits for it. */
struct k11298 { weft_mutex lock; weft_cond changed; bool aborted; weft_chan(bool) waited; };

static void k11298_wait(struct k11298 *n)
{
	weft_mutex_lock(&n->lock);
	if (!n->aborted)
		weft_cond_wait(&n->changed, &n->lock);
	weft_mutex_unlock(&n->lock);
	weft_close(n->waited);
}

static void k11298_serve(struct k11298 *n, weft_chan(bool) abort)
{
	weft_go(k11298_wait, n);
	weft_recv(abort, NULL);
	if (fixed) {
		weft_mutex_lock(&n->lock);
		n->aborted = true;
		weft_mutex_unlock(&n->lock);
	}
	weft_cond_signal(&n->changed);
	weft_recv(n->waited, NULL);
}

KERNEL(Kubernetes11298, leak)
{
	struct k11298 *n = NEW(struct k11298, .waited = MAKE(bool, 0));
	weft_chan(bool) abort = MAKE(bool, 0);

	weft_go(k11298_serve, n, abort);
	weft_close(abort);
}

/* The cacher's lock, then the watch cache's, to replace; the other way round for an event. */
struct k13135 { weft_mutex cacher, cache; weft_waitgroup initialized; };

static void k13135_start_caching(struct k13135 *c)
{
	for (int i = 0; i < 2; i++) {
		weft_mutex_lock(&c->cacher);
		weft_mutex_lock(&c->cache);
		if (i == 0)
			weft_waitgroup_done(&c->initialized);
		weft_mutex_unlock(&c->cacher);
		weft_mutex_unlock(&c->cache);
	}
}

static void k13135_add(struct k13135 *c)
{
	weft_mutex_lock(&c->cache);
	if (fixed)
		weft_mutex_unlock(&c->cache);
	weft_mutex_lock(&c->cacher);
	weft_mutex_unlock(&c->cacher);
	if (!fixed)
		weft_mutex_unlock(&c->cache);
}

KERNEL(Kubernetes13135, leak)
{
	struct k13135 *c = NEW(struct k13135);

	weft_waitgroup_add(&c->initialized, 1);
	weft_go(k13135_start_caching, c);
	weft_waitgroup_wait(&c->initialized);
	weft_go(k13135_add, c);
}

/* A result is sent with the lock held that its watcher needs to say that it has left. */
struct k1321 { weft_mutex lock; weft_chan(int) result; weft_chan(bool) stopped; };

static void k1321_distribute(struct k1321 *m)
{
	weft_mutex_lock(&m->lock);
	if (m->result)
		weft_select(weft_on_send(m->result, 1),
		    weft_on_recv(fixed ? m->stopped : NULL, NULL));
	weft_mutex_unlock(&m->lock);
}

static void k1321_stop_watching(struct k1321 *m)
{
	weft_close(m->stopped);
	weft_mutex_lock(&m->lock);
	weft_close(m->result);
	m->result = NULL;
	weft_mutex_unlock(&m->lock);
}

KERNEL(Kubernetes1321, leak)
{
	struct k1321 *m = NEW(struct k1321, .result = MAKE(int, 0), .stopped = MAKE(bool, 0));

	weft_go(k1321_distribute, m);
	weft_go(k1321_stop_watching, m);
}

/* Who reports an error of the watch does not see that nobody watches any more. */
struct k25331 { weft_ctx *ctx; weft_chan(int) errors, results; };

static void k25331_run(struct k25331 *w)
{
	int err;

	weft_recv(w->errors, &err);
	weft_select(weft_on_send(w->results, err), weft_on_done(fixed ? w->ctx : NULL));
}

static void k25331_stop(struct k25331 *w)
{
	weft_send(w->errors, -EIO);
	weft_cancel(w->ctx);
}

KERNEL(Kubernetes25331, leak)
{
	struct k25331 *w = NEW(struct k25331,
	    .ctx = KEEP(weft_ctx_free, weft_with_cancel(NULL)),
	    .errors = MAKE(int, 0), .results = MAKE(int, 0));

	weft_go(k25331_run, w);
	weft_go(k25331_stop, w);
}

/* A listener waits for the stop with the lock held that the stopper needs before it. */
struct k26980 { weft_mutex lock; weft_cond more; int pending; weft_chan(bool) stop; };

static void k26980_pop(struct k26980 *p)
{
	weft_mutex_lock(&p->lock);
	while (!p->pending)
		weft_cond_wait(&p->more, &p->lock);
	if (fixed)
		weft_mutex_unlock(&p->lock);
	weft_recv(p->stop, NULL);
	if (!fixed)
		weft_mutex_unlock(&p->lock);
}

static void k26980_add(struct k26980 *p)
{
	weft_mutex_lock(&p->lock);
	p->pending++;
	weft_cond_broadcast(&p->more);
	weft_mutex_unlock(&p->lock);
}

KERNEL(Kubernetes26980, deadlock)
{
	struct k26980 *p = NEW(struct k26980, .stop = MAKE(bool, 0));

	weft_go(k26980_pop, p);
	k26980_add(p);
	k26980_add(p);
	weft_close(p->stop);
}

/* The informer's lock, then the queue's, to ask; the queue's, then the informer's, to pop. */
struct k30872 { weft_mutex informer, queue; };

static void k30872_clusters_synced(struct k30872 *f)
{
	weft_mutex_lock(&f->informer);
	if (fixed)
		weft_mutex_unlock(&f->informer);
	weft_mutex_lock(&f->queue);
	weft_mutex_unlock(&f->queue);
	if (!fixed)
		weft_mutex_unlock(&f->informer);
}

static void k30872_add_cluster(struct k30872 *f)
{
	weft_mutex_lock(&f->informer);
	weft_mutex_unlock(&f->informer);
}

static void k30872_pop(struct k30872 *f)
{
	weft_mutex_lock(&f->queue);
	k30872_add_cluster(f);
	weft_mutex_unlock(&f->queue);
}

KERNEL(Kubernetes30872, leak)
{
	struct k30872 *f = NEW(struct k30872);

	weft_go(k30872_pop, f);
	weft_go(k30872_clusters_synced, f);
}

/* The first events of a watch are sent although it has been stopped. */
struct k38669 { weft_chan(int) result; weft_chan(bool) stopped; };

static void k38669_process(struct k38669 *c)
{
	for (int event = 1; event <= 2; event++)
		weft_select(weft_on_send(c->result, event),
		    weft_on_recv(fixed ? c->stopped : NULL, NULL));
	weft_recv(c->stopped, NULL);
	weft_close(c->result);
}

KERNEL(Kubernetes38669, leak)
{
	struct k38669 *c = NEW(struct k38669, .result = MAKE(int, 0), .stopped = MAKE(bool, 0));

	weft_go(k38669_process, c);
	weft_close(c->stopped);
}

/* A request that came too late answers, and nobody is there. */
struct k5316 { weft_chan(bool) ok; weft_chan(int) failed; };

static void k5316_request(struct k5316 *r)
{
	weft_sleep(2 * WEFT_MS);
	if (weft_choose(2) == 0)
		weft_send(r->ok, true);
	else
		weft_send(r->failed, -EIO);
}

KERNEL(Kubernetes5316, leak)
{
	struct k5316 *r = NEW(struct k5316, .ok = MAKE(bool, fixed), .failed = MAKE(int, fixed));

	weft_go(k5316_request, r);
	weft_select(weft_on_recv(r->ok, NULL), weft_on_recv(r->failed, NULL),
	    weft_on_timeout(100 * WEFT_US));
}

/*
 * A worker waits for its queue with the read lock held.  The writer waits for it, and
 * keeps out the other worker, who would have put something into that queue.
 */
struct k58107_queue { weft_mutex lock; weft_cond more; int length; };
struct k58107 { weft_rwmutex workers; struct k58107_queue quotas, missing_usage; };

static void k58107_put(struct k58107_queue *q)
{
	weft_mutex_lock(&q->lock);
	q->length++;
	weft_cond_signal(&q->more);
	weft_mutex_unlock(&q->lock);
}

static void k58107_get(struct k58107_queue *q)
{
	weft_mutex_lock(&q->lock);
	while (!q->length)
		weft_cond_wait(&q->more, &q->lock);
	q->length--;
	weft_mutex_unlock(&q->lock);
}

static void k58107_work(struct k58107 *c, struct k58107_queue *q, struct k58107_queue *next)
{
	if (fixed)
		k58107_get(q);
	weft_rwmutex_rlock(&c->workers);
	if (!fixed)
		k58107_get(q);
	if (next)
		k58107_put(next);
	weft_rwmutex_runlock(&c->workers);
}

static void k58107_sync(struct k58107 *c)
{
	weft_rwmutex_lock(&c->workers);
	weft_rwmutex_unlock(&c->workers);
}

KERNEL(Kubernetes58107, leak)
{
	struct k58107 *c = NEW(struct k58107);

	weft_go(k58107_work, c, &c->quotas, NULL);
	weft_go(k58107_sync, c);
	weft_go(k58107_work, c, &c->missing_usage, &c->quotas);
	k58107_put(&c->missing_usage);
}

/* The read lock is taken twice, and a writer comes in between. */
struct k62464 { weft_rwmutex lock; int cpus, all_cpus; };

static int k62464_cpus(struct k62464 *s)
{
	int n;

	if (!fixed)
		weft_rwmutex_rlock(&s->lock);
	n = s->cpus;
	if (!fixed)
		weft_rwmutex_runlock(&s->lock);
	return n;
}

static void k62464_cpus_or_all(struct k62464 *s)
{
	weft_rwmutex_rlock(&s->lock);
	CHECK(k62464_cpus(s) || s->all_cpus);
	weft_rwmutex_runlock(&s->lock);
}

static void k62464_remove_container(struct k62464 *s)
{
	weft_rwmutex_lock(&s->lock);
	s->all_cpus++;
	weft_rwmutex_unlock(&s->lock);
}

KERNEL(Kubernetes62464, leak)
{
	struct k62464 *s = NEW(struct k62464, .all_cpus = 1);

	weft_go(k62464_cpus_or_all, s);
	weft_go(k62464_remove_container, s);
}

/* A frame's sender waits with the lock held that the monitor needs to say that it ends. */
struct k6632 { weft_mutex lock; weft_chan(bool) reset; };

static void k6632_drain(weft_chan(bool) c)
{
	while (weft_recv(c, NULL))
		;
}

static void k6632_monitor(struct k6632 *f, weft_chan(bool) closed)
{
	weft_recv(closed, NULL);
	if (fixed)
		weft_go(k6632_drain, f->reset);
	weft_mutex_lock(&f->lock);
	weft_close(f->reset);
	f->reset = NULL;
	weft_mutex_unlock(&f->lock);
}

static void k6632_write_frame(struct k6632 *f)
{
	weft_mutex_lock(&f->lock);
	if (f->reset)
		weft_send(f->reset, true);
	weft_mutex_unlock(&f->lock);
}

KERNEL(Kubernetes6632, leak)
{
	struct k6632 *f = NEW(struct k6632, .reset = MAKE(bool, 0));
	weft_chan(bool) closed = MAKE(bool, 0);

	weft_go(k6632_monitor, f, closed);
	weft_go(k6632_write_frame, f);
	weft_close(closed);
}

/* Who waits for a condition leaves when it is met, and does not tell the poller. */
static void k70277_poll(weft_chan(bool) tick, weft_chan(bool) done)
{
	while (weft_select(weft_on_send(tick, true), weft_on_recv(done, NULL)) == 0)
		;
}

KERNEL(Kubernetes70277, leak)
{
	weft_chan(bool) tick = MAKE(bool, 0), done = MAKE(bool, 0);

	weft_go(k70277_poll, tick, done);
	weft_recv(tick, NULL);
	if (fixed)
		weft_close(done);
}
