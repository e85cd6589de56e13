/*
 * testintake.h - a pipeline for the tests of sources: it keeps every line, can stall, and
 * remembers what it took, so that a source can be started again
 *
 * Each batch is checked: it begins where the last one of its stream ended, its lines fill it, and
 * its place is what its bytes say.
 */
#ifndef WEFT_PIPELINE_TESTINTAKE_H
#define WEFT_PIPELINE_TESTINTAKE_H

#include <stdlib.h>

#include "identity.h"
#include "source.h"
#include "testfiles.h"
#include "weft/sync.h"
#include "weft/testing.h"

#define RIG_STREAMS 20100

struct stream {
	char	*name;
	struct file_id id;
	struct place at;
	struct trail trail;
	int64_t	row;
	uint64_t lost;
	bool	open, done, forgotten, followed;	/* followed: a trail from the beginning */
};

struct rig {
	struct intake in;
	struct weft_source_options o;
	char	file[1024], exclude[512];
	struct budget	 budget;
	struct batch_pool pool;
	weft_ctx *ctx;
	weft_waitgroup wg;
	weft_mutex lock;		/* of all below */
	weft_cond changed;
	bool	stalled, running, hopeless;
	size_t	stall_at;		/* stalls when so many lines were taken; 0: not */
	struct stream *streams[RIG_STREAMS];
	int	nstreams, opened;	/* ever; and those open now */
	struct known_file *known;
	struct buf text;		/* every line taken, with a newline each */
	size_t	nlines, batches;
	size_t	gets;			/* batches asked for */
	size_t	most;			/* the longest line */
	uint64_t bytes, lost;
	struct buf told;
	int	errors;
	dev_t	ours_dev;
	ino_t	ours_ino;
};

static inline struct rig *rig_of(struct intake *in) { return container_of(in, struct rig, in); }

static inline struct batch *
rig_get(struct intake *in, struct stream *st, size_t room)
{
	struct rig *r = rig_of(in);
	struct batch *b;

	(void)st;
	if (weft_err(r->ctx))
		return NULL;
	weft_mutex_lock(&r->lock);
	r->gets++;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
	b = batch_get(NULL, &r->pool, r->pool.size);
	buf_grow(&b->bytes, room + BATCH_PAD);
	return b;
}

static inline void
rig_take(struct rig *r, struct stream *st, struct batch *b)
{
	uint32_t end = 0;

	CHECK(st->open);
	CHECK_EQ(b->from, st->at.offset);
	CHECK_EQ(b->to - b->from, b->bytes.len);
	CHECK_EQ(b->first, st->at.lines + 1);
	CHECK(b->nlines > 0 && b->nlines <= BATCH_LINES);
	CHECK(b->received > 0);
	for (size_t i = 0; i < b->nlines; i++) {
		struct line *l = &b->lines[i];

		CHECK(l->text >= b->bytes.data + end && l->text + l->len <= b->bytes.data + l->end);
		end = l->end;
		buf_add(&r->text, l->text, l->len);
		buf_addc(&r->text, '\n');
		if (l->len > r->most)
			r->most = l->len;
	}
	CHECK_EQ(end, b->bytes.len);
	if (st->followed) {
		trail_add(&st->trail, b->bytes.data, b->bytes.len);
		CHECK_EQ(b->tail_len, st->trail.len);
		CHECK_EQ(b->tail_hash, trail_hash(&st->trail));
	}
	st->at = (struct place){ b->to, st->at.lines + b->nlines, b->tail_len, b->tail_hash };
	r->nlines += b->nlines;
	r->bytes += b->bytes.len;
	r->batches++;
}

