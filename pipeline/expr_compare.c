/*
 * expr_compare.c - the right side of a comparison: literals, and whether they fit the left
 *
 * Types are settled here.  level takes names of levels, time takes times, the other parts of a
 * line take text, and a field takes text or a number: which one, the literal says.
 */
#include <stdlib.h>

#include "expr_impl.h"
#include "when.h"

/*
 * Literals
 */

static bool
unescape_byte(struct parser *p, struct buf *out)
{
	static const char from[] = "\\\"'ntr", to[] = "\\\"'\n\t\r";
	const char *found = *p->at ? strchr(from, *p->at) : NULL;

	if (!found)
		return expr_fail(p, p->at - 1, "unknown escape \\%c: a backslash is \\\\, or write"
		    " '...', where all stands for itself", *p->at ? *p->at : ' ');
	buf_addc(out, to[found - from]);
	p->at++;
	return true;
}

/*
 * At a quote: what is inside, in out.  A pattern keeps its backslashes, for they are the
 * pattern's, but those before the quote; in '...' there are no escapes.
 */
static bool
parse_string(struct parser *p, struct buf *out, bool pattern)
{
	const char *from = p->at;
	char quote = *p->at++;

	while (*p->at != quote) {
		if (!*p->at)
			return expr_fail(p, from, "a text has no end: %c is missing", quote);
		if (*p->at != '\\' || quote == '\'') {
			buf_addc(out, *p->at++);
			continue;
		}
		p->at++;
		if (!pattern) {
			if (!unescape_byte(p, out))
				return false;
			continue;
		}
		if (*p->at != '"')
			buf_addc(out, '\\');
		if (*p->at)
			buf_addc(out, *p->at++);
	}
	p->at++;
	return true;
}

static const char *const level_names[] = {
	"trace", "debug", "info", "warn", "error", "fatal", NULL
};

/* A word without quotes that is no level's comparison. */
static bool
parse_bare(struct parser *p, const struct node *n, struct literal *out)
{
	size_t len = expr_word(p->at);

	if (expr_at_word(p->at, "true") || expr_at_word(p->at, "false") ||
	    expr_at_word(p->at, "null")) {
		*out = (struct literal){ .type = EXPR_TEXT, .len = len };
		out->text = text_dup(p->at, len);
		p->at += len;
		return true;
	}
	if (len == 0)
		return expr_fail(p, p->at, *p->at ? "%.1s is no value: %s is compared with a number"
		    " or a text in quotes" : "%.0sa value is missing: %s is compared with a"
		    " number or a text in quotes", p->at, n->ref->whole);
	if (level_from_word(p->at, len) != LEVEL_NONE)
		return expr_fail(p, p->at, "%.*s is a level, and %s is none: compare level with it,"
		    " or write \"%.*s\"", (int)len, p->at, n->ref->whole, (int)len, p->at);
	return expr_fail(p, p->at, "%.*s has no quotes: %s %s \"%.*s\"", (int)len, p->at,
	    n->ref->whole, expr_op_text(n->op), (int)len, p->at);
}

bool
expr_at_number(const char *at)
{
	if (*at == '-' || *at == '+')
		at++;
	if (*at == '.')
		at++;
	return *at >= '0' && *at <= '9';
}

static bool
parse_number(struct parser *p, struct literal *out)
{
	const char *from = p->at;

	while (is_name_byte(*p->at) || *p->at == '.' || *p->at == '+')
		p->at++;
	out->type = EXPR_NUMBER;
	if (number_parse(from, p->at - from, &out->number))
		return true;
	return expr_fail(p, from, "%.*s is no number: text is written in quotes",
	    (int)(p->at - from), from);
}

static bool
check_time(struct parser *p, const char *at, struct literal *l)
{
	struct when when = { 0 };

	l->type = EXPR_TIME;
	/* a year is demanded: what the nearest one is would change with the clock */
	if (l->len >= 10 && l->text[4] == '-' && when_parse(&when, l->text, l->len, 0, &l->time))
		return true;
	return expr_fail(p, at, "time is compared with times like"
	    " \"2026-01-31T18:00:00Z\", not with \"%s\"", l->text);
}

/* What can be compared with what was settled here. */
static bool
check_type(struct parser *p, const struct node *n, const char *at, struct literal *l)
{
	const char *name = n->ref->whole;

	if (n->ref->what == REF_TIME && l->type == EXPR_TEXT)
		return check_time(p, at, l);
	if (n->ref->what == REF_TIME)
		return expr_fail(p, at, "time is compared with times like"
		    " \"2026-01-31T18:00:00Z\", not with a number");
	if (n->ref->what != REF_FIELD && l->type == EXPR_NUMBER)
		return expr_fail(p, at, "%s is text, and is not compared with a number: write it in"
		    " quotes", name);
	return true;
}

static bool
parse_literal(struct parser *p, const struct node *n, struct literal *out)
{
	const char *from;
	struct buf text = { 0 };

	expr_blanks(p);
	from = p->at;
	if (expr_at_number(from)) {
		if (!parse_number(p, out))
			return false;
	} else if (*from != '"' && *from != '\'') {
		if (!parse_bare(p, n, out))
			return false;
	} else {
		if (!parse_string(p, &text, false)) {
			buf_finish(&text);
			return false;
		}
		*out = (struct literal){ .type = EXPR_TEXT, .len = text.len };
		out->text = xstrdup(buf_str(&text));
		buf_finish(&text);
		if (*p->at == 'i' && !is_name_byte(p->at[1])) {
			free(out->text);
			return expr_fail(p, p->at, "only patterns ignore case with i: %s =~ ...",
			    n->ref->whole);
		}
	}
	if (check_type(p, n, from, out))
		return true;
	free(out->text);
	return false;
}

