/*
 * syslog_sockets.c - the addresses of a syslog source, and its sockets; see listeners.h
 *
 * Addresses are net.h's, and "tls://" and "unixgram:".  An empty host is every address of
 * this machine: one IPv6 socket, which takes IPv4 too, where there is IPv6.  Unix sockets may be
 * written to by everyone, as /dev/log always could.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listeners.h"

enum { RECEIVE_BUFFER = 16 << 20 };	/* what we ask for; the system gives what it allows */

/* ---- addresses ---- */

static const struct { const char *prefix; int kind; } schemes[] = {
	{ "tcp://", SYSLOG_TCP }, { "tls://", SYSLOG_TLS }, { "udp://", SYSLOG_UDP },
	{ "unix:", SYSLOG_UNIX }, { "unixgram:", SYSLOG_UNIXGRAM },
};

/* What follows the scheme, or NULL. */
static const char *
scheme(const char *address, int *kind)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].prefix);

		if (strncmp(address, schemes[i].prefix, n) == 0) {
			*kind = schemes[i].kind;
			return address + n;
		}
	}
	return NULL;
}

static bool
is_path(int kind)
{
	return kind == SYSLOG_UNIX || kind == SYSLOG_UNIXGRAM;
}

/* A sentence about what is wrong with it, or NULL. */
static const char *
complaint(const char *address)
{
	const char *rest, *colon;
	int kind;

	rest = scheme(address, &kind);
	if (!rest)
		return "it must begin with udp://, tcp://, tls://, unix: or unixgram:";
	if (is_path(kind)) {
		if (!*rest)
			return "it has no path";
		return strlen(rest) >= sizeof(((struct sockaddr_un *)0)->sun_path) ?
		    "its path is too long for a socket" : NULL;
	}
	colon = strrchr(rest, ':');
	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return "it has no port: write, for example, tcp://:601";
	if (strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
		return "its port is too big";
	if (memchr(rest, ':', colon - rest) && !(rest[0] == '[' && colon[-1] == ']'))
		return "an IPv6 address belongs in brackets: [::1]:601";
	return NULL;
}

/* ---- sockets ---- */

static void
explain(struct buf *err, const char *address, int error)
{
	buf_printf(err, "listen: %s: %s", address, strerror(-error));
	if (error == -EACCES)
		buf_adds(err, ": a port below 1024 or a directory that needs the right to it "
		    "(CAP_NET_BIND_SERVICE, or run as root)");
	else if (error == -EADDRINUSE)
		buf_adds(err, ": another program listens there (see: ss -lnptu)");
	else if (error == -EADDRNOTAVAIL)
		buf_adds(err, ": this machine has no such address");
}

/* "tcp://:601" with a host: of IPv6, or of IPv4. */
static void
with_host(char *out, size_t room, int kind, const char *rest, const char *any)
{
	snprintf(out, room, "%s%s%s", kind == SYSLOG_UDP ? "udp://" : "tcp://",
	    rest[0] == ':' ? any : "", rest);
}

static int
listen_stream(struct syslog_socket *s, const char *address)
{
	int err = weft_listen(NULL, address, &s->listener);

	if (!err && s->kind == SYSLOG_UNIX && strncmp(address, "unix:@", 6) != 0)
		chmod(address + 5, 0666);
	return err;
}

static void
grow_buffer(int fd)
{
	int size = RECEIVE_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* A descriptor of our own: who waits for it needs more than net.h's calls give. */
static int
listen_udp(struct syslog_socket *s, const char *address)
{
	weft_conn *c;
	int err = weft_listen_udp(NULL, address, &c);

	if (err)
		return err;
	s->fd = fcntl(weft_conn_fd(c), F_DUPFD_CLOEXEC, 0);
	err = s->fd < 0 ? -errno : 0;
	weft_conn_close(c);
	return err;
}

static socklen_t
unix_address(struct sockaddr_un *un, const char *path)
{
	size_t n = strlen(path);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(un->sun_path, path, n);
	if (path[0] == '@')
		un->sun_path[0] = '\0';
	return offsetof(struct sockaddr_un, sun_path) + n + (path[0] != '@');
}

/* A process that is gone has left it behind. */
static bool
is_stale(const struct sockaddr_un *un, socklen_t len)
{
	struct stat st;
	int fd, err;

	if (!un->sun_path[0] || lstat(un->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	err = connect(fd, (const struct sockaddr *)un, len) ? errno : 0;
	close(fd);
	return err == ECONNREFUSED;
}

static int
listen_unixgram(struct syslog_socket *s, const char *path)
{
	struct sockaddr_un un;
	socklen_t len = unix_address(&un, path);
	int err;

	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	err = bind(s->fd, (struct sockaddr *)&un, len) ? -errno : 0;
	if (err == -EADDRINUSE && is_stale(&un, len)) {
		unlink(path);
		err = bind(s->fd, (struct sockaddr *)&un, len) ? -errno : 0;
	}
	if (!err && path[0] != '@') {
		s->path = xstrdup(path);
		chmod(path, 0666);
	}
	return err;
}

static int
open_one(struct syslog_socket *s, const char *rest, const char *any)
{
	char address[300];
	int err;

	with_host(address, sizeof(address), s->kind, rest, any);
	switch (s->kind) {
	case SYSLOG_UNIX:
		return listen_stream(s, s->address);
	case SYSLOG_UNIXGRAM:
		return listen_unixgram(s, rest);
	case SYSLOG_UDP:
		err = listen_udp(s, address);
		if (!err)
			grow_buffer(s->fd);
		return err;
	default:
		return listen_stream(s, address);
	}
}

static struct syslog_socket *
add_socket(struct syslog_sockets *s, const char *address)
{
	struct syslog_socket *one;

	s->all = xrealloc(s->all, (s->n + 1) * sizeof(*s->all));
	one = &s->all[s->n++];
	*one = (struct syslog_socket){ .address = xstrdup(address), .fd = -1 };
	return one;
}

/* IPv6 sockets leave IPv4 alone: an administrator wants it so. */
static bool
apart(void)
{
	int fd = open("/proc/sys/net/ipv6/bindv6only", O_RDONLY | O_CLOEXEC);
	char c = '0';

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c == '1';
}

/* Only datagrams: what listens for connections was closed in good order. */
static bool
inherit(struct syslog_socket *one, struct syslog_sockets *from)
{
	for (int i = 0; from && i < from->n; i++) {
		struct syslog_socket *old = &from->all[i];

		if (old->fd < 0 || strcmp(old->address, one->address) != 0)
			continue;
		one->kind = old->kind;
		one->fd = old->fd;
		one->path = old->path;
		old->fd = -1;
		old->path = NULL;
		return true;
	}
	return false;
}

void
source_syslog_inherit(struct syslog_sockets *to, struct syslog_sockets *from)
{
	for (int i = 0; to && i < to->n; i++)
		if (to->all[i].fd < 0 && !to->all[i].listener)
			inherit(&to->all[i], from);
}

static bool
inherit_all(struct syslog_sockets *s, const char *address, const struct syslog_heritage *h)
{
	bool found = false;

	for (int i = 0; h && i < h->n; i++)
		for (;;) {	/* there may be two of them, see open_address */
			struct syslog_socket *one = add_socket(s, address);

			if (!inherit(one, h->from[i])) {
				free(one->address);
				s->n--;
				break;
			}
			found = true;
		}
	return found;
}

static int
open_address(struct syslog_sockets *s, const char *address)
{
	struct syslog_socket *one = add_socket(s, address);
	const char *rest = scheme(address, &one->kind);
	bool everywhere = !is_path(one->kind) && rest[0] == ':';
	int err = open_one(one, rest, "[::]"), kind = one->kind;

	if (everywhere && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL))
		return open_one(one, rest, "0.0.0.0");
	if (everywhere && !err && apart()) {
		one = add_socket(s, address);
		one->kind = kind;
		err = open_one(one, rest, "0.0.0.0");
	}
	return err;
}

/* Calls f for each word of the list, until one fails. */
static int
each_address(const char *list, int (*f)(void *arg, const char *address), void *arg)
{
	char *copy = xstrdup(list), *save = NULL;
	int err = 0;

	for (char *word = strtok_r(copy, " \t\n", &save); word && !err;
	    word = strtok_r(NULL, " \t\n", &save))
		err = f(arg, word);
	free(copy);
	return err;
}

struct checking {
	struct buf	*err;
	int		 n;
	bool		 tls;
};

static int
check_address(void *arg, const char *address)
{
	struct checking *c = arg;
	const char *what = complaint(address);

	c->n++;
	c->tls |= strncmp(address, "tls://", 6) == 0;
	if (!what)
		return 0;
	buf_printf(c->err, "listen: %s: %s", address, what);
	return -EINVAL;
}

static int
set_up(const struct weft_source_options *o, struct tls_setup **tls, struct buf *err)
{
	struct checking c = { .err = err };
	int bad = each_address(o->listen, check_address, &c);

	*tls = NULL;
	if (bad)
		return bad;
	if (!c.n) {
		buf_printf(err, "listen: there is no address in it");
		return -EINVAL;
	}
	if (c.tls)
		return tls_setup_new(&(struct tls_options){ .server = true, .cert = o->cert,
		    .key = o->key, .ca = o->ca }, tls, err);
	if (!o->cert && !o->key && !o->ca)
		return 0;
	buf_printf(err, "listen: cert, key and ca are for tls:// addresses, and there is none");
	return -EINVAL;
}

int
source_syslog_check(const struct weft_source_options *o, struct buf *err)
{
	struct tls_setup *tls;
	int bad = set_up(o, &tls, err);

	tls_setup_free(tls);
	return bad;
}

struct opening {
	struct syslog_sockets *s;
	const struct syslog_heritage *heritage;
	struct buf	*err;
};

static int
open_word(void *arg, const char *address)
{
	struct opening *o = arg;
	int err = inherit_all(o->s, address, o->heritage) ? 0 : open_address(o->s, address);

	if (err)
		explain(o->err, address, err);
	return err;
}

int
source_syslog_listen(const struct weft_source_options *o, struct syslog_sockets **out,
    struct buf *err)
{
	return source_syslog_relisten(o, NULL, out, err);
}

int
source_syslog_relisten(const struct weft_source_options *o, const struct syslog_heritage *h,
    struct syslog_sockets **out, struct buf *err)
{
	struct syslog_sockets *s = xcalloc(1, sizeof(*s));
	int bad = set_up(o, &s->tls, err);

	s->most = SYSLOG_CONNECTIONS;
	if (!bad)
		bad = each_address(o->listen, open_word, &(struct opening){ s, h, err });
	for (int i = 0; bad && h && i < h->n; i++)
		source_syslog_inherit(h->from[i], s);
	if (bad)
		source_syslog_close(s);
	else
		*out = s;
	return bad;
}

void
source_syslog_close(struct syslog_sockets *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n; i++) {
		struct syslog_socket *one = &s->all[i];

		weft_listener_close(one->listener);
		if (one->fd >= 0)
			close(one->fd);
		if (one->path)
			unlink(one->path);
		free(one->path);
		free(one->address);
	}
	tls_setup_free(s->tls);
	free(s->all);
	free(s);
}

void
source_syslog_address(struct syslog_sockets *s, int i, char *out)
{
	struct sockaddr_in6 in6 = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&in6;
	socklen_t len = sizeof(in6);
	char host[INET6_ADDRSTRLEN] = "";

	if (s->all[i].listener) {
		snprintf(out, WEFT_ADDR_MAX, "%s", weft_listener_addr(s->all[i].listener));
	} else if (s->all[i].kind == SYSLOG_UNIXGRAM) {
		snprintf(out, WEFT_ADDR_MAX, "%s", s->all[i].address);
	} else if (!getsockname(s->all[i].fd, (struct sockaddr *)&in6, &len)) {
		bool six = in6.sin6_family == AF_INET6;

		inet_ntop(in6.sin6_family, six ? (void *)&in6.sin6_addr : &in->sin_addr, host,
		    sizeof(host));
		snprintf(out, WEFT_ADDR_MAX, six ? "udp://[%s]:%d" : "udp://%s:%d", host,
		    ntohs(in6.sin6_port));
	}
}
