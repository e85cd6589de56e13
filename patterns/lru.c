/*
 * lru.c - shards of a table, with a list by use and one by age
 *
 * An entry is in the table and in both lists of its shard, or in none of them.  All live
 * equally long, so the list by age is also that by expiry.  The cache has a reference to
 * each entry that is in it, and so has everybody who got it; the last to let go drops it.
 * What leaves is collected in a list under the lock and told about after it.
 *
 * A load is on its shard's list while it runs.  Whoever puts or removes the key meanwhile marks
 * it stale, and makes the group of calls forget it: what it brings is then older than what
 * the cache was told, and is for those only who asked before.  So is what it has brought: it
 * is forgotten as it leaves the list.
 */
#include "lru.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/list.h"
#include "../base/map.h"
#include "../weft/sync.h"
#include "../weft/time.h"
#include "singleflight.h"

struct entry {
	struct list	 age;
	int64_t		 cost, expires;
	struct shard	*s;
	weft_lru_item	 item;		/* from here on: what a hit touches, side by side */
	struct list	 use;
	struct entry	*next;		/* in its bucket */
	uint64_t	 hash;
	size_t		 len;
	_Atomic int	 refs;
	int		 why;
	char		 key[];
};

struct loading { struct list in; const void *key; size_t len; bool stale; };

struct shard {
	weft_mutex	 m;		/* protects the rest but live; not held in callbacks */
	struct entry	**bucket;
	size_t		 mask;
	int64_t		 max;
	struct list	 use, age;	/* least recently used, oldest first */
	struct list	 loads;
	struct weft_lru_stats stats;
	weft_lru	*c;
	_Atomic int64_t	 live;		/* entries, with those that have left but are held */
} __attribute__((aligned(64)));

struct weft_lru {
	struct weft_lru_options	 o;
	weft_singleflight	*flights;
	weft_ctx		*ctx;	/* the sweeper's */
	weft_waitgroup		 sweeper;
	struct shard		 shard[];
};

enum { SHARDS = 16, SHARD_MIN = 64, BUCKETS = 16, SWEEP_AT_ONCE = 128 };

/* ---- entries ---- */

static void *hold(void *e)
{
	/* relaxed: who holds one reference, or the lock, gives another */
	atomic_fetch_add_explicit(&((struct entry *)e)->refs, 1, memory_order_relaxed);
	return e;
}

