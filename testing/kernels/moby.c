/*
 * moby.c - bugs of the Moby (Docker) container engine, by the numbers of their reports
 *
 * Two of them captured the variable of a loop, which weft_go copies: here they hand on
 * its address, which is what C can do wrong.
 */
#include <string.h>

#include "kernel.h"

/* When no device has been deleted, the clean-up leaves with the lock held. */
struct m17176 { weft_mutex lock; int deleted; };

static void m17176_clean_up(struct m17176 *devices)
{
	weft_mutex_lock(&devices->lock);
	if (!devices->deleted && !fixed)
		return;
	weft_mutex_unlock(&devices->lock);
}

static void m17176_delete(struct m17176 *devices)
{
	weft_mutex_lock(&devices->lock);
	devices->deleted++;
	weft_mutex_unlock(&devices->lock);
}

KERNEL(Moby17176, leak)
{
	struct m17176 *devices = NEW(struct m17176);

	m17176_clean_up(devices);
	weft_go(m17176_delete, devices);
}

/* Who checks the progress of a transfer leaves at the first surprise, and stops listening. */
struct m21233 { weft_chan(int) progress; weft_chan(bool) release, running; };

static void m21233_watch(struct m21233 *w)
{
	weft_send(w->progress, 1);
	weft_recv(w->release, NULL);
	weft_send(w->progress, 2);
	weft_close(w->running);
}

static void m21233_listen(weft_chan(int) progress)
{
	for (int percent; weft_recv(progress, &percent); )
		if (percent != 100 && !fixed)
			return;
}

KERNEL(Moby21233, deadlock)
{
	struct m21233 *w = NEW(struct m21233, .progress = MAKE(int, 0),
	    .release = MAKE(bool, 0), .running = MAKE(bool, 0));

	weft_go(m21233_listen, w->progress);
	weft_go(m21233_watch, w);
	weft_close(w->release);
	weft_recv(w->running, NULL);
	weft_close(w->progress);
}

/* All plugins are waited for when the first of them has been started. */
KERNEL(Moby25384, deadlock)
{
	weft_waitgroup *group = NEW(weft_waitgroup);
	enum { PLUGINS = 2 };

	weft_waitgroup_add(group, PLUGINS);
	for (int i = 0; i < PLUGINS; i++) {
		weft_go(weft_waitgroup_done, group);
		if (!fixed)
			weft_waitgroup_wait(group);
	}
	weft_waitgroup_wait(group);
}

/*
 * Who gives up a file waits to be told that it is gone, by a reader of events that waits
 * for this one to take an event.
 */
struct m27782 {
	weft_mutex		mu;
	weft_cond		ignored;
	bool			gone;
	weft_chan(int)		events;
	weft_chan(bool)		done;
};

static void m27782_read_events(struct m27782 *w)
{
	enum { WRITE };

	if (weft_select(weft_on_send(w->events, WRITE), weft_on_recv(w->done, NULL)) == 1)
		return;
	weft_mutex_lock(&w->mu);
	w->gone = true;
	weft_cond_broadcast(&w->ignored);
	weft_mutex_unlock(&w->mu);
}

static void m27782_remove(struct m27782 *w)
{
	weft_mutex_lock(&w->mu);
	while (!w->gone && !fixed)
		weft_cond_wait(&w->ignored, &w->mu);
	weft_mutex_unlock(&w->mu);
}

static void m27782_follow_logs(struct m27782 *w, weft_chan(bool) closed)
{
	if (weft_select(weft_on_recv(w->events, NULL), weft_on_recv(closed, NULL)) == 1)
		m27782_remove(w);
	weft_close(w->done);
}

KERNEL(Moby27782, leak)
{
	struct m27782 *w = NEW(struct m27782, .events = MAKE(int, 0), .done = MAKE(bool, 0));
	weft_chan(bool) closed = MAKE(bool, 0);

	weft_go(m27782_follow_logs, w, closed);
	weft_go(m27782_read_events, w);
	weft_close(closed);
}

/* The monitor is told to stop, with the lock held that its probe needs first. */
struct m28462 { weft_mutex lock; weft_chan(bool) stop; };

