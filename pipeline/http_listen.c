/*
 * http_listen.c - a small HTTP server for /metrics and /healthz; see operate.h
 *
 * One request per connection, which is closed then.  A client gets REQUEST_TIME to ask and as
 * long to read the answer; a request may have REQUEST bytes, bodies are not read; and there are
 * at most CONNECTIONS, one more is closed at once.
 */
#include <stdlib.h>
#include <string.h>

#include "operate.h"
#include "stage.h"
#include "weft/net.h"
#include "weft/time.h"

#define REQUEST		8192
#define REQUEST_TIME	(10 * WEFT_SECOND)
#define LINGER		WEFT_SECOND
#define CONNECTIONS	64

struct server {
	weft_pipeline	*p;
	weft_listener	*l;
	weft_ctx	*life;
	weft_waitgroup	 running;
	atomic_int	 clients;
	struct health	 health;
};

/* ":9600" is every address of the machine. */
static void
full_address(const char *address, struct buf *out)
{
	if (!strstr(address, "://") && strncmp(address, "unix:", 5) != 0)
		buf_printf(out, "tcp://%s", *address == ':' ? "[::]" : "");
	buf_adds(out, address);
}

int
server_open(weft_pipeline *p, const char *address, struct server **out, struct buf *err)
{
	struct buf full = { 0 };
	struct server *s;
	weft_listener *l;
	int e;

	full_address(address, &full);
	e = weft_listen(NULL, buf_str(&full), &l);
	buf_finish(&full);
	if (e) {
		buf_printf(err, "cannot listen at %s for /metrics: %s", address,
		    e == -EINVAL ? "an address is 127.0.0.1:9600 or :9600" : strerror(-e));
		return e;
	}
	s = xcalloc(1, sizeof(*s));
	s->p = p;
	s->l = l;
	*out = s;
	return 0;
}

const char *
server_address(struct server *s)
{
	return weft_listener_addr(s->l);
}

static void
add_answer(struct buf *out, int status, const char *reason, const char *type,
    const char *more, struct buf *body, bool head)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n", status, reason, type,
	    body->len, more);
	if (!head)
		buf_add(out, body->data, body->len);
	buf_finish(body);
}

static void
add_text(struct buf *out, int status, const char *reason, const char *more, bool head,
    const char *text)
{
	struct buf body = { 0 };

	buf_adds(&body, text);
	add_answer(out, status, reason, "text/plain; charset=utf-8", more, &body, head);
}

