/*
 * etcd.c - bugs of the etcd key-value store, by the numbers of their reports
 *
 * 4876 and 8194 are about variables of a package; here they are in a struct, since the
 * tests share the process, and 9446's map is a counted array.
 */
#include "kernel.h"

/* The server waits for its Raft node by sleeping; the node makes the channels it is stopped by. */
struct e3077 { weft_chan(bool) stopped, done; };

static void e3077_open(struct e3077 *r)
{
	r->stopped = MAKE(bool, 0);
	r->done = MAKE(bool, 0);
}

static void e3077_node(struct e3077 *r)
{
	if (!fixed)
		e3077_open(r);
	weft_recv(r->stopped, NULL);
	weft_close(r->done);
}

KERNEL(Etcd3077, race)
{
	struct e3077 *r = NEW(struct e3077);

	if (fixed)
		e3077_open(r);
	weft_go(e3077_node, r);
	weft_sleep(10 * WEFT_MS);
	weft_send(r->stopped, true);
	weft_recv(r->done, NULL);
}

/* A test sets how often watchers report, while one is on its way to ask. */
struct e4876 { weft_mutex mu; int64_t interval; };

static int64_t e4876_interval(struct e4876 *s)
{
	int64_t interval;

	if (fixed)
		weft_mutex_lock(&s->mu);
	interval = s->interval;
	if (fixed)
		weft_mutex_unlock(&s->mu);
	return interval;
}

static void e4876_send_loop(struct e4876 *s)
{
	weft_ticker_free(weft_ticker_new(e4876_interval(s)));
}

KERNEL(Etcd4876, race)
{
	struct e4876 *s = NEW(struct e4876, .interval = 10 * WEFT_SECOND);

	weft_go(e4876_send_loop, s);
	if (fixed)
		weft_mutex_lock(&s->mu);
	s->interval = 3 * WEFT_SECOND;
	if (fixed)
		weft_mutex_unlock(&s->mu);
}

/* A request that finds the client closed returns with its read lock; Close wants the lock. */
struct e5509 { weft_rwmutex mu; bool closed; };

static void e5509_acquire(struct e5509 *c)
{
	weft_rwmutex_rlock(&c->mu);
	if (c->closed && !fixed)
		return;
	weft_rwmutex_runlock(&c->mu);
}

static void e5509_close(struct e5509 *c)
{
	weft_rwmutex_lock(&c->mu);
	c->closed = true;
	weft_rwmutex_unlock(&c->mu);
	/* what the client has is closed here, without the lock */
	weft_rwmutex_lock(&c->mu);
	weft_rwmutex_unlock(&c->mu);
}

KERNEL(Etcd5509, deadlock)
{
	struct e5509 *c = NEW(struct e5509);

	weft_go(e5509_acquire, c);
	e5509_close(c);
}

/* Sync holds the client's lock and asks for the leader; the request takes it to read. */
struct e6708 { weft_rwmutex mu; };

static void e6708_leader(struct e6708 *c)
{
	weft_rwmutex_rlock(&c->mu);
	weft_rwmutex_runlock(&c->mu);
}

static void e6708_sync(struct e6708 *c)
{
	if (fixed)
		e6708_leader(c);
	weft_rwmutex_lock(&c->mu);
	if (!fixed)
		e6708_leader(c);
	weft_rwmutex_unlock(&c->mu);
}

KERNEL(Etcd6708, deadlock)
{
	e6708_sync(NEW(struct e6708));
}

/* Who asks a Raft node for its status does not notice that the node has been stopped. */
struct e6857 { weft_chan(weft_chan(int)) status; weft_chan(bool) stop, done; };

static void e6857_run(struct e6857 *n)
{
	weft_chan(int) reply;

	while (weft_select(weft_on_recv(n->status, &reply), weft_on_recv(n->stop, NULL)) == 0)
		weft_send(reply, 1);
	weft_close(n->done);
}

static void e6857_status(struct e6857 *n)
{
	weft_chan(int) reply = MAKE(int, 0);

	if (!fixed)
		weft_send(n->status, reply);
	else if (weft_select(weft_on_send(n->status, reply), weft_on_recv(n->done, NULL)) == 1)
		return;
	weft_recv(reply, NULL);
}

