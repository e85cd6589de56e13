/*
 * istio.c - bugs of the Istio service mesh, by the numbers of their reports
 */
#include <string.h>

#include "kernel.h"

/* A handler tells that it is done with the lock held that the test takes before it listens. */
struct i16224 { weft_mutex lock; int handled; weft_chan(int) events; weft_chan(bool) done; };

static void i16224_handle(struct i16224 *m)
{
	weft_mutex_lock(&m->lock);
	m->handled++;
	if (fixed)
		weft_mutex_unlock(&m->lock);
	weft_send(m->done, true);
	if (!fixed)
		weft_mutex_unlock(&m->lock);
}

static void i16224_run(struct i16224 *m)
{
	while (weft_recv(m->events, NULL))
		i16224_handle(m);
}

KERNEL(Istio16224, deadlock)
{
	struct i16224 *m = NEW(struct i16224, .events = MAKE(int, 0), .done = MAKE(bool, 0));

	weft_go(i16224_run, m);
	weft_send(m->events, 1);
	weft_mutex_lock(&m->lock);
	weft_logf("%d handled so far", m->handled);
	weft_mutex_unlock(&m->lock);
	weft_recv(m->done, NULL);
	weft_close(m->events);
}

/* A proxy says that it has ended to an agent that may have ended before it. */
struct i17860 { weft_ctx *ctx; weft_chan(int) status; };

static void i17860_run(struct i17860 *a)
{
	while (weft_select(weft_on_recv(a->status, NULL), weft_on_done(a->ctx)) == 0)
		;
}

static void i17860_run_proxy(struct i17860 *a, int epoch)
{
	weft_select(weft_on_send(a->status, epoch), weft_on_done(fixed ? a->ctx : NULL));
}

KERNEL(Istio17860, leak)
{
	struct i17860 *a = NEW(struct i17860, .status = MAKE(int, 0),
	    .ctx = KEEP(weft_ctx_free, weft_with_cancel(NULL)));

	weft_go(i17860_run, a);
	for (int epoch = 1; epoch <= 2; epoch++)
		weft_go(i17860_run_proxy, a, epoch);
	weft_cancel(a->ctx);
}

/* To set a timer again, its tick is waited for, which has been taken before. */
struct i18454 { weft_timer *timer; weft_ctx *ctx; weft_chan(bool) reset, ticked; };

static void i18454_reset(struct i18454 *s)
{
	if (!weft_timer_stop(s->timer) && !fixed)
		weft_recv(weft_timer_chan(s->timer), NULL);
	weft_timer_reset(s->timer, WEFT_SECOND);
}

static void i18454_loop(struct i18454 *s)
{
	enum { TICK, RESET, DONE };

	for (;;)
		switch (weft_select([TICK] = weft_on_recv(weft_timer_chan(s->timer), NULL),
				    [RESET] = weft_on_recv(s->reset, NULL),
				    [DONE] = weft_on_done(s->ctx))) {
		case TICK:
			weft_close(s->ticked);
			break;
		case RESET:
			i18454_reset(s);
			break;
		case DONE:
			weft_timer_stop(s->timer);
			return;
		}
}

KERNEL(Istio18454, leak)
{
	struct i18454 *s = NEW(struct i18454, .reset = MAKE(bool, 1), .ticked = MAKE(bool, 0),
	    .timer = KEEP(weft_timer_free, weft_timer_new(0)),
	    .ctx = KEEP(weft_ctx_free, weft_with_cancel(NULL)));

	weft_go(i18454_loop, s);
	weft_recv(s->ticked, NULL);
	weft_send(s->reset, true);
	weft_cancel(s->ctx);
}

/* An update changes the labels of all clients, with a lock held that lets readers in. */
struct i16742 { weft_rwmutex clients; int labels; };

static void i16742_push_route(struct i16742 *s)
{
	weft_rwmutex_rlock(&s->clients);
	weft_logf("%d labels", s->labels);
	weft_rwmutex_runlock(&s->clients);
}

static void i16742_update(struct i16742 *s)
{
	if (fixed)
		weft_rwmutex_lock(&s->clients);
	else
		weft_rwmutex_rlock(&s->clients);
	s->labels = 0;
	if (fixed)
		weft_rwmutex_unlock(&s->clients);
	else
		weft_rwmutex_runlock(&s->clients);
}

KERNEL(Istio16742, race)
{
	struct i16742 *s = NEW(struct i16742, .labels = 2);

	weft_go(i16742_push_route, s);
	weft_go(i16742_update, s);
}

/* A test reads what the cache's callback counts while the cache calls it. */
struct i8144 { weft_map *entries; weft_waitgroup evicted; int calls; };

static bool i8144_callback(const void *key, size_t len, void *value, void *arg)
{
	struct i8144 *c = arg;

	(void)key, (void)len, (void)value;
	c->calls++;
	return true;
}

static void i8144_evict(struct i8144 *c)
{
	weft_map_range(c->entries, i8144_callback, c);
}

KERNEL(Istio8144, race)
{
	struct i8144 *c = NEW(struct i8144, .entries = KEEP(weft_map_free, weft_map_new()));

	weft_map_store(c->entries, "key", strlen("key"), NULL);
	weft_waitgroup_go(&c->evicted, i8144_evict, c);
	if (fixed)
		weft_waitgroup_wait(&c->evicted);
	weft_logf("called %d times", c->calls);
}

/* Writes are counted atomically, and the count is read as if it were any other number. */
struct i8214 { long writes; };

static void i8214_set(struct i8214 *c)
{
	long n;

	__atomic_fetch_add(&c->writes, 1, __ATOMIC_RELAXED);
	n = fixed ? __atomic_load_n(&c->writes, __ATOMIC_RELAXED) : c->writes;
	CHECK(n > 0);
}

KERNEL(Istio8214, race)
{
	struct i8214 *c = NEW(struct i8214);

	weft_go(i8214_set, c);
	weft_go(i8214_set, c);
}

/*
 * Who stops forgets the channel that says so, and the one who is to be stopped may look
 * for it after that.  It is a race, too.
 */
struct i8967 { weft_chan(bool) done; };

static void i8967_run(struct i8967 *s)
{
	weft_recv(s->done, NULL);
}

static void i8967_stop(struct i8967 *s)
{
	weft_close(s->done);
	if (!fixed)
		s->done = NULL;
}

KERNEL(Istio8967, race)
{
	struct i8967 *s = NEW(struct i8967, .done = MAKE(bool, 0));

	weft_go(i8967_run, s);
	i8967_stop(s);
}
