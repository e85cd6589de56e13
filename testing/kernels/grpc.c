/*
 * grpc.c - bugs of the gRPC library for Go, by the numbers of their reports
 *
 * 2371 calls a method of nil.  The nearest in C that is not merely a crash is to send on
 * a channel that is NULL by now, and that waits for ever.  1748 is about a variable of a
 * package; here it is in a struct, since the tests share the process.
 */
#include "kernel.h"

/* The benchmark's loop is stopped while a request is under way, whose result nobody takes. */
static void g660_request(weft_chan(bool) done)
{
	weft_send(done, true);
}

static void g660_loop(weft_chan(bool) stop)
{
	for (int i = 0; i < 3; i++) {
		weft_chan(bool) done = MAKE(bool, fixed ? 1 : 0);

		weft_go(g660_request, done);
		if (weft_select(weft_on_recv(stop, NULL), weft_on_recv(done, NULL)) == 0)
			break;
	}
}

KERNEL(Grpc660, leak)
{
	weft_chan(bool) stop = MAKE(bool, 0);

	weft_go(g660_loop, stop);
	weft_close(stop);
}

/* To be idempotent, the second stop is to leave at once: it locks where it should unlock. */
struct g795 { weft_mutex mu; bool draining; };

static void g795_stop(struct g795 *s)
{
	weft_mutex_lock(&s->mu);
	if (s->draining && !fixed)
		weft_mutex_lock(&s->mu);
	s->draining = true;
	weft_mutex_unlock(&s->mu);
}

static void g795_serve(struct g795 *s)
{
	weft_mutex_lock(&s->mu);
	weft_mutex_unlock(&s->mu);
}

KERNEL(Grpc795, deadlock)
{
	struct g795 *s = NEW(struct g795);

	weft_go(g795_serve, s);
	g795_stop(s);
	g795_stop(s);
}

/* A dial that was cancelled meanwhile closes the connection that it has not got yet: none. */
static void g862_reset_transport(weft_ctx *conn)
{
	weft_recv(weft_done(conn), NULL);
}

static weft_ctx *g862_dial(weft_ctx *ctx)
{
	weft_ctx *conn = KEEP(weft_ctx_free, weft_with_cancel(NULL));

	weft_go(g862_reset_transport, conn);
	if (weft_poll(weft_on_done(ctx)) < 0)
		return conn;
	if (fixed)
		weft_cancel(conn);
	return NULL;
}

KERNEL(Grpc862, leak)
{
	weft_ctx *ctx = KEEP(weft_ctx_free, weft_with_cancel(NULL)), *conn;

	weft_go(weft_cancel, ctx);
	conn = g862_dial(ctx);
	if (conn)
		weft_cancel(conn);
}

/* A stream is closed, and the one who reads from it is not told. */
struct g1275 { weft_chan(int) received; weft_chan(bool) done; };

static void g1275_read(struct g1275 *s)
{
	weft_recv(s->received, NULL);
	weft_close(s->done);
}

static void g1275_close(struct g1275 *s)
{
	if (fixed)
		weft_close(s->received);
}

KERNEL(Grpc1275, leak)
{
	struct g1275 *s = NEW(struct g1275, .received = MAKE(int, 0), .done = MAKE(bool, 0));

	weft_go(g1275_read, s);
	g1275_close(s);
	weft_select(weft_on_recv(s->done, NULL), weft_on_timeout(WEFT_MS));
}

/* The balancer sends addresses with its lock held; who takes them wants it to drop the old. */
struct g1353 { weft_mutex mu; weft_chan(int) addrs; };

static void g1353_update(struct g1353 *rr, int addr)
{
	weft_mutex_lock(&rr->mu);
	if (fixed)		/* who holds the lock is the only sender */
		weft_poll(weft_on_recv(rr->addrs, NULL));
	weft_send(rr->addrs, addr);
	weft_mutex_unlock(&rr->mu);
}

static void g1353_watch(struct g1353 *rr)
{
	for (int addr = 0; addr < 2; addr++)
		g1353_update(rr, addr);
	weft_close(rr->addrs);
}

static void g1353_balance(struct g1353 *rr)
{
	while (weft_recv(rr->addrs, NULL)) {
		weft_mutex_lock(&rr->mu);
		weft_mutex_unlock(&rr->mu);
	}
}

KERNEL(Grpc1353, leak)
{
	struct g1353 *rr = NEW(struct g1353, .addrs = MAKE(int, fixed ? 1 : 0));

	weft_go(g1353_watch, rr);
	weft_go(g1353_balance, rr);
}

/* The watcher of addresses ends when they do, and does not say so to who waits for it. */
struct g1424 { weft_chan(int) addrs; weft_chan(bool) done; };

static void g1424_watch(struct g1424 *cc)
{
	while (weft_recv(cc->addrs, NULL))
		;
	if (fixed)
		weft_close(cc->done);
}

static void g1424_dial(struct g1424 *cc)
{
	weft_go(g1424_watch, cc);
	weft_recv(cc->done, NULL);
}

KERNEL(Grpc1424, leak)
{
	struct g1424 *cc = NEW(struct g1424, .addrs = MAKE(int, 0), .done = MAKE(bool, 0));

	weft_go(g1424_dial, cc);
	weft_close(cc->addrs);
}

/* With no stream there is nothing to keep alive: it waits for one, and holds the lock. */
struct g1460 { weft_mutex mu; int streams; weft_chan(bool) awaken; };

