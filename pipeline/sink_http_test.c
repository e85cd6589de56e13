/* sink_http_test.c - records to an HTTP server */
#include <zlib.h>

#include "testhttp.h"

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
