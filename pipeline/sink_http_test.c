/*
 * sink_http_test.c - records to an HTTP server that does what a script says
 *
 * The server answers requests in turn with what its script has, keeps what it was sent, and
 * counts connections.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

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
static bool
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

static bool
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

static void
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

static void
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

static void
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

static void
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

static void
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

static void
run(weft_ctx *ctx, struct delivery *d, weft_chan(int) over)
{
	d->err = d->sink->kind->write(ctx, d->sink, &d->parcel, &d->done, &d->rejects);
	weft_send(over, 1);
}

/* On a stack such as an output has. */
static int
deliver(weft_ctx *ctx, struct delivery *d)
{
	weft_chan(int) over = weft_make(int, 1);
	int one;

	weft_go_stack(256 << 10, run, ctx, d, over);
	weft_recv(over, &one);
	weft_free(over);
	return d->err;
}

static struct delivery *
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

static void
next_parcel(struct delivery *d)
{
	rejects_finish(&d->rejects);
	d->data.len = 0;
	d->parcel = (struct parcel){ 0 };
	d->done = 0;
}

static void
end_delivery(struct delivery *d)
{
	next_parcel(d);
	buf_finish(&d->data);
	sink_close(d->sink);
	free(d);
}

static const struct reply fine[] = { { .status = 200 } };

TEST(HttpPostsArraysOverOneConnection)
{
	struct server s;
	const char *const headers[] = { "X-Key: ${WEFT_HTTP_TEST}", NULL };

	setenv("WEFT_HTTP_TEST", "secret", 1);
	START(s, fine, "/in?x=1");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .headers = headers, .user = "me:${WEFT_HTTP_TEST}" });

	add(d, "{\"a\":1}");
	add(d, "{\"a\":2}");
	CHECK_EQ(deliver(NULL, d), 0);
	CHECK_EQ(d->done, 2);
	next_parcel(d);
	add(d, "{\"a\":3}");
	CHECK_EQ(deliver(NULL, d), 0);
	CHECK_EQ(s.nconns, 1);
	CHECK_STR(buf_str(&s.body[0]), "[{\"a\":1},{\"a\":2}]");
	CHECK_STR(buf_str(&s.body[1]), "[{\"a\":3}]");
	CHECK(strstr(buf_str(&s.head[0]), "POST /in?x=1 HTTP/1.1\r\n") != NULL);
	CHECK(strstr(buf_str(&s.head[0]), "\r\nX-Key: secret\r\n") != NULL);
	CHECK(strstr(buf_str(&s.head[0]), "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK(strstr(buf_str(&s.head[0]), "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n") != NULL);
	end_delivery(d);
	end_server(&s);
	unsetenv("WEFT_HTTP_TEST");
}

TEST(HttpPostsLinesPacked)
{
	struct server s;
	char out[100];
	z_stream z = { 0 };

	START(s, fine, "/");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .shape = WEFT_HTTP_LINES, .gzip = true });

	add(d, "{\"a\":1}");
	add(d, "{\"a\":2}");
	CHECK_EQ(deliver(NULL, d), 0);
	CHECK(strstr(buf_str(&s.head[0]), "\r\nContent-Encoding: gzip\r\n") != NULL);
	REQUIRE(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK);
	z.next_in = (Bytef *)s.body[0].data;
	z.avail_in = s.body[0].len;
	z.next_out = (Bytef *)out;
	z.avail_out = sizeof(out) - 1;
	CHECK_EQ(inflate(&z, Z_FINISH), Z_STREAM_END);
	out[z.total_out] = '\0';
	CHECK_STR(out, "{\"a\":1}\n{\"a\":2}\n");
	inflateEnd(&z);
	end_delivery(d);
	end_server(&s);
}

static const struct reply bulk[] = {
	{ .status = 200, .body = "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},"
	    "{\"create\":{\"status\":400,\"error\":{\"type\":\"mapper\",\"reason\":\"no \\\"int\\\"\"}}},"
	    "{\"create\":{\"status\":429,\"error\":{\"type\":\"full\",\"reason\":\"busy\"}}},"
	    "{\"create\":{\"status\":400,\"error\":\"old\"}},{\"create\":{\"status\":503}}]}" },
	{ .status = 200, .body = "{\"errors\":true,\"items\":[{\"create\":{\"status\":503}},"
	    "{\"create\":{\"status\":201}}]}" },
	{ .status = 200, .body = "{\"took\":1,\"errors\":false}" },
};

