/*
 * tls.c - TLS as a transformation of bytes; see tls.h
 *
 * OpenSSL keeps its errors per thread.  They are cleared before a call and read right after
 * it, with nothing in between that could park.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/sync.h"

/* All that is used of the library, in one table. */
#define FUNCTIONS(X)							\
	X(TLS_client_method) X(TLS_server_method) X(SSL_CTX_new) X(SSL_CTX_free) \
	X(SSL_CTX_ctrl) X(SSL_CTX_use_certificate_chain_file)		\
	X(SSL_CTX_use_PrivateKey_file) X(SSL_CTX_check_private_key)	\
	X(SSL_CTX_load_verify_file) X(SSL_CTX_load_verify_dir)		\
	X(SSL_CTX_set_default_verify_paths) X(SSL_CTX_set_verify)	\
	X(SSL_load_client_CA_file) X(SSL_CTX_set_client_CA_list)	\
	X(SSL_CTX_set_session_id_context)				\
	X(SSL_new) X(SSL_free) X(SSL_set_bio) X(SSL_set_accept_state)	\
	X(SSL_set_connect_state) X(SSL_do_handshake) X(SSL_read) X(SSL_write) \
	X(SSL_shutdown) X(SSL_get_error) X(SSL_ctrl) X(SSL_set1_host)	\
	X(SSL_get0_param) X(SSL_get_verify_result) X(SSL_version)	\
	X(X509_VERIFY_PARAM_set1_ip_asc) X(X509_verify_cert_error_string) \
	X(BIO_new) X(BIO_s_mem) X(BIO_read) X(BIO_write) X(BIO_ctrl_pending) \
	X(ERR_clear_error) X(ERR_peek_last_error) X(ERR_reason_error_string)

#define MEMBER(f) __typeof__(&f) f;
static struct { FUNCTIONS(MEMBER) } ssl;
#undef MEMBER

struct tls_setup {
	SSL_CTX	*ctx;
	bool	 server, insecure;
};

struct tls {
	SSL	*ssl;
	BIO	*from, *to;		/* the peer; both belong to ssl */
	struct buf out;
	bool	 server;
};

static struct { weft_once once; char error[160]; } library;

