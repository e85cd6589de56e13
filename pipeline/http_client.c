/*
 * http_client.c - one POST after the other to one server
 *
 * libcurl runs between weft_enter_blocking and weft_leave_blocking, so its callbacks must leave
 * Weft alone.  A context that ends sets a flag and wakes libcurl's poll, which is the one thing
 * another thread may do to it.
 *
 * OpenSSL writes to sockets as it likes, and a peer that is gone would be a SIGPIPE.  It is
 * blocked in this thread meanwhile, and taken away afterwards if it came from here.
 */
#include "http_client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "compress.h"
#include "curl.h"
#include "outname.h"
#include "weft/net.h"
#include "weft/sync.h"

#define CONNECT	(10 * WEFT_SECOND)
#define TIMEOUT	(30 * WEFT_SECOND)

struct http_client {
	const struct curl_calls *curl;
	CURL		*easy;
	CURLM		*multi;
	struct curl_slist *headers;
	char		*url, *shown;
	char		 error[CURL_ERROR_SIZE];
	struct compressor gzip;
	bool		 gzips;
	atomic_bool	 cancelled;
	weft_waitgroup	 watching;
	struct http_answer *answer;	/* of the request that is running */
};

const char *
http_client_url(const struct http_client *c)
{
	return c->shown;
}

/* A query may hold a secret as well. */
static char *
without_secrets(const char *url)
{
	char *shown = xstrdup(url), *host = strstr(shown, "://"), *at, *end;

	if (!host)
		return shown;
	host += 3;
	end = host + strcspn(host, "/?#");
	for (at = end; at > host && at[-1] != '@'; at--)
		;
	end[*end == '?' || *end == '#' ? 0 : strcspn(end, "?#")] = '\0';
	memmove(host, at, strlen(at) + 1);
	return shown;
}

static size_t
on_body(char *p, size_t one, size_t n, void *arg)
{
	struct buf *b = &((struct http_client *)arg)->answer->body;

	n *= one;
	if (n > ANSWER_MAX - b->len)
		return 0;
	buf_add(b, p, n);
	return n;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&((struct http_client *)arg)->cancelled);
}

static void
add_header(struct http_client *c, const char *text)
{
	struct curl_slist *more = c->curl->slist_append(c->headers, text);

	assert_always(more != NULL);
	c->headers = more;
}

static int
set_headers(struct http_client *c, const struct weft_http_options *o, const char *type,
    struct buf *err)
{
	struct buf text = { 0 };
	int error = 0;

	buf_printf(&text, "Content-Type: %s", type);
	add_header(c, buf_str(&text));
	add_header(c, "Expect:");		/* nobody waits for a server that may not know it */
	if (o->gzip)
		add_header(c, "Content-Encoding: gzip");
	for (const char *const *h = o->headers; h && *h && !error; h++) {
		text.len = 0;
		error = outname_environment(&text, *h, err);
		if (!error && !memchr(text.data, ':', text.len)) {
			buf_printf(err, "headers: \"%s\" has no colon; write \"Name: value\"", *h);
			error = -EINVAL;
		}
		if (!error && strpbrk(buf_str(&text), "\r\n")) {
			buf_printf(err, "headers: \"%s\" has a line's end in it", *h);
			error = -EINVAL;
		}
		if (!error)
			add_header(c, buf_str(&text));
	}
	buf_finish(&text);
	return error;
}

static int
set_user(struct http_client *c, const struct weft_http_options *o, struct buf *err)
{
	struct buf text = { 0 };
	int error = 0;

	if (o->user) {
		error = outname_environment(&text, o->user, err);
		if (!error)
			c->curl->easy_setopt(c->easy, CURLOPT_USERPWD, buf_str(&text));
	}
	buf_finish(&text);
	return error;
}