TEST(HttpBulkSendsAgainOnlyWhatWasNotTaken)
{
	struct server s;

	START(s, bulk, "/_bulk");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .shape = WEFT_HTTP_ELASTICSEARCH, .index = "logs-{source}-%Y" });

	for (int i = 0; i < 5; i++) {
		char record[] = "{\"a\":0}";

		record[5] += i;
		add(d, record);
	}
	CHECK_EQ(deliver(NULL, d), -EAGAIN);
	CHECK_EQ(d->done, 2);
	CHECK(strstr(buf_str(&d->sink->why), "429 full: busy") != NULL);
	CHECK_EQ(deliver(NULL, d), -EAGAIN);
	CHECK_EQ(d->done, 2);
	CHECK_EQ(deliver(NULL, d), 0);
	CHECK_EQ(d->done, 5);
	CHECK_EQ(d->rejects.n, 2);
	CHECK_EQ(d->rejects.record[0], 1);
	CHECK_STR(d->rejects.why[0], "400 mapper: no \"int\"");
	CHECK_EQ(d->rejects.record[1], 3);
	CHECK_STR(d->rejects.why[1], "400: old");
#define ACTION "{\"create\":{\"_index\":\"logs-app__1_-2023\"}}\n"
	CHECK(strstr(buf_str(&s.body[0]), ACTION "{\"a\":0}\n" ACTION) == s.body[0].data);
	CHECK_STR(buf_str(&s.body[1]), ACTION "{\"a\":2}\n" ACTION "{\"a\":4}\n");
	CHECK_STR(buf_str(&s.body[2]), ACTION "{\"a\":2}\n");
	CHECK(strstr(buf_str(&s.head[0]), "/_bulk?filter_path=errors,items") != NULL);
	CHECK(strstr(buf_str(&s.head[0]), "application/x-ndjson") != NULL);
	end_delivery(d);
	end_server(&s);
}

TEST(HttpBulkStartsAfreshWithAnotherParcel)
{
	struct server s;

	START(s, bulk, "/_bulk");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .shape = WEFT_HTTP_ELASTICSEARCH });

	for (int i = 0; i < 5; i++)
		add(d, "{}");
	CHECK_EQ(deliver(NULL, d), -EAGAIN);
	next_parcel(d);
	add(d, "{\"b\":1}");
	add(d, "{\"b\":2}");
	CHECK_EQ(deliver(NULL, d), -EAGAIN);
	CHECK_EQ(d->done, 0);
	CHECK_STR(buf_str(&s.body[1]),
	    "{\"create\":{}}\n{\"b\":1}\n{\"create\":{}}\n{\"b\":2}\n");
	end_delivery(d);
	end_server(&s);
}

static const struct reply nonsense[] = {
	{ .status = 200, .body = "<html>hello</html>" },
	{ .status = 200, .body = "{\"errors\":true,\"items\":[]}" },
	{ .status = 200, .body = "{\"errors\":true,\"items\":[{\"create\":{}}]}" },
	{ .status = 200, .body = "{\"errors\":true,\"items\":[5]}" },
	{ .status = 200, .body = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" },
	{ .status = 200, .body = "" },
	{ .manner = GARBAGE },
	{ .status = 200, .manner = CUT, .body = "{" },
	{ .status = 302, .headers = "Location: /elsewhere\r\n" },
	{ .status = 200, .body = "{\"errors\":false}" },
};

TEST(HttpGarbageIsNoAnswer)
{
	struct server s;
	int tries = 0;

	START(s, nonsense, "/_bulk");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .shape = WEFT_HTTP_ELASTICSEARCH });

	add(d, "{}");
	for (; deliver(NULL, d) != 0; tries++) {
		CHECK(d->err < 0 && d->done == 0 && d->sink->why.len > 0);
		REQUIRE(tries < 20);
	}
	CHECK_EQ(tries, 9);
	CHECK_EQ(d->rejects.n, 0);
	end_delivery(d);
	end_server(&s);
}

/* Loki takes nothing of a request with a line that it does not like. */
static const struct reply loki[] = {
	{ .status = 400, .body = "entry out of order\n" },	/* all four */
	{ .status = 204 },					/* 0 and 1 */
	{ .status = 400, .body = "entry out of order\n" },	/* 2 and 3 */
	{ .status = 400, .body = "entry out of order\n" },	/* 2 */
	{ .status = 204 },					/* 3 */
};

TEST(HttpLokiFindsTheEntryThatIsRefused)
{
	struct server s;
	const char *const labels[] = { "job=weft", "from={source}@{host}", NULL };

	START(s, loki, "/loki/api/v1/push");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .shape = WEFT_HTTP_LOKI, .labels = labels });

	add(d, "[\"1\",\"a\"]");
	add(d, "[\"2\",\"b\"]");
	add(d, "[\"3\",\"c\"]");
	add(d, "[\"4\",\"d\"]");
	CHECK_EQ(deliver(NULL, d), 0);
	CHECK_EQ(s.nrequests, 5);
