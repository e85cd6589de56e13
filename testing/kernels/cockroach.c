/*
 * cockroach.c - bugs of the CockroachDB database, by the numbers of their reports
 *
 * 35501 captures a loop's variable.  weft_go copies its arguments, so the nearest bug in
 * C passes a pointer to it.
 */
#include <stdatomic.h>

#include "kernel.h"

/* A loop that finds the gossip closed leaves with its lock held; the next loop takes it. */
struct c584 { weft_mutex mu; bool closed; };

static void c584_loop(struct c584 *g)
{
	for (;;) {
		weft_mutex_lock(&g->mu);
		if (g->closed)
			break;
		weft_mutex_unlock(&g->mu);
	}
	if (fixed)
		weft_mutex_unlock(&g->mu);
}

static void c584_run(struct c584 *g)
{
	c584_loop(g);
	c584_loop(g);
}

KERNEL(Cockroach584, leak)
{
	weft_go(c584_run, NEW(struct c584, .closed = true));
}

/* Stop waits for its workers with the lock that one of them wants, to begin a task. */
struct c1055 {
	weft_mutex	mu;
	atomic_bool	draining;
	weft_waitgroup	workers, tasks;
	weft_chan(bool)	stopper;
};

static bool c1055_start_task(struct c1055 *s)
{
	if (s->draining)
		return false;
	weft_mutex_lock(&s->mu);
	weft_waitgroup_add(&s->tasks, 1);
	weft_mutex_unlock(&s->mu);
	return true;
}

static void c1055_work(struct c1055 *s)
{
	if (c1055_start_task(s))
		weft_waitgroup_done(&s->tasks);
	weft_recv(s->stopper, NULL);
}

static void c1055_stop(struct c1055 *s)
{
	weft_mutex_lock(&s->mu);
	s->draining = true;
	weft_waitgroup_wait(&s->tasks);
	weft_close(s->stopper);
	if (fixed)
		weft_mutex_unlock(&s->mu);
	weft_waitgroup_wait(&s->workers);
	if (!fixed)
		weft_mutex_unlock(&s->mu);
}

KERNEL(Cockroach1055, deadlock)
{
	struct c1055 *s = NEW(struct c1055, .stopper = MAKE(bool, 0));

	weft_waitgroup_go(&s->workers, c1055_work, s);
	c1055_stop(s);
}

/* The transport sends an event after the one who takes them has seen the stop and gone. */
struct c1462 { weft_waitgroup workers; weft_chan(bool) stopper; weft_chan(int) events; };

static void c1462_transport(struct c1462 *s)
{
	for (int i = 0; i < 3; i++) {
		if (weft_poll(weft_on_recv(s->stopper, NULL)) == 0)
			break;
		if (fixed)
			weft_select(weft_on_send(s->events, i), weft_on_recv(s->stopper, NULL));
		else
			weft_send(s->events, i);
	}
}

static void c1462_process(struct c1462 *s)
{
	while (weft_select(weft_on_recv(s->events, NULL), weft_on_recv(s->stopper, NULL)) == 0)
		;
}

KERNEL(Cockroach1462, deadlock)
{
	struct c1462 *s = NEW(struct c1462, .stopper = MAKE(bool, 0), .events = MAKE(int, 0));

	weft_waitgroup_go(&s->workers, c1462_transport, s);
	weft_waitgroup_go(&s->workers, c1462_process, s);
	weft_close(s->stopper);
	weft_waitgroup_wait(&s->workers);
}

/*
 * Raft hands events to the store, and the store hands callbacks to Raft: each waits for
 * the other to take what it has.
 */
struct c2448 { weft_chan(int) events, callbacks; };

static void c2448_raft(struct c2448 *r)
{
	for (int sent = 0; sent < 2;)
		if (fixed)
			sent += weft_select(weft_on_recv(r->callbacks, NULL),
			    weft_on_send(r->events, sent));
		else if (weft_poll(weft_on_recv(r->callbacks, NULL)) < 0)
			weft_send(r->events, sent++);
	weft_close(r->events);
	while (weft_recv(r->callbacks, NULL))
		;
}

static void c2448_store(struct c2448 *r)
{
	for (int event; weft_recv(r->events, &event);)
		weft_send(r->callbacks, event);
	weft_close(r->callbacks);
}

KERNEL(Cockroach2448, leak)
{
	struct c2448 *r = NEW(struct c2448, .events = MAKE(int, 0), .callbacks = MAKE(int, 0));

	weft_go(c2448_store, r);
	weft_go(c2448_raft, r);
}

