/*
 * expr_eval.c - is a condition true of a line
 *
 * Nothing is allocated, but for the scratch's room, which grows to the longest text that had
 * to be unescaped, and where a name in JSON is written with escapes.  A value that is missing
 * makes every comparison false; those that deny (!=, !~, not in) are the opposite of the ones
 * they deny.
 */
#include "expr_impl.h"
#include "json.h"
#include "when.h"

struct eval {
	struct scratch *s;
	const struct batch *b;
	const struct line *l;
};

static void
unescape(struct scratch *s, struct value *v)
{
	struct buf *room = scratch_room(s);

	if (!v->escaped)
		return;
	room->len = 0;
	json_unescape(room, v->p, v->len);
	*v = (struct value){ room->data, room->len, false };
}

static int
compare_texts(const struct value *v, const struct literal *l)
{
	size_t n = v->len < l->len ? v->len : l->len;
	int c = n ? memcmp(v->p, l->text, n) : 0;

	return c ? c : (v->len > l->len) - (v->len < l->len);
}

static bool
holds(enum expr_op op, int c)
{
	switch (op) {
	case EXPR_EQ:
		return c == 0;
	case EXPR_NE:
		return c != 0;
	case EXPR_LT:
		return c < 0;
	case EXPR_LE:
		return c <= 0;
	case EXPR_GT:
		return c > 0;
	default:
		return c >= 0;
	}
}

static bool
compare_times(const struct eval *e, enum expr_op op, const struct value *v, int64_t with)
{
	int64_t time;

	if (!when_parse(scratch_when(e->s), v->p, v->len, e->b->received, &time))
		return op == EXPR_NE;
	return holds(op, (time > with) - (time < with));
}

static bool
compare(const struct eval *e, const struct node *n, struct value *v)
{
	const struct literal *l = &n->list[0];
	struct number number;

	switch (l->type) {
	case EXPR_NUMBER:
		if (!number_parse(v->p, v->len, &number))
			return n->op == EXPR_NE;
		return holds(n->op, number_compare(&number, &l->number));
	case EXPR_TIME:
		return compare_times(e, n->op, v, l->time);
	default:
		/* lengths are known before texts are */
		if (n->op <= EXPR_NE && v->len != l->len && !v->escaped)
			return n->op == EXPR_NE;
		unescape(e->s, v);
		return holds(n->op, compare_texts(v, l));
	}
}

static bool
listed(const struct eval *e, const struct node *n, struct value *v)
{
	struct number number;
	bool is_number = number_parse(v->p, v->len, &number);

	unescape(e->s, v);
	if (n->texts.n && map_find(&n->texts, v->p, v->len, map_hash(v->p, v->len)))
		return true;
	for (int i = 0; i < n->nlist; i++) {
		const struct literal *l = &n->list[i];

		if (l->type == EXPR_NUMBER) {
			if (is_number && number_compare(&number, &l->number) == 0)
				return true;
		} else if (!n->texts.n && compare_texts(v, l) == 0) {
			return true;
		}
	}
	return false;
}

static bool
has_part(const struct node *n, const struct value *v)
{
	const struct literal *l = &n->list[0];

	if (l->len > v->len)
		return false;
	if (l->len == 0)
		return true;
	switch (n->op) {
	case EXPR_CONTAINS:
		return memmem(v->p, v->len, l->text, l->len) != NULL;
	case EXPR_STARTS:
		return memcmp(v->p, l->text, l->len) == 0;
	default:
		return memcmp(v->p + v->len - l->len, l->text, l->len) == 0;
	}
}

static bool
denies(enum expr_op op)
{
	return op == EXPR_NE || op == EXPR_NO_MATCH || op == EXPR_NOT_IN;
}

static bool
test_value(const struct eval *e, const struct node *n)
{
	struct value v;

	if (!ref_value(n->ref, e->b, e->l, &v))
		return denies(n->op);
	switch (n->op) {
	case EXPR_EXISTS:
		return true;
	case EXPR_MATCH:
	case EXPR_NO_MATCH:
		unescape(e->s, &v);
		/* a match that takes too long is none */
		return regex_match(n->regex, e->s, v.p, v.len, 0, NULL, NULL) ==
		    (n->op == EXPR_MATCH);
	case EXPR_IN:
	case EXPR_NOT_IN:
		return listed(e, n, &v) == (n->op == EXPR_IN);
	case EXPR_CONTAINS:
	case EXPR_STARTS:
	case EXPR_ENDS:
		unescape(e->s, &v);
		return has_part(n, &v);
	default:
		return compare(e, n, &v);
	}
}

static bool
test(const struct eval *e, const struct node *n)
{
	switch (n->op) {
	case EXPR_AND:
		for (int i = 0; i < n->nsub; i++)
			if (!test(e, n->sub[i]))
				return false;
		return true;
	case EXPR_OR:
		for (int i = 0; i < n->nsub; i++)
			if (test(e, n->sub[i]))
				return true;
		return false;
	case EXPR_NOT:
		return !test(e, n->sub[0]);
	case EXPR_LEVELS:
		return n->levels >> e->l->level & 1;
	default:
		return test_value(e, n);
	}
}

bool
expr_true(const struct expr *e, struct scratch *s, const struct batch *b, const struct line *l)
{
	struct eval eval = { s, b, l };

	return test(&eval, e->root);
}
