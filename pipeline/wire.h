/*
 * wire.h - the connection of a syslog output: TCP, TLS, UDP or unix
 *
 * For streams, bytes are given to the wire, which keeps them until the kernel takes them; so
 * a call that runs out of time has lost nothing and is continued by the next one.  What the kernel
 * has, the peer's kernel may not have yet: wire_acked tells how far that is.
 */
#ifndef WEFT_PIPELINE_WIRE_H
#define WEFT_PIPELINE_WIRE_H

#include "pipeline.h"
#include "tls.h"

enum wire_kind { WIRE_TCP, WIRE_TLS, WIRE_UDP, WIRE_UNIX, WIRE_UNIXGRAM };

struct wire {
	int		 kind;
	char		*address;	/* as it was configured */
	char		*dial;		/* for weft_dial; unixgram: the path */
	char		*host;		/* whose certificate it must be, or NULL */
	struct tls_setup *setup;
	int64_t		 timeout;
	/* while there is a connection */
	weft_conn	*conn;		/* or, unixgram, only fd */
	int		 fd;		/* -1: none */
	bool		 datagrams;
	struct tls	*tls;
	struct buf	 out;		/* given, and not yet taken by the kernel ... */
	size_t		 gone;		/* ... but for that much */
	uint64_t	 given, acked;	/* bytes of the connection, as they are on the wire */
	struct buf	 why;		/* of the last error; or empty */
};

/* 0 or a negative errno and a sentence.  Options are copied; certificates are read. */
int	wire_init(struct wire *w, const struct weft_syslog_options *o, struct buf *err);
void	wire_finish(struct wire *w);

int	wire_open(weft_ctx *ctx, struct wire *w);
/* Says bye, if all that was given is gone. */
void	wire_close(struct wire *w);
static inline bool wire_is_open(const struct wire *w) { return w->fd >= 0; }

/* 0; or -EPIPE: the peer has closed its side; or what broke the connection.  Never waits. */
int	wire_check(struct wire *w);
int	wire_give(struct wire *w, const void *data, size_t n);
/* Until the kernel has all; -ETIMEDOUT: not yet, after that long. */
int	wire_flush(weft_ctx *ctx, struct wire *w, int64_t timeout);
uint64_t wire_acked(struct wire *w);	/* so many of the given bytes has the peer's kernel */
/* The peer answers nothing at all, not even that it has no room. */
bool	wire_is_dead(struct wire *w);
/* One datagram; waits at most the timeout. */
int	wire_datagram(weft_ctx *ctx, struct wire *w, const void *data, size_t n);

#endif
