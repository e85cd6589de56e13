/*
 * syslog_conn.c - one connection: TCP, TLS or unix; see listeners.h
 *
 * TCP tells the sender that the kernel has its bytes, not that we have them.  So at the end we
 * read what there is, close our side, which asks the peer to stop, and read on for a moment:
 * a sender that looks for that (ours does) loses nothing.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "listeners.h"

struct connection {
	struct syslog_run *r;
	struct syslog_socket *s;
	weft_conn	*c;
	struct tls	*tls;		/* or NULL */
	struct buf	 why;
	char		 name[WEFT_ADDR_MAX + 8];
	struct feed	 feed;
};

static ssize_t
plain_read(weft_ctx *ctx, void *arg, void *buf, size_t n)
{
	struct connection *k = arg;

	return weft_read(ctx, k->c, buf, n);
}

static ssize_t
plain_more(void *arg, void *buf, size_t n)
{
	struct connection *k = arg;
	ssize_t got = recv(weft_conn_fd(k->c), buf, n, MSG_DONTWAIT);

	if (got >= 0)
		return got;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t
sealed_read(weft_ctx *ctx, void *arg, void *buf, size_t n)
{
	struct connection *k = arg;

	return tls_read(ctx, k->tls, k->c, buf, n, &k->why);
}

static ssize_t
sealed_more(void *arg, void *buf, size_t n)
{
	struct connection *k = arg;

	return tls_more(k->tls, k->c, buf, n, &k->why);
}

static const struct feed_from from_plain = { plain_read, plain_more };
static const struct feed_from from_sealed = { sealed_read, sealed_more };

/* A peer that has vanished is noticed within two minutes, not within hours. */
static void
keep_alive(int fd)
{
	int one = 1, idle = 60, every = 10, times = 6;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
}

/* The peer's address; IPv4 as such, though the socket be IPv6.  Unix peers have none. */
static void
set_name(struct connection *k)
{
	const char *remote = weft_conn_remote(k->c), *end;

	if (strncmp(remote, "tcp://", 6) != 0) {
		snprintf(k->name, sizeof(k->name), "%s", k->s->address);
		return;
	}
	remote += 6;
	end = strchr(remote, ']');
	if (strncmp(remote, "[::ffff:", 8) == 0 && end && strchr(remote, '.'))
		snprintf(k->name, sizeof(k->name), "%.4s//%.*s%s", k->s->address,
		    (int)(end - remote - 8), remote + 8, end + 1);
	else
		snprintf(k->name, sizeof(k->name), "%.4s//%s", k->s->address, remote);
}

static bool
shake_hands(struct connection *k)
{
	weft_ctx *soon = weft_with_timeout(k->r->ctx, 10 * WEFT_SECOND);
	int err;

	k->tls = tls_new(k->r->sockets->tls, NULL);
	err = tls_shake(soon, k->tls, k->c, &k->why);
	weft_ctx_free(soon);
	if (err && !weft_err(k->r->ctx))
		syslog_gripe(k->r, &k->r->handshake, err, "%s: refused: %s", k->name,
		    k->why.len ? buf_str(&k->why) : strerror(-err));
	return !err;
}

/* Tells the peer that nobody will read any more. */
static void
say_bye(weft_ctx *ctx, struct connection *k)
{
	if (k->tls) {
		struct buf *out;

		tls_bye(k->tls);
		out = tls_out(k->tls);
		if (out->len)
			weft_write(ctx, k->c, out->data, out->len);
		out->len = 0;
	}
	weft_close_write(k->c);
}

static void
linger(struct connection *k)
{
	weft_ctx *soon;

	feed_drain(&k->feed, DRAIN_BYTES);
	if (k->feed.ended || k->feed.stopped || k->feed.framing.broken)
		return;
	/* a peer that hears it connects again at once: not to a door that is just being shut */
	weft_waitgroup_wait(&k->r->doors);
	soon = weft_with_timeout(NULL, LINGER);
	say_bye(soon, k);
	feed_run(soon, &k->feed);
	weft_ctx_free(soon);
}

static void
report(struct connection *k, int err)
{
	struct syslog_run *r = k->r;

	if (err == -EPROTO && k->feed.framing.broken)
		syslog_gripe(r, &r->framing, err, "%s: closed: %s", k->name,
		    k->feed.framing.broken);
	else if (err == -EPROTO)
		syslog_gripe(r, &r->broken, err, "%s: closed: %s", k->name, buf_str(&k->why));
	else if (err && err != -ESHUTDOWN)
		syslog_gripe(r, &r->broken, 0, "%s: %s", k->name, strerror(-err));
}

/* What the kernel has acknowledged for us, and nobody will read. */
static void
count_unread(struct connection *k)
{
	int n = 0;

	if (!ioctl(weft_conn_fd(k->c), FIONREAD, &n) && n > 0)
		k->r->in->lost(k->r->in, k->feed.st, n, "stopped before they could be read");
}

static void
read_messages(struct connection *k)
{
	struct syslog_run *r = k->r;
	struct feed *f = &k->feed;
	int err;

	f->in = r->in;
	f->from = k->tls ? &from_sealed : &from_plain;
	f->arg = k;
	f->halves = &r->halves;
	f->framing.max = r->o->max_line ? r->o->max_line : SYSLOG_MAX_LINE;
	f->st = r->in->open(r->in, k->name, NULL, NULL);
	err = feed_run(r->ctx, f);
	if (weft_err(r->ctx))
		linger(k);
	else
		report(k, err);
	feed_finish(f);
	if (f->stopped || weft_err(r->ctx))
		count_unread(k);
	r->in->close(r->in, f->st, true, false);
}

void
syslog_connection(struct syslog_run *r, struct syslog_socket *s, weft_conn *c)
{
	struct connection k = { .r = r, .s = s, .c = c };

	set_name(&k);
	if (s->kind != SYSLOG_UNIX)
		keep_alive(weft_conn_fd(c));
	if (s->kind != SYSLOG_TLS || shake_hands(&k))
		read_messages(&k);
	tls_free(k.tls);
	buf_finish(&k.why);
	weft_conn_close(c);
	weft_semaphore_release(r->room, 1);
	weft_waitgroup_done(&r->end);
}
