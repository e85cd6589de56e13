/* wire.c - the connection of a syslog output; see wire.h */
#include "wire.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define VERDICT	(300 * WEFT_MS)		/* for a server to refuse our certificate */

/* ---- from the options ---- */

static const struct { const char *prefix, *dial; int kind; } schemes[] = {
	{ "tcp://", "tcp://", WIRE_TCP }, { "tls://", "tcp://", WIRE_TLS },
	{ "udp://", "udp://", WIRE_UDP }, { "unix:", "unix:", WIRE_UNIX },
	{ "unixgram:", "", WIRE_UNIXGRAM },
};

/* "h:6514" or "[::1]:6514" without the port and the brackets. */
static char *
host_of(const char *rest)
{
	size_t n = strrchr(rest, ':') - rest;
	char *host;

	if (rest[0] == '[' && n > 2) {
		rest++;
		n -= 2;
	}
	host = xmalloc(n + 1);
	memcpy(host, rest, n);
	host[n] = '\0';
	return host;
}

static int
set_address(struct wire *w, const char *address, struct buf *err)
{
	struct buf dial = { 0 };
	const char *rest = NULL, *port;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].prefix);

		if (strncmp(address, schemes[i].prefix, n) != 0)
			continue;
		w->kind = schemes[i].kind;
		rest = address + n;
		buf_printf(&dial, "%s%s", schemes[i].dial, rest);
	}
	if (!rest || !*rest) {
		buf_printf(err, "syslog: %s: the address must be udp://HOST:PORT, tcp://HOST:PORT, "
		    "tls://HOST:PORT, unix:PATH or unixgram:PATH", address);
		buf_finish(&dial);
		return -EINVAL;
	}
	w->address = xstrdup(address);
	w->dial = xstrdup(buf_str(&dial));
	buf_finish(&dial);
	if (w->kind == WIRE_UNIX || w->kind == WIRE_UNIXGRAM)
		return 0;
	port = strrchr(rest, ':');
	if (port && port != rest && port[1] && strspn(port + 1, "0123456789") == strlen(port + 1)) {
		w->host = host_of(rest);
		return 0;
	}
	buf_printf(err, "syslog: %s: it needs a host and a port", address);
	return -EINVAL;
}

int
wire_init(struct wire *w, const struct weft_syslog_options *o, struct buf *err)
{
	int bad;

	*w = (struct wire){ .fd = -1, .timeout = o->timeout ? o->timeout : 10 * WEFT_SECOND };
	bad = set_address(w, o->address, err);
	if (!bad && w->kind == WIRE_TLS)
		bad = tls_setup_new(&(struct tls_options){ .cert = o->cert, .key = o->key,
		    .ca = o->ca, .insecure = o->insecure }, &w->setup, err);
	if (bad)
		wire_finish(w);
	return bad;
}

void
wire_finish(struct wire *w)
{
	if (wire_is_open(w))
		wire_close(w);
	tls_setup_free(w->setup);
	free(w->address);
	free(w->dial);
	free(w->host);
	buf_finish(&w->why);
	*w = (struct wire){ .fd = -1 };
}

/* ---- connecting ---- */

static int
open_unixgram(struct wire *w, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int err;

	if (n >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, n);
	if (path[0] == '@')
		un.sun_path[0] = '\0';
	w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	w->datagrams = true;
	n += offsetof(struct sockaddr_un, sun_path) + (path[0] != '@');
	if (!connect(w->fd, (struct sockaddr *)&un, n))
		return 0;
	err = -errno;
	wire_close(w);
	return err;
}

/*
 * A server of TLS 1.3 looks at our certificate when we have long begun to send.  Most say something
 * after that (a ticket, or a refusal): better to hear it first.
 */
static int
hear_verdict(weft_ctx *ctx, struct wire *w)
{
	weft_ctx *soon = weft_with_timeout(ctx, VERDICT);
	char in[4 << 10];
	ssize_t n = weft_read(soon, w->conn, in, sizeof(in));

	weft_ctx_free(soon);
	if (n == -ETIMEDOUT)
		return weft_err(ctx);
	if (n <= 0)
		return n ? n : -ECONNRESET;
	tls_put(w->tls, in, n);
	n = tls_open(w->tls, in, sizeof(in), &w->why);
	return n == -EAGAIN || n > 0 ? 0 : n ? n : -ECONNRESET;
}

static int
start_tls(weft_ctx *ctx, struct wire *w)
{
	int err;

	w->tls = tls_new(w->setup, w->host);
	err = tls_shake(ctx, w->tls, w->conn, &w->why);
	if (!err && tls_is_13(w->tls))
		err = hear_verdict(ctx, w);
	return err;
}

static void
set_options(int fd)
{
	int one = 1, idle = 60, every = 10, times = 6;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
}

