/*
 * expr.h - the language of where: level >= warn and message =~ "time ?out"
 *
 *	or, and, not, ( )
 *	a == b, !=, <, <=, >, >=		numbers, strings, levels, times
 *	a =~ "regex", a !~ "regex"		PCRE2; "..."i ignores case
 *	a in ["x", "y"], a not in [...]
 *	a contains "text", a starts "text", a ends "text"
 *	exists a				the line has such a field
 *
 * a is level, message, source, host, time, tag, stream, or a field: status, user.name,
 * ["odd name"], json.a[0], and ["level"] where a field is called like one of the former.  b is a
 * literal: a number, "text" with escapes, 'text' without, true, false or null; a level's has no
 * quotes, a time's has the shape "2026-01-31T18:00:00Z".
 *
 * Types are checked when it is compiled; a field that is missing makes a comparison false
 * and its negation (!=, !~, not in) true; one that is null is there.  A field compared with a
 * number is one if its text is one, else the comparison is false.  A pattern that takes too long to
 * match does not.
 */
#ifndef WEFT_PIPELINE_EXPR_H
#define WEFT_PIPELINE_EXPR_H

#include "parse.h"

struct expr;

/* NULL: err gets a sentence that names the place and, where it can, the remedy. */
struct expr *expr_new(const char *text, struct wants *wants, struct buf *err);
void	expr_free(struct expr *e);		/* NULL: nothing */
bool	expr_true(const struct expr *e, struct scratch *s, const struct batch *b,
	    const struct line *l);

/* A value of a line by name, as expressions read it; for per:, by:, key:, templates. */
struct ref;
struct text { const char *p; size_t len; };
struct ref *ref_new(const char *name, struct wants *wants, struct buf *err);
void	ref_free(struct ref *r);		/* NULL: nothing */
/* Its text, unescaped: in the line, or in room, which grows.  False: the line has none. */
bool	ref_text(const struct ref *r, const struct batch *b, const struct line *l,
	    struct buf *room, struct text *out);
char	*text_dup(const char *p, size_t len);	/* a copy that ends with NUL, to free */

#endif
