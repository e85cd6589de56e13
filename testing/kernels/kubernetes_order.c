/*
 * kubernetes_order.c - bugs of the Kubernetes cluster manager in which nobody waits
 *
 * All but the first share memory without order: what one goroutine writes, another reads
 * or writes, too, with no lock, channel or group between them.
 */
#include <string.h>

#include "kernel.h"

/* Every deletion counts as one of those that the test waits for; there are more of them. */
struct k13058 { weft_waitgroup deletions; weft_mutex lock; int awaited; };

static void k13058_on_delete(struct k13058 *c)
{
	bool counts;

	weft_mutex_lock(&c->lock);
	counts = !fixed || c->awaited-- > 0;
	weft_mutex_unlock(&c->lock);
	if (counts)
		weft_waitgroup_done(&c->deletions);
}

static void k13058_run(struct k13058 *c, weft_chan(bool) stop)
{
	for (int i = 0; i < 4 && weft_poll(weft_on_recv(stop, NULL)) != 0; i++)
		k13058_on_delete(c);
}

KERNEL(Kubernetes13058, panic)
{
	struct k13058 *c = NEW(struct k13058, .awaited = 3);
	weft_chan(bool) stop = MAKE(bool, 0);

	weft_waitgroup_add(&c->deletions, c->awaited);
	weft_go(k13058_run, c, stop);
	weft_waitgroup_wait(&c->deletions);
	weft_close(stop);
}

/* A test asks whether its server was called before the server has ended. */
struct k49404 { weft_waitgroup served; bool called; };

static void k49404_serve(struct k49404 *s)
{
	s->called = true;
}

KERNEL(Kubernetes49404, race)
{
	struct k49404 *s = NEW(struct k49404);

	weft_waitgroup_go(&s->served, k49404_serve, s);
	if (fixed)
		weft_waitgroup_wait(&s->served);
	weft_logf("called: %d", s->called);
}

/* Each worker is to rate one node, and rates them all. */
struct k70892 { int score[2]; };

static void k70892_rate(struct k70892 *nodes, int mine)
{
	for (int i = 0; i < 2; i++)
		if ((i == mine || !fixed) && nodes->score[i] == 0)
			nodes->score[i] = 7;
}

KERNEL(Kubernetes70892, race)
{
	struct k70892 *nodes = NEW(struct k70892);

	weft_go(k70892_rate, nodes, 0);
	weft_go(k70892_rate, nodes, 1);
}

/* A dispatcher empties the list of watchers under the lock, and walks it without. */
struct k77796 { weft_mutex lock; int watchers; };

static void k77796_dispatch(struct k77796 *c)
{
	int n;

	weft_mutex_lock(&c->lock);
	c->watchers = 0;
	n = c->watchers;
	weft_mutex_unlock(&c->lock);
	if (!fixed)
		n = c->watchers;
	CHECK_EQ(n, 0);
}

KERNEL(Kubernetes77796, race)
{
	struct k77796 *c = NEW(struct k77796);

	weft_go(k77796_dispatch, c);
	weft_go(k77796_dispatch, c);
}

/* A key is looked up without the lock with which the queue takes it away. */
struct k79631 { weft_mutex lock; const char *key; };

static void k79631_flush(struct k79631 *q)
{
	weft_mutex_lock(&q->lock);
	q->key = NULL;
	weft_mutex_unlock(&q->lock);
}

static bool k79631_get(struct k79631 *q, const char *key)
{
	bool found;

	if (fixed)
		weft_mutex_lock(&q->lock);
	found = q->key && strcmp(q->key, key) == 0;
	if (fixed)
		weft_mutex_unlock(&q->lock);
	return found;
}

KERNEL(Kubernetes79631, race)
{
	struct k79631 *q = NEW(struct k79631, .key = "pod");

	weft_go(k79631_flush, q);
	weft_logf("found: %d", k79631_get(q, "pod"));
}

/* Each client sets what is called when a certificate changes; they all share it. */
struct k80284 { weft_mutex lock; void (*on_rotate)(void); };

static void k80284_close_all(void)
{
}

static void k80284_update_config(struct k80284 *a)
{
	if (fixed)
		weft_mutex_lock(&a->lock);
	a->on_rotate = k80284_close_all;
	if (fixed)
		weft_mutex_unlock(&a->lock);
}

KERNEL(Kubernetes80284, race)
{
	struct k80284 *a = NEW(struct k80284);

	weft_go(k80284_update_config, a);
	weft_go(k80284_update_config, a);
}

