/*
 * sink_syslog.c - forwards records to a syslog server, over UDP, TCP, TLS or a unix socket
 *
 * A stream has no acknowledgements of its own, so the kernel's are used.  What was written
 * stays in a window until the peer's kernel has it; a connection that breaks is replaced,
 * and the window sent again.  sync, which comes before every checkpoint, waits until the window is
 * empty.  Hence at least once, up to the peer's kernel: a peer that is killed before it reads what
 * its kernel has loses that, and syslog has no way to tell.  One that closes in good order loses
 * nothing: before each write we look whether it has, and it resets what it did not read.
 *
 * The last piece of the window may be on its way still: pending.  It counts as delivered, and *done
 * moves, when the kernel has all of it; if the connection breaks before, it is taken back.
 *
 * With newlines between records, a newline or a NUL inside of one becomes #012 or #000.
 * Datagrams come or do not: no window, no acknowledgement.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sink.h"
#include "weft/time.h"
#include "wire.h"

#define WINDOW	((size_t)1 << 20)	/* bytes that may be unacknowledged */
#define PIECE	((size_t)64 << 10)	/* bytes of a piece, but for a longer record */
#define FAREWELL (300 * WEFT_MS)	/* for a peer that has closed its side to read on */

struct mark {
	size_t		 end;		/* in the window */
	uint64_t	 given;		/* of the wire, once it is out */
};

struct forwarder {
	struct sink	 sink;
	struct wire	 wire;
	bool		 octets;
	struct buf	 window;	/* framed records, oldest first */
	struct mark	*marks;
	size_t		 nmarks, marks_room;
	uint32_t	 pending;	/* records of the piece on its way ... */
	size_t		 pending_len;	/* ... at the window's end */
	uint32_t	 out;		/* records that are out, but not counted in *done yet */
};

static struct forwarder *
forwarder_of(struct sink *s)
{
	return container_of(s, struct forwarder, sink);
}

static int
failed(struct forwarder *f, int err, const char *what)
{
	struct wire *w = &f->wire;

	return sink_fail(&f->sink, err, "%s: %s: %s", w->address, what,
	    w->why.len ? buf_str(&w->why) : strerror(-err));
}

/* ---- the window ---- */

static int
give(struct forwarder *f, size_t from)
{
	int err = wire_give(&f->wire, f->window.data + from, f->window.len - from);

	if (f->nmarks == f->marks_room) {
		f->marks_room = f->marks_room ? 2 * f->marks_room : 32;
		f->marks = xrealloc(f->marks, f->marks_room * sizeof(*f->marks));
	}
	f->marks[f->nmarks++] = (struct mark){ f->window.len, f->wire.given };
	return err;
}

/* Forgets what the peer has; but what is pending is still to be counted. */
static void
trim(struct forwarder *f)
{
	uint64_t acked = wire_acked(&f->wire);
	size_t n = 0, cut = 0, most = f->window.len - f->pending_len;

	while (n < f->nmarks && f->marks[n].given <= acked && f->marks[n].end <= most)
		cut = f->marks[n++].end;
	if (!n)
		return;
	memmove(f->window.data, f->window.data + cut, f->window.len - cut);
	f->window.len -= cut;
	memmove(f->marks, f->marks + n, (f->nmarks - n) * sizeof(*f->marks));
	f->nmarks -= n;
	for (size_t i = 0; i < f->nmarks; i++)
		f->marks[i].end -= cut;
}

/* Waits until at most so much is unacknowledged; what is pending does not count. */
static int
wait_acked(weft_ctx *ctx, struct forwarder *f, size_t left, int64_t timeout)
{
	int64_t end = weft_now() + timeout, pause = 50 * WEFT_US;
	int err = 0;

	for (;;) {
		trim(f);
		if (f->window.len - f->pending_len <= left)
			return 0;
		if (err)
			return err;
		if (weft_now() >= end)
			return -ETIMEDOUT;
		err = weft_sleep_ctx(ctx, pause);
		if (pause < 10 * WEFT_MS)
			pause *= 2;
		/* an error may come with the acknowledgement that we wait for: look again */
		if (!err)
			err = wire_check(&f->wire);
		if (err == -EPIPE)
			err = 0;	/* it may read on */
	}
}

