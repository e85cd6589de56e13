/*
 * ours.c - the files that outputs write
 *
 * One table for the process: two pipelines in one must not read each other's outputs in a circle
 * either.  It is empty, and has no memory, when nothing is open.
 */
#include "ours.h"

#include "base/map.h"
#include "weft/sync.h"

struct name { uint64_t dev, ino; };

static weft_mutex lock;		/* protects table; held for a look */
static struct map table;	/* by name; value: how often it was added */

static struct name
name_of(dev_t dev, ino_t ino)
{
	return (struct name){ dev, ino };
}

void
ours_add(dev_t dev, ino_t ino)
{
	struct name n = name_of(dev, ino);
	struct map_entry *e;

	weft_mutex_lock(&lock);
	e = map_insert(&table, &n, sizeof(n), map_hash(&n, sizeof(n)), NULL);
	e->value = (void *)((uintptr_t)e->value + 1);
	weft_mutex_unlock(&lock);
}

void
ours_remove(dev_t dev, ino_t ino)
{
	struct name n = name_of(dev, ino);
	uint64_t hash = map_hash(&n, sizeof(n));
	struct map_entry *e;

	weft_mutex_lock(&lock);
	e = map_find(&table, &n, sizeof(n), hash);
	if (e) {
		e->value = (void *)((uintptr_t)e->value - 1);
		if (!e->value)
			map_delete(&table, &n, sizeof(n), hash, NULL);
	}
	if (table.n == 0)
		map_finish(&table);
	weft_mutex_unlock(&lock);
}

bool
ours_has(dev_t dev, ino_t ino)
{
	struct name n = name_of(dev, ino);
	bool has;

	weft_mutex_lock(&lock);
	has = table.n && map_find(&table, &n, sizeof(n), map_hash(&n, sizeof(n))) != NULL;
	weft_mutex_unlock(&lock);
	return has;
}
