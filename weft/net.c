/*
 * net.c - sockets on the netpoller
 *
 * A socket is non-blocking and registered once.  Each direction has a mutex, so
 * that callers take turns, and the loop under it is always the same: try the
 * system call, and on EAGAIN wait for an edge.  Closing marks the socket, wakes
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
#include "poll.h"
#include "sanitize.h"
#include "sync.h"
#include "worker.h"

enum { BACKLOG = 4096, EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI };

/* Shared by listeners and connections. */
struct sock {
	int		 fd;		/* -1: in memory */
	struct mem	*mem;		/* inside a bubble, else NULL */
	struct pd	*pd;
	bool		 tcp;		/* a connection by TCP */
	_Atomic int	 refs;		/* the owner's, and one per call under way */
	weft_mutex	 turn[2];	/* by direction */
	struct track	 track;
	char		 local[WEFT_ADDR_MAX], remote[WEFT_ADDR_MAX];
	char		*path;		/* of a unix listener, to be removed; or NULL */
};

struct weft_listener { struct sock s; };
struct weft_conn { struct sock s; };

/* memnet.c's memory is ordered by the bubble's turn, which no race detector knows. */
#define MEM(init, call) __extension__ ({ san_ignore_begin(); __typeof__(init) r_ = (init); \
	call; san_ignore_end(); r_; })
#define MEM_OR_ERRNO(call) MEM((ssize_t)0, { r_ = (call); if (r_ < 0) { errno = (int)-r_; r_ = -1; } })

static void sock_put(struct sock *s)
{
	san_release(&s->refs);
	/* acq_rel: the last one sees what the others did */
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	san_acquire(&s->refs);
	if (s->mem)
		MEM(0, mem_close(s->mem));
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

/* A turn in one direction: everything below runs between these two. */
static int turn_begin(struct sock *s, enum dir dir, weft_ctx *ctx)
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

static void turn_end(struct sock *s, enum dir dir)
{
	weft_mutex_unlock(&s->turn[dir]);
	sock_put(s);
}

/* After a system call that returned -1: 0 to try again, or the error. */
static int again(struct sock *s, enum dir dir, weft_ctx *ctx, const void *pc)
{
	int err = errno;

	if (err == EINTR)
		return 0;
	if (err != EAGAIN)
		return -err;
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
			err = MEM(0, r_ = mem_bind(text, type, &m));
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
		return (int)MEM_OR_ERRNO(mem_accept(s->mem, m));
	return accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int weft_accept(weft_ctx *ctx, weft_listener *l, weft_conn **out)
{
	struct sock *s = &l->s;
	int fd = -1, err = turn_begin(s, DIR_READ, ctx);
	struct mem *m = NULL;

	if (err)
		return err;
	while (!err && (fd = sys_accept(s, &m)) < 0) {
		err = again(s, DIR_READ, ctx, CALLER);
		if (err == -ECONNABORTED)
			err = 0;	/* that peer is gone; there are others */
	}
	turn_end(s, DIR_READ);
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
		err = MEM(0, r_ = mem_dial(addr, &m));
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

/* ---- reading and writing ---- */

static ssize_t sys_recv(struct sock *s, void *buf, size_t n, char *from)
{
	struct addr a = { .len = sizeof a.sa };
	ssize_t got;

	if (s->mem)
		return MEM_OR_ERRNO(mem_recv(s->mem, buf, n, from));
	if (!from)
		return recv(s->fd, buf, n, 0);
	got = recvfrom(s->fd, buf, n, 0, (struct sockaddr *)&a.sa, &a.len);
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
	int err = turn_begin(s, DIR_READ, ctx);

	if (err)
		return err;
	if (s->pd->drained && !s->pd->ask)
		err = pd_wait(s->pd, DIR_READ, ctx, WAIT_READ, pc);
	while (!err && (got = sys_recv(s, buf, n, from)) < 0)
		err = again(s, DIR_READ, ctx, pc);
	s->pd->drained = s->tcp && !err && (size_t)got < n;
	turn_end(s, DIR_READ);
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
		return MEM_OR_ERRNO(mem_send(s->mem, m->msg_iov, m->msg_iovlen, NULL));
	if (m->msg_iovlen == 1)
		return send(s->fd, m->msg_iov->iov_base, m->msg_iov->iov_len, MSG_NOSIGNAL);
	return sendmsg(s->fd, m, MSG_NOSIGNAL);
}

static int write_all(struct sock *s, weft_ctx *ctx, struct msghdr *m, size_t *total,
    const void *pc)
{
	int err = 0;

	/* an empty datagram is a datagram */
	for (bool once = false; !err && (m->msg_iovlen || !once); once = true) {
		ssize_t n = sys_send(s, m);

		if (n < 0) {
			err = again(s, DIR_WRITE, ctx, pc);
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
	int err = turn_begin(s, DIR_WRITE, ctx);

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
	turn_end(s, DIR_WRITE);
	return err ? err : (ssize_t)total;
}

ssize_t weft_sendto(weft_ctx *ctx, weft_conn *c, const void *buf, size_t n, const char *to)
{
	struct sock *s = &c->s;
	struct addr a;
	ssize_t put = -1;
	int err;

	if (s->mem)
		return weft_err(ctx) ? weft_err(ctx) : MEM((ssize_t)0, r_ = mem_send(s->mem,
		    &(struct iovec){ (void *)buf, n }, 1, to));
	err = addr_resolve(ctx, to, SOCK_DGRAM, &a, 1);
	if (err < 0)
		return err;
	err = turn_begin(s, DIR_WRITE, ctx);
	if (err)
		return err;
	while (!err && (put = sendto(s->fd, buf, n, MSG_NOSIGNAL, (struct sockaddr *)&a.sa,
	    a.len)) < 0)
		err = again(s, DIR_WRITE, ctx, CALLER);
	turn_end(s, DIR_WRITE);
	return err ? err : put;
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
	bubble_refuse("weft_conn_fd");
	return c->s.fd;
}

int weft_close_write(weft_conn *c)
{
	if (c->s.mem)
		return MEM(0, r_ = mem_shutdown(c->s.mem, DIR_WRITE));
	return shutdown(c->s.fd, SHUT_WR) ? -errno : 0;
}

int weft_close_read(weft_conn *c)
{
	if (c->s.mem)
		return MEM(0, r_ = mem_shutdown(c->s.mem, DIR_READ));
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
