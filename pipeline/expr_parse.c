/*
 * expr_parse.c - from the text of a condition to the tree that is run
 *
 * Recursive descent without tokens: each function reads what it needs at p->at, and the first
 * that cannot go on writes the error, which names the column and, where there is one, the
 * remedy.  Names stand at the left and literals at the right, so what has no quotes is never
 * taken for a field by mistake.  Nesting is limited: goroutines have small stacks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr_impl.h"

#define NESTED	64

static struct node *parse_or(struct parser *p);

void *
expr_fail(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;

	buf_printf(p->err, "column %td: ", at - p->text + 1);
	va_start(ap, fmt);
	buf_vprintf(p->err, fmt, ap);
	va_end(ap);
	return NULL;
}

void
expr_blanks(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
		p->at++;
}

size_t
expr_word(const char *at)
{
	size_t n = 0;

	while (is_name_byte(at[n]))
		n++;
	return n;
}

bool
expr_at_word(const char *at, const char *word)
{
	size_t n = expr_word(at);

	return n == strlen(word) && memcmp(at, word, n) == 0;
}

static bool
take_word(struct parser *p, const char *word)
{
	expr_blanks(p);
	if (!expr_at_word(p->at, word))
		return false;
	p->at += strlen(word);
	return true;
}

bool
expr_take(struct parser *p, char c)
{
	expr_blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static struct node *
new_node(enum expr_op op)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->op = op;
	return n;
}

static void
free_node(struct node *n)
{
	if (!n)
		return;
	for (int i = 0; i < n->nsub; i++)
		free_node(n->sub[i]);
	free(n->sub);
	for (int i = 0; i < n->nlist; i++)
		free(n->list[i].text);
	free(n->list);
	map_finish(&n->texts);
	regex_free(n->regex);
	ref_free(n->ref);
	free(n);
}

/* n may be NULL: what could not be read. */
static bool
add_sub(struct node *to, struct node *n)
{
	if (!n)
		return false;
	to->sub = xrealloc(to->sub, (to->nsub + 1) * sizeof(*to->sub));
	to->sub[to->nsub++] = n;
	return true;
}

/*
 * Operators
 */

static const struct operator { const char *text; enum expr_op op; bool word; } operators[] = {
	{ "==", EXPR_EQ, false },	{ "!=", EXPR_NE, false },
	{ "<=", EXPR_LE, false },	{ ">=", EXPR_GE, false },
	{ "=~", EXPR_MATCH, false },	{ "!~", EXPR_NO_MATCH, false },
	{ "<", EXPR_LT, false },	{ ">", EXPR_GT, false },
	{ "in", EXPR_IN, true },	{ "contains", EXPR_CONTAINS, true },
	{ "starts", EXPR_STARTS, true }, { "ends", EXPR_ENDS, true },
};

const char *
expr_op_text(enum expr_op op)
{
	if (op == EXPR_NOT_IN)
		return "not in";
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (operators[i].op == op)
			return operators[i].text;
	return "exists";
}

/* What people know from elsewhere, and how it is written here. */
static const struct { const char *other, *ours; } habits[] = {
	{ "===", "==" }, { "<>", "!=" }, { "&&", "and" }, { "||", "or" }, { "~", "=~" },
	{ "=", "==" }, { "!", "not, before the condition" }, { ":", "==" }, { "*", "contains" },
	{ "AND", "and" }, { "OR", "or" }, { "NOT", "not" }, { "IN", "in" },
	{ "eq", "==" }, { "ne", "!=" }, { "is", "==" }, { "equals", "==" }, { "gt", ">" },
	{ "ge", ">=" }, { "gte", ">=" }, { "lt", "<" }, { "le", "<=" }, { "lte", "<=" },
	{ "like", "contains, or =~ with a pattern" }, { "matches", "=~" }, { "match", "=~" },
	{ "startswith", "starts" }, { "starts_with", "starts" }, { "begins", "starts" },
	{ "endswith", "ends" }, { "ends_with", "ends" }, { "has", "contains" },
	{ "includes", "contains" },
};

static const char *
habit(const char *at)
{
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
		const char *other = habits[i].other;

		if (is_name_byte(*other) ? expr_at_word(at, other) :
		    strncmp(at, other, strlen(other)) == 0)
			return habits[i].ours;
	}
	return NULL;
}

static const char *const words[] = {
	"in", "contains", "starts", "ends", NULL
};
static const char *const joins[] = { "and", "or", NULL };

/* What stands at p->at, short enough for a sentence. */
static const char *
quote(struct parser *p, char out[32])
{
	size_t n = expr_word(p->at);

	snprintf(out, 32, "%.*s", (int)(n ? n : strcspn(p->at, " \t\"'(")), p->at);
	if (!*out)
		snprintf(out, 32, "%.1s", p->at);
	return out;
}

/* Something stands where an operator should be. */
static void *
fail_operator(struct parser *p, const char *name)
{
	const char *near = habit(p->at);
	char what[32];

	if (!*p->at || *p->at == ')' || expr_at_word(p->at, "and") || expr_at_word(p->at, "or"))
		return expr_fail(p, p->at, "%s alone is no condition: compare it, as in"
		    " %s == \"x\", or write exists %s", name, name, name);
	quote(p, what);
	if (near)
		return expr_fail(p, p->at, "%s is written %s", what, near);
	near = suggest(p->at, expr_word(p->at), words);
	if (near)
		return expr_fail(p, p->at, "unknown operator %s: did you mean %s?", what, near);
	return expr_fail(p, p->at, "unknown operator %s: there are ==, !=, <, <=, >, >=, =~, !~,"
	    " in, not in, contains, starts and ends", what);
}

