/* step_set.c - set: a field with a text, from the environment and from the line's values */
#include <stdlib.h>

#include "step_impl.h"
#include "weft/sync.h"

struct set {
	struct step	 step;
	struct step_name name;
	struct template	*value;
	weft_pool	*rooms;		/* of struct buf: a worker's, to put the pieces together */
};

static void *
make_room(void)
{
	return xcalloc(1, sizeof(struct buf));
}

static void
free_room(void *p)
{
	buf_finish(p);
	free(p);
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct set *set = (struct set *)s;
	struct buf *value = p->own;
	struct text text;

	if (!template_text(set->value, p->b, l, value, scratch_room(p->sc), &text))
		return;
	/* what is not the step's own must live as long as the batch */
	if (text.len && text.p == value->data)
		text.p = memcpy(batch_alloc(p->b, text.len), text.p, text.len);
	step_add(s, p->b, l, &set->name, text.p, text.len);
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	struct set *set = (struct set *)s;
	struct buf *room = weft_pool_get(set->rooms);

	step_each(s, sc, b, one, room);
	weft_pool_put(set->rooms, room);
}

static void
finish(struct step *s)
{
	struct set *set = (struct set *)s;

	step_name_finish(&set->name);
	template_free(set->value);
	weft_pool_free(set->rooms);
	free(set);
}

struct step *
step_set(const char *field, const char *value, struct buf *err)
{
	struct set *set = xcalloc(1, sizeof(*set));

	set->step = (struct step){ .kind = "set", .run = run, .free = finish };
	set->rooms = weft_pool_new(make_room, free_room);
	/* to see whether the line has a field of that name */
	set->step.wants.fields = true;
	if (step_name_init(&set->name, NULL, field, err)) {
		set->value = template_new(value, &set->step.wants, err);
		if (set->value)
			return &set->step;
	}
	finish(&set->step);
	return NULL;
}
