/*
 * testhttp.h - an HTTP server that does what a script says, and deliveries to it
 *
 * The server answers requests in turn with what its script has, keeps what it was sent, and
 * counts connections.
 */
#ifndef WEFT_PIPELINE_TESTHTTP_H
#define WEFT_PIPELINE_TESTHTTP_H

#include <stdio.h>
#include <stdlib.h>

#include "sink.h"
#include "weft/net.h"
#include "weft/sync.h"
#include "weft/testing.h"

enum { ANSWER, CUT, GARBAGE, SILENCE };

struct reply { int status, manner; const char *headers, *body; };

struct server {
	weft_listener	*l;
	weft_ctx	*ctx;
	weft_waitgroup	 running;
	const struct reply *script;	/* the last one again and again */
	int		 nscript;
	weft_mutex	 lock;		/* protects what follows */
	int		 nrequests, nconns;
	struct buf	 head[64], body[64];
	weft_chan(int)	 came;		/* a token for each request, if there is room */
	char		 url[200];
};

/* Reads up to the end of a request's head, then its body; false: there is none. */
static inline bool
read_request(struct server *s, weft_conn *c, struct buf *head, struct buf *body)
{
	size_t length = 0;
	char *end = NULL, *at;
	ssize_t n;

	while (!end) {
		buf_grow(head, 1 << 16);
		n = weft_read(s->ctx, c, head->data + head->len, 1 << 16);
		if (n <= 0)
			return false;
		head->len += n;
		end = strstr(buf_str(head), "\r\n\r\n");
	}
	at = strstr(head->data, "Content-Length: ");
	length = at ? strtoul(at + 16, NULL, 10) : 0;
	buf_add(body, end + 4, head->data + head->len - (end + 4));
	head->len = end + 2 - head->data;
	buf_grow(body, length);
	while (body->len < length) {
		n = weft_read(s->ctx, c, body->data + body->len, length - body->len);
		if (n <= 0)
			return false;
		body->len += n;
	}
	return true;
}

static inline bool
answer(struct server *s, weft_conn *c, const struct reply *r)
{
	struct buf out = { 0 };
	const char *body = r->body ? r->body : "";
	bool more = r->manner == ANSWER;
	char byte;

	if (r->manner == SILENCE) {
		weft_read(s->ctx, c, &byte, 1);		/* until the other side gives up */
		return false;
	}
	if (r->manner == GARBAGE)
		buf_adds(&out, "\001\002 this is no HTTP\r\n\r\n");
	else
		buf_printf(&out, "HTTP/1.1 %d Word\r\nContent-Length: %zu\r\n%s\r\n%s", r->status,
		    strlen(body) + (r->manner == CUT ? 10 : 0), r->headers ? r->headers : "", body);
	weft_write(s->ctx, c, out.data, out.len);
	buf_finish(&out);
	return more;
}

static inline void
serve(struct server *s, weft_conn *c)
{
	struct buf head = { 0 }, body = { 0 };
	bool more = true;

	while (more && read_request(s, c, &head, &body)) {
		int n, i;

		weft_mutex_lock(&s->lock);
		n = s->nrequests++;
		if (n < 64) {
			s->head[n] = head;
			s->body[n] = body;
			head = body = (struct buf){ 0 };
		}
		weft_mutex_unlock(&s->lock);
		weft_poll(weft_on_send(s->came, n));
		i = n < s->nscript ? n : s->nscript - 1;
		more = answer(s, c, &s->script[i]);
		head.len = body.len = 0;
	}
	buf_finish(&head);
	buf_finish(&body);
	weft_conn_close(c);
	weft_waitgroup_done(&s->running);
}

static inline void
listen_on(struct server *s)
{
	for (weft_conn *c; weft_accept(s->ctx, s->l, &c) == 0; ) {
		weft_mutex_lock(&s->lock);
		s->nconns++;
		weft_mutex_unlock(&s->lock);
		weft_waitgroup_add(&s->running, 1);
		weft_go(serve, s, c);
	}
	weft_waitgroup_done(&s->running);
}

static inline void
start_server(struct server *s, const struct reply *script, int n, const char *path)
{
	memset(s, 0, sizeof(*s));
	setenv("no_proxy", "*", 1);
	s->script = script;
	s->nscript = n;
	s->ctx = weft_with_cancel(NULL);
	s->came = weft_make(int, 64);
	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &s->l) == 0);
	snprintf(s->url, sizeof(s->url), "http://%s%s", weft_listener_addr(s->l) + 6, path);
	weft_waitgroup_add(&s->running, 1);
	weft_go(listen_on, s);
}

static inline void
end_server(struct server *s)
{
	weft_cancel(s->ctx);
	weft_waitgroup_wait(&s->running);
	weft_listener_close(s->l);
	weft_ctx_free(s->ctx);
	weft_free(s->came);
	for (int i = 0; i < 64; i++) {
		buf_finish(&s->head[i]);
		buf_finish(&s->body[i]);
	}
}

#define START(s, script, path) start_server(&s, script, sizeof(script) / sizeof(script[0]), path)

struct delivery {
	struct sink	*sink;
	struct buf	 data;
	uint32_t	 ends[8192];
	struct parcel	 parcel;
	uint32_t	 done;
	struct rejects	 rejects;
	int		 err;
};

static inline void
add(struct delivery *d, const char *record)
{
	buf_adds(&d->data, record);
	buf_addc(&d->data, '\n');
	d->ends[d->parcel.records++] = d->data.len;
	d->parcel.data = d->data.data;
	d->parcel.len = d->data.len;
	d->parcel.ends = d->ends;
	d->parcel.source = "app \"1\"";
	d->parcel.host = "web";
	d->parcel.stream = "/x";
	d->parcel.received = INT64_C(1700000000) * WEFT_SECOND;
}

static inline void
run(weft_ctx *ctx, struct delivery *d, weft_chan(int) over)
{
	d->err = d->sink->kind->write(ctx, d->sink, &d->parcel, &d->done, &d->rejects);
	weft_send(over, 1);
}

/* On a stack such as an output has. */
static inline int
deliver(weft_ctx *ctx, struct delivery *d)
{
	weft_chan(int) over = weft_make(int, 1);
	int one;

	weft_go_stack(256 << 10, run, ctx, d, over);
	weft_recv(over, &one);
	weft_free(over);
	return d->err;
}

static inline struct delivery *
new_delivery(const struct weft_http_options *o)
{
	struct delivery *d = calloc(1, sizeof(*d));
	struct buf err = { 0 };

	d->sink = sink_http(o, &err);
	if (!d->sink)
		weft_logf("%s", buf_str(&err));
	REQUIRE(d->sink != NULL);
	buf_finish(&err);
	return d;
}

static inline void
next_parcel(struct delivery *d)
{
	rejects_finish(&d->rejects);
	d->data.len = 0;
	d->parcel = (struct parcel){ 0 };
	d->done = 0;
}

static inline void
end_delivery(struct delivery *d)
{
	next_parcel(d);
	buf_finish(&d->data);
	sink_close(d->sink);
	free(d);
}

#endif
