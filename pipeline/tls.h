/*
 * tls.h - TLS as a transformation of bytes, by OpenSSL 3
 *
 * The library is loaded when a configuration asks for it: it costs 8 MB.  It reads and writes
 * memory only, so that no thread ever waits in it; the caller carries the bytes.  A struct
 * tls is used by one goroutine at a time, with a stack of TLS_STACK bytes.
 */
#ifndef WEFT_PIPELINE_TLS_H
#define WEFT_PIPELINE_TLS_H

#include <sys/types.h>

#include "base/buf.h"
#include "weft/net.h"

#define TLS_STACK (256 << 10)

struct tls_options {
	bool	server;
	const char *cert, *key;		/* PEM; key NULL: it is in cert too */
	const char *ca;			/* PEM file or directory; server: clients must have one;
					   client: NULL is what the system trusts */
	bool	insecure;		/* client: do not check */
};

/* Certificates and keys, read once. 0, or a negative errno and a sentence. Any stack will do. */
struct tls_setup;
int	tls_setup_new(const struct tls_options *o, struct tls_setup **out, struct buf *err);
void	tls_setup_free(struct tls_setup *s);	/* NULL: nothing; no struct tls may be left */

/* host: the name that the server's certificate must have; NULL for a server. */
struct tls;
struct tls *tls_new(struct tls_setup *s, const char *host);
void	tls_free(struct tls *t);

/* What the peer sent, in; what it is to be sent, out: take it from the front, and set len. */
void	tls_put(struct tls *t, const void *data, size_t n);
struct buf *tls_out(struct tls *t);

/* Each: 0 or a count; -EAGAIN: it needs more from the peer; -EPROTO: why has the reason. */
int	tls_handshake(struct tls *t, struct buf *why);
ssize_t	tls_open(struct tls *t, void *buf, size_t n, struct buf *why);	/* 0: the peer said bye */
int	tls_seal(struct tls *t, const void *data, size_t n, struct buf *why);	/* all of it */
void	tls_bye(struct tls *t);
bool	tls_is_13(struct tls *t);

/* The same over a connection, for who has nothing else to do meanwhile. */
int	tls_shake(weft_ctx *ctx, struct tls *t, weft_conn *c, struct buf *why);
ssize_t	tls_read(weft_ctx *ctx, struct tls *t, weft_conn *c, void *buf, size_t n,
	    struct buf *why);
/* Without waiting: -EAGAIN. */
ssize_t	tls_more(struct tls *t, weft_conn *c, void *buf, size_t n, struct buf *why);

#endif
