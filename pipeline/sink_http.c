/*
 * sink_http.c - records to an HTTP server: JSON arrays, NDJSON, Elasticsearch, Loki
 *
 * What became of each record of a parcel is remembered from one try to the next, so that only
 * those are sent again that nobody has taken: Elasticsearch takes some of a request and not others.
 * Whether it is the same parcel its hash tells.  A request that was cut off in the middle is sent
 * again: the server may have taken it, and then has it twice.
 *
 *	2xx		taken; Elasticsearch says so of each
 *	408, 429, 5xx	again, no sooner than Retry-After
 *	413		again, in smaller pieces; a single record is refused
 *	401, 403, 404, other 4xx that speak of the request's address or manner, 3xx
 *			again, and told: the configuration is wrong, not the records
 *	other 4xx	refused, all of them; Loki's 400 may mean one of them: halves find out which
 */
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "http_client.h"
#include "http_shape.h"

#define REQUEST		(1 << 20)	/* bytes of records in one request, about */
#define REQUEST_MIN	(16 << 10)	/* no server's limit is lower */
#define SPLITS		100		/* of a parcel; then whole pieces are refused */

struct http_sink {
	struct sink	 sink;
	struct http_client *client;
	struct http_shape shape;
	struct http_answer answer;
	struct buf	 body;
	size_t		 limit;		/* bytes per request; less after a 413 */
	/* the parcel that is being delivered */
	uint64_t	 hash;
	uint32_t	 n;		/* its records; 0: there is none */
	struct verdict	*verdicts;
	uint32_t	*picked;	/* the records of this request */
	struct verdict	**asked;	/* and their verdicts */
	uint32_t	 room, most, splits;
};

static void
forget(struct http_sink *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		free(h->verdicts[i].why);
	h->n = 0;
}

static void
begin(struct http_sink *h, const struct parcel *p, uint32_t done)
{
	uint64_t hash = XXH3_64bits_withSeed(p->data, p->len, p->received);

	if (h->n && h->n == p->records && h->hash == hash)
		return;
	forget(h);
	if (h->room < p->records) {
		h->room = p->records;
		h->verdicts = xrealloc(h->verdicts, h->room * sizeof(*h->verdicts));
		h->picked = xrealloc(h->picked, h->room * sizeof(*h->picked));
		h->asked = xrealloc(h->asked, h->room * sizeof(*h->asked));
	}
	memset(h->verdicts, 0, p->records * sizeof(*h->verdicts));
	for (uint32_t i = 0; i < done; i++)
		h->verdicts[i].fate = RECORD_TAKEN;
	h->n = p->records;
	h->hash = hash;
	h->most = UINT32_MAX;
	h->splits = 0;
}

/* Open ones from *done on, at most so many and so many bytes, at least one if there is one. */
static uint32_t
pick(struct http_sink *h, const struct parcel *p, uint32_t done)
{
	size_t bytes = 0;
	uint32_t n = 0;

	for (uint32_t i = done; i < p->records && n < h->most; i++) {
		size_t len = p->ends[i] - parcel_offset(p, i);

		if (h->verdicts[i].fate != RECORD_OPEN)
			continue;
		if (n && bytes + len > h->limit)
			break;
		bytes += len;
		h->picked[n] = i;
		h->asked[n++] = &h->verdicts[i];
	}
	return n;
}

/* In order, and only what has nothing open before it: then *done can say it all. */
static void
settle(struct http_sink *h, uint32_t *done, struct rejects *r)
{
	for (; *done < h->n && h->verdicts[*done].fate != RECORD_OPEN; ++*done)
		if (h->verdicts[*done].fate == RECORD_REFUSED)
			rejects_add(r, *done, h->verdicts[*done].why);
}

/* What was too much, or bad, is behind us. */
static void
take_more(struct http_sink *h)
{
	if (h->most < UINT32_MAX / 2)
		h->most *= 2;
}

static void
take_all(struct http_sink *h, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		h->asked[i]->fate = RECORD_TAKEN;
	take_more(h);
}

/* The beginning of what the server said, in one line. */
static void
add_words(struct buf *out, const struct buf *body)
{
	size_t n = body->len < 300 ? body->len : 300;

	if (n)
		buf_adds(out, ": ");
	for (size_t i = 0; i < n; i++)
		buf_addc(out, (unsigned char)body->data[i] < ' ' ? ' ' : body->data[i]);
	while (out->len && out->data[out->len - 1] == ' ')
		out->len--;
}

static void
describe(struct http_sink *h)
{
	struct buf *why = &h->sink.why;

	why->len = 0;
	buf_printf(why, "%s answers %d", http_client_url(h->client), h->answer.status);
	add_words(why, &h->answer.body);
}