static void m28462_monitor(struct m28462 *c)
{
	for (int probes = 0; probes < 3; probes++) {
		if (weft_poll(weft_on_recv(c->stop, NULL)) == 0)
			return;
		weft_mutex_lock(&c->lock);
		weft_mutex_unlock(&c->lock);
	}
	weft_recv(c->stop, NULL);
}

static void m28462_state_changed(struct m28462 *c)
{
	weft_mutex_lock(&c->lock);
	if (fixed)
		weft_close(c->stop);
	else
		weft_send(c->stop, true);
	weft_mutex_unlock(&c->lock);
}

KERNEL(Moby28462, leak)
{
	struct m28462 *c = NEW(struct m28462, .stop = MAKE(bool, 0));

	weft_go(m28462_monitor, c);
	weft_go(m28462_state_changed, c);
}

/* A plugin becomes active, and nobody tells those who wait for it. */
struct m29733 { weft_mutex lock; weft_cond changed; bool active; };

static void m29733_wait_active(struct m29733 *p)
{
	weft_mutex_lock(&p->lock);
	while (!p->active)
		weft_cond_wait(&p->changed, &p->lock);
	weft_mutex_unlock(&p->lock);
}

static void m29733_handle(struct m29733 *p)
{
	weft_mutex_lock(&p->lock);
	p->active = true;
	if (fixed)
		weft_cond_broadcast(&p->changed);
	weft_mutex_unlock(&p->lock);
}

KERNEL(Moby29733, leak)
{
	struct m29733 *p = NEW(struct m29733);

	weft_go(m29733_wait_active, p);
	weft_go(m29733_handle, p);
}

/* A plugin that failed tells those who wait, and they wait for its manifest all the same. */
struct m30408 { weft_mutex lock; weft_cond changed; const char *manifest; int err; };

static void m30408_wait_active(struct m30408 *p)
{
	weft_mutex_lock(&p->lock);
	while (!p->manifest && !(fixed && p->err))
		weft_cond_wait(&p->changed, &p->lock);
	weft_mutex_unlock(&p->lock);
}

static void m30408_fail(struct m30408 *p)
{
	weft_mutex_lock(&p->lock);
	p->err = -ENOENT;
	weft_cond_broadcast(&p->changed);
	weft_mutex_unlock(&p->lock);
}

KERNEL(Moby30408, leak)
{
	struct m30408 *p = NEW(struct m30408);

	weft_go(m30408_wait_active, p);
	weft_go(m30408_fail, p);
}

/* An error goes into a channel that nobody knows yet. */
static weft_chan(int) m33293_container_wait(void)
{
	weft_chan(int) errors = MAKE(int, fixed);

	if (weft_choose(2) == 0)
		weft_send(errors, -ENOENT);
	return errors;
}

KERNEL(Moby33293, deadlock)
{
	weft_poll(weft_on_recv(m33293_container_wait(), NULL));
}

/* A monitor that is stopped does not take the result of the probe that it began. */
static void m33781_probe(weft_chan(bool) results)
{
	weft_send(results, true);
}

static void m33781_monitor(weft_chan(bool) stop)
{
	weft_chan(bool) results;

	do {
		results = MAKE(bool, fixed);
		weft_go(m33781_probe, results);
	} while (weft_select(weft_on_recv(results, NULL), weft_on_recv(stop, NULL)) == 0);
}

KERNEL(Moby33781, leak)
{
	weft_chan(bool) stop = MAKE(bool, 0);

	weft_go(m33781_monitor, stop);
	weft_close(stop);
}

/* Disks are added with the lock held that removing the old ones takes. */
struct m36114 { weft_mutex lock; int disks; };

static void m36114_remove(struct m36114 *vm, bool locked)
{
	if (!locked)
		weft_mutex_lock(&vm->lock);
	vm->disks = 0;
	if (!locked)
		weft_mutex_unlock(&vm->lock);
}

static void m36114_add(struct m36114 *vm)
{
	weft_mutex_lock(&vm->lock);
	m36114_remove(vm, fixed);
	vm->disks++;
	weft_mutex_unlock(&vm->lock);
}

KERNEL(Moby36114, leak)
{
	weft_go(m36114_add, NEW(struct m36114));
}

