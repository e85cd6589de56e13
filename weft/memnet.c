/*
 * memnet.c - sockets in memory, with latency, loss, cuts and resets from a seed
 *
 * What an end sends lies on its wire, oldest first, until its time has come; one timer
 * carries a wire, so a stream stays in order.  Datagrams have a timer each.  An end
 * lives until its socket is closed, its wire is empty and nobody's wire leads to it; it
 * and a lost datagram are freed later, since it may be their timer that fires.
 */
#include "memnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "sanitize.h"

enum { WINDOW = 256 << 10, DATAGRAM = 65507, INBOX = 1024, RESEND_NS = 200 * WEFT_MS,
	FIRST_PORT = 40000 };

enum what { DATA, CONNECT, ACCEPTED, END };	/* on a wire; the last but one comes back */

struct parcel {
	struct list	 entry;		/* on a wire, in an inbox, net.flying or net.lost */
	struct timer	 timer;		/* a datagram's */
	struct mem	*from, *to;	/* a datagram's; each a reference, to may be NULL */
	enum what	 what;
	int64_t		 when;
	size_t		 len, off;	/* off: read already */
	char		 data[];
};

struct mem {
	struct list	 entry;		/* in net.all or net.dead */
	struct net	*net;
	struct pd	*pd;
	int		 type, refs, err;	/* err: what calls fail with from now on */
	bool		 listens, connected, closed, carried;	/* carried: the timer runs */
	bool		 at_end, no_read, no_write;	/* the peer sends no more; shut down */
	struct mem	*peer;		/* a reference */
	struct list	 inbox;		/* parcels; of a listener: mems that wait, by queue */
	struct list	 queue;
	size_t		 inboxed;	/* parcels or waiting connections */
	struct list	 wire;		/* not arrived yet */
	struct timer	 timer;		/* for the first of wire */
	int64_t		 busy;		/* the wire is, so long */
	size_t		 unread;	/* sent, and not yet read by the peer */
	char		 local[WEFT_ADDR_MAX], remote[WEFT_ADDR_MAX];
};

struct cut { struct cut *next; char addr[]; };

struct net {
	struct bubble	*bubble;
	struct list	 all, dead;	/* ends */
	struct list	 flying, lost;	/* datagrams */
	struct mem_faults faults;
	struct cut	*cuts;
	struct rand	 rand;
	int		 ports;		/* handed out */
};

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
static int name(struct net *n, const char *addr, int type, bool listens, char *out)
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

static struct mem *find(struct net *n, int type, const char *addr)
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

static bool is_cut(const struct mem *m)
{
	for (const struct cut *c = m->net->cuts; c; c = c->next)
		if (is_of(c->addr, m->local) || is_of(c->addr, m->remote))
			return true;
	return false;
}

/* ---- ends ---- */

static int64_t carry(struct timer *t, int64_t now);

static void sweep(struct net *n);

static struct mem *mem_new(struct net *n, int type)
{
	struct mem *m;

