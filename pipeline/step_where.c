/* step_where.c - where: lines of which a condition is not true are filtered */
#include <stdlib.h>

#include "step_impl.h"

struct where {
	struct step	 step;
	struct expr	*expr;
};

static void
one(struct step *s, struct pass *p, struct line *l)
{
	if (!expr_true(((struct where *)s)->expr, p->sc, p->b, l))
		l->fate = FILTERED;
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	step_each(s, sc, b, one, NULL);
}

static void
finish(struct step *s)
{
	expr_free(((struct where *)s)->expr);
	free(s);
}

struct step *
step_where(const char *expr, struct buf *err)
{
	struct where *w = xcalloc(1, sizeof(*w));

	w->step = (struct step){ .kind = "where", .run = run, .free = finish };
	w->expr = expr_new(expr, &w->step.wants, err);
	if (w->expr)
		return &w->step;
	free(w);
	return NULL;
}