/* A plugin counts its calls; two nodes are looked at at the same time. */
struct k81091 { int calls; };

static void k81091_filter(struct k81091 *plugin)
{
	if (fixed)
		__atomic_fetch_add(&plugin->calls, 1, __ATOMIC_RELAXED);
	else
		plugin->calls++;
}

KERNEL(Kubernetes81091, race)
{
	struct k81091 *plugin = NEW(struct k81091);

	weft_go(k81091_filter, plugin);
	weft_go(k81091_filter, plugin);
}

/* A pod that is in the queue already is given another age, without the queue's lock. */
struct k81148_pod { int64_t since; };
struct k81148 { weft_mutex lock; struct k81148_pod *pod; };

static void k81148_flush(struct k81148 *q, int64_t limit)
{
	weft_mutex_lock(&q->lock);
	if (q->pod && q->pod->since < limit)
		q->pod = NULL;
	weft_mutex_unlock(&q->lock);
}

static void k81148_add(struct k81148 *q, struct k81148_pod *pod)
{
	weft_mutex_lock(&q->lock);
	q->pod = pod;
	weft_mutex_unlock(&q->lock);
}

KERNEL(Kubernetes81148, race)
{
	struct k81148_pod *pod = NEW(struct k81148_pod, .since = WEFT_SECOND);
	struct k81148 *q = NEW(struct k81148);

	if (fixed)
		pod->since -= WEFT_SECOND;
	k81148_add(q, pod);
	weft_go(k81148_flush, q, 60 * WEFT_SECOND);
	if (!fixed)
		pod->since -= WEFT_SECOND;
}

/* A test changes a volume that the controller copies: what a cache holds is for reading. */
struct k82239 { char annotations[2]; };

static void k82239_sync(const struct k82239 *cached)
{
	struct k82239 copy = *cached;

	weft_logf("%.2s", copy.annotations);
}

KERNEL(Kubernetes82239, race)
{
	struct k82239 *volume = NEW(struct k82239, .annotations = "ab"), *mine = volume;

	if (fixed)
		mine = NEW(struct k82239, .annotations = "ab");
	weft_go(k82239_sync, volume);
	mine->annotations[0] = 'c';
}

/* Whoever comes first makes the provider; all may be first. */
struct k82550_provider { int entry; };
struct k82550 { weft_mutex lock; struct k82550_provider *provider; };

static void k82550_provide(struct k82550 *lazy)
{
	if (fixed)
		weft_mutex_lock(&lazy->lock);
	if (!lazy->provider)
		lazy->provider = NEW(struct k82550_provider, .entry = 1);
	CHECK_EQ(lazy->provider->entry, 1);
	if (fixed)
		weft_mutex_unlock(&lazy->lock);
}

KERNEL(Kubernetes82550, race)
{
	struct k82550 *lazy = NEW(struct k82550);

	weft_go(k82550_provide, lazy);
	weft_go(k82550_provide, lazy);
}

/* The length of a queue is read without the lock with which it is popped. */
struct k88331 { weft_rwmutex lock; int length; };

static void k88331_flush(struct k88331 *q)
{
	weft_rwmutex_lock(&q->lock);
	q->length--;
	weft_rwmutex_unlock(&q->lock);
}

static int k88331_len(struct k88331 *q)
{
	int n;

	if (fixed)
		weft_rwmutex_rlock(&q->lock);
	n = q->length;
	if (fixed)
		weft_rwmutex_runlock(&q->lock);
	return n;
}

KERNEL(Kubernetes88331, race)
{
	struct k88331 *q = NEW(struct k88331, .length = 2);

	weft_go(k88331_flush, q);
	weft_logf("%d left", k88331_len(q));
}

/* A test dispatches by itself, though a cacher has one goroutine alone that may. */
struct k89164 { weft_chan(int) events; int watchers; };

static void k89164_dispatch(struct k89164 *c, int event)
{
	c->watchers = event;
}

static void k89164_run(struct k89164 *c)
{
	for (int event; weft_recv(c->events, &event); )
		k89164_dispatch(c, event);
}

KERNEL(Kubernetes89164, race)
{
	struct k89164 *c = NEW(struct k89164, .events = MAKE(int, 0));

	weft_go(k89164_run, c);
	weft_send(c->events, 1);
	if (fixed)
		weft_send(c->events, 2);
	else
		k89164_dispatch(c, 2);
	weft_close(c->events);
}