	sweep(n);
	m = xcalloc(1, sizeof *m);
	m->net = n;
	m->type = type;
	m->refs = 1;
	m->timer.fire = carry;
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

static void sweep(struct net *n)
{
	struct list *e;

	empty(&n->lost);
	while ((e = list_pop_front(&n->dead)))
		mem_destroy(container_of(e, struct mem, entry));
}

static void mem_put(struct mem *m)
{
	struct mem *peer = m ? m->peer : NULL;

	if (!m || --m->refs)
		return;
	m->peer = NULL;
	list_remove(&m->entry);
	list_push_back(&m->net->dead, &m->entry);
	mem_put(peer);
}

static void edges(struct mem *m)
{
	if (m->closed || !m->pd)
		return;
	pd_edge(m->pd, DIR_READ);
	pd_edge(m->pd, DIR_WRITE);
}

static void fail(struct mem *m, int err)
{
	if (m->err)
		return;
	m->err = err;
	edges(m);
}

static void reset(struct mem *m)
{
	if (m->peer)
		fail(m->peer, -ECONNRESET);
	fail(m, -ECONNRESET);
}

/* ---- arriving ---- */

static int64_t latency(struct net *n);
static struct parcel *parcel(enum what what, const void *data, size_t len);

static void connect_to(struct mem *m)
{
	struct mem *l = find(m->net, SOCK_STREAM, m->remote), *s;
	struct parcel *back;

	if (!l || l->inboxed == INBOX) {
		fail(m, -ECONNREFUSED);
		return;
	}
	s = mem_new(m->net, SOCK_STREAM);
	s->connected = true;
	s->peer = m;
	m->peer = s;
	m->refs++;
	s->refs++;			/* one for the queue, one for m's wire */
	snprintf(s->local, sizeof s->local, "%s", m->remote);
	snprintf(s->remote, sizeof s->remote, "%s", m->local);
	list_push_back(&l->inbox, &s->queue);
	l->inboxed++;
	pd_edge(l->pd, DIR_READ);
	back = parcel(ACCEPTED, NULL, 0);
	back->when = m->net->bubble->now + latency(m->net);
	list_push_back(&m->wire, &back->entry);
}

/* At m's peer.  True: the parcel is his now. */
static bool arrive(struct mem *m, struct parcel *p)
{
	struct mem *to = m->peer;

	switch (p->what) {
	case CONNECT:
		connect_to(m);
		return false;
	case ACCEPTED:
		m->connected = true;
		edges(m);
		return false;
	case END:
		to->at_end = true;
		edges(to);
		return false;
	case DATA:
		break;
	}
	if (to->closed) {		/* nobody will read it: the sender is told */
		fail(m, -ECONNRESET);
		return false;
	}
	list_push_back(&to->inbox, &p->entry);
	to->inboxed++;
	if (to->pd)
		pd_edge(to->pd, DIR_READ);
	return true;
}

/* What is due on m's wire; returns when the next is. */
static int64_t deliver(struct mem *m, int64_t now)
{
	while (!list_empty(&m->wire)) {
		struct parcel *p = container_of(m->wire.next, struct parcel, entry);

		if (!m->err && p->when > now)
			return p->when;
		if (!m->err && is_cut(m))
			return now + RESEND_NS;
		list_remove(&p->entry);
		if (m->err || !arrive(m, p))
			free(p);
	}
	return 0;
}

static int64_t carry(struct timer *t, int64_t now)
{
	struct mem *m = container_of(t, struct mem, timer);
	int64_t next;

	san_ignore_begin();
	next = deliver(m, now);
	if (!next) {
		m->carried = false;
		mem_put(m);
	}
	san_ignore_end();
	return next;
}

/* ---- sending ---- */

static bool chance(struct net *n, double p)
{
	return p > 0 && (double)(rand_next(&n->rand) >> 11) * 0x1p-53 < p;
}

static int64_t latency(struct net *n)
{
	int64_t span = n->faults.latency_max - n->faults.latency_min;

	return n->faults.latency_min +
	    (span > 0 ? (int64_t)(rand_next(&n->rand) % (uint64_t)(span + 1)) : 0);
}

static struct parcel *parcel(enum what what, const void *data, size_t len)
{
	struct parcel *p = xcalloc(1, sizeof *p + len);

