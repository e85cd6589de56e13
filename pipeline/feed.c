/*
 * feed.c - from bytes that come in pieces to batches of lines; see feed.h
 *
 * rest is the only memory of the stream between two reads.  It goes into a batch as a whole, and
 * what was no whole line comes back.
 */
#include "feed.h"

#include <time.h>

enum {
	FIRST = 2 << 10,		/* room for what comes first, on the stack */
	STEP = 64 << 10,		/* so much at a time for a line that is longer */
	SMALL = 4 << 10			/* half lines that are always allowed */
};

void
batch_seal(struct batch *b, uint64_t from, uint64_t to, uint64_t first)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	b->received = now.tv_sec * WEFT_SECOND + now.tv_nsec;
	b->from = from;
	b->to = to;
	b->first = first;
	b->tail_len = 0;
	/* the last line may lack its newline; scanners stop here */
	memset(b->bytes.data + b->bytes.len, '\n', BATCH_PAD);
}

/* Keeps the sum of all halves up to date. */
static void
account(struct feed *f)
{
	size_t mine = f->rest.len > SMALL ? f->rest.len : 0;

	if (!f->halves || mine == f->halved)
		return;
	/* a sum, no order; unsigned, so that a decrease is one too */
	atomic_fetch_add_explicit(&f->halves->bytes, mine - f->halved, memory_order_relaxed);
	f->halved = mine;
}

/* There are too many, and this is one. */
static bool
over(struct feed *f)
{
	account(f);
	return f->halved && f->halves->most &&
	    atomic_load_explicit(&f->halves->bytes, memory_order_relaxed) > f->halves->most;
}

static void
note(struct feed *f, ssize_t n)
{
	if (n > 0 || n == -EAGAIN)
		return;
	f->ended = true;
	f->error = n;
}

/* Into b, as much as there is; true: there may be more. */
static bool
fill(struct feed *f, struct batch *b)
{
	ssize_t n = 1;

	while (n > 0 && batch_room(b) > 0) {
		n = f->from->more(f->arg, b->bytes.data + b->bytes.len, batch_room(b));
		if (n > 0)
			b->bytes.len += n;
	}
	note(f, n);
	return n > 0;
}

/* Cuts b and hands it on; what is left over comes back to rest.  False: it was all. */
static bool
hand_on(struct feed *f, struct batch *b, bool final)
{
	size_t taken = framing_cut(&f->framing, b, final);

	buf_add(&f->rest, b->bytes.data + taken, b->bytes.len - taken);
	b->bytes.len = taken;
	f->came += taken;
	if (!b->nlines) {
		batch_unref(b);
		return taken;
	}
	batch_seal(b, f->sent, f->came, f->lines + 1);
	f->sent = f->came;
	f->lines += b->nlines;
	f->in->submit(f->in, f->st, b);
	return true;
}

/* A batch with rest in it; all of rest is out of it. */
static struct batch *
take_batch(struct feed *f, bool full)
{
	size_t room = f->rest.len + (full ? STEP / 2 : 0);
	struct batch *b;

	if (full && room < f->in->batch)
		room = f->in->batch;
	b = f->in->get(f->in, f->st, room);
	if (!b) {
		f->stopped = true;
		return NULL;
	}
	buf_add(&b->bytes, f->rest.data, f->rest.len);
	buf_finish(&f->rest);
	return b;
}

/* Everything that is whole goes on.  full: there is probably more where it came from. */
static void
pass_lines(struct feed *f, bool full)
{
	struct batch *b;

	while (!f->stopped && framing_whole(&f->framing, &f->rest)) {
		b = take_batch(f, full);
		if (!b)
			return;
		if (full && !f->ended)
			full = fill(f, b);
		if (!hand_on(f, b, false))
			return;		/* it may go on: several lines can be one */
	}
}

/* The half line has to go: as a piece, or, where a length was promised, with the connection. */
static void
let_go(struct feed *f)
{
	size_t max = f->framing.max;

	if (f->framing.kind == FRAMING_OCTETS) {
		f->framing.broken = "too much memory is held by unfinished messages";
		return;
	}
	f->framing.max = SMALL;
	pass_lines(f, false);
	f->framing.max = max;
}

/* A line that is longer than the first read: straight into rest, until it is whole. */
static bool
read_long(struct feed *f, bool full)
{
	ssize_t n = full;

	while (n > 0 && !f->ended && f->rest.len < f->framing.max &&
	    !framing_whole(&f->framing, &f->rest)) {
		buf_grow(&f->rest, STEP);
		n = f->from->more(f->arg, f->rest.data + f->rest.len, STEP);
		note(f, n);
		if (n > 0)
			f->rest.len += n;
		full = n == STEP;
		if (over(f))
			break;
	}
	return full;
}

static void
take(struct feed *f, const char *data, size_t n, bool full)
{
	buf_add(&f->rest, data, n);
	full = read_long(f, full);
	pass_lines(f, full);
	if (over(f))
		let_go(f);
}

/* Nothing more has come for a while: what could have gone on is complete. */
static void
pass_waiting(struct feed *f)
{
	struct batch *b;

	if (f->rest.data[f->rest.len - 1] == '\n' && (b = take_batch(f, false)))
		hand_on(f, b, true);
}

static ssize_t
read_some(weft_ctx *ctx, struct feed *f, char *buf, size_t n)
{
	weft_ctx *soon;
	ssize_t got;

	if (!f->wait || !f->rest.len)
		return f->from->read(ctx, f->arg, buf, n);
	soon = weft_with_timeout(ctx, f->wait);
	got = f->from->read(soon, f->arg, buf, n);
	if (got < 0 && weft_err(soon) == -ETIMEDOUT && !weft_err(ctx)) {
		pass_waiting(f);
		got = f->stopped ? -ESHUTDOWN : f->from->read(ctx, f->arg, buf, n);
	}
	weft_ctx_free(soon);
	return got;
}

int
feed_run(weft_ctx *ctx, struct feed *f)
{
	char first[FIRST];
	ssize_t n;

	while (!f->ended) {
		if (weft_err(ctx))	/* one who always has something does not keep it going */
			return weft_err(ctx);
		n = read_some(ctx, f, first, sizeof(first));
		if (n < 0 && weft_err(ctx))
			return weft_err(ctx);
		note(f, n);
		if (n > 0)
			take(f, first, n, n == sizeof(first));
		if (f->framing.broken)
			return -EPROTO;
		if (f->stopped)
			return -ESHUTDOWN;
	}
	return f->error;
}

size_t
feed_drain(struct feed *f, size_t most)
{
	char first[FIRST];
	size_t total = 0;
	uint64_t before;
	ssize_t n;

	while (!f->ended && !f->stopped && !f->framing.broken && total < most) {
		n = f->from->more(f->arg, first, sizeof(first));
		note(f, n);
		if (n <= 0)
			break;
		before = f->came + f->rest.len;
		take(f, first, n, n == sizeof(first));
		total += f->came + f->rest.len - before;
	}
	return total;
}

void
feed_finish(struct feed *f)
{
	struct batch *b;

	while (f->rest.len && !f->stopped && (b = take_batch(f, false)))
		hand_on(f, b, true);
	if (f->rest.len)
		f->in->lost(f->in, f->st, f->rest.len, "stopped while it was being read");
	f->rest.len = 0;
	account(f);
	buf_finish(&f->rest);
}