/* ---- the connection ---- */

static void
drop(struct forwarder *f)
{
	f->window.len -= f->pending_len;
	f->pending = f->pending_len = 0;
	f->nmarks = 0;
	if (wire_is_open(&f->wire))
		wire_close(&f->wire);
}

/* Until the kernel has the piece that is pending. */
static int
flush(weft_ctx *ctx, struct forwarder *f, int64_t timeout)
{
	int err = wire_flush(ctx, &f->wire, timeout);

	if (err)
		return err;
	f->out += f->pending;
	f->pending = f->pending_len = 0;
	return 0;
}

/* The peer has closed its side.  In good order it reads what we have sent before that. */
static void
part(struct forwarder *f)
{
	flush(NULL, f, FAREWELL);
	wait_acked(NULL, f, 0, FAREWELL);
	drop(f);
}

/* A connection that is good as far as one can see, with all of the window given to it. */
static int
ready(weft_ctx *ctx, struct forwarder *f)
{
	int err;

	if (wire_is_open(&f->wire)) {
		err = wire_check(&f->wire);
		if (!err)
			return 0;
		if (err == -EPIPE)
			part(f);
		else
			drop(f);
	}
	err = wire_open(ctx, &f->wire);
	if (err)
		return failed(f, err, "cannot connect");
	if (f->window.len && !f->wire.datagrams)
		err = give(f, 0);
	return err ? failed(f, err, "cannot send") : 0;
}

/* After an error in the middle: is the connection still of use? */
static int
broken(weft_ctx *ctx, struct forwarder *f, int err)
{
	if (weft_err(ctx))
		return weft_err(ctx);	/* it goes on later, or is closed */
	if (err == -ETIMEDOUT && !wire_is_dead(&f->wire))
		return failed(f, err, "the peer is slow: it takes nothing");
	failed(f, err, "the connection broke");
	drop(f);
	return err;
}

/* ---- records ---- */

static void
add_escaped(struct buf *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			buf_adds(b, "#012");
		else if (text[i] == '\0')
			buf_adds(b, "#000");
		else
			buf_addc(b, text[i]);
	}
}

static void
add_length(struct buf *b, size_t len)
{
	char text[24], *p = text + sizeof(text);

	*--p = ' ';
	do
		*--p = '0' + len % 10;
	while (len /= 10);
	buf_add(b, p, text + sizeof(text) - p);
}

static void
add_record(struct forwarder *f, const char *text, size_t len)
{
	struct buf *b = &f->window;

	if (!len)
		return;			/* there are no empty messages */
	if (f->octets) {
		add_length(b, len);
		buf_add(b, text, len);
		return;
	}
	if (memchr(text, '\n', len) || memchr(text, '\0', len))
		add_escaped(b, text, len);
	else
		buf_add(b, text, len);
	buf_addc(b, '\n');
}

/* Record i without its newline. */
static const char *
record(const struct parcel *p, uint32_t i, size_t *len)
{
	size_t from = i ? p->ends[i - 1] : 0;

	*len = p->ends[i] - from;
	if (*len && p->data[from + *len - 1] == '\n')
		--*len;
	return p->data + from;
}

/* The next piece, from record i on: into the window, and to the wire. */
static int
begin_piece(struct forwarder *f, const struct parcel *p, uint32_t i)
{
	size_t from = f->window.len, len;
	uint32_t first = i;

	while (i < p->records && f->window.len - from < PIECE) {
		const char *text = record(p, i++, &len);

		add_record(f, text, len);
	}
	f->pending = i - first;
	f->pending_len = f->window.len - from;
	return give(f, from);
}

static int
send_stream(weft_ctx *ctx, struct forwarder *f, const struct parcel *p, uint32_t *done)
{
	int err = 0;

	for (;;) {
		err = flush(ctx, f, f->wire.timeout);
		*done += f->out;
		f->out = 0;
		if (err)
			return err;
		if (*done == p->records)
			return 0;
		err = wait_acked(ctx, f, WINDOW - PIECE, f->wire.timeout);
		if (!err)
			err = wire_check(&f->wire);
		if (!err)
			err = begin_piece(f, p, *done);
		if (err)
			return err;
	}
}