	list_init(&p->entry);
	p->what = what;
	p->len = len;
	if (len)
		memcpy(p->data, data, len);
	san_release(p);
	return p;
}

static void push(struct mem *m, enum what what, const void *data, size_t len)
{
	struct parcel *p = parcel(what, data, len);
	struct net *n = m->net;
	int64_t now = n->bubble->now, next;

	if (m->busy < now)
		m->busy = now;
	if (n->faults.bytes_per_second)
		m->busy += (int64_t)((double)len * 1e9 / (double)n->faults.bytes_per_second);
	p->when = m->busy + latency(n);
	while (chance(n, n->faults.loss))
		p->when += RESEND_NS;
	if (!list_empty(&m->wire)) {	/* nothing overtakes */
		struct parcel *last = container_of(m->wire.prev, struct parcel, entry);

		if (p->when < last->when)
			p->when = last->when;
	}
	list_push_back(&m->wire, &p->entry);
	if (!m->carried && (next = deliver(m, now))) {
		m->carried = true;
		m->refs++;
		timer_add(&m->timer, next);
	}
}

static int64_t arrive_datagram(struct timer *t, int64_t now)
{
	struct parcel *p = container_of(t, struct parcel, timer);
	struct mem *to = p->to;

	(void)now;
	list_remove(&p->entry);
	if (!to->closed && to->inboxed < INBOX && !is_cut(to)) {
		list_push_back(&to->inbox, &p->entry);
		to->inboxed++;
		pd_edge(to->pd, DIR_READ);
		return 0;
	}
	list_push_back(&to->net->lost, &p->entry);
	mem_put(p->to);
	mem_put(p->from);
	return 0;
}

static int64_t fire_datagram(struct timer *t, int64_t now)
{
	san_ignore_begin();
	arrive_datagram(t, now);
	san_ignore_end();
	return 0;
}

/* To nobody is no error, as with real ones. */
static ssize_t send_datagram(struct mem *m, const struct iovec *iov, size_t n, const char *addr)
{
	char name_of[WEFT_ADDR_MAX];
	struct net *net = m->net;
	struct mem *to;
	struct parcel *p;
	size_t len = 0;
	int64_t wait = latency(net);
	int err = name(net, addr, SOCK_DGRAM, false, name_of);

	sweep(net);
	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (err || len > DATAGRAM)
		return err ? err : -EMSGSIZE;
	to = find(net, SOCK_DGRAM, name_of);
	if (!to || is_cut(m) || is_cut(to) || chance(net, net->faults.loss))
		return (ssize_t)len;
	p = parcel(DATA, NULL, 0);
	p = xrealloc(p, sizeof *p + len);
	list_init(&p->entry);
	for (size_t i = 0; i < n; p->len += iov[i++].iov_len)
		if (iov[i].iov_len)
			memcpy(p->data + p->len, iov[i].iov_base, iov[i].iov_len);
	san_release(p);
	p->from = m;
	p->to = to;
	m->refs++;
	to->refs++;
	list_push_back(&net->flying, &p->entry);
	p->timer.fire = fire_datagram;
	if (wait)
		timer_add(&p->timer, weft_now() + wait);
	else
		arrive_datagram(&p->timer, 0);
	return (ssize_t)len;
}

ssize_t mem_send(struct mem *m, const struct iovec *iov, size_t n, const char *to)
{
	size_t room, sent = 0;

	if (m->type == SOCK_DGRAM)
		return !to && !*m->remote ? -EDESTADDRREQ :
		    send_datagram(m, iov, n, to ? to : m->remote);
	if (m->err || m->no_write || !m->peer)
		return m->err ? m->err : -EPIPE;
	if (chance(m->net, m->net->faults.reset)) {
		reset(m);
		return m->err;
	}
	for (size_t i = 0; i < n; i++) {
		room = WINDOW - m->unread;
		room = iov[i].iov_len < room ? iov[i].iov_len : room;
		if (room)
			push(m, DATA, iov[i].iov_base, room);
		m->unread += room;
		sent += room;
		if (room < iov[i].iov_len)
			return sent ? (ssize_t)sent : -EAGAIN;
	}
	return (ssize_t)sent;
}

/* ---- receiving ---- */

static ssize_t recv_datagram(struct mem *m, void *buf, size_t n, char *from)
{
	struct list *e = list_pop_front(&m->inbox);
	struct parcel *p;

	if (!e)
		return m->err ? m->err : -EAGAIN;
	m->inboxed--;
	p = container_of(e, struct parcel, entry);
	san_acquire(p);
	n = n < p->len ? n : p->len;
	if (n)
		memcpy(buf, p->data, n);
	if (from)
		snprintf(from, WEFT_ADDR_MAX, "%s", p->from->local);
	mem_put(p->from);
	mem_put(p->to);
	free(p);
	return (ssize_t)n;
}

/* Under exploration a read may bring less than there is, as real ones may. */
static size_t how_much(struct mem *m, size_t n)
{
	struct bubble *b = bubble_current();

	if (n > 1 && b && b->step && rand_next(&m->net->rand) % 4 == 0)
		return 1 + rand_next(&m->net->rand) % n;
	return n;
}

ssize_t mem_recv(struct mem *m, void *buf, size_t n, char *from)
{
	size_t got = 0;

	if (m->type == SOCK_DGRAM)
		return recv_datagram(m, buf, n, from);
	if (from)
		*from = '\0';
	if (m->no_read || !n)
		return 0;
	if (list_empty(&m->inbox))
		return m->err ? m->err : m->at_end ? 0 : -EAGAIN;
	n = how_much(m, n);
	while (got < n && !list_empty(&m->inbox)) {
		struct parcel *p = container_of(m->inbox.next, struct parcel, entry);
		size_t k = p->len - p->off < n - got ? p->len - p->off : n - got;

		san_acquire(p);
		memcpy((char *)buf + got, p->data + p->off, k);
		got += k;
		p->off += k;
		if (p->off < p->len)
			break;
		list_remove(&p->entry);
		m->inboxed--;
		free(p);
	}
	if (m->peer) {
		m->peer->unread -= got;
		if (!m->peer->closed && m->peer->pd)
			pd_edge(m->peer->pd, DIR_WRITE);
	}
	return (ssize_t)got;
}

/* ---- making and ending ---- */

int mem_bind(const char *addr, int type, struct mem **out)
{
	struct net *n = net_of(bubble_current());
	char local[WEFT_ADDR_MAX];
	int err = name(n, addr, type, true, local);
	struct mem *m;

	if (err)
		return err;
	if (find(n, type, local))
		return -EADDRINUSE;
	m = mem_new(n, type);
	m->listens = type == SOCK_STREAM;
	snprintf(m->local, sizeof m->local, "%s", local);
	*out = m;
	return 0;
}

int mem_dial(const char *addr, struct mem **out)
{
	struct net *n = net_of(bubble_current());
	int type = strncmp(addr, "udp://", 6) ? SOCK_STREAM : SOCK_DGRAM, err;
	char remote[WEFT_ADDR_MAX];
	struct mem *m;

	err = name(n, addr, type, false, remote);
	if (err)
		return err;
	m = mem_new(n, type);
	snprintf(m->remote, sizeof m->remote, "%s", remote);
	if (strncmp(addr, "unix:", 5) != 0)
		name(n, type == SOCK_DGRAM ? "udp://127.0.0.1:0" : "tcp://127.0.0.1:0", type, false,
		    m->local);
	m->connected = type == SOCK_DGRAM;
	*out = m;
	if (type == SOCK_STREAM)
		push(m, CONNECT, NULL, 0);
	return 0;
}

int mem_connected(struct mem *m)
{
	return m->err ? m->err : m->connected;
}

int mem_accept(struct mem *m, struct mem **out)
{
	struct list *e = list_pop_front(&m->inbox);

	if (!e)
		return -EAGAIN;
	m->inboxed--;
	*out = container_of(e, struct mem, queue);
	return 0;
}

int mem_shutdown(struct mem *m, enum dir dir)
{
	if (!m->connected)
		return -ENOTCONN;
	if (dir == DIR_READ) {
		m->no_read = true;
		edges(m);
	} else if (!m->no_write) {
		m->no_write = true;
		if (m->peer && !m->err)
			push(m, END, NULL, 0);
	}
	return 0;
}

/* What was sent still arrives; what was not read resets the connection. */
void mem_close(struct mem *m)
{
	struct mem *waiting;

	if (m->listens)
		while (!mem_accept(m, &waiting)) {
			reset(waiting);
			mem_close(waiting);
		}
	else if (m->type == SOCK_STREAM && m->connected) {
		if (m->inboxed)
			reset(m);
		mem_shutdown(m, DIR_WRITE);
	}
	m->closed = true;
	m->pd = NULL;
	if (m->type == SOCK_DGRAM)
		for (char any; m->inboxed; )
			recv_datagram(m, &any, 0, NULL);
	mem_put(m);
}

void mem_attach(struct mem *m, struct pd *pd)
{
	m->pd = pd;
}

const char *mem_local(const struct mem *m) { return m->local; }
const char *mem_remote(const struct mem *m) { return m->remote; }

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
			reset(m);
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
	sweep(n);
	empty(&n->flying);
	while ((e = list_pop_front(&n->all)))
		mem_destroy(container_of(e, struct mem, entry));
	free(n);
}