/* The scan of a store asks each replica, which takes the read lock again; a writer waits. */
struct c3710 { weft_rwmutex mu; };

static void c3710_raft_status(struct c3710 *s)
{
	weft_rwmutex_rlock(&s->mu);
	weft_rwmutex_runlock(&s->mu);
}

static void c3710_scan(struct c3710 *s)
{
	weft_rwmutex_rlock(&s->mu);
	if (fixed)
		weft_rwmutex_runlock(&s->mu);
	c3710_raft_status(s);
	if (!fixed)
		weft_rwmutex_runlock(&s->mu);
}

static void c3710_process(struct c3710 *s)
{
	weft_rwmutex_lock(&s->mu);
	weft_rwmutex_unlock(&s->mu);
}

KERNEL(Cockroach3710, leak)
{
	struct c3710 *s = NEW(struct c3710);

	weft_go(c3710_scan, s);
	weft_go(c3710_process, s);
}

/* A worker that would add itself to the group comes when Stop has found the group empty. */
struct c4407 {
	weft_mutex	mu;
	bool		stopping;
	weft_waitgroup	workers;
	int		peers;
};

static void c4407_send_gossip(struct c4407 *s)
{
	s->peers++;
}

static void c4407_gossip(struct c4407 *s)
{
	weft_mutex_lock(&s->mu);
	if (!fixed || !s->stopping)
		weft_waitgroup_go(&s->workers, c4407_send_gossip, s);
	weft_mutex_unlock(&s->mu);
}

KERNEL(Cockroach4407, race)
{
	struct c4407 *s = NEW(struct c4407);

	weft_go(c4407_gossip, s);
	weft_mutex_lock(&s->mu);
	s->stopping = true;
	weft_mutex_unlock(&s->mu);
	weft_waitgroup_wait(&s->workers);
	s->peers = 0;
}

/* A lookup logs the cache with its read lock held; to print it takes it again. */
struct c6181 { weft_rwmutex mu; weft_waitgroup lookups; };

static void c6181_print(struct c6181 *c)
{
	if (fixed)
		return;
	weft_rwmutex_rlock(&c->mu);
	weft_rwmutex_runlock(&c->mu);
}

static void c6181_lookup(struct c6181 *c)
{
	weft_rwmutex_rlock(&c->mu);
	c6181_print(c);
	weft_rwmutex_runlock(&c->mu);
	weft_rwmutex_lock(&c->mu);
	weft_rwmutex_unlock(&c->mu);
}

KERNEL(Cockroach6181, deadlock)
{
	struct c6181 *c = NEW(struct c6181);

	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&c->lookups, c6181_lookup, c);
	weft_waitgroup_wait(&c->lookups);
}

/* Names are looked up cache first, then lease; leases are released in the other order. */
struct c7504 { weft_mutex cache, lease; };

static void c7504_acquire_by_name(struct c7504 *m)
{
	weft_mutex_lock(&m->cache);
	weft_mutex_lock(&m->lease);
	weft_mutex_unlock(&m->lease);
	weft_mutex_unlock(&m->cache);
}

static void c7504_release(struct c7504 *m)
{
	weft_mutex_lock(&m->lease);
	if (fixed)
		weft_mutex_unlock(&m->lease);
	weft_mutex_lock(&m->cache);
	weft_mutex_unlock(&m->cache);
	if (!fixed)
		weft_mutex_unlock(&m->lease);
}

KERNEL(Cockroach7504, leak)
{
	struct c7504 *m = NEW(struct c7504);

	weft_go(c7504_acquire_by_name, m);
	weft_go(c7504_release, m);
}

/* The log takes its lock again to say that it could not make its file. */
struct c9935 { weft_mutex mu; };

static void c9935_exit(struct c9935 *l)
{
	weft_mutex_lock(&l->mu);
	weft_mutex_unlock(&l->mu);
}

static void c9935_output(struct c9935 *l, int fails)
{
	weft_mutex_lock(&l->mu);
	if (fails) {
		if (fixed)
			weft_mutex_unlock(&l->mu);
		c9935_exit(l);
		if (fixed)
			return;
	}
	weft_mutex_unlock(&l->mu);
}

KERNEL(Cockroach9935, leak)
{
	weft_go(c9935_output, NEW(struct c9935), weft_choose(2) == 0);
}