static void
load(void)
{
	void *so;
	const char *name = NULL;

	weft_enter_blocking();
	so = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
	weft_leave_blocking();
	if (!so) {
		snprintf(library.error, sizeof(library.error), "%s; install OpenSSL 3 (libssl3)",
		    dlerror());
		return;
	}
#define FIND(f)								\
	if (!(ssl.f = (__typeof__(ssl.f))dlsym(so, #f)))		\
		name = #f;
	FUNCTIONS(FIND)
#undef FIND
	if (name)
		snprintf(library.error, sizeof(library.error),
		    "libssl.so.3 has no %s: it is not OpenSSL 3", name);
}

static const char *
reason(void)
{
	unsigned long code = ssl.ERR_peek_last_error();
	const char *text = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) :
	    ssl.ERR_reason_error_string(code);

	return text ? text : "no reason given";
}

/* ---- setup ---- */

static int
bad_file(struct buf *err, const char *what, const char *path)
{
	if (access(path, R_OK))
		buf_printf(err, "%s %s: %s", what, path, strerror(errno));
	else
		buf_printf(err, "%s %s: not usable: %s", what, path, reason());
	return -EINVAL;
}

static int
use_own(SSL_CTX *ctx, const struct tls_options *o, struct buf *err)
{
	const char *key = o->key ? o->key : o->cert;

	if (!o->cert && !o->server)
		return 0;
	if (!o->cert) {
		buf_printf(err, "tls:// needs a certificate: set cert: and key:");
		return -EINVAL;
	}
	if (ssl.SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1)
		return bad_file(err, "certificate", o->cert);
	if (ssl.SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return bad_file(err, "key", key);
	if (ssl.SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	buf_printf(err, "key %s: does not belong to certificate %s", key, o->cert);
	return -EINVAL;
}

static int
trust(SSL_CTX *ctx, const struct tls_options *o, struct buf *err)
{
	struct stat st;
	int ok;

	if (!o->ca)
		return o->server || ssl.SSL_CTX_set_default_verify_paths(ctx) == 1 ? 0 : -EINVAL;
	if (!stat(o->ca, &st) && S_ISDIR(st.st_mode))
		ok = ssl.SSL_CTX_load_verify_dir(ctx, o->ca);
	else
		ok = ssl.SSL_CTX_load_verify_file(ctx, o->ca);
	if (ok != 1)
		return bad_file(err, "ca", o->ca);
	if (o->server && !S_ISDIR(st.st_mode))	/* clients are told whose certificates will do */
		ssl.SSL_CTX_set_client_CA_list(ctx, ssl.SSL_load_client_CA_file(o->ca));
	return 0;
}

static void
set_modes(SSL_CTX *ctx, const struct tls_options *o)
{
	int verify = SSL_VERIFY_NONE;

	if (o->server && o->ca)
		verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	else if (!o->server && !o->insecure)
		verify = SSL_VERIFY_PEER;
	ssl.SSL_CTX_set_verify(ctx, verify, NULL);
	ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
	/* an idle connection keeps no buffers */
	ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, NULL);
	ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
	if (o->server)
		ssl.SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"weft", 4);
}

struct setup_work {
	const struct tls_options *o;
	struct tls_setup *setup;
	struct buf	*err;
	int		 result;
	weft_waitgroup	 end;
};

static void
set_up(struct setup_work *w)
{
	const struct tls_options *o = w->o;
	SSL_CTX *ctx = NULL;
	int err = 0;

	weft_once_do(&library.once, load);
	if (library.error[0]) {
		buf_printf(w->err, "TLS: %s", library.error);
		err = -ENOPKG;
	}
	if (!err) {
		ssl.ERR_clear_error();
		ctx = ssl.SSL_CTX_new(o->server ? ssl.TLS_server_method() :
		    ssl.TLS_client_method());
		err = ctx ? use_own(ctx, o, w->err) : -ENOMEM;
	}
	if (!err)
		err = trust(ctx, o, w->err);
	if (!err) {
		set_modes(ctx, o);
		w->setup->ctx = ctx;
	} else if (ctx) {
		ssl.SSL_CTX_free(ctx);
	}
	w->result = err;
	weft_waitgroup_done(&w->end);
}

int
tls_setup_new(const struct tls_options *o, struct tls_setup **out, struct buf *err)
{
	struct tls_setup *s = xcalloc(1, sizeof(*s));
	struct setup_work w = { .o = o, .setup = s, .err = err };

	s->server = o->server;
	s->insecure = o->insecure;
	weft_waitgroup_add(&w.end, 1);
	weft_go_stack(TLS_STACK, set_up, &w);
	weft_waitgroup_wait(&w.end);
	if (w.result)
		free(s);
	else
		*out = s;
	return w.result;
}

void
tls_setup_free(struct tls_setup *s)
{
	if (!s)
		return;
	ssl.SSL_CTX_free(s->ctx);
	free(s);
}

/* ---- one connection ---- */

static void
expect(struct tls *t, const char *host, bool insecure)
{
	unsigned char ip[16];
	bool number = inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;

	if (!number)			/* SNI is for names only */
		ssl.SSL_ctrl(t->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		    (void *)host);
	if (insecure)
		return;
	if (number)
		ssl.X509_VERIFY_PARAM_set1_ip_asc(ssl.SSL_get0_param(t->ssl), host);
	else
		ssl.SSL_set1_host(t->ssl, host);
}

struct tls *
tls_new(struct tls_setup *s, const char *host)
{
	struct tls *t = xcalloc(1, sizeof(*t));

	t->server = s->server;
	t->ssl = ssl.SSL_new(s->ctx);
	t->from = ssl.BIO_new(ssl.BIO_s_mem());
	t->to = ssl.BIO_new(ssl.BIO_s_mem());
	if (!t->ssl || !t->from || !t->to)
		die("out of memory in OpenSSL");
	ssl.SSL_set_bio(t->ssl, t->from, t->to);
	if (s->server) {
		ssl.SSL_set_accept_state(t->ssl);
	} else {
		ssl.SSL_set_connect_state(t->ssl);
		if (host)
			expect(t, host, s->insecure);
	}
	return t;
}

void
tls_free(struct tls *t)
{
	if (!t)
		return;
	ssl.SSL_free(t->ssl);
	buf_finish(&t->out);
	free(t);
}

void
tls_put(struct tls *t, const void *data, size_t n)
{
	if (n && ssl.BIO_write(t->from, data, (int)n) != (int)n)
		die("out of memory in OpenSSL");
}

struct buf *
tls_out(struct tls *t)
{
	size_t n = ssl.BIO_ctrl_pending(t->to);

	if (n) {
		buf_grow(&t->out, n);
		t->out.len += ssl.BIO_read(t->to, t->out.data + t->out.len, (int)n);
	}
	return &t->out;
}

/* Right after the call that returned ret. */
static int
failure(struct tls *t, int ret, struct buf *why)
{
	int e = ssl.SSL_get_error(t->ssl, ret);
	long verdict;

	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (e == SSL_ERROR_ZERO_RETURN)
		return 0;
	verdict = ssl.SSL_get_verify_result(t->ssl);
	why->len = 0;
	if (verdict != X509_V_OK && ssl.ERR_peek_last_error() &&
	    ERR_GET_REASON(ssl.ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		buf_printf(why, "the %s's certificate is not good: %s",
		    t->server ? "client" : "server", ssl.X509_verify_cert_error_string(verdict));
	else
		buf_printf(why, "TLS: %s", reason());
	return -EPROTO;
}

int
tls_handshake(struct tls *t, struct buf *why)
{
	int ret;

	ssl.ERR_clear_error();
	ret = ssl.SSL_do_handshake(t->ssl);
	if (ret == 1)
		return 0;
	ret = failure(t, ret, why);
	return ret ? ret : -ECONNRESET;
}

ssize_t
tls_open(struct tls *t, void *buf, size_t n, struct buf *why)
{
	int ret;

	ssl.ERR_clear_error();
	ret = ssl.SSL_read(t->ssl, buf, n > 1 << 30 ? 1 << 30 : (int)n);
	return ret > 0 ? ret : failure(t, ret, why);
}

int
tls_seal(struct tls *t, const void *data, size_t n, struct buf *why)
{
	int ret;

	assert_always(n <= 1 << 30);
	if (!n)
		return 0;
	ssl.ERR_clear_error();
	ret = ssl.SSL_write(t->ssl, data, (int)n);
	if (ret > 0)
		return 0;		/* memory takes all or nothing */
	ret = failure(t, ret, why);
	return ret ? ret : -EPIPE;
}

void
tls_bye(struct tls *t)
{
	ssl.ERR_clear_error();
	ssl.SSL_shutdown(t->ssl);
}

bool
tls_is_13(struct tls *t)
{
	return ssl.SSL_version(t->ssl) == TLS1_3_VERSION;
}

/* ---- over a connection ---- */

enum { CIPHERTEXT = 8 << 10 };

static int
flush(weft_ctx *ctx, struct tls *t, weft_conn *c)
{
	struct buf *out = tls_out(t);
	ssize_t n = out->len ? weft_write(ctx, c, out->data, out->len) : 0;

	buf_finish(out);
	return n < 0 ? n : 0;
}

int
tls_shake(weft_ctx *ctx, struct tls *t, weft_conn *c, struct buf *why)
{
	char in[2 << 10];
	int err, sent;
	ssize_t n;

	for (;;) {
		err = tls_handshake(t, why);
		sent = flush(ctx, t, c);	/* of a failure, too: the peer is told */
		if (err != -EAGAIN)
			return err ? err : sent;
		if (sent)
			return sent;
		n = weft_read(ctx, c, in, sizeof(in));
		if (n <= 0) {
			why->len = 0;
			buf_printf(why, "the handshake was not finished: %s",
			    n ? strerror(-n) : "the peer closed the connection");
			return n ? n : -ECONNRESET;
		}
		tls_put(t, in, n);
	}
}

ssize_t
tls_read(weft_ctx *ctx, struct tls *t, weft_conn *c, void *buf, size_t n, struct buf *why)
{
	char in[CIPHERTEXT];
	ssize_t got;

	while ((got = tls_open(t, buf, n, why)) == -EAGAIN) {
		int err = flush(ctx, t, c);	/* a new key may have been asked for */

		if (err)
			return err;
		got = weft_read(ctx, c, in, sizeof(in));
		if (got <= 0)
			return got;
		tls_put(t, in, got);
	}
	return got;
}

ssize_t
tls_more(struct tls *t, weft_conn *c, void *buf, size_t n, struct buf *why)
{
	char in[CIPHERTEXT];
	ssize_t got;

	while ((got = tls_open(t, buf, n, why)) == -EAGAIN) {
		got = recv(weft_conn_fd(c), in, sizeof(in), MSG_DONTWAIT);
		if (got < 0)
			return errno == EINTR ? -EAGAIN : -errno;
		if (got == 0)
			return 0;
		tls_put(t, in, got);
	}
	return got;
}
