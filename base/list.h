/*
 * list.h - intrusive doubly linked list
 *
 * A struct list is a ring: as a head it is empty when it points at itself; as an
 * entry it points at itself when it is in no list.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "die.h"

struct list { struct list *next, *prev; };

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_push_back(struct list *head, struct list *e)
{
	e->next = head;
	e->prev = head->prev;
	head->prev->next = e;
	head->prev = e;
}

static inline void list_remove(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}

static inline struct list *list_pop_front(struct list *head)
{
	struct list *e = head->next;

	if (e == head)
		return NULL;
	list_remove(e);
	return e;
}

#define list_for_each(e, head) \
	for (struct list *e = (head)->next; e != (head); e = e->next)
/* e may be removed in the body. */
#define list_for_each_safe(e, head) \
	for (struct list *e = (head)->next, *e##_next = e->next; e != (head); \
	    e = e##_next, e##_next = e->next)

#endif
