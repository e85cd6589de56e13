/*
 * expr_impl.h - what the parser of expressions makes and the evaluator runs
 *
 * A tree: and, or and not hold other nodes, everything else compares one value of the
 * line with literals whose types were settled when it was read.  Nothing in it changes
 * afterwards, so all workers share it.
 */
#ifndef WEFT_PIPELINE_EXPR_IMPL_H
#define WEFT_PIPELINE_EXPR_IMPL_H

#include "base/map.h"
#include "expr.h"
#include "suggest.h"

/* ref.c */
enum ref_what {
	REF_FIELD, REF_LEVEL, REF_MESSAGE, REF_SOURCE, REF_HOST, REF_TIME, REF_TAG, REF_STREAM
};
struct ref_part {
	char	*name;			/* of a member; NULL: */
	size_t	 len;			/* the element so many from the first */
};
struct ref {
	enum ref_what what;
	char	*whole;			/* as it was written; also tried as a field's name */
	size_t	 len;
	struct ref_part *parts;
	int	 nparts;
};
/* A value as the line has it; escaped: the inside of a JSON string, with a backslash in it. */
struct value { const char *p; size_t len; bool escaped; };

/* The name at *at, which is moved past it.  NULL: err says why, *at where. */
struct ref *ref_scan(const char **at, struct wants *wants, struct buf *err);
bool	ref_value(const struct ref *r, const struct batch *b, const struct line *l,
	    struct value *out);
bool	is_name_byte(unsigned char c);		/* may stand in a name without ["..."] */

/* number.c: JSON's numbers, and those with a plus or without digits before the point. */
struct number { int64_t i; double d; bool whole; };	/* whole: i is exact */
bool	number_parse(const char *p, size_t len, struct number *out);
int	number_compare(const struct number *a, const struct number *b);	/* below 0, 0, above */

enum expr_op {
	EXPR_AND, EXPR_OR, EXPR_NOT, EXPR_EXISTS,
	EXPR_LEVELS,			/* the level is in a set: all that compare it */
	EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_LE, EXPR_GT, EXPR_GE,
	EXPR_MATCH, EXPR_NO_MATCH, EXPR_IN, EXPR_NOT_IN,
	EXPR_CONTAINS, EXPR_STARTS, EXPR_ENDS
};
enum expr_type { EXPR_TEXT, EXPR_NUMBER, EXPR_TIME };
struct literal {
	enum expr_type type;
	char	*text;			/* owned; of texts */
	size_t	 len;
	struct number number;
	int64_t	 time;
};
struct node {
	enum expr_op op;
	struct node **sub;		/* of and, or, not */
	int	 nsub;
	struct ref *ref;
	unsigned levels;		/* a bit each */
	struct regex *regex;
	struct literal *list;		/* what it is compared with; in: all of them */
	int	 nlist;
	struct map texts;		/* a long list's, for in */
};
struct expr { struct node *root; };

/* Reading an expression: expr_parse.c has the conditions, expr_compare.c what is in them. */
struct parser {
	const char *text, *at;
	struct wants *wants;
	struct buf *err;
	int	 depth;
};
void	*expr_fail(struct parser *p, const char *at, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));	/* NULL, or false */
void	expr_blanks(struct parser *p);
bool	expr_take(struct parser *p, char c);	/* after blanks */
size_t	expr_word(const char *at);		/* the length of the word there */
bool	expr_at_word(const char *at, const char *word);
bool	expr_at_number(const char *at);
const char *expr_op_text(enum expr_op op);
/* What n->ref is compared with by n->op, which stands at at. */
bool	expr_compare(struct parser *p, struct node *n, const char *at);

#define EXPR_HASHED	8		/* a list longer than that is looked up in texts */

#endif