static void
answer_metrics(struct server *s, bool head, struct buf *out)
{
	struct snapshot snap;
	struct buf body = { 0 };

	snapshot_take(s->p, &snap);
	snapshot_metrics(&snap, &body);
	snapshot_finish(&snap);
	add_answer(out, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", "", &body, head);
}

static void
answer_health(struct server *s, bool head, struct buf *out)
{
	const struct health_limits *limits = s->p->health ? s->p->health : &health_limits;
	struct snapshot snap;
	struct buf why = { 0 };

	snapshot_take(s->p, &snap);
	if (health_good(&s->health, limits, &snap, weft_now(), &why))
		add_text(out, 200, "OK", "", head, "ok\n");
	else
		add_text(out, 503, "Service Unavailable", "", head, buf_str(&why));
	snapshot_finish(&snap);
	buf_finish(&why);
}

/* "GET /path?query HTTP/1.1": false: it is none. */
static bool
request_line(const char *line, size_t len, char method[16], char path[256])
{
	const char *end = line + len, *sp, *sp2;
	size_t n;

	sp = memchr(line, ' ', len);
	sp2 = sp ? memchr(sp + 1, ' ', end - sp - 1) : NULL;
	if (!sp2 || sp == line || sp - line >= 16 || sp[1] != '/')
		return false;
	if (end - sp2 != 9 || memcmp(sp2, " HTTP/1.", 8) != 0 || (sp2[8] != '0' && sp2[8] != '1'))
		return false;
	for (const char *c = line; c < sp; c++)
		if (*c < 'A' || *c > 'Z')
			return false;
	memcpy(method, line, sp - line);
	method[sp - line] = '\0';
	for (n = 0; sp + 1 + n < sp2 && sp[1 + n] != '?' && n < 255; n++)
		path[n] = sp[1 + n];
	path[n] = '\0';
	return true;
}

void
server_answer(struct server *s, const char *request, size_t len, struct buf *out)
{
	const char *eol = memchr(request, '\n', len);
	size_t line = eol ? (size_t)(eol - request) : len;
	char method[16], path[256];
	bool head;

	if (line && request[line - 1] == '\r')
		line--;
	if (!eol || !request_line(request, line, method, path)) {
		add_text(out, 400, "Bad Request", "", false, "this is not HTTP/1.1\n");
		return;
	}
	head = strcmp(method, "HEAD") == 0;
	if (strcmp(path, "/metrics") != 0 && strcmp(path, "/healthz") != 0)
		add_text(out, 404, "Not Found", "", head, "there is /metrics and /healthz\n");
	else if (!head && strcmp(method, "GET") != 0)
		add_text(out, 405, "Method Not Allowed", "Allow: GET, HEAD\r\n", false,
		    "GET it\n");
	else if (path[1] == 'm')
		answer_metrics(s, head, out);
	else
		answer_health(s, head, out);
}

/* Up to the empty line.  0, or an error; -E2BIG: it is too long. */
static int
read_request(weft_ctx *ctx, weft_conn *c, struct buf *in)
{
	while (in->len < REQUEST) {
		ssize_t n;

		buf_grow(in, REQUEST - in->len);
		n = weft_read(ctx, c, in->data + in->len, REQUEST - in->len);
		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		in->len += n;
		if (memmem(in->data, in->len, "\r\n\r\n", 4) || memmem(in->data, in->len, "\n\n", 2))
			return 0;
	}
	return -E2BIG;
}

/* Closing with something unread would throw away what the client has not read yet. */
static void
linger(struct server *s, weft_conn *c, struct buf *in)
{
	weft_ctx *ctx = weft_with_timeout(s->life, LINGER);

	weft_close_write(c);
	for (int i = 0; i < 16; i++)
		if (weft_read(ctx, c, in->data, in->room) <= 0)
			break;
	weft_ctx_free(ctx);
}

static void
serve_client(struct server *s, weft_conn *c)
{
	weft_ctx *ctx = weft_with_timeout(s->life, REQUEST_TIME);
	struct buf in = { 0 }, out = { 0 };
	int err = read_request(ctx, c, &in);

	weft_ctx_free(ctx);
	if (err == -E2BIG)
		add_text(&out, 431, "Request Header Fields Too Large", "", false,
		    "that is too long\n");
	else if (err == -ETIMEDOUT)
		add_text(&out, 408, "Request Timeout", "", false, "that takes too long\n");
	else if (!err)
		server_answer(s, in.data, in.len, &out);
	ctx = weft_with_timeout(s->life, REQUEST_TIME);
	if (out.len && weft_write(ctx, c, out.data, out.len) > 0)
		linger(s, c, &in);
	weft_ctx_free(ctx);
	weft_conn_close(c);
	buf_finish(&in);
	buf_finish(&out);
	atomic_fetch_sub(&s->clients, 1);
}

/* Out of descriptors, say: it passes. */
static void
accept_clients(struct server *s)
{
	weft_conn *c;
	int err;

	while (!weft_err(s->life)) {
		err = weft_accept(s->life, s->l, &c);
		if (err) {
			weft_sleep_ctx(s->life, 100 * WEFT_MS);
		} else if (atomic_fetch_add(&s->clients, 1) >= CONNECTIONS) {
			atomic_fetch_sub(&s->clients, 1);
			weft_conn_close(c);
		} else {
			weft_waitgroup_go(&s->running, serve_client, s, c);
		}
	}
}

static void
watch_health(struct server *s)
{
	struct snapshot snap;

	do {
		snapshot_take(s->p, &snap);
		health_watch(&s->health, &snap, weft_now());
		snapshot_finish(&snap);
	} while (weft_sleep_ctx(s->life, WEFT_SECOND) == 0);
}

void
server_start(struct server *s)
{
	s->life = weft_with_cancel(NULL);
	weft_waitgroup_go(&s->running, accept_clients, s);
	weft_waitgroup_go(&s->running, watch_health, s);
}

void
server_stop(struct server *s)
{
	if (!s)
		return;
	if (s->life)			/* it was started */
		weft_cancel(s->life);
	weft_waitgroup_wait(&s->running);
	weft_listener_close(s->l);
	weft_ctx_free(s->life);
	health_finish(&s->health);
	free(s);
}
