/*
 * memnet_io.c - what sockets in memory send, on its way; see memnet.c
 *
 * A timer's fire may not touch timers: it says by its value when to come again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "memnet_impl.h"
#include "sanitize.h"

enum { WINDOW = 256 << 10, DATAGRAM = 65507, INBOX = 1024, RESEND_NS = 200 * WEFT_MS };

static int64_t latency(struct net *n);
static struct parcel *parcel(enum what what, const void *data, size_t len);

static void connect_to(struct mem *m)
{
	struct mem *l = mem_find(m->net, SOCK_STREAM, m->remote), *s;
	struct parcel *back;

	if (!l || l->inboxed == INBOX) {
		mem_fail(m, -ECONNREFUSED);
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
		mem_edges(m);
		return false;
	case END:
		to->at_end = true;
		mem_edges(to);
		return false;
	case DATA:
		break;
	}
	if (to->closed) {		/* nobody will read it: the sender is told */
		mem_fail(m, -ECONNRESET);
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
		if (!m->err && mem_is_cut(m)) {
			m->net->bubble->vain++;
			return now + RESEND_NS;
		}
		list_remove(&p->entry);
		if (m->err || !arrive(m, p))
			free(p);
	}
	return 0;
}

int64_t mem_carry(struct timer *t, int64_t now)
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

void mem_push(struct mem *m, enum what what, const void *data, size_t len)
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
	if (!to->closed && to->inboxed < INBOX && !mem_is_cut(to)) {
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
	int err = mem_name(net, addr, SOCK_DGRAM, false, name_of);

	memnet_sweep(net);
	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (err || len > DATAGRAM)
		return err ? err : -EMSGSIZE;
	to = mem_find(net, SOCK_DGRAM, name_of);
	if (!to || mem_is_cut(m) || mem_is_cut(to) || chance(net, net->faults.loss))
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

ssize_t mem_do_send(struct mem *m, const struct iovec *iov, size_t n, const char *to)
{
	size_t room, sent = 0;

	if (m->type == SOCK_DGRAM)
		return !to && !*m->remote ? -EDESTADDRREQ :
		    send_datagram(m, iov, n, to ? to : m->remote);
	if (m->err || m->no_write || !m->peer)
		return m->err ? m->err : -EPIPE;
	if (chance(m->net, m->net->faults.reset)) {
		mem_reset(m);
		return m->err;
	}
	for (size_t i = 0; i < n; i++) {
		room = WINDOW - m->unread;
		room = iov[i].iov_len < room ? iov[i].iov_len : room;
		if (room)
			mem_push(m, DATA, iov[i].iov_base, room);
		m->unread += room;
		sent += room;
		if (room < iov[i].iov_len)
			return sent ? (ssize_t)sent : -EAGAIN;
	}
	return (ssize_t)sent;
}

/* ---- receiving ---- */

ssize_t mem_recv_datagram(struct mem *m, void *buf, size_t n, char *from)
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

ssize_t mem_do_recv(struct mem *m, void *buf, size_t n, char *from)
{
	size_t got = 0;

	if (m->type == SOCK_DGRAM)
		return mem_recv_datagram(m, buf, n, from);
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
