/*
 * memnet.c - sockets in memory, with latency, loss, cuts and resets from a seed
 *
 * What an end sends lies on its wire, oldest first, until its time has come; one timer
 * carries a wire, so a stream stays in order.  Datagrams have a timer each.  An end
 * lives until its socket is closed, its wire is empty and nobody's wire leads to it; it
 * and a lost datagram are freed later, since it may be their timer that fires.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "memnet_impl.h"
#include "sanitize.h"

enum { FIRST_PORT = 40000 };

static struct net *net_of(struct bubble *b)
{
	if (!b->net) {
		b->net = xcalloc(1, sizeof *b->net);
		b->net->bubble = b;
		list_init(&b->net->all);
		list_init(&b->net->dead);
		list_init(&b->net->flying);
		list_init(&b->net->lost);
		rand_seed(&b->net->rand, rand_next(&b->rand));
	}
	return b->net;
}

/* ---- addresses ---- */

/* "tcp://127.0.0.1:80": where the host begins, and where its colon is. */
static const char *host_of(const char *addr, const char **colon)
{
	*colon = strrchr(addr, ':');
	return strstr(addr, "://") ? strstr(addr, "://") + 3 : addr;
}

/* Everyone is called by his number, and a port 0 gets one. */
int mem_name(struct net *n, const char *addr, int type, bool listens, char *out)
{
	const char *scheme = strncmp(addr, "udp://", 6) ? "tcp" : "udp", *host, *colon, *port;
	int err = addr_check(addr, type);

	if (err)
		return err;
	if (strncmp(addr, "unix:", 5) == 0) {
		snprintf(out, WEFT_ADDR_MAX, "%s", addr);
		return 0;
	}
	host = host_of(addr, &colon);
	port = colon + 1;
	if (strncmp(host, "localhost:", 10) == 0 || (host == colon && !listens)) {
		host = "127.0.0.1:";
		colon = host + 9;
	} else if (host == colon) {
		host = "0.0.0.0:";
		colon = host + 7;
	}
	if (strspn(port, "0") == strlen(port))
		snprintf(out, WEFT_ADDR_MAX, "%s://%.*s:%d", scheme, (int)(colon - host), host,
		    FIRST_PORT + n->ports++);
	else
		snprintf(out, WEFT_ADDR_MAX, "%s://%.*s:%s", scheme, (int)(colon - host), host, port);
	return 0;
}

static bool answers(const struct mem *m, int type, const char *addr)
{
	const char *colon, *colon2, *host = host_of(m->local, &colon);

	if (m->type != type || m->closed || (type == SOCK_STREAM && !m->listens))
		return false;
	if (strcmp(m->local, addr) == 0)
		return true;
	host_of(addr, &colon2);
	return (!strncmp(host, "0.0.0.0:", 8) || !strncmp(host, "[::]:", 5)) &&
	    strcmp(colon, colon2) == 0;
}

struct mem *mem_find(struct net *n, int type, const char *addr)
{
	list_for_each(e, &n->all) {
		struct mem *m = container_of(e, struct mem, entry);

		if (answers(m, type, addr))
			return m;
	}
	return NULL;
}

/* addr is of the host or the end that prefix names. */
static bool is_of(const char *prefix, const char *addr)
{
	size_t n = strlen(prefix);

	return strncmp(addr, prefix, n) == 0 && (!addr[n] || addr[n] == ':');
}

bool mem_is_cut(const struct mem *m)
{
	for (const struct cut *c = m->net->cuts; c; c = c->next)
		if (is_of(c->addr, m->local) || is_of(c->addr, m->remote))
			return true;
	return false;
}

/* ---- ends ---- */

struct mem *mem_new(struct net *n, int type)
{
	struct mem *m;

	memnet_sweep(n);
	m = xcalloc(1, sizeof *m);
	m->net = n;
	m->type = type;
	m->refs = 1;
	m->timer.fire = mem_carry;
	list_init(&m->inbox);
	list_init(&m->queue);
	list_init(&m->wire);
	list_push_back(&n->all, &m->entry);
	return m;
}

static void empty(struct list *l)
{
	struct list *e;

	while ((e = list_pop_front(l)))
		free(container_of(e, struct parcel, entry));
}

static void mem_destroy(struct mem *m)
{
	list_remove(&m->entry);
	empty(&m->inbox);
	empty(&m->wire);
	free(m);
}

void memnet_sweep(struct net *n)
{
	struct list *e;

	empty(&n->lost);
	while ((e = list_pop_front(&n->dead)))
		mem_destroy(container_of(e, struct mem, entry));
}

void mem_put(struct mem *m)
{
	struct mem *peer = m ? m->peer : NULL;

	if (!m || --m->refs)
		return;
	m->peer = NULL;
	list_remove(&m->entry);
	list_push_back(&m->net->dead, &m->entry);
	mem_put(peer);
}

void mem_edges(struct mem *m)
{
	if (m->closed || !m->pd)
		return;
	pd_edge(m->pd, DIR_READ);
	pd_edge(m->pd, DIR_WRITE);
}

void mem_fail(struct mem *m, int err)
{
	if (m->err)
		return;
	m->err = err;
	mem_edges(m);
}

void mem_reset(struct mem *m)
{
	if (m->peer)
		mem_fail(m->peer, -ECONNRESET);
	mem_fail(m, -ECONNRESET);
}

/* ---- making and ending ---- */