static int
connect_now(weft_ctx *ctx, struct wire *w)
{
	int err;

	if (w->kind == WIRE_UNIXGRAM)
		return open_unixgram(w, w->dial);
	err = weft_dial(ctx, w->dial, &w->conn);
	if (err == -EPROTOTYPE && w->kind == WIRE_UNIX)	/* /dev/log mostly has datagrams */
		return open_unixgram(w, w->dial + strlen("unix:"));
	if (err) {
		w->conn = NULL;
		return err;
	}
	w->fd = weft_conn_fd(w->conn);
	w->datagrams = w->kind == WIRE_UDP;
	if (w->kind == WIRE_TCP || w->kind == WIRE_TLS)
		set_options(w->fd);
	return w->kind == WIRE_TLS ? start_tls(ctx, w) : 0;
}

int
wire_open(weft_ctx *ctx, struct wire *w)
{
	weft_ctx *soon = weft_with_timeout(ctx, w->timeout);
	int err;

	w->why.len = 0;
	w->given = w->acked = w->out.len = w->gone = 0;
	err = connect_now(soon, w);
	weft_ctx_free(soon);
	if (err && wire_is_open(w))
		wire_close(w);
	return err;
}

void
wire_close(struct wire *w)
{
	if (w->tls && w->gone == w->out.len) {
		struct buf *bye;

		tls_bye(w->tls);
		bye = tls_out(w->tls);
		/* a courtesy: who has no room for it does without */
		if (bye->len)
			send(w->fd, bye->data, bye->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	tls_free(w->tls);
	w->tls = NULL;
	if (w->conn)
		weft_conn_close(w->conn);
	else
		close(w->fd);
	w->conn = NULL;
	w->fd = -1;
	buf_finish(&w->out);
	w->gone = 0;
}

/* ---- while it is open ---- */

/* What the peer says is of no interest, but that it is there. */
int
wire_check(struct wire *w)
{
	char in[2 << 10];
	ssize_t n;

	if (w->datagrams)
		return 0;		/* errors come with what is sent */
	while ((n = recv(w->fd, in, sizeof(in), MSG_DONTWAIT)) > 0) {
		if (!w->tls)
			continue;
		tls_put(w->tls, in, n);
		while ((n = tls_open(w->tls, in, sizeof(in), &w->why)) > 0)
			;
		if (n != -EAGAIN)
			return n ? n : -EPIPE;
	}
	if (n == 0)
		return -EPIPE;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int
wire_give(struct wire *w, const void *data, size_t n)
{
	struct buf *sealed;
	int err;

	if (w->gone == w->out.len)
		w->gone = w->out.len = 0;
	if (!w->tls) {
		buf_add(&w->out, data, n);
		w->given += n;
		return 0;
	}
	err = tls_seal(w->tls, data, n, &w->why);
	sealed = tls_out(w->tls);
	buf_add(&w->out, sealed->data, sealed->len);
	w->given += sealed->len;
	sealed->len = 0;
	return err == -EAGAIN ? -EPROTO : err;
}

int
wire_flush(weft_ctx *ctx, struct wire *w, int64_t timeout)
{
	weft_ctx *soon = NULL;
	int err = 0;

	while (!err && w->gone < w->out.len) {
		ssize_t n = send(w->fd, w->out.data + w->gone, w->out.len - w->gone,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			w->gone += n;
		} else if (errno == EAGAIN) {
			if (!soon)
				soon = weft_with_timeout(ctx, timeout);
			err = weft_wait_fd(soon, w->fd, POLLOUT);
			err = err < 0 ? err : 0;
		} else if (errno != EINTR) {
			err = -errno;
		}
	}
	weft_ctx_free(soon);
	return err;
}

/*
 * TCP counts bytes until the peer's kernel has acknowledged them.  A unix socket counts memory
 * until the peer has read it: only none at all can be understood.
 */
uint64_t
wire_acked(struct wire *w)
{
	uint64_t put = w->given - (w->out.len - w->gone);
	int queued = 0;

	if (ioctl(w->fd, SIOCOUTQ, &queued))
		return w->acked;
	if (w->kind == WIRE_UNIX)
		w->acked = queued ? w->acked : put;
	else if ((uint64_t)queued <= put)	/* the bye and the end count, too */
		w->acked = put - queued;
	return w->acked;
}

bool
wire_is_dead(struct wire *w)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (w->kind != WIRE_TCP && w->kind != WIRE_TLS)
		return false;
	if (getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return false;
	/* sent again and again, and no word; a peer without room says so each time */
	return info.tcpi_unacked && info.tcpi_retransmits >= 3 &&
	    info.tcpi_last_ack_recv > w->timeout / WEFT_MS;
}

int
wire_datagram(weft_ctx *ctx, struct wire *w, const void *data, size_t n)
{
	weft_ctx *soon = NULL;
	int err = -EAGAIN;

	while (err == -EAGAIN || err == -EINTR) {
		err = send(w->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
		if (err != -EAGAIN)
			continue;
		if (!soon)
			soon = weft_with_timeout(ctx, w->timeout);
		int ready = weft_wait_fd(soon, w->fd, POLLOUT);
		if (ready < 0)
			err = ready;
	}
	weft_ctx_free(soon);
	return err;
}
