/*
 * intake_test.h - an intake for the tests of sources: collects, and can be made to stall
 *
 * Every stream's lines are joined by newlines in the order in which they were submitted; "!"
 * stands before those that are dead.  The bytes' numbers are checked as they come.
 */
#ifndef WEFT_PIPELINE_INTAKE_TEST_H
#define WEFT_PIPELINE_INTAKE_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "source.h"
#include "weft/sync.h"
#include "weft/testing.h"

struct stream {
	struct stream	*next;
	char		 name[200];
	uint64_t	 to, lines, batches;
	struct buf	 text;
	bool		 closed;
};

struct test_intake {
	struct intake	 in;
	struct budget	 budget;
	struct batch_pool pool;
	weft_mutex	 lock;
	weft_cond	 changed;
	struct stream	*streams;	/* the newest first */
	struct buf	 told;		/* a line each */
	uint64_t	 lines, lost;
	int		 opened, closed;
	bool		 quiet;		/* counts, does not keep text */
	bool		 stalled;	/* get waits */
	bool		 refuses;	/* get gives nothing */
};

static struct batch *
intake_get(struct intake *in, struct stream *st, size_t room)
{
	struct test_intake *t = container_of(in, struct test_intake, in);

	(void)st;
	weft_mutex_lock(&t->lock);
	while (t->stalled)
		weft_cond_wait(&t->changed, &t->lock);
	bool refuses = t->refuses;
	weft_mutex_unlock(&t->lock);
	if (refuses)
		return NULL;
	return batch_get(NULL, &t->pool, room);
}

static void
intake_keep(struct stream *st, struct batch *b)
{
	for (size_t i = 0; i < b->nlines; i++) {
		struct line *l = &b->lines[i];

		CHECK(l->error || (unsigned char)l->text[l->len] < 32);
		CHECK(l->end <= b->to - b->from);
		if (l->error)
			buf_addc(&st->text, '!');
		buf_add(&st->text, l->text, l->len);
		buf_addc(&st->text, '\n');
	}
}

static void
intake_submit(struct intake *in, struct stream *st, struct batch *b)
{
	struct test_intake *t = container_of(in, struct test_intake, in);

	weft_mutex_lock(&t->lock);
	CHECK(b->nlines > 0 && b->nlines <= BATCH_LINES);
	CHECK_EQ(b->from, st->to);
	CHECK_EQ(b->first, st->lines + 1);
	CHECK(b->received > 0);
	st->to = b->to;
	st->lines += b->nlines;
	st->batches++;
	t->lines += b->nlines;
	if (!t->quiet)
		intake_keep(st, b);
	weft_cond_broadcast(&t->changed);
	weft_mutex_unlock(&t->lock);
	batch_unref(b);
}

static struct stream *
intake_open(struct intake *in, const char *name, const struct known_file *known,
    const struct file_id *id)
{
	struct test_intake *t = container_of(in, struct test_intake, in);
	struct stream *st = xcalloc(1, sizeof(*st));

	(void)known, (void)id;
	snprintf(st->name, sizeof(st->name), "%s", name);
	weft_mutex_lock(&t->lock);
	st->next = t->streams;
	t->streams = st;
	t->opened++;
	weft_cond_broadcast(&t->changed);
	weft_mutex_unlock(&t->lock);
	return st;
}

static void
intake_close(struct intake *in, struct stream *st, bool done, bool forget)
{
	struct test_intake *t = container_of(in, struct test_intake, in);

	(void)done, (void)forget;
	weft_mutex_lock(&t->lock);
	CHECK(!st->closed);
	st->closed = true;
	t->closed++;
	weft_cond_broadcast(&t->changed);
	weft_mutex_unlock(&t->lock);
}

static void
intake_lost(struct intake *in, struct stream *st, uint64_t bytes, const char *why)
{
	struct test_intake *t = container_of(in, struct test_intake, in);

	(void)st;
	weft_mutex_lock(&t->lock);
	t->lost += bytes;
	buf_printf(&t->told, "lost: %s\n", why);
	weft_cond_broadcast(&t->changed);
	weft_mutex_unlock(&t->lock);
}

__attribute__((format(printf, 3, 4))) static void
intake_tell(struct intake *in, int err, const char *fmt, ...)
{
	struct test_intake *t = container_of(in, struct test_intake, in);
	va_list ap;

	(void)err;
	va_start(ap, fmt);
	weft_mutex_lock(&t->lock);
	buf_vprintf(&t->told, fmt, ap);
	buf_addc(&t->told, '\n');
	weft_cond_broadcast(&t->changed);
	weft_mutex_unlock(&t->lock);
	va_end(ap);
}

static bool
intake_ours(struct intake *in, dev_t dev, ino_t ino)
{
	(void)in, (void)dev, (void)ino;
	return false;
}

static inline void
test_intake_init(struct test_intake *t)
{
	*t = (struct test_intake){ .in = { .get = intake_get, .submit = intake_submit,
	    .open = intake_open, .close = intake_close, .lost = intake_lost,
	    .tell = intake_tell, .ours = intake_ours, .batch = 64 << 10 } };
	budget_init(&t->budget, 1 << 20);
	batch_pool_init(&t->pool, &t->budget, t->in.batch, 4);
}

static inline void
intake_finish(struct test_intake *t)
{
	CHECK_EQ(t->opened, t->closed);
	for (struct stream *st; (st = t->streams); ) {
		t->streams = st->next;
		buf_finish(&st->text);
		free(st);
	}
	buf_finish(&t->told);
	batch_pool_finish(&t->pool);
}

/* The stream that was opened last. */
static inline const char *
intake_text(struct test_intake *t)
{
	return t->streams ? buf_str(&t->streams->text) : "(no stream)";
}

static inline void
intake_set(struct test_intake *t, bool *flag, bool to)
{
	weft_mutex_lock(&t->lock);
	*flag = to;
	weft_cond_broadcast(&t->changed);
	weft_mutex_unlock(&t->lock);
}

static inline void
intake_wait_lines(struct test_intake *t, uint64_t lines)
{
	weft_mutex_lock(&t->lock);
	while (t->lines < lines)
		weft_cond_wait(&t->changed, &t->lock);
	weft_mutex_unlock(&t->lock);
}

static inline void
intake_wait_closed(struct test_intake *t, int closed)
{
	weft_mutex_lock(&t->lock);
	while (t->closed < closed)
		weft_cond_wait(&t->changed, &t->lock);
	weft_mutex_unlock(&t->lock);
}

static inline bool
intake_was_told(struct test_intake *t, const char *what)
{
	weft_mutex_lock(&t->lock);
	bool is = strstr(buf_str(&t->told), what);
	weft_mutex_unlock(&t->lock);
	return is;
}

static inline void
intake_wait_told(struct test_intake *t, const char *what)
{
	weft_mutex_lock(&t->lock);
	while (!strstr(buf_str(&t->told), what))
		weft_cond_wait(&t->changed, &t->lock);
	weft_mutex_unlock(&t->lock);
}

#endif