/* Heartbeats: the queue's lock, then the replica's.  A tick: the replica's, then the queue's. */
struct c10214 { weft_mutex coalesced, raft; };

static void c10214_send_heartbeats(struct c10214 *s)
{
	weft_mutex_lock(&s->coalesced);
	if (fixed)
		weft_mutex_unlock(&s->coalesced);
	weft_mutex_lock(&s->raft);
	weft_mutex_unlock(&s->raft);
	if (!fixed)
		weft_mutex_unlock(&s->coalesced);
}

static void c10214_tick(struct c10214 *s)
{
	weft_mutex_lock(&s->raft);
	weft_mutex_lock(&s->coalesced);
	weft_mutex_unlock(&s->coalesced);
	weft_mutex_unlock(&s->raft);
}

KERNEL(Cockroach10214, leak)
{
	struct c10214 *s = NEW(struct c10214);

	weft_go(c10214_send_heartbeats, s);
	weft_go(c10214_tick, s);
}

/*
 * Whoever is cancelled while it waits for earlier commands leaves a goroutine to wait for
 * the rest of them; but what would send has been cancelled, too.
 */
struct c10790 { weft_ctx *ctx; weft_chan(bool) commands[2]; };

static void c10790_send(struct c10790 *r)
{
	int i;

	for (i = 0; i < 2; i++)
		if (weft_select(weft_on_send(r->commands[i], true), weft_on_done(r->ctx)) == 1)
			break;
	for (; fixed && i < 2; i++)
		weft_close(r->commands[i]);
}

static void c10790_drain(struct c10790 *r, int i)
{
	for (; i < 2; i++)
		weft_recv(r->commands[i], NULL);
}

static void c10790_begin(struct c10790 *r)
{
	for (int i = 0; i < 2; i++)
		if (weft_select(weft_on_recv(r->commands[i], NULL), weft_on_done(r->ctx)) == 1) {
			weft_go(c10790_drain, r, i);
			break;
		}
}

KERNEL(Cockroach10790, leak)
{
	struct c10790 *r = NEW(struct c10790, KEEP(weft_ctx_free, weft_with_cancel(NULL)),
	    { MAKE(bool, 0), MAKE(bool, 0) });

	weft_go(c10790_send, r);
	weft_go(c10790_begin, r);
	weft_cancel(r->ctx);
}

/* A transaction is begun and neither committed nor rolled back: its goroutine waits. */
static void c13197_await_done(weft_ctx *ctx)
{
	weft_recv(weft_done(ctx), NULL);
}

static weft_ctx *c13197_begin(void)
{
	weft_ctx *tx = KEEP(weft_ctx_free, weft_with_cancel(NULL));

	weft_go(c13197_await_done, tx);
	return tx;
}

KERNEL(Cockroach13197, leak)
{
	weft_ctx *tx = c13197_begin();

	if (fixed)
		weft_cancel(tx);
}

/* The rows of a query are read but not closed; the goroutine that would close them waits. */
struct c13755 { weft_ctx *ctx; weft_mutex mu; int next; bool closed; };

static void c13755_close(struct c13755 *rows)
{
	weft_mutex_lock(&rows->mu);
	rows->closed = true;
	weft_mutex_unlock(&rows->mu);
	weft_cancel(rows->ctx);
}

static void c13755_await_done(struct c13755 *rows)
{
	weft_recv(weft_done(rows->ctx), NULL);
	c13755_close(rows);
}

static bool c13755_next(struct c13755 *rows)
{
	bool more;

	weft_mutex_lock(&rows->mu);
	more = !rows->closed && rows->next++ < 2;
	weft_mutex_unlock(&rows->mu);
	return more;
}

KERNEL(Cockroach13755, leak)
{
	struct c13755 *rows = NEW(struct c13755,
	    .ctx = KEEP(weft_ctx_free, weft_with_cancel(NULL)));

	weft_go(c13755_await_done, rows);
	CHECK(c13755_next(rows));
	if (fixed)
		c13755_close(rows);
}

/* A condition's lock is a mutex's read side: the executor takes it by both names. */
struct c16167 { weft_rwmutex config; };

static void c16167_database_cache(struct c16167 *e)
{
	weft_rwmutex_rlock(&e->config);
	weft_rwmutex_runlock(&e->config);
}

static void c16167_execute(struct c16167 *e)
{
	weft_rwmutex_rlock(&e->config);
	if (fixed)
		weft_rwmutex_runlock(&e->config);
	c16167_database_cache(e);
	if (!fixed)
		weft_rwmutex_runlock(&e->config);
}