/*
 * Comparisons
 */

static bool
parse_level(struct parser *p, int *level)
{
	const char *from, *word, *near;
	char quote;
	size_t len;

	expr_blanks(p);
	from = word = p->at;
	quote = *from == '"' || *from == '\'' ? *from : 0;
	word += quote != 0;
	len = expr_at_number(word) ? strcspn(word, " \t,])") : expr_word(word);
	*level = level_from_word(word, len);
	p->at = word + len;
	if (*level != LEVEL_NONE && (!quote || *p->at++ == quote))
		return true;
	if (len == 0)
		return expr_fail(p, from, "level is compared with trace, debug, info, warn, error"
		    " or fatal");
	near = suggest(word, len, level_names);
	if (near)
		return expr_fail(p, from, "level is compared with names like warn, not with"
		    " %.*s: did you mean %s?", (int)len, word, near);
	return expr_fail(p, from, "level is compared with names like warn, not with %.*s", (int)len,
	    word);
}

static unsigned
levels_of(enum expr_op op, int level)
{
	unsigned all = (2u << WEFT_LEVEL_FATAL) - 1, bit = 1u << level;

	switch (op) {
	case EXPR_EQ: case EXPR_IN:
		return bit;
	case EXPR_NE:
		return all & ~bit;
	case EXPR_LT:
		return bit - 1;
	case EXPR_LE:
		return 2 * bit - 1;
	case EXPR_GT:
		return all & ~(2 * bit - 1);
	default:
		return all & ~(bit - 1);
	}
}

/* Any list in brackets; one reads an element. */
static bool
parse_list(struct parser *p, struct node *n, bool (*one)(struct parser *, struct node *))
{
	if (!expr_take(p, '['))
		return expr_fail(p, p->at, "in is followed by a list in brackets: %s in [...]",
		    n->ref->whole);
	do {
		if (!one(p, n))
			return false;
	} while (expr_take(p, ','));
	return expr_take(p, ']') ||
	    expr_fail(p, p->at, "a list goes on with a comma or ends with ]");
}

static bool
list_level(struct parser *p, struct node *n)
{
	int level;

	if (!parse_level(p, &level))
		return false;
	n->levels |= levels_of(EXPR_IN, level);
	return true;
}

static bool
compare_level(struct parser *p, struct node *n, const char *at)
{
	enum expr_op op = n->op;
	int level;

	n->op = EXPR_LEVELS;
	switch (op) {
	case EXPR_IN: case EXPR_NOT_IN:
		if (!parse_list(p, n, list_level))
			return false;
		if (op == EXPR_NOT_IN)
			n->levels = ~n->levels;
		return true;
	case EXPR_MATCH: case EXPR_NO_MATCH: case EXPR_CONTAINS: case EXPR_STARTS:
	case EXPR_ENDS:
		return expr_fail(p, at, "level is no text for %s: use ==, >=, or in [warn, error]",
		    expr_op_text(op));
	default:
		if (!parse_level(p, &level))
			return false;
		n->levels = levels_of(op, level);
		return true;
	}
}

static bool
compare_pattern(struct parser *p, struct node *n)
{
	struct buf pattern = { 0 }, why = { 0 };
	const char *from, *flags = NULL;

	expr_blanks(p);
	from = p->at;
	if (*from != '"' && *from != '\'')
		return expr_fail(p, from, "%s is followed by a pattern in quotes",
		    expr_op_text(n->op));
	if (parse_string(p, &pattern, true)) {
		if (*p->at == 'i' && !is_name_byte(p->at[1])) {
			flags = "i";
			p->at++;
		}
		n->regex = regex_new(buf_str(&pattern), flags, &why);
		if (!n->regex)
			expr_fail(p, from, "%s", buf_str(&why));
	}
	buf_finish(&pattern);
	buf_finish(&why);
	return n->regex != NULL;
}

static bool
add_literal(struct parser *p, struct node *n)
{
	struct literal l = { 0 };

	if (!parse_literal(p, n, &l))
		return false;
	n->list = xrealloc(n->list, (n->nlist + 1) * sizeof(*n->list));
	n->list[n->nlist++] = l;
	return true;
}

static void
hash_list(struct node *n)
{
	for (int i = 0; n->nlist > EXPR_HASHED && i < n->nlist; i++) {
		struct literal *l = &n->list[i];

		if (l->type == EXPR_TEXT)
			map_insert(&n->texts, l->text, l->len, map_hash(l->text, l->len), NULL);
	}
}

static bool
compare_text(struct parser *p, struct node *n)
{
	const char *from;

	expr_blanks(p);
	from = p->at;
	if (!add_literal(p, n))
		return false;
	if (n->list[0].type == EXPR_TEXT)
		return true;
	return expr_fail(p, from, "%s looks for a text in quotes, not for a number",
	    expr_op_text(n->op));
}

bool
expr_compare(struct parser *p, struct node *n, const char *at)
{
	if (n->ref->what == REF_LEVEL)
		return compare_level(p, n, at);
	if (n->ref->what == REF_TIME && n->op >= EXPR_MATCH)
		return expr_fail(p, at, "time is no text for %s: use ==, !=, <, <=, > or >=",
		    expr_op_text(n->op));
	switch (n->op) {
	case EXPR_MATCH: case EXPR_NO_MATCH:
		return compare_pattern(p, n);
	case EXPR_CONTAINS: case EXPR_STARTS: case EXPR_ENDS:
		return compare_text(p, n);
	case EXPR_IN: case EXPR_NOT_IN:
		if (!parse_list(p, n, add_literal))
			return false;
		hash_list(n);
		return true;
	default:
		return add_literal(p, n);
	}
}