static void g1460_keepalive(struct g1460 *t)
{
	bool idle;

	weft_mutex_lock(&t->mu);
	idle = !t->streams;
	if (idle && !fixed)
		weft_recv(t->awaken, NULL);
	weft_mutex_unlock(&t->mu);
	if (idle && fixed)
		weft_recv(t->awaken, NULL);
}

static void g1460_new_stream(struct g1460 *t)
{
	weft_mutex_lock(&t->mu);
	if (++t->streams == 1)
		weft_poll(weft_on_send(t->awaken, true));
	weft_mutex_unlock(&t->mu);
}

KERNEL(Grpc1460, leak)
{
	struct g1460 *t = NEW(struct g1460, .awaken = MAKE(bool, fixed ? 1 : 0));

	weft_go(g1460_keepalive, t);
	weft_go(g1460_new_stream, t);
}

/* A status closes the channel of a stream's writes, and the handler writes once more. */
struct g1687 { weft_chan(int) writes; weft_chan(bool) closed; };

static void g1687_write(struct g1687 *ht)
{
	if (weft_poll(weft_on_recv(ht->closed, NULL)) < 0)
		weft_select(weft_on_send(ht->writes, 1), weft_on_recv(ht->closed, NULL));
}

static void g1687_write_status(struct g1687 *ht)
{
	g1687_write(ht);
	if (fixed)
		weft_close(ht->closed);
	else
		weft_close(ht->writes);
}

static void g1687_handle(struct g1687 *ht)
{
	g1687_write_status(ht);
	g1687_write(ht);
}

KERNEL(Grpc1687, panic)
{
	struct g1687 *ht = NEW(struct g1687, .writes = MAKE(int, 0), .closed = MAKE(bool, 0));
	bool open = true;

	weft_go(g1687_handle, ht);
	while (open && weft_select(weft_on_recv(ht->writes, NULL, .ok = &open),
	    weft_on_recv(ht->closed, NULL)) == 0)
		;
}

/* A test puts the shortest timeout back while the connection that it began still asks. */
struct g1748 { int64_t min_timeout; weft_waitgroup monitors; };

static void g1748_monitor(struct g1748 *ac)
{
	CHECK(ac->min_timeout > 0);
}

KERNEL(Grpc1748, race)
{
	struct g1748 *ac = NEW(struct g1748, .min_timeout = WEFT_MS);

	weft_waitgroup_go(&ac->monitors, g1748_monitor, ac);
	if (fixed)
		weft_waitgroup_wait(&ac->monitors);
	ac->min_timeout = 10 * WEFT_SECOND;
}

/* The resolver's news go to a balancer that Close has taken away. */
struct g2371 { weft_mutex mu; weft_chan(int) updates; };

static void g2371_resolve(struct g2371 *cc)
{
	weft_mutex_lock(&cc->mu);
	if (!fixed || cc->updates) {
		weft_poll(weft_on_recv(cc->updates, NULL));
		weft_send(cc->updates, 1);
	}
	weft_mutex_unlock(&cc->mu);
}

KERNEL(Grpc2371, leak)
{
	struct g2371 *cc = NEW(struct g2371, .updates = MAKE(int, 1));

	weft_go(g2371_resolve, cc);
	weft_mutex_lock(&cc->mu);
	cc->updates = NULL;
	weft_mutex_unlock(&cc->mu);
}

/* A cached connection is wanted again just as its timer fires: that leaves with the lock. */
struct g3017 { weft_mutex mu; bool cached, abort; weft_timer *timer; };

static void g3017_delete(void *arg)
{
	struct g3017 *c = arg;

	weft_mutex_lock(&c->mu);
	if (c->abort && !fixed)
		return;
	c->cached = false;
	weft_mutex_unlock(&c->mu);
}

static void g3017_remove(struct g3017 *c)
{
	weft_mutex_lock(&c->mu);
	c->cached = true;
	c->timer = KEEP(weft_timer_free, weft_after(WEFT_MS, g3017_delete, c));
	weft_mutex_unlock(&c->mu);
}

static void g3017_new(struct g3017 *c)
{
	weft_mutex_lock(&c->mu);
	if (c->cached && !weft_timer_stop(c->timer))
		c->abort = true;
	c->cached = false;
	weft_mutex_unlock(&c->mu);
}

KERNEL(Grpc3017, deadlock)
{
	struct g3017 *c = NEW(struct g3017);

	g3017_remove(c);
	weft_sleep(WEFT_MS);
	g3017_new(c);
	g3017_new(c);
}

/* A resolver polls, in a goroutine, from its constructor, whose result is still to be set. */
struct g3090 { weft_mutex mu; const char *resolver; };

static void g3090_resolve_now(struct g3090 *ccr)
{
	weft_mutex_lock(&ccr->mu);
	CHECK(!ccr->resolver || *ccr->resolver);
	weft_mutex_unlock(&ccr->mu);
}

static const char *g3090_build(struct g3090 *ccr)
{
	weft_go(g3090_resolve_now, ccr);
	return "resolver";
}

KERNEL(Grpc3090, race)
{
	struct g3090 *ccr = NEW(struct g3090);

	if (fixed)
		weft_mutex_lock(&ccr->mu);
	ccr->resolver = g3090_build(ccr);
	if (fixed)
		weft_mutex_unlock(&ccr->mu);
}
