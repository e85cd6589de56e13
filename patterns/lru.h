/*
 * lru.h - a cache that forgets what was not used for longest
 *
 *	weft_lru *c = weft_lru_new((struct weft_lru_options){
 *	    .max = 10000, .ttl = 60 * WEFT_SECOND, .drop = free, .load = fetch });
 *	weft_lru_item *page;
 *
 *	err = weft_lru_get_or_load(ctx, c, url, strlen(url), &page);
 *	if (err)
 *		return err;
 *	use(page->value);
 *	weft_lru_release(page);
 *
 * Any number of goroutines may use it.  Keys are bytes, and copied.  A value belongs to the
 * cache from put or load on, and is dropped when it has left the cache and
 * everybody has released it: so what you got stays good while you hold it.
 */
#ifndef PATTERNS_LRU_H
#define PATTERNS_LRU_H

#include "../weft/weft.h"

typedef struct weft_lru weft_lru;
typedef struct weft_lru_item { void *value; } weft_lru_item;

/* Why something has left the cache. */
enum weft_lru_why {
	WEFT_LRU_EVICTED,		/* to make room                     */
	WEFT_LRU_EXPIRED,		/* whoever found it                */
	WEFT_LRU_REPLACED,		/* by put                           */
	WEFT_LRU_REMOVED		/* by remove, purge or free         */
};

/*
 * 0, with *value set, which was NULL, or a negative errno.  *cost is 1 unless you set it.
 * ctx, which may be NULL, is cancelled when nobody waits for the value any more.  It must
 * return, and must not ask the cache for its own key: it would wait for itself.
 */
typedef int weft_lru_load_fn(weft_ctx *ctx, const void *key, size_t len, void *arg,
    void **value, int64_t *cost);

/* No lock is held in the callbacks: they may use the cache. */
struct weft_lru_options {
	int64_t	max;			/* what all costs may add up to; above 0           */
	int64_t	ttl;			/* ns from put or load until it expires; 0: never  */
	int64_t	sweep;			/* how often expired ones are looked for; 0: ttl   */
	int	shards;			/* 0: up to 16, of at least 64 each                */
	weft_lru_load_fn *load;		/* for get_or_load                                 */
	void	(*drop)(void *value);	/* nobody has it any more; NULL: nothing           */
	void	(*evicted)(const void *key, size_t len, void *value, int why, void *arg);
					/* it has left; the value is good until you return */
	void	*arg;			/* for load and evicted                            */
};

/*
 * With a ttl a goroutine sweeps expired values away.  Shards, a power of two, have a lock
 * and an equal part of max each: least recently used is meant among those of a shard.
 */
weft_lru *weft_lru_new(struct weft_lru_options options);

/*
 * Stops the sweeper, waits for loads that nobody waits for, and removes everything.
 * NULL: nothing.  What is not released by then stops the program.  evicted may still look
 * something up meanwhile, but neither put nor load.
 */
void	weft_lru_free(weft_lru *c);

/* NULL: it is not there, or no longer.  What you get is yours until you release it. */
weft_lru_item *weft_lru_get(weft_lru *c, const void *key, size_t len);
void	weft_lru_release(weft_lru_item *item);		/* NULL: nothing */

/*
 * What is there, or what load gives.  One load answers all who ask for the key meanwhile;
 * each may leave.  0, what load returned, -ECANCELED or -ETIMEDOUT.  Errors are not kept;
 * nor is a value when the key was put or removed while it was loaded.
 */
int	weft_lru_get_or_load(weft_ctx *ctx, weft_lru *c, const void *key, size_t len,
	    weft_lru_item **item);

/*
 * The cost is 1 where max is a number of values; below 0 it stops the program.  A value
 * that costs more than its shard's part is not kept: it is evicted at once.
 */
void	weft_lru_put(weft_lru *c, const void *key, size_t len, void *value, int64_t cost);
bool	weft_lru_remove(weft_lru *c, const void *key, size_t len);	/* true: it was there */
void	weft_lru_purge(weft_lru *c);		/* all of them */

struct weft_lru_stats {
	int64_t	len, cost;		/* now; expired ones count until they are swept */
	int64_t	hits, misses;		/* since the start, and so are these:           */
	int64_t	loads, failed;		/* all of them, and those with an error         */
	int64_t	evicted, expired;
};
struct weft_lru_stats weft_lru_stats(weft_lru *c);

#endif
