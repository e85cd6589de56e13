/* teststeps.h - steps under test, and what they have added to lines */
#ifndef WEFT_PIPELINE_TESTSTEPS_H
#define WEFT_PIPELINE_TESTSTEPS_H

#include "step.h"
#include "testlines.h"

/* An error is a failure, and told. */
static inline struct step *
made(struct step *s, struct buf *err)
{
	if (!s)
		weft_logf("%s", buf_str(err));
	REQUIRE(s != NULL);
	CHECK_EQ(err->len, 0);
	return s;
}

static inline void
check_error(struct step *s, struct buf *err, const char *want)
{
	CHECK(s == NULL);
	CHECK_STR(buf_str(err), want);
	buf_finish(err);
}

static inline struct line *
add(struct test_lines *t, const char *text)
{
	return test_parse(t, text, strlen(text), WEFT_LINE_AUTO, true);
}

/* Only the fields that steps have added. */
static inline const char *
added(struct test_lines *t, const struct line *l)
{
	t->out.len = 0;
	for (int i = 0; i < l->nfields; i++) {
		const struct field *f = &t->b->fields[l->field + i];

		if (f->added)
			buf_printf(&t->out, "%s%.*s%c%.*s", t->out.len ? " " : "", (int)f->klen,
			    f->key, f->kind == FIELD_RAW ? ':' : '=', (int)f->len, f->value);
	}
	return buf_str(&t->out);
}

#endif
