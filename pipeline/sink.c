/*
 * sink.c - what all sinks share, and the two simplest: a descriptor, a function
 *
 * A descriptor takes bytes, and may stop in the middle of a record.  How much of it has gone is
 * remembered, and the next write goes on there: what a pipe has taken cannot be taken back.
 */
#include "sink.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ours.h"
#include "outfile.h"
#include "weft/net.h"

void
rejects_add(struct rejects *r, uint32_t record, const char *why)
{
	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 16;
		r->record = xrealloc(r->record, r->room * sizeof(*r->record));
		r->why = xrealloc(r->why, r->room * sizeof(*r->why));
	}
	r->record[r->n] = record;
	r->why[r->n++] = xstrdup(why);
}

void
rejects_finish(struct rejects *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->why[i]);
	free(r->record);
	free(r->why);
	*r = (struct rejects){ 0 };
}

uint32_t
parcel_record(const struct parcel *p, uint32_t i, size_t at)
{
	uint32_t end = p->records;

	if (end > i && p->ends[end - 1] <= at)
		return end;
	while (i < end) {
		uint32_t mid = i + (end - i) / 2;

		if (p->ends[mid] <= at)
			i = mid + 1;
		else
			end = mid;
	}
	return i;
}

int
sink_fail(struct sink *s, int err, const char *fmt, ...)
{
	va_list ap;

	s->why.len = 0;
	va_start(ap, fmt);
	buf_vprintf(&s->why, fmt, ap);
	va_end(ap);
	return err;
}

int
sink_stream(weft_ctx *ctx, int fd, const struct parcel *p, uint32_t *done, size_t *part)
{
	size_t at = parcel_offset(p, *done) + *part, taken;
	int err = 0;

	while (at < p->len && !err) {
		err = outfile_put(fd, p->data + at, p->len - at, &taken);
		at += taken;
		if (err == -EAGAIN) {		/* someone made it non-blocking */
			err = weft_wait_fd(ctx, fd, POLLOUT);
			err = err < 0 ? err : 0;
		}
	}
	*done = parcel_record(p, *done, at);
	*part = at - parcel_offset(p, *done);
	return err;
}

struct fd_sink {
	struct sink	 sink;
	int		 fd;
	bool		 listed;	/* a file, by ours_add */
	struct stat	 st;
	size_t		 part;		/* bytes of the next record that have gone */
};

static int
fd_open(weft_ctx *ctx, struct sink *s, const void *state, size_t len, struct buf *err)
{
	(void)ctx;
	(void)s;
	(void)state;
	(void)len;
	(void)err;
	return 0;
}

static int
fd_write(weft_ctx *ctx, struct sink *s, const struct parcel *p, uint32_t *done,
    struct rejects *r)
{
	struct fd_sink *fs = (struct fd_sink *)s;

	(void)r;
	return sink_stream(ctx, fs->fd, p, done, &fs->part);
}

static int
fd_sync(struct sink *s)
{
	(void)s;
	return 0;
}

static void
fd_close(struct sink *s)
{
	struct fd_sink *fs = (struct fd_sink *)s;

	if (fs->listed)
		ours_remove(fs->st.st_dev, fs->st.st_ino);
	buf_finish(&s->why);
	free(s);
}

static const struct sink_kind fd_kind = {
	.name = "stdout", .open = fd_open, .write = fd_write, .sync = fd_sync, .tick = fd_sync,
	.close = fd_close,
};

struct sink *
sink_fd(int fd)
{
	struct fd_sink *fs = xcalloc(1, sizeof(*fs));

	fs->sink.kind = &fd_kind;
	fs->fd = fd;
	fs->listed = fstat(fd, &fs->st) == 0 && S_ISREG(fs->st.st_mode);
	if (fs->listed)
		ours_add(fs->st.st_dev, fs->st.st_ino);
	return &fs->sink;
}

struct call_sink {
	struct sink	 sink;
	weft_output_fn	*call;
	void		*arg;
};

/* All or nothing: the function says no more. */
static int
call_write(weft_ctx *ctx, struct sink *s, const struct parcel *p, uint32_t *done,
    struct rejects *r)
{
	struct call_sink *cs = (struct call_sink *)s;
	size_t from = parcel_offset(p, *done);
	int err = cs->call(ctx, p->data + from, p->len - from, cs->arg);

	(void)r;
	if (err >= 0)
		*done = p->records;
	return err < 0 ? err : 0;
}

static void
call_close(struct sink *s)
{
	buf_finish(&s->why);
	free(s);
}

static const struct sink_kind call_kind = {
	.name = "call", .open = fd_open, .write = call_write, .sync = fd_sync, .tick = fd_sync,
	.close = call_close,
};

struct sink *
sink_call(weft_output_fn *f, void *arg)
{
	struct call_sink *cs = xcalloc(1, sizeof(*cs));

	cs->sink.kind = &call_kind;
	cs->call = f;
	cs->arg = arg;
	return &cs->sink;
}
