/*
 * map.h - hash map from byte strings to pointers
 *
 * Chained; copies its keys; grows by doubling when there is one entry per bucket.
 * All-zero is empty and ready.  No order, and the hash is seeded once per
 * process, so nothing can come to depend on one.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
	struct map_entry *next;
	void		 *value;
	uint64_t	  hash;
	size_t		  len;
	char		  key[];
};
struct map { struct map_entry **bucket; size_t n, mask; };

uint64_t map_hash(const void *key, size_t len);
struct map_entry *map_find(const struct map *m, const void *key, size_t len, uint64_t hash);
/* The entry, made with a NULL value if it was not there (*added, may be NULL). */
struct map_entry *map_insert(struct map *m, const void *key, size_t len, uint64_t hash,
    bool *added);
bool	map_delete(struct map *m, const void *key, size_t len, uint64_t hash, void **value);
/* Any order: NULL gives the first, NULL comes after the last. */
struct map_entry *map_next(const struct map *m, const struct map_entry *e);
void	map_finish(struct map *m);		/* frees, and is empty again */

#endif
