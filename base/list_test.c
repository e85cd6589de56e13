/* list_test.c - the list against arrays: order in both directions, who is in which */
#include <string.h>

#include "../weft/testing.h"
#include "list.h"
#include "rand.h"

struct item { int id; struct list entry; };

static int id_of(const struct list *e)
{
	return container_of(e, struct item, entry)->id;
}

TEST(EmptyList, .parallel = true)
{
	struct list head;

	list_init(&head);
	CHECK(list_empty(&head));
	CHECK(!list_pop_front(&head));
	CHECK(list_empty(&head));
	list_for_each(e, &head)
		CHECK(!"there is something in it");
	list_for_each_safe(e, &head)
		CHECK(!"there is something in it");
}

TEST(AnEntryInNoListPointsAtItself, .parallel = true)
{
	struct list head, e;

	list_init(&head);
	list_init(&e);
	CHECK(list_empty(&e));
	list_remove(&e);		/* nothing happens */
	CHECK(list_empty(&e));
	list_push_back(&head, &e);
	CHECK(!list_empty(&e));
	list_remove(&e);
	CHECK(list_empty(&e) && list_empty(&head));
	list_push_back(&head, &e);
	CHECK(list_pop_front(&head) == &e);
	CHECK(list_empty(&e) && list_empty(&head));
}

/* Each other one leaves in the body; the rest stays in order. */
TEST(EntriesMayLeaveOnTheWay, .parallel = true)
{
	struct item item[10];
	struct list head;
	int n = 0, left = 1;

	list_init(&head);
	for (int i = 0; i < 10; i++) {
		item[i].id = i;
		list_push_back(&head, &item[i].entry);
	}
	list_for_each_safe(e, &head) {
		CHECK_EQ(id_of(e), n++);
		if (id_of(e) % 2 == 0)
			list_remove(e);
	}
	CHECK_EQ(n, 10);
	list_for_each(e, &head) {
		CHECK_EQ(id_of(e), left);
		left += 2;
	}
	CHECK_EQ(left, 11);
	list_for_each_safe(e, &head)
		list_remove(e);
	CHECK(list_empty(&head));
}

/* ---- at random ---- */

enum { ITEMS = 40, LISTS = 3 };

struct row { int n, id[ITEMS]; };
struct world {
	struct list head[LISTS];
	struct item item[ITEMS];
	struct row want[LISTS];		/* what each list holds, in order */
	int where[ITEMS];		/* the item's list, or -1         */
};

static void want_gone(struct world *w, int id)
{
	struct row *r = &w->want[w->where[id]];
	int i = 0;

	while (r->id[i] != id)
		i++;
	memmove(&r->id[i], &r->id[i + 1], (size_t)(--r->n - i) * sizeof r->id[0]);
	w->where[id] = -1;
}

static void push_or_remove(struct world *w, int id, int l)
{
	struct row *r = &w->want[l];

	if (w->where[id] >= 0) {
		list_remove(&w->item[id].entry);
		want_gone(w, id);
		return;
	}
	list_push_back(&w->head[l], &w->item[id].entry);
	r->id[r->n++] = id;
	w->where[id] = l;
}

static void pop(struct world *w, int l)
{
	struct list *e = list_pop_front(&w->head[l]);

	CHECK_EQ(e ? id_of(e) : -1, w->want[l].n ? w->want[l].id[0] : -1);
	if (e)
		want_gone(w, id_of(e));
}

static bool as_wanted(const struct world *w)
{
	for (int l = 0; l < LISTS; l++) {
		const struct row *r = &w->want[l];
		const struct list *back = w->head[l].prev;
		int n = 0;

		list_for_each(e, &w->head[l])
			if (n >= r->n || id_of(e) != r->id[n++])
				return false;
		if (n != r->n || list_empty(&w->head[l]) != !n)
			return false;
		for (; n > 0; back = back->prev)
			if (id_of(back) != r->id[--n])
				return false;
		if (back != &w->head[l])
			return false;
	}
	for (int i = 0; i < ITEMS; i++)
		if (list_empty(&w->item[i].entry) != (w->where[i] < 0))
			return false;
	return true;
}

static void lists_from_seed(int seed)
{
	struct world w = {0};
	struct rand r;

	rand_seed(&r, (uint64_t)seed);
	for (int l = 0; l < LISTS; l++)
		list_init(&w.head[l]);
	for (int i = 0; i < ITEMS; i++) {
		w.item[i].id = i;
		w.where[i] = -1;
		list_init(&w.item[i].entry);
	}
	for (int step = 0; step < 1000; step++) {
		int l = (int)rand_below(&r, LISTS);

		if (rand_below(&r, 4))
			push_or_remove(&w, (int)rand_below(&r, ITEMS), l);
		else
			pop(&w, l);
		if (!CHECK(as_wanted(&w))) {
			weft_logf("seed %d, step %d", seed, step);
			return;
		}
	}
}

TEST(ListsAtRandom, .parallel = true)
{
	for (int seed = 0; seed < 20; seed++)
		lists_from_seed(seed);
}
