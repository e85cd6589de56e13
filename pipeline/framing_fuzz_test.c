/*
 * framing_fuzz_test.c - any bytes, in any pieces: the same messages, and every byte accounted for
 *
 * What was said when a connection lost its framing depends on how much had come; all before it
 * does not.
 */
#include "feed.h"
#include "testfuzz.h"

struct pieces {
	struct rand	*rand;
	const struct buf *data;
	size_t		 at, most, there;
};

struct outcome {
	struct intake	 in;		/* first */
	struct batch_pool *pool;
	struct buf	 text;		/* "length:text" of each message */
	uint64_t	 to, dead;
	bool		 bad;		/* something that must not be */
};

static ssize_t
pieces_more(void *arg, void *buf, size_t n)
{
	struct pieces *p = arg;

	if (!p->there)
		return -EAGAIN;
	if (n > p->there)
		n = p->there;
	memcpy(buf, p->data->data + p->at, n);
	p->at += n;
	p->there -= n;
	return n;
}

static ssize_t
pieces_read(weft_ctx *ctx, void *arg, void *buf, size_t n)
{
	struct pieces *p = arg;

	(void)ctx;
	if (p->at == p->data->len)
		return 0;
	if (!p->there)
		p->there = 1 + rand_below(p->rand, p->most);
	if (p->there > p->data->len - p->at)
		p->there = p->data->len - p->at;
	return pieces_more(arg, buf, n);
}

static const struct feed_from from_pieces = { pieces_read, pieces_more };

static struct batch *
outcome_get(struct intake *in, struct stream *st, size_t room)
{
	struct outcome *o = (struct outcome *)in;

	(void)st;
	return batch_get(NULL, o->pool, room);
}

static void
outcome_submit(struct intake *in, struct stream *st, struct batch *b)
{
	struct outcome *o = (struct outcome *)in;
	size_t end = 0;

	(void)st;
	o->bad |= b->from != o->to || b->to <= b->from;
	o->to = b->to;
	for (size_t i = 0; i < b->nlines; i++) {
		struct line *l = &b->lines[i];

		o->bad |= l->end <= end || l->end > b->bytes.len;
		o->bad |= l->text < b->bytes.data + (end ? end - 1 : 0) ||
		    l->text + l->len > b->bytes.data + l->end;
		/* where a parser is to stop */
		o->bad |= !l->error && (unsigned char)l->text[l->len] >= 32;
		end = l->end;
		if (l->error) {
			o->dead++;
			continue;
		}
		buf_printf(&o->text, "%u:", l->len);
		buf_add(&o->text, l->text, l->len);
	}
	batch_unref(b);
}

/* Feeds all of data, in pieces of at most so much. */
static bool
feed_pieces(struct outcome *o, struct rand *rand, const struct buf *data, size_t most)
{
	struct pieces p = { .rand = rand, .data = data, .most = most };
	struct feed f = { .in = &o->in, .from = &from_pieces, .arg = &p };

	f.framing.max = 1 << 20;
	feed_run(NULL, &f);
	if (f.framing.broken)
		o->dead = 1;
	feed_finish(&f);
	o->bad |= f.came != p.at || f.rest.len;
	return f.framing.broken;
}

/* Some of the corpus's lines get their length before them, sometimes a wrong one. */
static void
count_octets(struct fuzz *f, struct buf *out)
{
	const char *p = f->input.data, *end = p + f->input.len;

	out->len = 0;
	while (p < end) {
		const char *newline = memchr(p, '\n', end - p);
		size_t n = newline ? newline + 1 - p : end - p;

		if (rand_below(&f->rand, 40))
			buf_printf(out, "%zu ", n + !rand_below(&f->rand, 200));
		buf_add(out, p, n);
		p += n;
	}
}

static const char *
compare(struct fuzz *f, struct batch_pool *pool, const struct buf *data)
{
	static const size_t sizes[] = { 1 << 20, 1, 7, 100, 3000 };
	struct outcome o[5] = { 0 };
	const char *verdict = NULL;
	bool broken[5];

	for (int i = 0; i < 5; i++) {
		o[i].in = (struct intake){ .get = outcome_get, .submit = outcome_submit,
		    .batch = pool->size };
		o[i].pool = pool;
		broken[i] = feed_pieces(&o[i], &f->rand, data, sizes[i]);
		if (o[i].bad)
			verdict = "a place, an end or a sum is wrong";
		else if (broken[i] != broken[0] || o[i].text.len != o[0].text.len ||
		    (o[i].text.len && memcmp(o[i].text.data, o[0].text.data, o[0].text.len)))
			verdict = "other messages in other pieces";
	}
	for (int i = 0; i < 5; i++)
		buf_finish(&o[i].text);
	return verdict;
}

TEST(FuzzedFramingIsTheSameInAnyPieces)
{
	static const char *const names[] = { "syslog.log", "text.log", NULL };
	const char *verdict = NULL;
	struct batch_pool pool;
	struct budget budget;
	struct buf counted = { 0 };
	struct fuzz f;

	fuzz_init(&f, names);
	budget_init(&budget, 1 << 20);
	batch_pool_init(&pool, &budget, 64 << 10, 4);
	while (!verdict && fuzz_next(&f, true)) {
		verdict = compare(&f, &pool, &f.input);
		if (!verdict) {
			count_octets(&f, &counted);
			verdict = compare(&f, &pool, &counted);
		}
		if (verdict)
			fuzz_report(&f, verdict);
	}
	CHECK(verdict == NULL);
	buf_finish(&counted);
	batch_pool_finish(&pool);
	fuzz_finish(&f);
}