static void let_go(void *entry)
{
	struct entry *e = entry;
	struct shard *s = e->s;

	if (atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	if (s->c->o.drop)
		s->c->o.drop(e->item.value);
	free(e);
	atomic_fetch_sub(&s->live, 1);		/* the last touch: see weft_lru_free */
}

/* With one reference. */
static struct entry *new_entry(struct shard *s, const void *key, size_t len, uint64_t hash,
    void *value, int64_t cost)
{
	struct entry *e = xmalloc(sizeof *e + len);

	if (cost < 0)
		die("weft_lru: cost %lld", (long long)cost);
	*e = (struct entry){ .item.value = value, .s = s, .refs = 1, .hash = hash,
	    .cost = cost, .len = len };
	if (len)
		memcpy(e->key, key, len);
	atomic_fetch_add(&s->live, 1);
	return e;
}

/* ---- a shard, under its lock ---- */

static inline struct shard *shard_of(weft_lru *c, uint64_t hash)
{
	return &c->shard[(hash >> 40) & (uint64_t)(c->o.shards - 1)];
}

static struct entry **where(struct shard *s, const void *key, size_t len, uint64_t hash)
{
	struct entry **p = &s->bucket[hash & s->mask];

	while (*p && !((*p)->hash == hash && (*p)->len == len &&
	    (!len || !memcmp((*p)->key, key, len))))
		p = &(*p)->next;
	return p;
}

static void grow(struct shard *s)
{
	size_t old = s->mask + 1;
	struct entry **bucket = xcalloc(2 * old, sizeof *bucket);

	s->mask = 2 * old - 1;
	for (size_t i = 0; i < old; i++)
		for (struct entry *e = s->bucket[i], *next; e; e = next) {
			next = e->next;
			e->next = bucket[e->hash & s->mask];
			bucket[e->hash & s->mask] = e;
		}
	free(s->bucket);
	s->bucket = bucket;
}

static bool expired(const struct entry *e)
{
	return e->s->c->o.ttl && weft_now() >= e->expires;
}

/* Whatever for, one that has expired has left because of that. */
static void take_out(struct shard *s, struct entry *e, int why, struct list *gone)
{
	*where(s, e->key, e->len, e->hash) = e->next;
	list_remove(&e->use);
	if (s->c->o.ttl)
		list_remove(&e->age);
	s->stats.len--;
	s->stats.cost -= e->cost;
	if (expired(e))
		why = WEFT_LRU_EXPIRED;
	s->stats.evicted += why == WEFT_LRU_EVICTED;
	s->stats.expired += why == WEFT_LRU_EXPIRED;
	e->why = why;
	list_push_back(gone, &e->use);
}

/* The reference that it has becomes the cache's. */
static void put_in(struct shard *s, struct entry *e, struct list *gone)
{
	if (e->cost > s->max) {
		e->why = WEFT_LRU_EVICTED;
		s->stats.evicted++;
		list_push_back(gone, &e->use);
		return;
	}
	while (s->stats.cost > s->max - e->cost)
		take_out(s, container_of(s->use.next, struct entry, use), WEFT_LRU_EVICTED, gone);
	if ((size_t)s->stats.len > s->mask)
		grow(s);
	e->next = s->bucket[e->hash & s->mask];
	s->bucket[e->hash & s->mask] = e;
	list_push_back(&s->use, &e->use);
	if (s->c->o.ttl) {
		if (__builtin_add_overflow(weft_now(), s->c->o.ttl, &e->expires))
			e->expires = INT64_MAX;
		list_push_back(&s->age, &e->age);
	}
	s->stats.len++;
	s->stats.cost += e->cost;
}

/* One that is there and has not expired, with a reference for the caller; or NULL. */
static struct entry *look_up(struct shard *s, const void *key, size_t len, uint64_t hash,
    struct list *gone)
{
	struct entry *e = *where(s, key, len, hash);

	if (e && expired(e)) {
		take_out(s, e, WEFT_LRU_EXPIRED, gone);
		return NULL;
	}
	if (!e)
		return NULL;
	list_remove(&e->use);
	list_push_back(&s->use, &e->use);
	return hold(e);
}

/* What is being loaded for the key, or for any if that is NULL, is no longer wanted. */
static void make_stale(struct shard *s, const void *key, size_t len)
{
	list_for_each(i, &s->loads) {
		struct loading *l = container_of(i, struct loading, in);

		if (l->stale || (key && (l->len != len || memcmp(l->key, key, len))))
			continue;
		l->stale = true;
		weft_singleflight_forget(s->c->flights, l->key, l->len);
	}
}

/* ---- outside the lock ---- */

static void tell(weft_lru *c, struct list *gone)
{
	struct list *i;

	while ((i = list_pop_front(gone))) {
		struct entry *e = container_of(i, struct entry, use);

		if (c->o.evicted)
			c->o.evicted(e->key, e->len, e->item.value, e->why, c->o.arg);
		let_go(e);
	}
}

weft_lru_item *weft_lru_get(weft_lru *c, const void *key, size_t len)
{
	uint64_t hash = map_hash(key, len);
	struct shard *s = shard_of(c, hash);
	struct list gone;
	struct entry *e;

	list_init(&gone);
	weft_mutex_lock(&s->m);
	e = look_up(s, key, len, hash, &gone);
	++*(e ? &s->stats.hits : &s->stats.misses);
	weft_mutex_unlock(&s->m);
	tell(c, &gone);
	return e ? &e->item : NULL;
}

void weft_lru_release(weft_lru_item *item)
{
	if (item)
		let_go(container_of(item, struct entry, item));
}

void weft_lru_put(weft_lru *c, const void *key, size_t len, void *value, int64_t cost)
{
	uint64_t hash = map_hash(key, len);
	struct shard *s = shard_of(c, hash);
	struct entry *e = new_entry(s, key, len, hash, value, cost), *old;
	struct list gone;

	list_init(&gone);
	weft_mutex_lock(&s->m);
	make_stale(s, e->key, len);
	old = *where(s, key, len, hash);
	if (old)
		take_out(s, old, WEFT_LRU_REPLACED, &gone);
	put_in(s, e, &gone);
	weft_mutex_unlock(&s->m);
	tell(c, &gone);
}

bool weft_lru_remove(weft_lru *c, const void *key, size_t len)
{
	uint64_t hash = map_hash(key, len);
	struct shard *s = shard_of(c, hash);
	struct entry *e;
	struct list gone;
	bool there;

	list_init(&gone);
	weft_mutex_lock(&s->m);
	make_stale(s, len ? key : "", len);
	e = *where(s, key, len, hash);
	if (e)
		take_out(s, e, WEFT_LRU_REMOVED, &gone);
	there = e && e->why == WEFT_LRU_REMOVED;
	weft_mutex_unlock(&s->m);
	tell(c, &gone);
	return there;
}

void weft_lru_purge(weft_lru *c)
{
	for (struct shard *s = c->shard; s < c->shard + c->o.shards; s++) {
		struct list gone;

		list_init(&gone);
		weft_mutex_lock(&s->m);
		make_stale(s, NULL, 0);
		while (!list_empty(&s->use))
			take_out(s, container_of(s->use.next, struct entry, use),
			    WEFT_LRU_REMOVED, &gone);
		weft_mutex_unlock(&s->m);
		tell(c, &gone);
	}
}

/* ---- loading ---- */

/*
 * Under the lock, when a call of the group has its answer.  It can still be joined, until it
 * returns; but who asks from now on looks into the cache: what the answer was may be
 * removed by then, and a callback would wait for itself.  Once all have left a call it cannot
 * be joined, and the key may stand for a newer one.
 */
static void answered(weft_ctx *ctx, struct shard *s, const void *key, size_t len)
{
	if (!weft_err(ctx))
		weft_singleflight_forget(s->c->flights, key, len);
}

/* The call of the group: its value is an entry with a reference. */
static int load(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value)
{
	weft_lru *c = arg;
	uint64_t hash = map_hash(key, len);
	struct shard *s = shard_of(c, hash);
	struct loading l = { .key = key, .len = len };
	struct entry *e;
	struct list gone;
	int64_t cost = 1;
	void *v = NULL;
	int err;

	list_init(&gone);
	weft_mutex_lock(&s->m);
	e = look_up(s, key, len, hash, &gone);	/* another load may just have ended */
	if (e)
		answered(ctx, s, key, len);
	else
		list_push_back(&s->loads, &l.in);
	weft_mutex_unlock(&s->m);
	*value = e;
	if (e)
		return 0;
	err = c->o.load(ctx, key, len, c->o.arg, &v, &cost);
	if (!err)
		*value = e = new_entry(s, key, len, hash, v, cost);
	weft_mutex_lock(&s->m);
	list_remove(&l.in);
	s->stats.loads++;
	s->stats.failed += err != 0;
	if (!l.stale)
		answered(ctx, s, key, len);
	/* there may be one already, by a load that was started when all had left this one */
	if (e && !l.stale && !*where(s, key, len, hash))
		put_in(s, hold(e), &gone);
	weft_mutex_unlock(&s->m);
	tell(c, &gone);
	return err;
}

int weft_lru_get_or_load(weft_ctx *ctx, weft_lru *c, const void *key, size_t len,
    weft_lru_item **item)
{
	void *e;
	int err;

	*item = weft_lru_get(c, key, len);
	if (*item)
		return 0;
	if (!c->o.load)
		die("weft_lru_get_or_load: the cache has no load");
	err = weft_singleflight_do(ctx, c->flights, key, len, load, c, &e, NULL);
	if (!err)
		*item = &((struct entry *)e)->item;
	return err;
}

/* ---- sweeping ---- */

/* True: there may be more. */
static bool sweep_some(struct shard *s, int64_t now)
{
	struct list gone;
	int n = 0;

	list_init(&gone);
	weft_mutex_lock(&s->m);
	while (n < SWEEP_AT_ONCE && !list_empty(&s->age)) {
		struct entry *e = container_of(s->age.next, struct entry, age);

		if (e->expires > now)
			break;
		take_out(s, e, WEFT_LRU_EXPIRED, &gone);
		n++;
	}
	weft_mutex_unlock(&s->m);
	tell(s->c, &gone);
	return n == SWEEP_AT_ONCE;
}

static void sweep(weft_lru *c)
{
	while (weft_sleep_ctx(c->ctx, c->o.sweep) == 0)
		for (struct shard *s = c->shard; s < c->shard + c->o.shards; s++)
			while (sweep_some(s, weft_now()))
				weft_yield();
}

/* ---- the cache ---- */

static int how_many(const struct weft_lru_options *o)
{
	int n = 1, most = o->shards ? o->shards : SHARDS;

	while (n < most && (o->shards || o->max / (2 * n) >= SHARD_MIN))
		n *= 2;
	return n;
}

static void check(const struct weft_lru_options *o)
{
	if (o->max <= 0 || o->ttl < 0 || o->sweep < 0 || o->shards < 0 ||
	    o->shards > 1 << 16 || how_many(o) > o->max)
		die("weft_lru_new: max %lld, ttl %lld, sweep %lld, %d shards", (long long)o->max,
		    (long long)o->ttl, (long long)o->sweep, o->shards);
}

weft_lru *weft_lru_new(struct weft_lru_options o)
{
	weft_lru *c;
	size_t size;

	check(&o);
	o.shards = how_many(&o);
	o.sweep = o.sweep ? o.sweep : o.ttl;
	size = sizeof *c + (size_t)o.shards * sizeof c->shard[0];
	c = aligned_alloc(_Alignof(weft_lru), size);
	if (!c)
		die("out of memory (%zu bytes)", size);
	memset(c, 0, size);
	c->o = o;
	c->flights = weft_singleflight_new(hold, let_go);
	for (int i = 0; i < o.shards; i++) {
		struct shard *s = &c->shard[i];

		s->c = c;
		s->max = o.max / o.shards + (i < o.max % o.shards);
		s->bucket = xcalloc(BUCKETS, sizeof *s->bucket);
		s->mask = BUCKETS - 1;
		list_init(&s->use);
		list_init(&s->age);
		list_init(&s->loads);
	}
	if (o.ttl) {
		c->ctx = weft_with_cancel(NULL);
		weft_waitgroup_go(&c->sweeper, sweep, c);
	}
	return c;
}

void weft_lru_free(weft_lru *c)
{
	int64_t held = 0;

	if (!c)
		return;
	if (c->ctx)
		weft_cancel(c->ctx);
	weft_waitgroup_wait(&c->sweeper);
	weft_ctx_free(c->ctx);
	weft_singleflight_free(c->flights);
	weft_lru_purge(c);
	for (int i = 0; i < c->o.shards; i++) {
		/* pairs with the last touch of let_go */
		held += atomic_load(&c->shard[i].live);
		free(c->shard[i].bucket);
	}
	if (held)
		die("weft_lru_free: %lld values are not released", (long long)held);
	free(c);
}

struct weft_lru_stats weft_lru_stats(weft_lru *c)
{
	struct weft_lru_stats sum = { 0 };

	for (int i = 0; i < c->o.shards; i++) {
		struct shard *s = &c->shard[i];

		weft_mutex_lock(&s->m);
		sum.len += s->stats.len;
		sum.cost += s->stats.cost;
		sum.hits += s->stats.hits;
		sum.misses += s->stats.misses;
		sum.loads += s->stats.loads;
		sum.failed += s->stats.failed;
		sum.evicted += s->stats.evicted;
		sum.expired += s->stats.expired;
		weft_mutex_unlock(&s->m);
	}
	return sum;
}
