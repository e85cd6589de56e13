/*
 * output.c - one goroutine per output: writes batches, counts, reports failures
 *
 * A line counts as delivered once write(2) has taken all of it.  After the first
 * error an output is broken: it tries nothing more, and every line meant for it
 * goes to the error channel.  When no output is left, reading stops.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage.h"

static bool
ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(s + len - n, end, n) == 0;
}

/* Takes ",json" and the like off the length; -1 if there is none. */
static int
take_suffix(const char *dest, size_t *len)
{
	static const struct { const char *text; int format; } suffixes[] = {
		{ ",json", RENDER_JSON }, { ",text", RENDER_TEXT }, { ",raw", RENDER_RAW },
	};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (ends_with(dest, *len, suffixes[i].text)) {
			*len -= strlen(suffixes[i].text);
			return suffixes[i].format;
		}
	return -1;
}

static int
default_format(const struct output *o)
{
	if (!o->owned)
		return isatty(o->fd) ? RENDER_COLOR : RENDER_JSON;
	return ends_with(o->name, strlen(o->name), ".txt") ? RENDER_TEXT : RENDER_JSON;
}

bool
output_writes(weft_pipeline *p, dev_t dev, ino_t ino)
{
	for (int i = 0; i < p->noutputs; i++)
		if (p->outputs[i]->dev == dev && p->outputs[i]->ino == ino)
			return true;
	return p->dead_ino == ino && p->dead_dev == dev;
}

/* A pipeline that reads what it writes never ends, or has lost its input. */
static int
check_clash(weft_pipeline *p, struct output *o)
{
	struct stat st;

	if (fstat(o->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (output_writes(p, st.st_dev, st.st_ino))
		return -EEXIST;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	for (int i = 0; i < p->nsources; i++)
		if (stat(p->sources[i]->path, &st) == 0 && o->dev == st.st_dev &&
		    o->ino == st.st_ino)
			return -EBUSY;
	return 0;
}

static int
open_path(weft_pipeline *p, struct output *o, const char *path, bool append)
{
	int err;

	/* truncated only once it is known not to be one of the sources */
	o->fd = fdio_open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : 0), 0666);
	if (o->fd < 0)
		return o->fd;
	err = check_clash(p, o);
	o->cuts = o->ino && !append;
	if (!err && o->cuts && ftruncate(o->fd, 0) < 0)
		err = -errno;
	return err;
}

static int
open_dest(weft_pipeline *p, struct output *o, size_t len)
{
	bool append = strncmp(o->name, "append:", 7) == 0;
	const char *colon = strchr(o->name, ':');
	char *path;
	int err;

	if (len == 6 && memcmp(o->name, "stdout", 6) == 0) {
		o->fd = STDOUT_FILENO;
		for (int i = 0; i < p->noutputs; i++)
			if (!p->outputs[i]->owned)
				return -EEXIST;
		return check_clash(p, o);
	}
	if (!append && strncmp(o->name, "file:", 5) != 0)
		return -EINVAL;
	if (colon + 1 == o->name + len)
		return -EINVAL;
	o->owned = true;
	path = xstrdup(colon + 1);
	path[o->name + len - (colon + 1)] = '\0';
	err = open_path(p, o, path, append);
	free(path);
	return err;
}

int
output_open(weft_pipeline *p, const char *dest, struct output **out)
{
	struct output *o = xcalloc(1, sizeof(*o));
	size_t len = strlen(dest);
	int format = take_suffix(dest, &len), err;

	o->p = p;
	o->fd = -1;
	o->name = xstrdup(dest);
	err = open_dest(p, o, len);
	if (err) {
		output_close(o);
		return err;
	}
	o->format = format >= 0 ? format : default_format(o);
	if (o->format == RENDER_TEXT && !o->owned && isatty(o->fd))
		o->format = RENDER_COLOR;
	*out = o;
	return 0;
}

void
output_close(struct output *o)
{
	if (o->owned && o->fd >= 0)
		close(o->fd);
	free(o->name);
	free(o);
}

static void
broken(struct output *o, int err)
{
	o->error = err;
	stage_error(o->p, err);
	if (atomic_fetch_sub(&o->p->live, 1) == 1)
		weft_cancel(o->p->ctx);
}

static size_t
count_lines(const char *p, size_t len, size_t *whole)
{
	const char *end = p + len, *at = p, *newline;
	size_t n = 0;

	for (; (newline = memchr(at, '\n', end - at)); n++)
		at = newline + 1;
	*whole = at - p;
	return n;
}

/* done bytes were taken: lines before that are delivered, the others are not. */
static void
write_failed(struct output *o, struct batch *b, size_t done, int err)
{
	size_t whole, lines = count_lines(b->rendered[o->format].data, done, &whole);

	if (o->cuts && done > whole && ftruncate(o->fd, o->at + whole) == 0)
		lseek(o->fd, o->at + whole, SEEK_SET);
	o->at += whole;
	count(&o->bytes, whole);
	count(&o->delivered, lines);
	broken(o, err);
	batch_ref(b, 1);
	weft_send(o->p->errors, (struct trouble){
	    .output = o, .batch = b, .error = err, .from = lines, .to = b->nkeep });
}

static void
deliver(struct output *o, struct batch *b)
{
	struct buf *r = &b->rendered[o->format];
	size_t done = 0;
	int err = o->error;

	if (!err)
		err = fdio_write(o->fd, r->data, r->len, &done);
	if (!err) {
		o->at += r->len;
		count(&o->bytes, r->len);
		count(&o->delivered, b->nkeep);
	} else if (!o->error) {
		write_failed(o, b, done, err);
	} else {
		batch_ref(b, 1);
		weft_send(o->p->errors, (struct trouble){
		    .output = o, .batch = b, .error = err, .to = b->nkeep });
	}
}

/* Some file systems only tell at the end that there was no room. */
static void
finish(struct output *o)
{
	int err = 0;

	if (!o->owned)
		return;
	if (close(o->fd) < 0)
		err = -errno;
	o->fd = -1;
	if (err && err != -EINTR && !o->error) {
		broken(o, err);
		weft_send(o->p->errors, (struct trouble){ .output = o, .error = err });
	}
}

void
output_run(struct output *o)
{
	for (struct batch *b; weft_recv(o->queue, &b); ) {
		deliver(o, b);
		batch_unref(b);
	}
	finish(o);
}