#define STREAM "{\"streams\":[{\"stream\":{\"job\":\"weft\"," \
	"\"from\":\"app \\\"1\\\"@web\"},\"values\":"
	CHECK_STR(buf_str(&s.body[1]), STREAM "[[\"1\",\"a\"],[\"2\",\"b\"]]}]}");
	CHECK_STR(buf_str(&s.body[4]), STREAM "[[\"4\",\"d\"]]}]}");
	REQUIRE(d->rejects.n == 1);
	CHECK_EQ(d->rejects.record[0], 2);
	CHECK(strstr(d->rejects.why[0], "/loki/api/v1/push answers 400: entry out of order") != NULL);
	end_delivery(d);
	end_server(&s);
}

static const struct { int status, err; const char *headers; int after, rejects; } statuses[] = {
	{ 503, -EAGAIN, "Retry-After: 7\r\n", 7, 0 },
	{ 429, -EAGAIN, NULL, 0, 0 },
	{ 408, -EAGAIN, NULL, 0, 0 },
	{ 500, -EAGAIN, NULL, 0, 0 },
	{ 401, -EACCES, NULL, 0, 0 },
	{ 403, -EACCES, NULL, 0, 0 },
	{ 404, -ENOENT, NULL, 0, 0 },
	{ 400, 0, NULL, 0, 2 },
	{ 422, 0, NULL, 0, 2 },
};

TEST(HttpStatusSaysWhetherToTryAgain)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const struct reply script[] = { { .status = statuses[i].status,
		    .headers = statuses[i].headers, .body = "because\r\nof that\n" } };
		struct server s;
		char want[300];

		START(s, script, "/in?token=secret");
		struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url });

		add(d, "1");
		add(d, "2");
		CHECK_EQ(deliver(NULL, d), statuses[i].err);
		CHECK_EQ(d->sink->after, statuses[i].after * WEFT_SECOND);
		CHECK_EQ(d->done, statuses[i].err ? 0 : 2);
		CHECK_EQ(d->rejects.n, statuses[i].rejects);
		snprintf(want, sizeof(want), "%.*s answers %d: because  of that",
		    (int)strcspn(s.url, "?"), s.url, statuses[i].status);
		if (statuses[i].err)
			CHECK_STR(buf_str(&d->sink->why), want);
		else
			CHECK_STR(d->rejects.why[1], want);
		end_delivery(d);
		end_server(&s);
	}
}

static const struct reply too_much[] = {
	{ .status = 413 }, { .status = 413 },	/* four, two */
	{ .status = 200 },			/* 0 */
	{ .status = 413 },			/* 1 and 2 */
	{ .status = 413 },			/* 1: refused by itself */
	{ .status = 200 },			/* 2 and 3 */
};

TEST(HttpRequestThatIsTooLargeIsHalved)
{
	struct server s;

	START(s, too_much, "/");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url });

	add(d, "0");
	add(d, "1");
	add(d, "2");
	add(d, "3");
	CHECK_EQ(deliver(NULL, d), 0);
	CHECK_STR(buf_str(&s.body[0]), "[0,1,2,3]");
	CHECK_STR(buf_str(&s.body[1]), "[0,1]");
	CHECK_STR(buf_str(&s.body[2]), "[0]");
	CHECK_STR(buf_str(&s.body[3]), "[1,2]");
	CHECK_STR(buf_str(&s.body[4]), "[1]");
	CHECK_STR(buf_str(&s.body[5]), "[2,3]");
	CHECK_EQ(d->rejects.n, 1);
	CHECK_EQ(d->rejects.record[0], 1);
	end_delivery(d);
	end_server(&s);
}

static const struct reply second_fails[] = {
	{ .status = 200 }, { .status = 503 }, { .status = 200 },
};

TEST(HttpLargeParcelGoesInPieces)
{
	struct server s;
	char record[1001];
	uint32_t first;

	memset(record, '7', 1000);
	record[1000] = '\0';
	START(s, second_fails, "/");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .shape = WEFT_HTTP_LINES });

	for (int i = 0; i < 2500; i++)
		add(d, record);
	CHECK_EQ(deliver(NULL, d), -EAGAIN);
	first = d->done;
	CHECK(first > 1000 && first < 1100);
	CHECK_EQ(deliver(NULL, d), 0);
	CHECK_EQ(d->done, 2500);
	CHECK_EQ(s.nrequests, 4);
	CHECK_EQ(s.body[0].len, first * 1001);
	CHECK_EQ(s.body[0].len + s.body[2].len + s.body[3].len, 2500 * 1001);
	end_delivery(d);
	end_server(&s);
}