static inline void
rig_submit(struct intake *in, struct stream *st, struct batch *b)
{
	struct rig *r = rig_of(in);

	weft_mutex_lock(&r->lock);
	if (r->stall_at && r->nlines >= r->stall_at)
		r->stalled = true;
	weft_cond_broadcast(&r->changed);
	while (r->stalled && weft_cond_wait_ctx(r->ctx, &r->changed, &r->lock) == 0)
		;
	if (!r->stalled)		/* else it is as if we had been killed: never taken */
		rig_take(r, st, b);
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
	batch_unref(b);
}

static inline const struct known_file *
rig_known(struct intake *in)
{
	return rig_of(in)->known;
}

static inline struct stream *
rig_open(struct intake *in, const char *name, const struct known_file *known,
    const struct file_id *id)
{
	struct rig *r = rig_of(in);
	struct stream *st = NULL;

	weft_mutex_lock(&r->lock);
	for (int i = 0; known && known->row && i < r->nstreams; i++)
		if (r->streams[i]->row == known->row)
			st = r->streams[i];
	if (!st) {
		REQUIRE(r->nstreams < RIG_STREAMS);
		st = xcalloc(1, sizeof(*st));
		st->row = r->nstreams + 1;
		r->streams[r->nstreams++] = st;
	}
	CHECK(!st->open);
	free(st->name);
	st->name = xstrdup(name);
	st->followed = !known;
	if (known)
		st->at = known->at;
	if (id)
		st->id = *id;
	st->open = true;
	r->opened++;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
	return st;
}

static inline void
rig_update(struct intake *in, struct stream *st, const char *name, const struct file_id *id)
{
	struct rig *r = rig_of(in);

	weft_mutex_lock(&r->lock);
	CHECK(st->open);
	free(st->name);
	st->name = xstrdup(name);
	st->id = *id;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
}

static inline void
rig_close(struct intake *in, struct stream *st, bool done, bool forget)
{
	struct rig *r = rig_of(in);

	weft_mutex_lock(&r->lock);
	CHECK(st->open);
	st->open = false;
	st->done = done;
	st->forgotten = forget;
	r->opened--;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
}

static inline void
rig_lost(struct intake *in, struct stream *st, uint64_t bytes, const char *why)
{
	struct rig *r = rig_of(in);

	weft_mutex_lock(&r->lock);
	CHECK(why && *why);
	st->lost += bytes;
	r->lost += bytes;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
}

static inline void __attribute__((format(printf, 3, 4)))
rig_tell(struct intake *in, int err, const char *fmt, ...)
{
	struct rig *r = rig_of(in);
	va_list ap;

	weft_mutex_lock(&r->lock);
	va_start(ap, fmt);
	buf_vprintf(&r->told, fmt, ap);
	va_end(ap);
	buf_addc(&r->told, '\n');
	if (err)
		r->errors++;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
}

static inline bool
rig_ours(struct intake *in, dev_t dev, ino_t ino)
{
	struct rig *r = rig_of(in);

	return r->ours_ino == ino && r->ours_dev == dev;
}

static inline void
rig_free(void *arg)
{
	struct rig *r = arg;

	for (int i = 0; i < r->nstreams; i++) {
		free(r->streams[i]->name);
		free(r->streams[i]);
	}
	free(r->known);
	batch_pool_finish(&r->pool);	/* all are back */
	buf_finish(&r->text);
	buf_finish(&r->told);
	free(r);
}

/* patterns and exclude: in the test's directory, each word. */
static inline struct rig *
rig_new(const char *patterns)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	size_t at = 0;

	r->in = (struct intake){ rig_get, rig_submit, rig_known, rig_open, rig_update, rig_close,
	    rig_lost, rig_tell, rig_ours, 16 << 10 };
	for (const char *p = patterns; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		at += snprintf(r->file + at, sizeof(r->file) - at, "%s/%.*s ", weft_tempdir(),
		    (int)n, p);
		p += n;
	}
	budget_init(&r->budget, 64 << 20);
	batch_pool_init(&r->pool, &r->budget, 16 << 10, 4);
	r->o.file = r->file;
	r->o.linger = 30 * WEFT_MS;
	weft_cleanup(rig_free, r);
	return r;
}

