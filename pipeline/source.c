/*
 * source.c - one goroutine per source: reads blocks, finds lines, parses them
 *
 * Bytes are read into the source's own buffer.  When it holds a whole line, a
 * batch is taken from the pool, the two swap buffers, and the half line at the
 * end is copied back.  So no batch is held while waiting for input or for another
 * batch, and a line of any length is read without being copied again and again.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parse.h"
#include "stage.h"
#include "weft/net.h"

static void
trouble(struct source *s, int err, const char *what)
{
	count(&s->p->unread, 1);
	stage_error(s->p, err);
	weft_send(s->p->errors, (struct trouble){ .source = s, .error = err, .what = what });
}

/* Our reads wait in weft_wait_fd or not at all, so that they can be cancelled. */
static int
source_open(struct source *s)
{
	struct stat st;
	int fd = 0;

	if (strcmp(s->path, "-") != 0) {
		fd = fdio_open(s->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (fd < 0)
			return fd;
	}
	s->fd = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	s->waits = !S_ISREG(st.st_mode);
	if (!s->waits && output_writes(s->p, st.st_dev, st.st_ino))
		return -EBUSY;		/* it would grow as it is read */
	return 0;
}

static void
source_close(struct source *s)
{
	if (s->fd > 0)
		close(s->fd);
}

/* Bytes added, 0 at the end, or an error. */
static ssize_t
fill(struct source *s)
{
	struct buf *b = &s->bytes;
	size_t batch = s->p->opt.batch;
	ssize_t n;
	int ready;

	if (b->room < batch + BATCH_PAD || b->room - b->len < BATCH_PAD + batch / 2)
		buf_grow(b, b->len < batch ? batch + BATCH_PAD : b->len);
	do {
		if (weft_err(s->p->ctx))
			return -ECANCELED;
		if (s->waits) {
			ready = weft_wait_fd(s->p->ctx, s->fd, POLLIN);
			if (ready < 0 && ready != -EPERM)	/* no poll: never waits */
				return ready;
		}
		n = fdio_read(s->fd, b->data + b->len, b->room - b->len - BATCH_PAD);
	} while (n == -EAGAIN && s->waits);
	if (n > 0) {
		b->len += n;
		count(&s->p->bytes, n);
	}
	return n;
}

static void
add_line(struct source *s, struct batch *b, size_t from, size_t to, bool whole)
{
	struct line *l = batch_add(b);
	bool piece = !whole && to - from >= MAX_LINE;

	if (to > from && b->bytes.data[to - 1] == '\r')
		to--;
	l->text = b->bytes.data + from;
	l->len = to - from;
	if (piece || s->cut)
		l->error = "a piece of a line longer than 64 MiB";
	else
		parse_line(l, s->p->opt.format);
	if (l->error)
		b->nerrors++;
	s->cut = piece;
}

/* Lines up to end, at most a batch's worth; returns where it stopped. */
static size_t
split(struct source *s, struct batch *b, size_t end)
{
	const char *data = b->bytes.data, *newline;
	size_t at = 0;

	while (at < end && b->nlines < BATCH_LINES) {
		newline = memchr(data + at, '\n', end - at);
		size_t to = newline ? (size_t)(newline - data) : end;
		add_line(s, b, at, to, newline);
		at = newline ? to + 1 : end;
	}
	return at;
}

static void
send_on(struct source *s, struct batch *b)
{
	weft_pipeline *p = s->p;

	count(&p->read, b->nlines);
	b->source = s;
	b->seq = s->batches++;
	b->first = s->lines + 1;
	s->lines += b->nlines;
	if (b->nerrors) {
		batch_ref(b, 1);
		weft_send(p->errors, (struct trouble){ .batch = b });
	}
	weft_send(p->parsed, b);
}

/* Everything before end, all of it lines, goes on; what follows is kept. */
static void
pass_on(struct source *s, size_t end)
{
	struct batch *b;
	struct buf read;
	size_t at;

	while (end > 0) {
		b = batch_get(&s->p->pool);
		read = s->bytes;
		s->bytes = b->bytes;
		b->bytes = read;
		/* the pad stops the scanners when the last newline is missing */
		if (end == read.len)
			memset(read.data + end, '\n', BATCH_PAD);
		at = split(s, b, end);
		s->bytes.len = 0;
		buf_grow(&s->bytes, s->p->opt.batch + BATCH_PAD);
		buf_add(&s->bytes, read.data + at, read.len - at);
		buf_grow(&s->bytes, BATCH_PAD);
		b->bytes.len = at;
		end -= at;
		send_on(s, b);
	}
	s->searched = s->bytes.len;
}

static void
pass_on_lines(struct source *s)
{
	struct buf *b = &s->bytes;
	const char *newline = memrchr(b->data + s->searched, '\n', b->len - s->searched);

	if (newline)
		pass_on(s, newline + 1 - b->data);
	else if (b->len >= MAX_LINE)
		pass_on(s, b->len);
	else
		s->searched = b->len;
}

/* Compressed files look like noise; better to say so than to deliver it. */
static const char *
compressed(const struct buf *b)
{
	static const struct { const char *magic; size_t len; const char *what; } known[] = {
		{ "\x1f\x8b", 2, "compressed; use: zcat FILE | weft-pipeline run -" },
		{ "\xfd" "7zXZ", 5, "compressed; use: xzcat FILE | weft-pipeline run -" },
		{ "\x28\xb5\x2f\xfd", 4, "compressed; use: zstdcat FILE | weft-pipeline run -" },
		{ "BZh", 3, "compressed; use: bzcat FILE | weft-pipeline run -" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (b->len >= known[i].len &&
		    memcmp(b->data, known[i].magic, known[i].len) == 0)
			return known[i].what;
	return NULL;
}

static void
read_all(struct source *s)
{
	const char *what;
	ssize_t n;

	while ((n = fill(s)) > 0) {
		if (s->lines == 0 && (what = compressed(&s->bytes))) {
			trouble(s, -ENOTSUP, what);
			return;
		}
		pass_on_lines(s);
	}
	if (n == 0) {
		pass_on(s, s->bytes.len);	/* a last line without a newline */
	} else if (weft_err(s->p->ctx)) {
		count(&s->p->unfinished, s->bytes.len);
	} else {
		trouble(s, n, NULL);
		pass_on(s, s->bytes.len);
	}
}

/* The token stands for an open file; what may wait for ever must not keep it. */
static void
read_source(struct source *s)
{
	bool waits = false;
	int err = source_open(s);

	if (!err && (waits = s->waits))
		weft_send(s->p->open, 0);
	if (err)
		trouble(s, err, err == -EBUSY ? "the pipeline writes to it" : NULL);
	else
		read_all(s);
	if (!waits)
		weft_send(s->p->open, 0);
	source_close(s);
	buf_finish(&s->bytes);
}

void
source_run(struct source *s)
{
	char token;

	switch (weft_select(weft_on_recv(s->p->open, &token), weft_on_done(s->p->ctx))) {
	case 0:
		read_source(s);
	}
}
