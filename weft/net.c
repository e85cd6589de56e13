/*
 * net.c - sockets on the netpoller: making and closing them
 *
 * A socket is non-blocking and registered once.  Inside a bubble it is one of
 * memnet.c's, and everything else is the same.  Closing marks the socket, wakes
 * whoever waits, and frees it with the last user.  It shuts nothing down: another
 * process may have inherited the connection and go on with it.
 */
#include "net.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr.h"
#include "memnet.h"
#include "sanitize.h"
#include "sock.h"
#include "worker.h"

enum { BACKLOG = 4096, EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI };

static void sock_put(struct sock *s)
{
	san_release(&s->refs);
	/* acq_rel: the last one sees what the others did */
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	san_acquire(&s->refs);
	if (s->mem)
		mem_close(s->mem);
	pd_free(s->pd);
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s);
}

static void sock_get(struct sock *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

/* Takes fd, also when it fails. */
static int sock_new(int fd, const void *pc, struct sock **out)
{
	struct sock *s = xcalloc(1, sizeof *s);
	int err = pd_open(fd, EVENTS, false, &s->pd);

	if (err) {
		close(fd);
		free(s);
		return err;
	}
	s->fd = fd;
	s->refs = 1;
	track_add(&s->track, TRACK_FD, NULL, pc);
	*out = s;
	return 0;
}

static int sock_in_memory(struct mem *m, const void *pc, struct sock **out)
{
	int err = sock_new(-1, pc, out);

	(*out)->mem = m;
	strcpy((*out)->local, mem_local(m));
	strcpy((*out)->remote, mem_remote(m));
	mem_attach(m, (*out)->pd);
	return err;
}

static void sock_close(struct sock *s)
{
	track_del(&s->track);
	pd_close(s->pd);
	if (s->path)
		unlink(s->path);
	sock_put(s);
}

int sock_turn_begin(struct sock *s, enum dir dir, weft_ctx *ctx)
{
	int err = weft_err(ctx);

	if (err)
		return err;
	sock_get(s);
	err = weft_mutex_lock_ctx(ctx, &s->turn[dir]);
	if (!err && s->pd->closed) {	/* while we waited for our turn */
		weft_mutex_unlock(&s->turn[dir]);
		err = -EBADF;
	}
	if (err)
		sock_put(s);
	return err;
}

void sock_turn_end(struct sock *s, enum dir dir)
{
	weft_mutex_unlock(&s->turn[dir]);
	sock_put(s);
}

int sock_again(struct sock *s, enum dir dir, weft_ctx *ctx, int err, const void *pc)
{
	if (err == -EINTR)
		return 0;
	if (err != -EAGAIN)
		return err;
	return pd_wait(s->pd, dir, ctx, dir == DIR_READ ? WAIT_READ : WAIT_WRITE, pc);
}

/* ---- making sockets ---- */

static int new_socket(const struct addr *a)
{
	int fd = socket(a->sa.ss_family, a->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* A wish, not a need. */
static bool set(int fd, int level, int option)
{
	int one = 1;

	return !setsockopt(fd, level, option, &one, sizeof one);
}

static void name_ends(struct sock *s, int type)
{
	addr_format_local(s->fd, type, s->local);
	addr_format_remote(s->fd, type, s->remote);
}

/* A socket at which nobody listens: a process that is gone has left it. */
static bool is_stale(const struct addr *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->sa;
	struct stat st;
	int fd, err;

	/* connect refuses other files with the same error */
	if (lstat(((const struct sockaddr_un *)sa)->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = new_socket(a);		/* non-blocking: a live one may have its queue full */
	if (fd < 0)
		return false;
	err = connect(fd, sa, a->len) ? errno : 0;
	close(fd);
	return err == ECONNREFUSED;
}

static int bind_unix(int fd, const struct addr *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->sa;
	int err = bind(fd, (const struct sockaddr *)un, a->len) ? -errno : 0;

	if (err != -EADDRINUSE || !un->sun_path[0] || !is_stale(a))
		return err;
	unlink(un->sun_path);
	return bind(fd, (const struct sockaddr *)un, a->len) ? -errno : 0;
}

static int bind_addr(int fd, const struct addr *a)
{
	if (a->sa.ss_family == AF_UNIX)
		return bind_unix(fd, a);
	/* past connections that linger must not stop a restart; datagrams have none, and for
	   them it means that two may have the same port */
	if (a->type == SOCK_STREAM)
		set(fd, SOL_SOCKET, SO_REUSEADDR);
	return bind(fd, (const struct sockaddr *)&a->sa, a->len) ? -errno : 0;
}

static int bound(weft_ctx *ctx, const char *text, int type, const void *pc,
    struct sock **out)
{
	struct addr a;
	struct mem *m;
	int fd, err;

	if (bubble_current()) {
		err = weft_err(ctx);
		if (!err)
			err = mem_bind(text, type, &m);
		return err ? err : sock_in_memory(m, pc, out);
	}
	err = addr_resolve(ctx, text, type, &a, 1);
	if (err < 0)
		return err;
	fd = new_socket(&a);
	if (fd < 0)
		return fd;
	err = bind_addr(fd, &a);
	if (!err && type == SOCK_STREAM && listen(fd, BACKLOG))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	err = sock_new(fd, pc, out);
	if (err)
		return err;
	name_ends(*out, type);
	if (a.sa.ss_family == AF_UNIX && ((struct sockaddr_un *)&a.sa)->sun_path[0])
		(*out)->path = xstrdup(((struct sockaddr_un *)&a.sa)->sun_path);
	return 0;
}

int weft_listen(weft_ctx *ctx, const char *addr, weft_listener **out)
{
	struct sock *s;
	int err = bound(ctx, addr, SOCK_STREAM, CALLER, &s);

	if (!err)
		*out = (weft_listener *)s;
	return err;
}

int weft_listen_udp(weft_ctx *ctx, const char *addr, weft_conn **out)
{
	struct sock *s;
	int err = bound(ctx, addr, SOCK_DGRAM, CALLER, &s);

	if (!err)
		*out = (weft_conn *)s;
	return err;
}

static int conn_new(int fd, const void *pc, weft_conn **out)
{
	struct sock *s;
	int err = sock_new(fd, pc, &s);

	if (err)
		return err;
	s->tcp = set(fd, IPPROTO_TCP, TCP_NODELAY);	/* no other kind can */
	*out = (weft_conn *)s;
	return 0;
}

static int sys_accept(struct sock *s, struct mem **m)
{
	if (s->mem)
		return mem_accept(s->mem, m);
	return (int)or_errno(accept4(s->fd, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int weft_accept(weft_ctx *ctx, weft_listener *l, weft_conn **out)
{
	struct sock *s = &l->s;
	int fd = -1, err = sock_turn_begin(s, DIR_READ, ctx);
	struct mem *m = NULL;

	if (err)
		return err;
	while (!err && (fd = sys_accept(s, &m)) < 0) {
		err = sock_again(s, DIR_READ, ctx, fd, CALLER);
		if (err == -ECONNABORTED)
			err = 0;	/* that peer is gone; there are others */
	}
	sock_turn_end(s, DIR_READ);
	if (m)
		return sock_in_memory(m, CALLER, (struct sock **)out);
	if (!err)
		err = conn_new(fd, CALLER, out);
	if (!err)
		name_ends(&(*out)->s, SOCK_STREAM);
	return err;
}

static int finish_connect(struct sock *s, weft_ctx *ctx, const void *pc)
{
	int error = 0, n, err;
	socklen_t len = sizeof error;

	/* the edge of a socket not yet connecting may come first: look for ourselves */
	while (!(n = poll_now(s->fd, POLLOUT)))
		if ((err = pd_wait(s->pd, DIR_WRITE, ctx, WAIT_WRITE, pc)))
			return err;
	if (n < 0)
		return n;
	return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) ? -errno : -error;
}

static int dial(weft_ctx *ctx, const struct addr *a, const void *pc, weft_conn **out)
{
	int err, fd = new_socket(a);
	weft_conn *c;

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&a->sa, a->len) && errno != EINPROGRESS &&
	    errno != EINTR) {
		err = -errno;
		close(fd);
		return err;
	}
	err = conn_new(fd, pc, &c);
	if (err)
		return err;
	err = finish_connect(&c->s, ctx, pc);
	if (err) {
		sock_close(&c->s);
		return err;
	}
	name_ends(&c->s, a->type);
	*out = c;
	return 0;
}

static int dial_in_memory(weft_ctx *ctx, const char *addr, const void *pc, weft_conn **out)
{
	struct sock *s;
	struct mem *m;
	int n, err = weft_err(ctx);

	if (!err)
		err = mem_dial(addr, &m);
	if (err)
		return err;
	sock_in_memory(m, pc, &s);
	while (!(n = mem_connected(m)) && !err)
		err = pd_wait(s->pd, DIR_WRITE, ctx, WAIT_WRITE, pc);
	if (err || n < 0) {
		sock_close(s);
		return err ? err : n;
	}
	*out = (weft_conn *)s;
	return 0;
}

int weft_dial(weft_ctx *ctx, const char *addr, weft_conn **out)
{
	struct addr a[ADDR_MANY];
	int n, err;

	if (bubble_current())
		return dial_in_memory(ctx, addr, CALLER, out);
	n = err = addr_resolve(ctx, addr, 0, a, ADDR_MANY);
	for (int i = 0; i < n; i++) {
		int e = dial(ctx, &a[i], CALLER, out);

		if (!e || weft_err(ctx))
			return e;
		if (i == 0)
			err = e;	/* the most telling: what cannot be reached is last */
	}
	return err;
}

/* ---- the rest ---- */

const char *weft_listener_addr(weft_listener *l)
{
	return l->s.local;
}

const char *weft_conn_local(weft_conn *c)
{
	return c->s.local;
}

const char *weft_conn_remote(weft_conn *c)
{
	return c->s.remote;
}

int weft_conn_fd(weft_conn *c)
{
	bubble_refuse("weft_conn_fd", true);
	return c->s.fd;
}

int weft_listener_fd(weft_listener *l)
{
	bubble_refuse("weft_listener_fd", true);
	return l->s.fd;
}

int weft_close_write(weft_conn *c)
{
	if (c->s.mem)
		return mem_shutdown(c->s.mem, DIR_WRITE);
	return shutdown(c->s.fd, SHUT_WR) ? -errno : 0;
}

int weft_close_read(weft_conn *c)
{
	if (c->s.mem)
		return mem_shutdown(c->s.mem, DIR_READ);
	return shutdown(c->s.fd, SHUT_RD) ? -errno : 0;
}

void weft_conn_close(weft_conn *c)
{
	if (c)
		sock_close(&c->s);
}

void weft_listener_close(weft_listener *l)
{
	if (l)
		sock_close(&l->s);
}