static void e6857_stop(struct e6857 *n)
{
	weft_select(weft_on_send(n->stop, true), weft_on_recv(n->done, NULL));
	weft_recv(n->done, NULL);
}

KERNEL(Etcd6857, leak)
{
	struct e6857 *n = NEW(struct e6857, .status = MAKE(weft_chan(int), 0),
	    .stop = MAKE(bool, 0), .done = MAKE(bool, 0));

	weft_go(e6857_run, n);
	weft_go(e6857_status, n);
	weft_go(e6857_stop, n);
}

/* Who stops the watchers waits, with their lock, for the one that takes it at each update. */
struct e6873 { weft_mutex mu; weft_chan(int) updates; weft_chan(bool) done; };

static void e6873_coalesce_all(struct e6873 *w)
{
	while (weft_recv(w->updates, NULL)) {
		weft_mutex_lock(&w->mu);
		weft_mutex_unlock(&w->mu);
	}
	weft_close(w->done);
}

static void e6873_stop(struct e6873 *w)
{
	weft_mutex_lock(&w->mu);
	weft_close(w->updates);
	if (fixed)
		weft_mutex_unlock(&w->mu);
	weft_recv(w->done, NULL);
	if (!fixed)
		weft_mutex_unlock(&w->mu);
}

KERNEL(Etcd6873, leak)
{
	struct e6873 *w = NEW(struct e6873, .updates = MAKE(int, 1), .done = MAKE(bool, 0));

	weft_go(e6873_coalesce_all, w);
	weft_send(w->updates, 1);
	weft_go(e6873_stop, w);
}

/*
 * The balancer names the address to keep, with its lock held, to a watcher who may be
 * taking down the others just then; for that it wants the lock, and nobody else listens.
 */
enum { E7443_ALL, E7443_ADDRESSES = 3 };
struct e7443 {
	weft_mutex	mu;
	int		pinned;
	bool		closed;
	weft_chan(int)	notify;
	weft_chan(bool)	stop;
};

/* Called with the lock held; gives it back. */
static void e7443_notify(struct e7443 *b, int addr)
{
	b->pinned = addr;
	if (fixed) {
		weft_mutex_unlock(&b->mu);
		weft_select(weft_on_send(b->notify, addr), weft_on_recv(b->stop, NULL));
	} else {
		weft_send(b->notify, addr);
		weft_mutex_unlock(&b->mu);
	}
}

static void e7443_up(struct e7443 *b, int addr)
{
	weft_mutex_lock(&b->mu);
	if (!b->closed && !b->pinned)
		e7443_notify(b, addr);
	else
		weft_mutex_unlock(&b->mu);
}

static void e7443_down(struct e7443 *b, int addr)
{
	weft_mutex_lock(&b->mu);
	if (!b->closed && b->pinned == addr)
		e7443_notify(b, E7443_ALL);
	else
		weft_mutex_unlock(&b->mu);
}

static void e7443_watch(struct e7443 *b)
{
	int keep;

	while (weft_select(weft_on_recv(b->notify, &keep), weft_on_recv(b->stop, NULL)) == 0)
		for (int addr = 1; addr < E7443_ADDRESSES; addr++)
			if (keep == E7443_ALL)
				weft_go(e7443_up, b, addr);
			else if (addr != keep)
				e7443_down(b, addr);
}

KERNEL(Etcd7443, deadlock)
{
	struct e7443 *b = NEW(struct e7443, .notify = MAKE(int, 1), .stop = MAKE(bool, 0));

	weft_send(b->notify, E7443_ALL);
	weft_go(e7443_watch, b);
	weft_go(e7443_down, b, 1);
	weft_mutex_lock(&b->mu);
	b->closed = true;
	weft_mutex_unlock(&b->mu);
	weft_close(b->stop);
}

/* A token is handed to its keeper with the lock held that the keeper takes to expire one. */
struct e7492 {
	weft_mutex	mu;
	weft_chan(int)	add, ticks;
	weft_chan(bool)	stop;
	weft_waitgroup	users;
};

static void e7492_expire(struct e7492 *t)
{
	weft_mutex_lock(&t->mu);
	weft_mutex_unlock(&t->mu);
}