/* The result of work in the background that nobody asks for. */
static void m4395_work(weft_chan(int) result)
{
	weft_send(result, -EIO);
}

static weft_chan(int) m4395_go(void)
{
	weft_chan(int) result = MAKE(int, fixed);

	weft_go(m4395_work, result);
	return result;
}

KERNEL(Moby4395, leak)
{
	m4395_go();
}

/*
 * All devices are locked, then one, then all are let go and locked again: another one who
 * wants this device may hold them all by then.
 */
struct m4951 { weft_mutex all, device; };

static void m4951_delete(struct m4951 *d)
{
	weft_mutex_lock(&d->all);
	if (fixed)
		weft_mutex_unlock(&d->all);
	weft_mutex_lock(&d->device);
	if (!fixed)
		weft_mutex_unlock(&d->all);
	/* it has been removed */
	weft_mutex_lock(&d->all);
	weft_mutex_unlock(&d->all);
	weft_mutex_unlock(&d->device);
}

KERNEL(Moby4951, leak)
{
	struct m4951 *d = NEW(struct m4951);

	weft_go(m4951_delete, d);
	weft_go(m4951_delete, d);
}

/* A proxy that cannot reach the other side tries again, with its lock still held. */
struct m7559 { weft_mutex connections; int dials; };

static bool m7559_dial(struct m7559 *p)
{
	return p->dials++ > 0;
}

static void m7559_run(struct m7559 *p)
{
	for (bool connected = false; !connected; ) {
		weft_mutex_lock(&p->connections);
		connected = m7559_dial(p);
		if (!connected && !fixed)
			continue;
		weft_mutex_unlock(&p->connections);
	}
}

KERNEL(Moby7559, leak)
{
	weft_go(m7559_run, NEW(struct m7559));
}

/* When a command takes too long, its output is read while it still writes. */
struct m18412 { int lines; weft_chan(bool) kill, done; };

static void m18412_command(struct m18412 *c)
{
	c->lines++;
	weft_recv(c->kill, NULL);
	c->lines++;
	weft_send(c->done, true);
}

KERNEL(Moby18412, race)
{
	struct m18412 *c = NEW(struct m18412, .kill = MAKE(bool, 0), .done = MAKE(bool, 1));

	weft_go(m18412_command, c);
	if (weft_select(weft_on_recv(c->done, NULL), weft_on_timeout(WEFT_MS)) == 1) {
		weft_close(c->kill);
		if (fixed)
			weft_recv(c->done, NULL);
	}
	weft_logf("%d lines", c->lines);
}

/* Each connection is to write a request of its own; it looks which when the loop is further. */
struct m22941 { weft_mutex lock; weft_waitgroup written; size_t bytes; };

static void m22941_write(struct m22941 *conn, const char *request)
{
	weft_mutex_lock(&conn->lock);
	conn->bytes += strlen(request);
	weft_mutex_unlock(&conn->lock);
}

static void m22941_write_at(struct m22941 *conn, const char **request)
{
	m22941_write(conn, *request);
}

KERNEL(Moby22941, race)
{
	static const char *const requests[] = { "GET /foo", "HEAD /foo" };
	struct m22941 *conn = NEW(struct m22941);
	const char *request;

	for (size_t i = 0; i < 2; i++) {
		request = requests[i];
		if (fixed)
			weft_waitgroup_go(&conn->written, m22941_write, conn, request);
		else
			weft_waitgroup_go(&conn->written, m22941_write_at, conn, &request);
	}
	weft_waitgroup_wait(&conn->written);
}

/* Each version of the interface is to be tried; all try whatever the loop has come to. */
static void m27037_try(int version)
{
	weft_logf("v1.%d", version);
}

static void m27037_try_at(int *version)
{
	m27037_try(*version);
}

KERNEL(Moby27037, race)
{
	weft_waitgroup *wg = NEW(weft_waitgroup);
	int version;

	for (version = 17; version <= 21; version++) {
		if (fixed)
			weft_waitgroup_go(wg, m27037_try, version);
		else
			weft_waitgroup_go(wg, m27037_try_at, &version);
	}
	weft_waitgroup_wait(wg);
}
