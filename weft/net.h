/*
 * net.h - sockets for goroutines
 *
 *	weft_listener *l;
 *	int err = weft_listen(ctx, "tcp://127.0.0.1:8080", &l);
 *	for (weft_conn *c; !err && !(err = weft_accept(ctx, l, &c)); )
 *		weft_go(serve, c);
 *
 * Addresses are "tcp://127.0.0.1:80", "tcp://[fe80::1%2]:0", "unix:/run/x" (a leading
 * @ names the abstract space) and "udp://127.0.0.1:53"; hosts are numeric or names
 * that getaddrinfo knows.  Port 0 lets the system choose; ask weft_listener_addr.
 * Of a name's addresses weft_dial tries one after the other, sixteen at most, and
 * returns the first one's error if none answers; all other calls take the first.
 * A context does not end the lookup of a name: it may take what the resolver takes.
 *
 * Every call takes a context, which may be NULL, and returns a negative errno on
 * failure: the system's, or -ECANCELED or -ETIMEDOUT from the context, or -EINVAL
 * for an address that cannot be read, or -EHOSTUNREACH for a name without an
 * address (-EAGAIN or -ENOMEM: the lookup failed, but may succeed another time), or
 * -EBADF once another goroutine has closed the socket.  One goroutine may read while
 * another writes; several in the same direction take turns.  SIGPIPE is never raised.
 */
#ifndef WEFT_NET_H
#define WEFT_NET_H

#include <sys/types.h>
#include <sys/uio.h>

#include "weft.h"

typedef struct weft_listener weft_listener;
typedef struct weft_conn weft_conn;

/*
 * The listener and the connection are yours to close.  A Unix socket at which nobody
 * listens is replaced, for a process that is gone leaves one behind; any other file
 * in its place is -EADDRINUSE.  Closing the listener removes the socket.
 */
int	weft_listen(weft_ctx *ctx, const char *addr, weft_listener **out);
int	weft_accept(weft_ctx *ctx, weft_listener *l, weft_conn **out);
int	weft_dial(weft_ctx *ctx, const char *addr, weft_conn **out);

/* At least one byte, at most n; 0 at the end of the stream. */
ssize_t	weft_read(weft_ctx *ctx, weft_conn *c, void *buf, size_t n);
/* All n bytes, or an error after some of them. */
ssize_t	weft_write(weft_ctx *ctx, weft_conn *c, const void *buf, size_t n);
ssize_t	weft_writev(weft_ctx *ctx, weft_conn *c, const struct iovec *iov, int n);

/*
 * Datagrams.  weft_listen_udp gives an unconnected socket, bound to addr; a
 * dialled one uses weft_read and weft_write, a datagram each.  from is a text
 * such as "udp://127.0.0.1:53" in a buffer of WEFT_ADDR_MAX bytes, or NULL.
 */
#define WEFT_ADDR_MAX 160
int	weft_listen_udp(weft_ctx *ctx, const char *addr, weft_conn **out);
ssize_t	weft_recvfrom(weft_ctx *ctx, weft_conn *c, void *buf, size_t n, char *from);
ssize_t	weft_sendto(weft_ctx *ctx, weft_conn *c, const void *buf, size_t n,
	    const char *to);

/* Addresses in the form that dial takes; they live as long as their object. */
const char *weft_listener_addr(weft_listener *l);
const char *weft_conn_local(weft_conn *c);
const char *weft_conn_remote(weft_conn *c);
int	weft_conn_fd(weft_conn *c);	/* borrowed; non-blocking */
int	weft_listener_fd(weft_listener *l);	/* the same */

int	weft_close_write(weft_conn *c);	/* the peer reads the end of the stream */
int	weft_close_read(weft_conn *c);
/*
 * Closing wakes whoever waits inside a call, with -EBADF, and frees the object; no
 * call on it may begin afterwards.  So end a loop of accepts or reads by cancelling
 * its context, wait for it, and close then.  What another process, or a copy of the
 * descriptor, still holds goes on: the peer reads the end of the stream when the
 * last one is closed, or after weft_close_write.  NULL: nothing.
 */
void	weft_conn_close(weft_conn *c);
void	weft_listener_close(weft_listener *l);

/*
 * Waits until poll(2) would report one of events (POLLIN, POLLOUT) on fd, which
 * stays yours and may be any descriptor; for other libraries.  Returns the
 * events that are ready, which may include POLLERR and POLLHUP.
 */
int	weft_wait_fd(weft_ctx *ctx, int fd, short events);

/*
 * Around a call known to block (getaddrinfo, fsync, a foreign library): other
 * goroutines get another thread at once instead of after 10 ms.  Cheap; do not
 * nest; nothing of Weft but errno may be used in between.
 */
void	weft_enter_blocking(void);
void	weft_leave_blocking(void);

#endif
