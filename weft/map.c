/*
 * map.c - weft_map: a hash map in shards, each with a mutex
 *
 * A key's shard follows from the top bits of its hash, its bucket from the bottom
 * ones.  range copies one shard at a time and calls back without a lock.
 */
#include "../base/map.h"

#include <stdlib.h>
#include <string.h>

#include "sync.h"
#include "worker.h"

enum { SHARD_BITS = 6, SHARDS = 1 << SHARD_BITS };

struct weft_map {
	struct shard {
		weft_mutex m;
		struct map map;		/* under m */
	} __attribute__((aligned(64))) shard[SHARDS];
};

weft_map *weft_map_new(void)
{
	void *m;

	if (posix_memalign(&m, 64, sizeof(weft_map)))
		die("out of memory: %zu bytes", sizeof(weft_map));
	memset(m, 0, sizeof(weft_map));
	return m;
}

void weft_map_free(weft_map *m)
{
	for (int i = 0; m && i < SHARDS; i++)
		map_finish(&m->shard[i].map);
	free(m);
}

/* The locked shard of a key. */
static struct shard *enter(weft_map *m, const void *key, size_t len, uint64_t *hash)
{
	struct shard *s;

	*hash = map_hash(key, len);
	s = &m->shard[*hash >> (64 - SHARD_BITS)];
	weft_mutex_lock(&s->m);
	return s;
}

static void set(void **out, void *value)
{
	if (out)
		*out = value;
}

bool weft_map_load(weft_map *m, const void *key, size_t len, void **value)
{
	uint64_t hash;
	struct shard *s = enter(m, key, len, &hash);
	struct map_entry *e = map_find(&s->map, key, len, hash);

	set(value, e ? e->value : NULL);
	weft_mutex_unlock(&s->m);
	return e;
}

bool weft_map_swap(weft_map *m, const void *key, size_t len, void *value, void **old)
{
	uint64_t hash;
	bool added;
	struct shard *s = enter(m, key, len, &hash);
	struct map_entry *e = map_insert(&s->map, key, len, hash, &added);

	set(old, e->value);
	e->value = value;
	weft_mutex_unlock(&s->m);
	return !added;
}

void weft_map_store(weft_map *m, const void *key, size_t len, void *value)
{
	weft_map_swap(m, key, len, value, NULL);
}

bool weft_map_load_or_store(weft_map *m, const void *key, size_t len, void *value,
    void **actual)
{
	uint64_t hash;
	bool added;
	struct shard *s = enter(m, key, len, &hash);
	struct map_entry *e = map_insert(&s->map, key, len, hash, &added);

	if (added)
		e->value = value;
	set(actual, e->value);
	weft_mutex_unlock(&s->m);
	return !added;
}

bool weft_map_load_and_delete(weft_map *m, const void *key, size_t len, void **old)
{
	uint64_t hash;
	void *value = NULL;
	struct shard *s = enter(m, key, len, &hash);
	bool there = map_delete(&s->map, key, len, hash, &value);

	weft_mutex_unlock(&s->m);
	set(old, value);
	return there;
}

bool weft_map_delete(weft_map *m, const void *key, size_t len)
{
	return weft_map_load_and_delete(m, key, len, NULL);
}

bool weft_map_compare_and_swap(weft_map *m, const void *key, size_t len, void *want,
    void *value)
{
	uint64_t hash;
	struct shard *s = enter(m, key, len, &hash);
	struct map_entry *e = map_find(&s->map, key, len, hash);
	bool same = e && e->value == want;

	if (same)
		e->value = value;
	weft_mutex_unlock(&s->m);
	return same;
}

bool weft_map_compare_and_delete(weft_map *m, const void *key, size_t len, void *want)
{
	uint64_t hash;
	struct shard *s = enter(m, key, len, &hash);
	struct map_entry *e = map_find(&s->map, key, len, hash);
	bool same = e && e->value == want;

	if (same)
		map_delete(&s->map, key, len, hash, NULL);
	weft_mutex_unlock(&s->m);
	return same;
}

/* A copy of a shard's entries, chained. */
static struct map_entry *copy_shard(struct shard *s)
{
	struct map_entry *first = NULL;

	weft_mutex_lock(&s->m);
	for (struct map_entry *e = NULL; (e = map_next(&s->map, e)); ) {
		struct map_entry *copy = xmalloc(sizeof *e + e->len);

		memcpy(copy, e, sizeof *e + e->len);
		copy->next = first;
		first = copy;
	}
	weft_mutex_unlock(&s->m);
	return first;
}

void weft_map_range(weft_map *m, weft_map_fn *f, void *arg)
{
	bool more = true;

	for (int i = 0; i < SHARDS && more; i++)
		for (struct map_entry *e = copy_shard(&m->shard[i]), *next; e; e = next) {
			next = e->next;
			more = more && f(e->key, e->len, e->value, arg);
			free(e);
		}
}

size_t weft_map_len(weft_map *m)
{
	size_t n = 0;

	for (int i = 0; i < SHARDS; i++) {
		weft_mutex_lock(&m->shard[i].m);
		n += m->shard[i].map.n;
		weft_mutex_unlock(&m->shard[i].m);
	}
	return n;
}