static void
refuse_all(struct http_sink *h, uint32_t n)
{
	describe(h);
	for (uint32_t i = 0; i < n; i++) {
		h->asked[i]->fate = RECORD_REFUSED;
		h->asked[i]->why = xstrdup(buf_str(&h->sink.why));
	}
	h->sink.why.len = 0;
}

static int
again(struct http_sink *h, int err)
{
	describe(h);
	h->sink.after = h->answer.after;
	return err;
}

/* Smaller pieces, if they can be; 0: go on. */
static int
split(struct http_sink *h, uint32_t n)
{
	if (n == 1 || h->splits++ >= SPLITS) {
		refuse_all(h, n);
		take_more(h);
	} else {
		h->most = n / 2;
	}
	return 0;
}

static int
too_large(struct http_sink *h, uint32_t n)
{
	if (n > 1 && h->limit > REQUEST_MIN)
		h->limit /= 2;		/* for those to come as well */
	return split(h, n);
}

static int
ask_items(struct http_sink *h, uint32_t n)
{
	struct buf why = { 0 };
	int err = http_shape_items(h->answer.body.data, h->answer.body.len, h->asked, n, &why);

	if (err)
		err = again(h, err);
	else if (why.len)
		err = sink_fail(&h->sink, -EAGAIN, "%s: %s", http_client_url(h->client),
		    buf_str(&why));
	else
		take_more(h);
	buf_finish(&why);
	return err;
}

/* 0: go on with what is open; else a reason to stop for now. */
static int
judge(struct http_sink *h, uint32_t n)
{
	int status = h->answer.status;

	if (status >= 200 && status < 300) {
		if (h->shape.kind == WEFT_HTTP_ELASTICSEARCH)
			return ask_items(h, n);
		take_all(h, n);
		return 0;
	}
	switch (status) {
	case 413:
		return too_large(h, n);
	case 401: case 403: case 407:
		return again(h, -EACCES);
	case 404: case 405: case 406: case 410: case 415: case 421: case 426:
		return again(h, -ENOENT);
	case 408: case 425: case 429:
		return again(h, -EAGAIN);
	}
	if (status < 400 || status > 499)
		return again(h, status >= 500 && status < 600 ? -EAGAIN : -EPROTO);
	if (h->shape.kind == WEFT_HTTP_LOKI)
		return split(h, n);
	refuse_all(h, n);
	return 0;
}

static int
http_write(weft_ctx *ctx, struct sink *s, const struct parcel *p, uint32_t *done,
    struct rejects *r)
{
	struct http_sink *h = (struct http_sink *)s;
	uint32_t n;
	int err = 0;

	s->why.len = 0;
	s->after = 0;
	begin(h, p, *done);
	while (!err && (n = pick(h, p, *done)) > 0) {
		http_shape_body(&h->shape, &h->body, p, h->picked, n);
		err = http_post(ctx, h->client, h->body.data, h->body.len, &h->answer, &s->why);
		if (!err)
			err = judge(h, n);
		settle(h, done, r);
	}
	if (!err)
		forget(h);
	return err;
}

static int
http_open(weft_ctx *ctx, struct sink *s, const void *state, size_t len, struct buf *err)
{
	(void)ctx;
	(void)s;
	(void)state;
	(void)len;
	(void)err;
	return 0;
}

static int
http_nothing(struct sink *s)
{
	(void)s;
	return 0;
}

static void
http_close(struct sink *s)
{
	struct http_sink *h = (struct http_sink *)s;

	forget(h);
	http_client_free(h->client);
	http_shape_finish(&h->shape);
	buf_finish(&h->answer.body);
	buf_finish(&h->body);
	buf_finish(&s->why);
	free(h->verdicts);
	free(h->picked);
	free(h->asked);
	free(h);
}

static const struct sink_kind http_kind = {
	.name = "http", .open = http_open, .write = http_write, .sync = http_nothing,
	.tick = http_nothing, .close = http_close,
};

struct sink *
sink_http(const struct weft_http_options *o, struct buf *err)
{
	struct http_sink *h = xcalloc(1, sizeof(*h));
	struct buf url = { 0 };

	h->sink.kind = &http_kind;
	h->limit = REQUEST;
	if (http_shape_init(&h->shape, o, err) == 0) {
		http_shape_url(&h->shape, o->url, &url);
		h->client = http_client_new(o, buf_str(&url), http_shape_type(&h->shape), err);
		buf_finish(&url);
	}
	if (h->client)
		return &h->sink;
	http_shape_finish(&h->shape);
	free(h);
	return NULL;
}
