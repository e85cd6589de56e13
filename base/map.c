/* map.c - hash map from byte strings to pointers; see map.h */
#include "map.h"

#include <stdlib.h>
#include <string.h>

#include "die.h"
#include "rand.h"

uint64_t map_hash(const void *key, size_t len)
{
	static uint64_t seed;	/* set once; a race sets it to one of two good values only */
	const unsigned char *p = key;
	uint64_t h = __atomic_load_n(&seed, __ATOMIC_RELAXED);

	if (!h) {
		uint64_t none = 0;

		h = rand_entropy() | 1;
		if (!__atomic_compare_exchange_n(&seed, &none, h, false,
		    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			h = none;
	}
	for (size_t i = 0; i < len; i++)	/* FNV-1a, finished with a mix */
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static inline bool is(const struct map_entry *e, const void *key, size_t len, uint64_t hash)
{
	/* memcmp takes no NULL, not even for no bytes */
	return e->hash == hash && e->len == len && (!len || !memcmp(e->key, key, len));
}

struct map_entry *map_find(const struct map *m, const void *key, size_t len, uint64_t hash)
{
	if (!m->bucket)
		return NULL;
	for (struct map_entry *e = m->bucket[hash & m->mask]; e; e = e->next)
		if (is(e, key, len, hash))
			return e;
	return NULL;
}

static void grow(struct map *m)
{
	size_t size = m->bucket ? 2 * (m->mask + 1) : 8;
	struct map_entry **bucket = xcalloc(size, sizeof *bucket);

	for (size_t i = 0; m->bucket && i <= m->mask; i++)
		for (struct map_entry *e = m->bucket[i], *next; e; e = next) {
			next = e->next;
			e->next = bucket[e->hash & (size - 1)];
			bucket[e->hash & (size - 1)] = e;
		}
	free(m->bucket);
	m->bucket = bucket;
	m->mask = size - 1;
}

struct map_entry *map_insert(struct map *m, const void *key, size_t len, uint64_t hash,
    bool *added)
{
	struct map_entry *e = map_find(m, key, len, hash);

	if (added)
		*added = !e;
	if (e)
		return e;
	if (!m->bucket || m->n > m->mask)
		grow(m);
	e = xmalloc(sizeof *e + len);
	e->value = NULL;
	e->hash = hash;
	e->len = len;
	if (len)
		memcpy(e->key, key, len);
	e->next = m->bucket[hash & m->mask];
	m->bucket[hash & m->mask] = e;
	m->n++;
	return e;
}

bool map_delete(struct map *m, const void *key, size_t len, uint64_t hash, void **value)
{
	struct map_entry **at = m->bucket ? &m->bucket[hash & m->mask] : NULL;

	for (; at && *at; at = &(*at)->next) {
		struct map_entry *e = *at;

		if (!is(e, key, len, hash))
			continue;
		*at = e->next;
		m->n--;
		if (value)
			*value = e->value;
		free(e);
		return true;
	}
	return false;
}

struct map_entry *map_next(const struct map *m, const struct map_entry *e)
{
	if (e && e->next)
		return e->next;
	for (size_t i = e ? (e->hash & m->mask) + 1 : 0; m->bucket && i <= m->mask; i++)
		if (m->bucket[i])
			return m->bucket[i];
	return NULL;
}

void map_finish(struct map *m)
{
	for (size_t i = 0; m->bucket && i <= m->mask; i++)
		for (struct map_entry *e = m->bucket[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	free(m->bucket);
	*m = (struct map){0};
}