static inline void
rig_run(struct rig *r)
{
	source_file_run(r->ctx, &r->in, &r->o);
	weft_mutex_lock(&r->lock);
	r->running = false;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
}

/* With what was taken so far as what is known. */
static inline void
rig_start(struct rig *r)
{
	int n = 0;

	r->known = xrealloc(r->known, (r->nstreams + 1) * sizeof(*r->known));
	for (int i = 0; i < r->nstreams; i++) {
		struct stream *st = r->streams[i];

		if (!st->forgotten)
			r->known[n++] = (struct known_file){ st->row, st->name, st->id, st->at,
			    st->done };
	}
	/* names may be replaced while they are read: the source has to copy them at once */
	for (int i = 0; i < n; i++)
		r->known[i].path = xstrdup(r->known[i].path);
	r->known[n] = (struct known_file){ 0 };
	r->ctx = weft_with_cancel(NULL);
	r->running = true;
	weft_waitgroup_go(&r->wg, rig_run, r);
}

static inline void
rig_end(struct rig *r)
{
	weft_waitgroup_wait(&r->wg);
	weft_ctx_free(r->ctx);
	r->ctx = NULL;
	for (struct known_file *k = r->known; k->row; k++)
		free(k->path);
	CHECK_EQ(r->opened, 0);
	free(r->known);
	r->known = NULL;
}

static inline void
rig_stop(struct rig *r)
{
	weft_cancel(r->ctx);
	rig_end(r);
}

/* Waits until what is said is so; fails after some seconds. */
#define RIG_WAIT(r, cond) do {						\
	weft_ctx *wait_ = weft_with_timeout(NULL, (r)->hopeless ? 1 : 20 * WEFT_SECOND);	\
	int err_ = 0;							\
	weft_mutex_lock(&(r)->lock);					\
	while (!(cond) && !err_)					\
		err_ = weft_cond_wait_ctx(wait_, &(r)->changed, &(r)->lock); \
	if (err_)							\
		weft_logf("%zu lines, %d open; told: %s", (r)->nlines, (r)->opened, \
		    buf_str(&(r)->told));				\
	weft_mutex_unlock(&(r)->lock);					\
	weft_ctx_free(wait_);						\
	(r)->hopeless |= err_;	/* nor will anything else come */	\
	CHECK(!err_ && #cond);						\
} while (0)

static inline void
rig_lines(struct rig *r, size_t n)
{
	RIG_WAIT(r, r->nlines >= n);
}

static inline void
rig_stall(struct rig *r, bool on)
{
	weft_mutex_lock(&r->lock);
	r->stalled = on;
	weft_cond_broadcast(&r->changed);
	weft_mutex_unlock(&r->lock);
}

static inline bool
rig_told(struct rig *r, const char *what)
{
	return strstr(buf_str(&r->told), what) != NULL;
}

/* Exactly these lines, in this order. */
#define RIG_TEXT(r, want) do {						\
	weft_mutex_lock(&(r)->lock);					\
	CHECK_STR(buf_str(&(r)->text), want);				\
	weft_mutex_unlock(&(r)->lock);					\
} while (0)

static inline void
append(const char *name, const char *text)
{
	char path[512];
	int fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_APPEND, 0666);

	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void
move(const char *from, const char *to)
{
	char a[512], b[512];

	CHECK_EQ(rename(path_of(a, from), path_of(b, to)), 0);
}

static inline void
drop(const char *name)
{
	char path[512];

	CHECK_EQ(unlink(path_of(path, name)), 0);
}

static inline void
copy(const char *from, const char *to)
{
	size_t n;
	char *text = read_file(from, &n);

	write_file(to, text, n);
	free(text);
}

static inline void
cut(const char *name, size_t n)
{
	char path[512];

	CHECK_EQ(truncate(path_of(path, name), n), 0);
}

#endif