static const struct reply cuts[] = { { .status = 200, .manner = CUT }, { .status = 200 } };

TEST(HttpConnectionThatIsCutIsMadeAgain)
{
	struct server s;

	START(s, cuts, "/");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url });

	add(d, "1");
	CHECK_EQ(deliver(NULL, d), -ECONNRESET);
	CHECK_EQ(d->done, 0);
	CHECK_EQ(deliver(NULL, d), 0);
	end_delivery(d);
	end_server(&s);
}

static const struct reply silence[] = { { .manner = SILENCE } };

TEST(HttpServerThatSaysNothingIsGivenUp)
{
	struct server s;

	START(s, silence, "/");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .timeout = 50 * WEFT_MS });

	add(d, "1");
	CHECK_EQ(deliver(NULL, d), -ETIMEDOUT);
	CHECK(strstr(buf_str(&d->sink->why), "timed out") != NULL);
	end_delivery(d);
	end_server(&s);
}

static void
cancel_when_asked(struct server *s, weft_ctx *ctx)
{
	int n;

	weft_recv(s->came, &n);
	weft_cancel(ctx);
}

TEST(HttpRequestEndsWithItsContext)
{
	struct server s;
	weft_ctx *ctx = weft_with_cancel(NULL);

	START(s, silence, "/");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url });

	add(d, "1");
	weft_go(cancel_when_asked, &s, ctx);
	CHECK_EQ(deliver(ctx, d), -ECANCELED);
	CHECK_EQ(deliver(ctx, d), -ECANCELED);		/* before it has begun, too */
	end_delivery(d);
	end_server(&s);
	weft_ctx_free(ctx);
}

TEST(HttpServerThatIsDownIsNoReasonToStop)
{
	struct server s;
	struct buf err = { 0 };

	START(s, fine, "/");
	end_server(&s);
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url });

	CHECK_EQ(d->sink->kind->open(NULL, d->sink, NULL, 0, &err), 0);
	add(d, "1");
	CHECK_EQ(deliver(NULL, d), -ECONNREFUSED);
	CHECK(strncmp(buf_str(&d->sink->why), "POST http://127.0.0.1:", 22) == 0);
	end_delivery(d);
	buf_finish(&err);
}

static void
refused(struct weft_http_options o, const char *why)
{
	struct buf err = { 0 };

	CHECK(sink_http(&o, &err) == NULL);
	CHECK_STR(buf_str(&err), why);
	buf_finish(&err);
}

TEST(HttpOptionsAreChecked)
{
	const char *const bad_label[] = { "a b=c", NULL }, *const bad_header[] = { "x", NULL };
	const char *const no_env[] = { "A: ${WEFT_NO_SUCH}", NULL };

	refused((struct weft_http_options){ 0 },
	    "url: \"\" does not begin with http:// or https://");
	refused((struct weft_http_options){ .url = "ftp://x/" },
	    "url: \"ftp://x/\" does not begin with http:// or https://");
	refused((struct weft_http_options){ .url = "http://x", .shape = WEFT_HTTP_LOKI,
	    .labels = bad_label },
	    "labels: \"a b=c\" is not name=value, the name of letters, digits and _");
	refused((struct weft_http_options){ .url = "http://x", .headers = bad_header },
	    "headers: \"x\" has no colon; write \"Name: value\"");
	refused((struct weft_http_options){ .url = "http://x", .headers = no_env },
	    "${WEFT_NO_SUCH}: there is no such variable in the environment");
	refused((struct weft_http_options){ .url = "http://x",
	    .shape = WEFT_HTTP_ELASTICSEARCH, .index = "%q" },
	    "%q: %q is unknown; there are %Y %m %d %H %M and %%");
}

BENCH(HttpSink)
{
	struct server s;

	START(s, fine, "/");
	struct delivery *d = new_delivery(&(struct weft_http_options){ .url = s.url,
	    .shape = WEFT_HTTP_LINES });

	for (int i = 0; i < 1000; i++)
		add(d, "{\"time\":\"2026-11-25T18:31:51.123456Z\",\"level\":\"info\",\"msg\":\"request done, "
		    "and all is well with it\",\"user\":12345,\"path\":\"/a/b/c\",\"took\":1.25}");
	weft_bytes(b, d->parcel.len);
	while (weft_loop(b)) {
		d->done = 0;
		if (deliver(NULL, d))
			break;
	}
	end_delivery(d);
	end_server(&s);
}