static void
set_options(struct http_client *c, const struct weft_http_options *o)
{
	CURLcode (*set)(CURL *, CURLoption, ...) = c->curl->easy_setopt;
	int64_t timeout = o->timeout > 0 ? o->timeout : TIMEOUT;
	long ms = timeout / WEFT_MS > 0 ? timeout / WEFT_MS : 1;

	set(c->easy, CURLOPT_URL, c->url);
	set(c->easy, CURLOPT_POST, 1L);
	set(c->easy, CURLOPT_NOSIGNAL, 1L);
	set(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	set(c->easy, CURLOPT_USERAGENT, "weft-pipeline");
	set(c->easy, CURLOPT_HTTPHEADER, c->headers);
	set(c->easy, CURLOPT_ERRORBUFFER, c->error);
	set(c->easy, CURLOPT_TIMEOUT_MS, ms);
	set(c->easy, CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT / WEFT_MS ? ms : CONNECT / WEFT_MS);
	set(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	set(c->easy, CURLOPT_WRITEDATA, c);
	set(c->easy, CURLOPT_NOPROGRESS, 0L);
	set(c->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	set(c->easy, CURLOPT_XFERINFODATA, c);
	if (o->ca)
		set(c->easy, CURLOPT_CAINFO, o->ca);
	if (o->insecure) {
		set(c->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		set(c->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static int
check_url(const char *url, struct buf *err)
{
	if (url && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
	    strstr(url, "://")[3])
		return 0;
	buf_printf(err, "url: \"%s\" does not begin with http:// or https://", url ? url : "");
	return -EINVAL;
}

struct http_client *
http_client_new(const struct weft_http_options *o, const char *url, const char *type,
    struct buf *err)
{
	const struct curl_calls *curl = check_url(url, err) ? NULL : curl_load(err);
	struct http_client *c;

	if (!curl)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->curl = curl;
	c->url = xstrdup(url);
	c->shown = without_secrets(url);
	c->gzips = o->gzip;
	c->gzip = (struct compressor){ .kind = COMPRESS_GZIP, .level = 1 };
	c->easy = curl->easy_init();
	c->multi = curl->multi_init();
	assert_always(c->easy && c->multi);
	if (set_headers(c, o, type, err) || set_user(c, o, err)) {
		http_client_free(c);
		return NULL;
	}
	set_options(c, o);
	return c;
}

void
http_client_free(struct http_client *c)
{
	if (!c)
		return;
	weft_enter_blocking();		/* says good-bye to TLS peers */
	c->curl->multi_cleanup(c->multi);
	c->curl->easy_cleanup(c->easy);
	weft_leave_blocking();
	c->curl->slist_free_all(c->headers);
	compress_finish(&c->gzip);
	free(c->url);
	free(c->shown);
	free(c);
}

static CURLcode
run(struct http_client *c)
{
	CURLMcode err;
	CURLMsg *m;
	int running, left;

	do {
		err = c->curl->multi_perform(c->multi, &running);
		if (!err && running)
			err = c->curl->multi_poll(c->multi, NULL, 0, 1000, NULL);
		if (atomic_load(&c->cancelled))
			return CURLE_ABORTED_BY_CALLBACK;
	} while (!err && running);
	m = err ? NULL : c->curl->multi_info_read(c->multi, &left);
	return m && m->msg == CURLMSG_DONE ? m->data.result : CURLE_FAILED_INIT;
}

/* A SIGPIPE that was pending before is somebody else's. */
static CURLcode
run_without_sigpipe(struct http_client *c)
{
	const struct timespec no_time = { 0 };
	sigset_t pipe, old, pending;
	CURLcode got;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	c->curl->multi_add_handle(c->multi, c->easy);
	got = run(c);
	c->curl->multi_remove_handle(c->multi, c->easy);
	if (!sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe, NULL, &no_time) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return got;
}

static void
read_answer(struct http_client *c)
{
	long status = 0;
	curl_off_t after = 0;

	c->curl->easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->curl->easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &after);
	c->answer->status = status;
	after = after < 0 ? 0 : after > 86400 ? 86400 : after;
	c->answer->after = after * WEFT_SECOND;
}

static CURLcode
post(struct http_client *c, const void *body, size_t len)
{
	CURLcode got;

	c->curl->easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	c->curl->easy_setopt(c->easy, CURLOPT_POSTFIELDS, body);
	c->error[0] = '\0';
	weft_enter_blocking();
	got = run_without_sigpipe(c);
	if (got == CURLE_OK)
		read_answer(c);
	weft_leave_blocking();
	return got;
}

static int
error_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:			return 0;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:	return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:	return -ETIMEDOUT;
	case CURLE_ABORTED_BY_CALLBACK:	return -ECANCELED;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:		return -ECONNRESET;
	case CURLE_WRITE_ERROR:		return -EMSGSIZE;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CONNECT_ERROR:	return -EPROTO;
	default:			return -EIO;
	}
}

static void
on_cancel(void *arg)
{
	struct http_client *c = arg;

	atomic_store(&c->cancelled, true);
	c->curl->multi_wakeup(c->multi);
	weft_waitgroup_done(&c->watching);
}

int
http_post(weft_ctx *ctx, struct http_client *c, const void *body, size_t len,
    struct http_answer *a, struct buf *why)
{
	weft_after_handle *watch = NULL;
	CURLcode got;

	a->status = 0;
	a->after = 0;
	a->body.len = 0;
	c->answer = a;
	if (c->gzips) {
		compress_frame(&c->gzip, body, len);
		body = c->gzip.out.data;
		len = c->gzip.out.len;
	}
	atomic_store(&c->cancelled, false);
	if (ctx) {
		weft_waitgroup_add(&c->watching, 1);
		watch = weft_after_func(ctx, on_cancel, c);
	}
	got = post(c, body, len);
	if (watch && weft_after_stop(watch))
		weft_waitgroup_done(&c->watching);
	weft_waitgroup_wait(&c->watching);
	if (got == CURLE_ABORTED_BY_CALLBACK && ctx && weft_err(ctx))
		return weft_err(ctx);
	if (got != CURLE_OK)
		buf_printf(why, "POST %s: %s", c->shown,
		    c->error[0] ? c->error : c->curl->easy_strerror(got));
	return error_of(got);
}