/* ---- datagrams ---- */

static int
send_datagrams(weft_ctx *ctx, struct forwarder *f, const struct parcel *p, uint32_t *done,
    struct rejects *r)
{
	char why[80];
	size_t len;
	int err = 0;

	for (; *done < p->records; ++*done) {
		const char *text = record(p, *done, &len);

		err = len ? wire_datagram(ctx, &f->wire, text, len) : 0;
		if (err == -EMSGSIZE) {
			snprintf(why, sizeof(why), "%zu bytes are too long for a datagram", len);
			rejects_add(r, *done, why);
			err = 0;
		} else if (err) {
			break;
		}
	}
	/* it was the one before that was refused */
	if (err == -ECONNREFUSED && f->wire.kind == WIRE_UDP && *done &&
	    !(r->n && r->record[r->n - 1] == *done - 1))
		--*done;
	return err;
}

/* ---- the sink ---- */

static int
forwarder_open(weft_ctx *ctx, struct sink *s, const void *state, size_t len, struct buf *err)
{
	(void)ctx, (void)s, (void)state, (void)len, (void)err;
	return 0;			/* write will connect */
}

static int
attempt(weft_ctx *ctx, struct forwarder *f, const struct parcel *p, uint32_t *done,
    struct rejects *r)
{
	int err = ready(ctx, f);

	if (err) {
		if (wire_is_open(&f->wire))
			drop(f);
		return err;
	}
	err = f->wire.datagrams ? send_datagrams(ctx, f, p, done, r) :
	    send_stream(ctx, f, p, done);
	if (err == -EPIPE && !f->wire.datagrams) {
		part(f);
		*done += f->out;
		f->out = 0;
		return failed(f, err, "the peer has closed the connection");
	}
	return err ? broken(ctx, f, err) : 0;
}

/* A peer that closes in the midst of it is no error: the rest goes over another connection. */
static int
forwarder_write(weft_ctx *ctx, struct sink *s, const struct parcel *p, uint32_t *done,
    struct rejects *r)
{
	struct forwarder *f = forwarder_of(s);
	int err = attempt(ctx, f, p, done, r);

	if (err != -EPIPE || f->wire.datagrams)
		return err;
	return attempt(ctx, f, p, done, r);
}

/* Until the peer's kernel has all of it. */
static int
settle(struct forwarder *f, int64_t timeout)
{
	int err = ready(NULL, f);

	if (err)
		return err;
	err = flush(NULL, f, timeout);
	if (!err)
		err = wait_acked(NULL, f, 0, timeout);
	return err ? broken(NULL, f, err) : 0;
}

static int
forwarder_sync(struct sink *s)
{
	struct forwarder *f = forwarder_of(s);

	return f->window.len ? settle(f, f->wire.timeout) : 0;
}

/* Nothing to do: time to see what the peer does, and to be small. */
static int
forwarder_tick(struct sink *s)
{
	struct forwarder *f = forwarder_of(s);

	if (!f->window.len) {
		buf_finish(&f->window);
		if (wire_is_open(&f->wire) && wire_check(&f->wire))
			drop(f);	/* the next write connects again */
		return 0;
	}
	return settle(f, WEFT_SECOND);
}

static void
forwarder_close(struct sink *s)
{
	struct forwarder *f = forwarder_of(s);

	if (f->window.len && wire_is_open(&f->wire))
		settle(f, WEFT_SECOND);
	drop(f);
	wire_finish(&f->wire);
	buf_finish(&f->window);
	buf_finish(&s->why);
	free(f->marks);
	free(f);
}

static const struct sink_kind forwarder_kind = {
	.name = "syslog", .open = forwarder_open, .write = forwarder_write,
	.sync = forwarder_sync, .tick = forwarder_tick, .close = forwarder_close,
};

struct sink *
sink_syslog(const struct weft_syslog_options *o, struct buf *err)
{
	struct forwarder *f = xcalloc(1, sizeof(*f));

	f->sink.kind = &forwarder_kind;
	f->octets = o->octets;
	if (!wire_init(&f->wire, o, err))
		return &f->sink;
	free(f);
	return NULL;
}