/* Something stands where the condition might have ended. */
static void *
fail_join(struct parser *p)
{
	const char *near = habit(p->at);
	char what[32];

	quote(p, what);
	if (!near)
		near = suggest(p->at, expr_word(p->at), joins);
	if (near)
		return expr_fail(p, p->at, "%s is written %s", what, near);
	return expr_fail(p, p->at, "%s is not expected here: conditions are joined by and"
	    " and or", what);
}

static bool
parse_operator(struct parser *p, const char *name, enum expr_op *op)
{
	const char *from;

	expr_blanks(p);
	from = p->at;
	if (take_word(p, "not")) {
		*op = EXPR_NOT_IN;
		if (take_word(p, "in"))
			return true;
		return expr_fail(p, from, "not stands before a condition, as in not %s == \"x\";"
		    " after a name only as not in", name);
	}
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		const struct operator *o = &operators[i];
		size_t n = strlen(o->text);

		if (o->word ? !expr_at_word(p->at, o->text) : strncmp(p->at, o->text, n) != 0)
			continue;
		if (habit(p->at) && strncmp(p->at, "=~", 2) != 0 &&
		    (p->at[n] == '=' || p->at[n] == '>'))
			break;
		*op = o->op;
		p->at += n;
		return true;
	}
	return fail_operator(p, name);
}

static bool
parse_name(struct parser *p, struct node *n)
{
	struct buf why = { 0 };
	const char *from, *at;

	expr_blanks(p);
	from = at = p->at;
	if (expr_at_number(at) || *at == '"' || *at == '\'')
		return expr_fail(p, at, "a comparison begins with a name: status >= 500, not the"
		    " other way round");
	if (*at == '!')
		return expr_fail(p, at, "! is written not");
	n->ref = ref_scan(&at, p->wants, &why);
	if (!n->ref)
		expr_fail(p, from, "%s", buf_str(&why));
	p->at = at;
	buf_finish(&why);
	return n->ref != NULL;
}

/* After the word; parentheses are what a function would have. */
static bool
parse_exists(struct parser *p, struct node *n)
{
	bool open = expr_take(p, '(');
	const char *from = p->at - 1;

	if (!parse_name(p, n))
		return false;
	return !open || expr_take(p, ')') || expr_fail(p, from, "( is never closed");
}

static struct node *
parse_comparison(struct parser *p)
{
	struct node *n = new_node(EXPR_EXISTS);
	const char *at;

	if (take_word(p, "exists")) {
		if (parse_exists(p, n))
			return n;
	} else if (parse_name(p, n)) {
		expr_blanks(p);
		at = p->at;
		if (parse_operator(p, n->ref->whole, &n->op) && expr_compare(p, n, at))
			return n;
	}
	free_node(n);
	return NULL;
}

/*
 * Conditions
 */

static struct node *
parse_parentheses(struct parser *p, const char *from)
{
	struct node *n = parse_or(p);

	if (!n || expr_take(p, ')'))
		return n;
	if (*p->at)
		fail_join(p);
	else
		expr_fail(p, from, "( is never closed");
	free_node(n);
	return NULL;
}

static struct node *
parse_not(struct parser *p)
{
	struct node *n;
	const char *from;

	expr_blanks(p);
	from = p->at;
	if (++p->depth > NESTED)
		return expr_fail(p, from, "more than %d conditions inside each other", NESTED);
	if (take_word(p, "not")) {
		n = new_node(EXPR_NOT);
		if (!add_sub(n, parse_not(p))) {
			free_node(n);
			n = NULL;
		}
	} else if (expr_take(p, '(')) {
		n = parse_parentheses(p, from);
	} else {
		n = parse_comparison(p);
	}
	p->depth--;
	return n;
}

/* One, or several with a word between them. */
static struct node *
parse_chain(struct parser *p, enum expr_op op, const char *word,
    struct node *(*one)(struct parser *))
{
	struct node *n, *first = one(p);

	if (!first || !take_word(p, word))
		return first;
	n = new_node(op);
	add_sub(n, first);
	do {
		if (!add_sub(n, one(p))) {
			free_node(n);
			return NULL;
		}
	} while (take_word(p, word));
	return n;
}

static struct node *
parse_and(struct parser *p)
{
	return parse_chain(p, EXPR_AND, "and", parse_not);
}

static struct node *
parse_or(struct parser *p)
{
	return parse_chain(p, EXPR_OR, "or", parse_and);
}

struct expr *
expr_new(const char *text, struct wants *wants, struct buf *err)
{
	struct parser p = { .text = text, .at = text, .wants = wants, .err = err };
	struct node *root;
	struct expr *e;

	expr_blanks(&p);
	if (!*p.at)
		return expr_fail(&p, text, "a condition is missing, such as level >= warn");
	root = parse_or(&p);
	if (root && *p.at) {
		if (*p.at == ')')
			expr_fail(&p, p.at, ") closes nothing");
		else
			fail_join(&p);
		free_node(root);
		root = NULL;
	}
	if (!root)
		return NULL;
	e = xcalloc(1, sizeof(*e));
	e->root = root;
	return e;
}

void
expr_free(struct expr *e)
{
	if (!e)
		return;
	free_node(e->root);
	free(e);
}
