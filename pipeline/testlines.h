/* testlines.h - lines for tests: a batch by itself, and what a line says as a text */
#ifndef WEFT_PIPELINE_TESTLINES_H
#define WEFT_PIPELINE_TESTLINES_H

#include <string.h>

#include "parse.h"
#include "stage.h"
#include "weft/testing.h"

struct test_lines {
	weft_pipeline	 p;
	struct source	 source;
	struct stream	 stream;
	struct budget	 budget;
	struct batch_pool pool;
	struct batch	*b;
	struct scratch	*s;
	struct buf	 out;
};

static inline struct batch *
test_batch(struct test_lines *t)
{
	struct batch *b = batch_get(NULL, &t->pool, t->pool.size);

	b->source = &t->source;
	b->stream = &t->stream;
	return b;
}

static inline void
test_lines_init(struct test_lines *t)
{
	memset(t, 0, sizeof(*t));
	budget_init(&t->budget, 1 << 20);
	batch_pool_init(&t->pool, &t->budget, 1 << 16, 0);
	t->p.host = "";
	t->source = (struct source){ .p = &t->p, .name = "" };
	t->stream = (struct stream){ .p = &t->p, .source = &t->source, .name = "" };
	t->b = test_batch(t);
	t->s = scratch_new();
}

static inline void
test_lines_finish(struct test_lines *t)
{
	batch_unref(t->b);
	batch_pool_finish(&t->pool);
	scratch_free(t->s);
	buf_finish(&t->out);
}

/* A line as batches hold it: with a newline and readable bytes behind it. */
static inline struct line *
test_line(struct test_lines *t, const char *text, size_t len)
{
	char *room = batch_alloc(t->b, len + BATCH_PAD);
	struct line *l = batch_add(t->b);

	memcpy(room, text, len);
	memset(room + len, '\n', BATCH_PAD);
	l->text = room;
	l->len = len;
	l->end = len + 1;
	return l;
}

static inline struct line *
test_parse(struct test_lines *t, const char *text, size_t len, int kind, bool fields)
{
	struct line *l = test_line(t, text, len);
	struct format f = { .kind = kind, .wants.fields = fields };

	parse_line(&f, t->s, t->b, l);
	return l;
}

static inline void
test_part(struct buf *out, const struct line *l, const char *name, struct slice s)
{
	if (s.len)
		buf_printf(out, " %s=<%.*s>", name, (int)s.len, l->text + s.off);
}

/* level time=<> host=<> tag=<> message=<> key=<text> key~<escaped> key:<raw>, or the error */
static inline const char *
test_says(struct test_lines *t, const struct line *l)
{
	static const char marks[] = { [FIELD_TEXT] = '=', [FIELD_ESCAPED] = '~',
	    [FIELD_RAW] = ':' };
	struct buf *out = &t->out;

	out->len = 0;
	CHECK_EQ(l->fate == DEAD, l->error != NULL);
	if (l->error)
		return l->error;
	buf_adds(out, weft_level_name(l->level));
	test_part(out, l, "time", l->time);
	test_part(out, l, "host", l->host);
	test_part(out, l, "tag", l->tag);
	test_part(out, l, "message", l->message);
	for (int i = 0; i < l->nfields; i++) {
		const struct field *f = &t->b->fields[l->field + i];

		buf_printf(out, " %.*s%c<%.*s>", (int)f->klen, f->key, marks[f->kind], (int)f->len,
		    f->value);
	}
	return buf_str(out);
}

#endif
