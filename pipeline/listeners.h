/*
 * listeners.h - private: what listens, and what runs on it
 *
 *	syslog_sockets.c   addresses and sockets
 *	source_syslog.c    the goroutines that accept
 *	syslog_conn.c      a connection: TCP, TLS, unix
 *	syslog_datagram.c  a socket with datagrams: UDP, unixgram
 *
 * Every listener and every connection has a goroutine; a slow one delays nobody.  When ctx ends,
 * connections that wait to be accepted are accepted still, everybody reads what the
 * kernel has, and then peers are told that we go and have LINGER to stop sending.
 */
#ifndef WEFT_PIPELINE_LISTENERS_H
#define WEFT_PIPELINE_LISTENERS_H

#include "feed.h"
#include "patterns/semaphore.h"
#include "tls.h"
#include "weft/net.h"
#include "weft/sync.h"
#include "weft/time.h"

#define SYSLOG_CONNECTIONS 10000
#define SYSLOG_HALVES	((size_t)20 << 20)	/* bytes of unfinished messages, of all */
#define SYSLOG_MAX_LINE ((size_t)64 << 20)
#define LINGER		(300 * WEFT_MS)
#define DRAIN_BYTES	((size_t)64 << 20)	/* of one socket, when it is over */

enum syslog_kind { SYSLOG_TCP, SYSLOG_TLS, SYSLOG_UNIX, SYSLOG_UDP, SYSLOG_UNIXGRAM };

struct syslog_socket {
	int		 kind;
	char		*address;	/* as it was configured */
	weft_listener	*listener;	/* or, for datagrams: */
	int		 fd;		/* -1: none */
	char		*path;		/* unixgram: to be removed */
};

struct syslog_sockets {
	struct syslog_socket *all;
	int		 n;
	struct tls_setup *tls;
	int		 most;		/* connections at a time */
};

/* Trouble that may come often is told at most once a minute, with how often it was. */
struct gripe {
	weft_mutex	 lock;
	int64_t		 told;		/* when; 0: never */
	uint64_t	 more;		/* since then */
};

struct syslog_run {
	struct intake	*in;
	const struct weft_source_options *o;
	struct syslog_sockets *sockets;
	weft_ctx	*ctx;
	weft_semaphore	*room;		/* for connections */
	struct feed_halves halves;
	weft_waitgroup	 end;
	weft_waitgroup	 doors;		/* listeners that still accept */
	struct gripe	 full, accept, handshake, framing, broken;
};

void	syslog_gripe(struct syslog_run *r, struct gripe *g, int err, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
void	syslog_datagrams(struct syslog_run *r, struct syslog_socket *s);
/* c and a permit of r->room become its own. */
void	syslog_connection(struct syslog_run *r, struct syslog_socket *s, weft_conn *c);

/* Where socket i really listens, for port 0; WEFT_ADDR_MAX bytes. */
void	source_syslog_address(struct syslog_sockets *s, int i, char *out);

#endif