static void c16167_update(struct c16167 *e)
{
	weft_rwmutex_lock(&e->config);
	weft_rwmutex_unlock(&e->config);
}

KERNEL(Cockroach16167, deadlock)
{
	struct c16167 *e = NEW(struct c16167);

	weft_go(c16167_update, e);
	c16167_execute(e);
}

/* A restore that is cancelled stops reading; the one that splits its spans goes on sending. */
static void c18101_split(weft_ctx *ctx, weft_chan(int) ready)
{
	for (int span = 0; span < 4; span++)
		if (!fixed)
			weft_send(ready, span);
		else if (weft_select(weft_on_send(ready, span), weft_on_done(ctx)) == 1)
			break;
	weft_close(ready);
}

static void c18101_restore(weft_ctx *ctx)
{
	weft_chan(int) ready = MAKE(int, 2);

	weft_go(c18101_split, ctx, ready);
	while (weft_recv(ready, NULL) && !weft_err(ctx))
		;
}

KERNEL(Cockroach18101, leak)
{
	weft_ctx *ctx = KEEP(weft_ctx_free, weft_with_cancel(NULL));

	weft_go(c18101_restore, ctx);
	weft_cancel(ctx);
}

/* The compactor puts its first work into a full channel, and then starts who empties it. */
static void c24808_work(weft_chan(bool) hints)
{
	while (weft_recv(hints, NULL))
		;
}

static void c24808_start(weft_chan(bool) hints)
{
	if (fixed)
		weft_go(c24808_work, hints);
	weft_send(hints, true);
	if (!fixed)
		weft_go(c24808_work, hints);
}

KERNEL(Cockroach24808, deadlock)
{
	weft_chan(bool) hints = MAKE(bool, 1);

	weft_send(hints, true);
	c24808_start(hints);
	weft_close(hints);
}

/* The queue waits for the stopper, and the one who would stop it is who calls the queue. */
static void c25456_process(weft_chan(bool) quiescer)
{
	weft_recv(quiescer, NULL);
}

static void c25456_stop(weft_chan(bool) quiescer)
{
	weft_close(quiescer);
}

KERNEL(Cockroach25456, deadlock)
{
	weft_chan(bool) quiescer = MAKE(bool, 0);

	if (fixed)
		weft_go(c25456_stop, quiescer);
	c25456_process(quiescer);
	if (!fixed)
		c25456_stop(quiescer);
}

/* An outbox that fails does not tell those who push rows into its full channel. */
struct c35073 { weft_chan(int) rows; weft_chan(bool) closed; };

static void c35073_push(struct c35073 *o)
{
	if (fixed)
		weft_select(weft_on_send(o->rows, 1), weft_on_recv(o->closed, NULL));
	else
		weft_send(o->rows, 1);
}

static void c35073_fail(struct c35073 *o)
{
	if (fixed)
		weft_close(o->closed);
}

KERNEL(Cockroach35073, deadlock)
{
	struct c35073 *o = NEW(struct c35073, MAKE(int, 2), MAKE(bool, 0));

	c35073_push(o);
	c35073_push(o);
	weft_go(c35073_push, o);
	weft_go(c35073_fail, o);
	c35073_push(o);
}

/* To check constraints side by side each goroutine gets the loop's variable. */
struct c35501 { int checks[3], c; };

static void c35501_validate(const int *check)
{
	CHECK(*check >= 0);
}

KERNEL(Cockroach35501, race)
{
	struct c35501 *sc = NEW(struct c35501, .checks = { 1, 2, 3 });

	for (int i = 0; i < 3; i++) {
		sc->c = sc->checks[i];
		weft_go(c35501_validate, fixed ? &sc->checks[i] : &sc->c);
	}
}

/* Who cancels a flow pushes an error into every stream; one is full, and nobody reads yet. */
static void c35931_push(weft_chan(int) stream)
{
	weft_send(stream, -1);
}

static void c35931_cancel(weft_chan(int) stream)
{
	if (fixed)
		weft_go(c35931_push, stream);
	else
		c35931_push(stream);
}

KERNEL(Cockroach35931, deadlock)
{
	weft_chan(int) left = MAKE(int, 1), right = MAKE(int, 1);

	weft_send(left, 1);
	c35931_cancel(left);
	c35931_cancel(right);
	weft_recv(left, NULL);
	weft_recv(left, NULL);
	weft_recv(right, NULL);
}
