/*
 * serving.c - bugs of Knative Serving, which runs containers on demand, by the numbers of
 * their reports
 *
 * In two of them a goroutine logs in a test that has ended.  A test of Weft has not ended
 * while one of its goroutines can run, so here the log is one that the kernel makes.
 */
#include <stdio.h>

#include "kernel.h"

/*
 * A test lets one request go and waits for it, with the other one still held: that one may
 * have come first, and then it has the breaker's only place.
 */
struct s2137 { weft_chan(bool) pending, active; };
struct s2137_request { struct s2137 *breaker; weft_mutex lock; weft_chan(bool) accepted; };

static void s2137_maybe(struct s2137_request *r)
{
	struct s2137 *b = r->breaker;

	if (weft_poll(weft_on_send(b->pending, true)) == 0) {
		weft_send(b->active, true);
		weft_mutex_lock(&r->lock);
		weft_mutex_unlock(&r->lock);
		weft_recv(b->active, NULL);
		weft_recv(b->pending, NULL);
	}
	weft_send(r->accepted, true);
}

static struct s2137_request *s2137_request(struct s2137 *b)
{
	struct s2137_request *r = NEW(struct s2137_request, .breaker = b,
	    .accepted = MAKE(bool, 1));

	weft_mutex_lock(&r->lock);
	weft_go(s2137_maybe, r);
	return r;
}

KERNEL(Serving2137, deadlock)
{
	struct s2137 *b = NEW(struct s2137, .pending = MAKE(bool, 2), .active = MAKE(bool, 1));
	struct s2137_request *first = s2137_request(b), *second = s2137_request(b);

	weft_mutex_unlock(&first->lock);
	if (fixed)
		weft_mutex_unlock(&second->lock);
	weft_recv(first->accepted, NULL);
	if (!fixed)
		weft_mutex_unlock(&second->lock);
	weft_recv(second->accepted, NULL);
}

/* Who waits for a pool of workers closes it to work that others still bring. */
struct s3068 { weft_waitgroup bringing; weft_chan(int) work; };

static void s3068_bring(struct s3068 *p, int n)
{
	weft_send(p->work, n);
}

static void s3068_wait(struct s3068 *p)
{
	if (fixed)
		weft_waitgroup_wait(&p->bringing);
	weft_close(p->work);
	while (weft_recv(p->work, NULL))
		;
}

KERNEL(Serving3068, panic)
{
	struct s3068 *p = NEW(struct s3068, .work = MAKE(int, 1));

	weft_waitgroup_go(&p->bringing, s3068_bring, p, 1);
	s3068_wait(p);
}

/* A test adds to a chain of reactions when the controller that reacts runs already. */
struct s3148 { const char *chain[2]; };

static void s3148_reconcile(struct s3148 *fake)
{
	if (fake->chain[0])
		weft_logf("%s", fake->chain[0]);
}

static void s3148_prepend(struct s3148 *fake)
{
	fake->chain[1] = fake->chain[0];
	fake->chain[0] = "created";
}

KERNEL(Serving3148, race)
{
	struct s3148 *fake = NEW(struct s3148);

	if (fixed)
		s3148_prepend(fake);
	weft_go(s3148_reconcile, fake);
	if (!fixed)
		s3148_prepend(fake);
}

/* A watcher logs what it saw when the test, and with it the log, has come to its end. */
struct s4908 { weft_waitgroup watchers; bool ended; char line[8]; };

static void s4908_check_destinations(struct s4908 *log)
{
	if (!log->ended)
		snprintf(log->line, sizeof log->line, "down");
}

KERNEL(Serving4908, race)
{
	struct s4908 *log = NEW(struct s4908);

	weft_waitgroup_go(&log->watchers, s4908_check_destinations, log);
	if (fixed)
		weft_waitgroup_wait(&log->watchers);
	log->ended = true;
}

/* An update is sent to a watcher that has gone, and closed its channel as it went. */
struct s5865 { weft_chan(int) updates; weft_chan(bool) gone; };

static void s5865_run(struct s5865 *watcher)
{
	if (fixed)
		weft_close(watcher->gone);
	else
		weft_close(watcher->updates);
}

KERNEL(Serving5865, panic)
{
	struct s5865 *watcher = NEW(struct s5865,
	    .updates = MAKE(int, 0), .gone = MAKE(bool, 0));

	weft_go(s5865_run, watcher);
	weft_select(weft_on_send(watcher->updates, 1), weft_on_recv(watcher->gone, NULL));
}

/* As in 4908, but the log has a lock: what remains is that it is too late. */
struct s6171 { weft_mutex lock; weft_waitgroup watchers; bool ended; };

static void s6171_check_destinations(struct s6171 *log)
{
	weft_mutex_lock(&log->lock);
	CHECK(!log->ended);
	weft_mutex_unlock(&log->lock);
}

static void s6171_run(struct s6171 *log)
{
	if (fixed)
		weft_waitgroup_go(&log->watchers, s6171_check_destinations, log);
	else
		weft_go(s6171_check_destinations, log);
}

KERNEL(Serving6171, check)
{
	struct s6171 *log = NEW(struct s6171);

	weft_waitgroup_go(&log->watchers, s6171_run, log);
	weft_waitgroup_wait(&log->watchers);
	weft_mutex_lock(&log->lock);
	log->ended = true;
	weft_mutex_unlock(&log->lock);
}

/* Probes are counted when they are under way, and each one that ends counts down. */
struct s6472 { int pending; weft_chan(int) probes; };

static void s6472_work(struct s6472 *p)
{
	while (weft_recv(p->probes, NULL))
		__atomic_fetch_sub(&p->pending, 1, __ATOMIC_RELAXED);
}

KERNEL(Serving6472, race)
{
	struct s6472 *p = NEW(struct s6472, .probes = MAKE(int, 1));

	weft_go(s6472_work, p);
	if (fixed)
		p->pending += 1;
	weft_send(p->probes, 1);
	if (!fixed)
		p->pending += 1;
	weft_close(p->probes);
}