static int do_bind(const char *addr, int type, struct mem **out)
{
	struct net *n = net_of(bubble_current());
	char local[WEFT_ADDR_MAX];
	int err = mem_name(n, addr, type, true, local);
	struct mem *m;

	if (err)
		return err;
	if (mem_find(n, type, local))
		return -EADDRINUSE;
	m = mem_new(n, type);
	m->listens = type == SOCK_STREAM;
	snprintf(m->local, sizeof m->local, "%s", local);
	*out = m;
	return 0;
}

static int do_dial(const char *addr, struct mem **out)
{
	struct net *n = net_of(bubble_current());
	int type = strncmp(addr, "udp://", 6) ? SOCK_STREAM : SOCK_DGRAM, err;
	char remote[WEFT_ADDR_MAX];
	struct mem *m;

	err = mem_name(n, addr, type, false, remote);
	if (err)
		return err;
	m = mem_new(n, type);
	snprintf(m->remote, sizeof m->remote, "%s", remote);
	if (strncmp(addr, "unix:", 5) != 0)
		mem_name(n, type == SOCK_DGRAM ? "udp://127.0.0.1:0" : "tcp://127.0.0.1:0", type, false,
		    m->local);
	m->connected = type == SOCK_DGRAM;
	*out = m;
	if (type == SOCK_STREAM)
		mem_push(m, CONNECT, NULL, 0);
	return 0;
}

int mem_connected(struct mem *m)
{
	return m->err ? m->err : m->connected;
}

static int do_accept(struct mem *m, struct mem **out)
{
	struct list *e = list_pop_front(&m->inbox);

	if (!e)
		return -EAGAIN;
	m->inboxed--;
	*out = container_of(e, struct mem, queue);
	return 0;
}

static int do_shutdown(struct mem *m, enum dir dir)
{
	if (!m->connected)
		return -ENOTCONN;
	if (dir == DIR_READ) {
		m->no_read = true;
		mem_edges(m);
	} else if (!m->no_write) {
		m->no_write = true;
		if (m->peer && !m->err)
			mem_push(m, END, NULL, 0);
	}
	return 0;
}

/* What was sent still arrives; what was not read resets the connection. */
static void do_close(struct mem *m)
{
	struct mem *waiting;

	if (m->listens)
		while (!do_accept(m, &waiting)) {
			mem_reset(waiting);
			do_close(waiting);
		}
	else if (m->type == SOCK_STREAM && m->connected) {
		if (m->inboxed)
			mem_reset(m);
		do_shutdown(m, DIR_WRITE);
	}
	m->closed = true;
	m->pd = NULL;
	if (m->type == SOCK_DGRAM)
		for (char any; m->inboxed; )
			mem_recv_datagram(m, &any, 0, NULL);
	mem_put(m);
}

void mem_attach(struct mem *m, struct pd *pd)
{
	m->pd = pd;
}

const char *mem_local(const struct mem *m) { return m->local; }
const char *mem_remote(const struct mem *m) { return m->remote; }

/*
 * From outside.  What orders all this is the bubble's turn, of which a race detector knows
 * nothing.
 */
#define FROM_OUTSIDE(type, call) {					\
	type r;								\
									\
	san_ignore_begin();						\
	r = call;							\
	san_ignore_end();						\
	return r;							\
}

int mem_bind(const char *addr, int type, struct mem **out)
    FROM_OUTSIDE(int, do_bind(addr, type, out))
int mem_dial(const char *addr, struct mem **out)
    FROM_OUTSIDE(int, do_dial(addr, out))
int mem_accept(struct mem *m, struct mem **out)
    FROM_OUTSIDE(int, do_accept(m, out))
int mem_shutdown(struct mem *m, enum dir dir)
    FROM_OUTSIDE(int, do_shutdown(m, dir))
ssize_t mem_recv(struct mem *m, void *buf, size_t n, char *from)
    FROM_OUTSIDE(ssize_t, mem_do_recv(m, buf, n, from))
ssize_t mem_send(struct mem *m, const struct iovec *iov, size_t n, const char *to)
    FROM_OUTSIDE(ssize_t, mem_do_send(m, iov, n, to))

void mem_close(struct mem *m)
{
	san_ignore_begin();
	do_close(m);
	san_ignore_end();
}

/* ---- faults ---- */

void memnet_faults(struct bubble *b, const struct mem_faults *f)
{
	net_of(b)->faults = *f;
}

void memnet_cut(struct bubble *b, const char *addr, bool cut)
{
	struct net *n = net_of(b);
	struct cut **c = &n->cuts, *old;

	while (*c && strcmp((*c)->addr, addr) != 0)
		c = &(*c)->next;
	if (cut && !*c) {
		*c = xcalloc(1, sizeof **c + strlen(addr) + 1);
		strcpy((*c)->addr, addr);
	} else if (!cut && (old = *c)) {
		*c = old->next;
		free(old);
	}
}

void memnet_reset(struct bubble *b, const char *addr)
{
	list_for_each(e, &net_of(b)->all) {
		struct mem *m = container_of(e, struct mem, entry);

		if (m->peer && (is_of(addr, m->local) || is_of(addr, m->remote)))
			mem_reset(m);
	}
}

/* What is left are ends whose last parcels the end of the clock has caught under way. */
void memnet_finish(struct bubble *b)
{
	struct net *n = b->net;
	struct list *e;

	if (!n)
		return;
	while (n->cuts)
		memnet_cut(b, n->cuts->addr, false);
	memnet_sweep(n);
	empty(&n->flying);
	while ((e = list_pop_front(&n->all)))
		mem_destroy(container_of(e, struct mem, entry));
	free(n);
}