static void e7492_keep(struct e7492 *t)
{
	enum { ADD, TICK, STOP } what;
	int tokens = 0;

	while ((what = weft_select(weft_on_recv(t->add, NULL), weft_on_recv(t->ticks, NULL),
	    weft_on_recv(t->stop, NULL))) != STOP)
		if (what == ADD)
			tokens++;
		else
			for (; tokens; tokens--)
				e7492_expire(t);
}

static void e7492_assign(struct e7492 *t)
{
	weft_mutex_lock(&t->mu);
	if (fixed)
		weft_mutex_unlock(&t->mu);
	weft_send(t->add, 1);
	if (!fixed)
		weft_mutex_unlock(&t->mu);
}

KERNEL(Etcd7492, deadlock)
{
	struct e7492 *t = NEW(struct e7492, .add = MAKE(int, 1), .ticks = MAKE(int, 1),
	    .stop = MAKE(bool, 0));

	weft_go(e7492_keep, t);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&t->users, e7492_assign, t);
	weft_send(t->ticks, 1);
	weft_waitgroup_wait(&t->users);
	weft_close(t->stop);
}

/* A follower waits for the next round with the lock that the leader wants to open it. */
struct e7902 { weft_mutex mu; weft_chan(bool) next; weft_waitgroup clients; };

static void e7902_lead(struct e7902 *e)
{
	weft_mutex_lock(&e->mu);
	weft_close(e->next);
	weft_mutex_unlock(&e->mu);
}

static void e7902_follow(struct e7902 *e)
{
	weft_mutex_lock(&e->mu);
	if (fixed)
		weft_mutex_unlock(&e->mu);
	weft_recv(e->next, NULL);
	if (!fixed)
		weft_mutex_unlock(&e->mu);
}

KERNEL(Etcd7902, deadlock)
{
	struct e7902 *e = NEW(struct e7902, .next = MAKE(bool, 0));

	weft_waitgroup_go(&e->clients, e7902_lead, e);
	for (int i = 0; i < 2; i++)
		weft_waitgroup_go(&e->clients, e7902_follow, e);
	weft_waitgroup_wait(&e->clients);
}

/* A test makes leases expire faster, and back, while another's lessor is at it. */
struct e8194 { int revoke_rate; };

static void e8194_revoke(struct e8194 *l, int rate)
{
	CHECK((fixed ? rate : l->revoke_rate) > 0);
}

KERNEL(Etcd8194, race)
{
	struct e8194 *l = NEW(struct e8194, .revoke_rate = 1000);

	weft_go(e8194_revoke, l, l->revoke_rate);
	l->revoke_rate = 10;
	l->revoke_rate = 1000;
}

/* The read buffer of a transaction is reset while another reads its range. */
struct e9446 { weft_mutex mu; int n, keys[4]; };

static void e9446_lock(struct e9446 *txn)
{
	if (fixed)
		weft_mutex_lock(&txn->mu);
}

static void e9446_unlock(struct e9446 *txn)
{
	if (fixed)
		weft_mutex_unlock(&txn->mu);
}

static void e9446_range(struct e9446 *txn)
{
	e9446_lock(txn);
	for (int i = 0; i < txn->n; i++)
		CHECK(txn->keys[i]);
	e9446_unlock(txn);
}

KERNEL(Etcd9446, race)
{
	struct e9446 *txn = NEW(struct e9446, .n = 1, .keys = { 1 });

	weft_go(e9446_range, txn);
	e9446_lock(txn);
	txn->n = 0;
	e9446_unlock(txn);
}

/* Renewing a lease calls the checkpointer with the lock held; that one takes it. */
struct e10492 { weft_mutex mu; void (*checkpointer)(struct e10492 *); };

static void e10492_checkpoint(struct e10492 *le)
{
	weft_mutex_lock(&le->mu);
	weft_mutex_unlock(&le->mu);
}

static void e10492_renew(struct e10492 *le)
{
	weft_mutex_lock(&le->mu);
	if (fixed)
		weft_mutex_unlock(&le->mu);
	le->checkpointer(le);
	if (!fixed)
		weft_mutex_unlock(&le->mu);
}

KERNEL(Etcd10492, deadlock)
{
	e10492_renew(NEW(struct e10492, .checkpointer = e10492_checkpoint));
}
