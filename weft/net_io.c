/*
 * net_io.c - sockets on the netpoller: reading and writing
 *
 * The loop is always the same: with the turn of the direction, try the system call, and
 * when that would wait, wait for an edge.
 */
#include <string.h>

#include "addr.h"
#include "memnet.h"
#include "sock.h"

static ssize_t sys_recv(struct sock *s, void *buf, size_t n, char *from)
{
	struct addr a = { .len = sizeof a.sa };
	ssize_t got;

	if (s->mem)
		return mem_recv(s->mem, buf, n, from);
	if (!from)
		return or_errno(recv(s->fd, buf, n, 0));
	got = or_errno(recvfrom(s->fd, buf, n, 0, (struct sockaddr *)&a.sa, &a.len));
	if (got >= 0)
		addr_format((struct sockaddr *)&a.sa, a.len, SOCK_DGRAM, from);
	return got;
}

/*
 * A short read of TCP took all there was: what comes later, or the end if it has not been
 * seen, raises another edge, and the next call need not ask.  Only at an urgent mark it
 * stops earlier, and once there was one we always ask.  A Unix socket stops wherever
 * descriptors were passed.
 */
static ssize_t receive(struct sock *s, weft_ctx *ctx, void *buf, size_t n, char *from,
    const void *pc)
{
	ssize_t got = -1;
	int err = sock_turn_begin(s, DIR_READ, ctx);

	if (err)
		return err;
	if (s->pd->drained && !s->pd->ask)
		err = pd_wait(s->pd, DIR_READ, ctx, WAIT_READ, pc);
	while (!err && (got = sys_recv(s, buf, n, from)) < 0)
		err = sock_again(s, DIR_READ, ctx, (int)got, pc);
	s->pd->drained = s->tcp && !err && (size_t)got < n;
	sock_turn_end(s, DIR_READ);
	return err ? err : got;
}

ssize_t weft_read(weft_ctx *ctx, weft_conn *c, void *buf, size_t n)
{
	return receive(&c->s, ctx, buf, n, NULL, CALLER);
}

ssize_t weft_recvfrom(weft_ctx *ctx, weft_conn *c, void *buf, size_t n, char *text)
{
	return receive(&c->s, ctx, buf, n, text, CALLER);
}

ssize_t weft_write(weft_ctx *ctx, weft_conn *c, const void *buf, size_t n)
{
	struct iovec iov = { (void *)buf, n };

	return weft_writev(ctx, c, &iov, 1);
}

/* Skips n written bytes. */
static void advance(struct msghdr *m, size_t n)
{
	while (m->msg_iovlen && n >= m->msg_iov->iov_len) {
		n -= m->msg_iov->iov_len;
		m->msg_iov++;
		m->msg_iovlen--;
	}
	if (m->msg_iovlen) {
		m->msg_iov->iov_base = (char *)m->msg_iov->iov_base + n;
		m->msg_iov->iov_len -= n;
	}
}

static ssize_t sys_send(struct sock *s, const struct msghdr *m)
{
	if (s->mem)
		return mem_send(s->mem, m->msg_iov, m->msg_iovlen, NULL);
	if (m->msg_iovlen == 1)
		return or_errno(send(s->fd, m->msg_iov->iov_base, m->msg_iov->iov_len,
		    MSG_NOSIGNAL));
	return or_errno(sendmsg(s->fd, m, MSG_NOSIGNAL));
}

static int write_all(struct sock *s, weft_ctx *ctx, struct msghdr *m, size_t *total,
    const void *pc)
{
	int err = 0;

	/* an empty datagram is a datagram */
	for (bool once = false; !err && (m->msg_iovlen || !once); once = true) {
		ssize_t n = sys_send(s, m);

		if (n < 0) {
			err = sock_again(s, DIR_WRITE, ctx, (int)n, pc);
			continue;
		}
		*total += (size_t)n;
		advance(m, (size_t)n);
	}
	return err;
}

enum { IOV_ROOM = 64 };

ssize_t weft_writev(weft_ctx *ctx, weft_conn *c, const struct iovec *iov, int n)
{
	struct sock *s = &c->s;
	struct iovec part[IOV_ROOM];
	size_t total = 0;
	int err = sock_turn_begin(s, DIR_WRITE, ctx);

	if (err)
		return err;
	do {
		int k = n < IOV_ROOM ? n : IOV_ROOM;
		struct msghdr m = { .msg_iov = part, .msg_iovlen = (size_t)k };

		memcpy(part, iov, (size_t)k * sizeof *iov);
		err = write_all(s, ctx, &m, &total, CALLER);
		iov += k;
		n -= k;
	} while (!err && n > 0);
	sock_turn_end(s, DIR_WRITE);
	return err ? err : (ssize_t)total;
}

static ssize_t sys_sendto(struct sock *s, const void *buf, size_t n, const struct addr *a)
{
	return or_errno(sendto(s->fd, buf, n, MSG_NOSIGNAL, (const struct sockaddr *)&a->sa,
	    a->len));
}

ssize_t weft_sendto(weft_ctx *ctx, weft_conn *c, const void *buf, size_t n, const char *to)
{
	struct sock *s = &c->s;
	struct addr a;
	ssize_t put = -1;
	int err = weft_err(ctx);

	if (s->mem)
		return err ? err : mem_send(s->mem, &(struct iovec){ (void *)buf, n }, 1, to);
	err = addr_resolve(ctx, to, SOCK_DGRAM, &a, 1);
	if (err < 0)
		return err;
	err = sock_turn_begin(s, DIR_WRITE, ctx);
	if (err)
		return err;
	while (!err && (put = sys_sendto(s, buf, n, &a)) < 0)
		err = sock_again(s, DIR_WRITE, ctx, (int)put, CALLER);
	sock_turn_end(s, DIR_WRITE);
	return err ? err : put;
}

