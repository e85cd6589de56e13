/* lru_test.c - what is kept and what goes, who is told, and that nothing held goes away */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "lru.h"

/* Values are numbers; the diary says what became of them. */
struct diary {
	_Atomic int told[4], dropped, loads;
	char	last[32];		/* the last one's key that left, and why */
	int64_t	takes, cost;
	int	err;
	weft_lru *c;
	bool	meddle;			/* use the cache in the callback */
	bool	stubborn;		/* load although nobody waits for it */
};
static _Atomic int drops;

static void count_drop(void *value)
{
	(void)value;
	drops++;
}

static void told(const void *key, size_t len, void *value, int why, void *arg)
{
	struct diary *d = arg;

	(void)value;
	d->told[why]++;
	snprintf(d->last, sizeof d->last, "%.*s %d", (int)len, (const char *)key, why);
	if (d->meddle) {
		CHECK(!weft_lru_get(d->c, key, len));
		d->meddle = false;
		weft_lru_put(d->c, "again", 5, value, 1);
	}
}

static int load(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value, int64_t *cost)
{
	struct diary *d = arg;
	int n = ++d->loads, err = weft_sleep_ctx(ctx, d->takes);

	(void)key, (void)len;
	if (err && d->stubborn)
		err = weft_sleep_ctx(NULL, 2 * d->takes);
	if (err || d->err)
		return err ? err : d->err;
	*value = (void *)(intptr_t)n;
	if (d->cost)
		*cost = d->cost;
	return 0;
}

static weft_lru *begin(struct diary *d, struct weft_lru_options o)
{
	drops = 0;
	o.drop = count_drop;
	o.evicted = told;
	o.load = load;
	o.arg = d;
	d->c = weft_lru_new(o);
	return d->c;
}

static void put(weft_lru *c, const char *key, intptr_t n)
{
	weft_lru_put(c, key, strlen(key), (void *)n, 1);
}

/* 0: not there. */
static intptr_t get(weft_lru *c, const char *key)
{
	weft_lru_item *i = weft_lru_get(c, key, strlen(key));
	intptr_t n = i ? (intptr_t)i->value : 0;

	weft_lru_release(i);
	return n;
}

/* ---- what is kept ---- */

TEST(LruEvictsWhatWasNotUsedForLongest)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 3 });

	put(c, "a", 1);
	put(c, "b", 2);
	put(c, "c", 3);
	CHECK_EQ(get(c, "a"), 1);
	put(c, "d", 4);
	CHECK_STR(d.last, "b 0");
	CHECK_EQ(get(c, "b"), 0);
	CHECK_EQ(get(c, "a"), 1);
	CHECK_EQ(get(c, "c"), 3);
	CHECK_EQ(get(c, "d"), 4);
	CHECK_EQ(d.told[WEFT_LRU_EVICTED], 1);
	CHECK_EQ(drops, 1);
	CHECK_EQ(weft_lru_stats(c).len, 3);
	CHECK_EQ(weft_lru_stats(c).hits, 4);
	CHECK_EQ(weft_lru_stats(c).misses, 1);
	CHECK_EQ(weft_lru_stats(c).evicted, 1);
	weft_lru_free(c);
	CHECK_EQ(d.told[WEFT_LRU_REMOVED], 3);
	CHECK_EQ(drops, 4);
	weft_lru_free(NULL);
}

TEST(LruPutReplaces)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 3 });

	put(c, "a", 1);
	put(c, "a", 2);
	CHECK_STR(d.last, "a 2");
	CHECK_EQ(get(c, "a"), 2);
	CHECK_EQ(weft_lru_stats(c).len, 1);
	put(c, "", 5);				/* no bytes are a key, too */
	CHECK_EQ(get(c, ""), 5);
	CHECK(weft_lru_remove(c, "a", 1));
	CHECK_STR(d.last, "a 3");
	CHECK(!weft_lru_remove(c, "a", 1));
	CHECK(weft_lru_remove(c, NULL, 0));
	CHECK_EQ(drops, 3);
	weft_lru_free(c);
}

TEST(LruCostsAddUp)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 10 });

	weft_lru_put(c, "a", 1, NULL, 4);
	weft_lru_put(c, "b", 1, NULL, 4);
	weft_lru_put(c, "free", 4, NULL, 0);
	weft_lru_put(c, "c", 1, NULL, 2);
	CHECK_EQ(weft_lru_stats(c).len, 4);
	weft_lru_put(c, "d", 1, NULL, 7);	/* a and b go, the others are enough */
	CHECK_EQ(d.told[WEFT_LRU_EVICTED], 2);
	CHECK_EQ(weft_lru_stats(c).cost, 9);
	weft_lru_put(c, "e", 1, NULL, 11);	/* cannot be kept: nobody has to go for it */
	CHECK_STR(d.last, "e 0");
	CHECK_EQ(weft_lru_stats(c).cost, 9);
	weft_lru_put(c, "c", 1, NULL, 11);	/* yet the old one is no longer true */
	CHECK_EQ(weft_lru_stats(c).cost, 7);
	weft_lru_free(c);
	CHECK_EQ(drops, 7);
}

TEST(LruShardsKeepNoMoreThanMax)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 1003, .shards = 5 });
	char key[16];

	for (int i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "%d", i);
		put(c, key, i + 1);
		CHECK_EQ(get(c, key), i + 1);
	}
	CHECK_EQ(weft_lru_stats(c).len, 1003);
	CHECK_EQ(d.told[WEFT_LRU_EVICTED], 20000 - 1003);
	weft_lru_purge(c);
	CHECK_EQ(weft_lru_stats(c).len, 0);
	CHECK_EQ(weft_lru_stats(c).cost, 0);
	CHECK_EQ(drops, 20000);
	weft_lru_free(c);
}

/* ---- holding ---- */

TEST(LruWhatIsHeldStaysGood)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 1 });
	weft_lru_item *a, *b;

	put(c, "a", 1);
	a = weft_lru_get(c, "a", 1);
	b = weft_lru_get(c, "a", 1);
	put(c, "b", 2);
	CHECK_EQ(d.told[WEFT_LRU_EVICTED], 1);
	CHECK_EQ(drops, 0);
	weft_lru_release(a);
	CHECK_EQ(drops, 0);
	CHECK_EQ((intptr_t)b->value, 1);
	weft_lru_release(b);
	CHECK_EQ(drops, 1);
	weft_lru_free(c);
}

TEST(LruCallbackMayUseTheCache)
{
	struct diary d = { .meddle = true };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 2 });

	put(c, "a", 1);
	put(c, "b", 2);
	put(c, "c", 3);			/* a goes, and puts one for which b goes */
	CHECK_EQ(get(c, "again"), 1);
	CHECK_EQ(get(c, "b"), 0);
	CHECK_EQ(get(c, "c"), 3);
	weft_lru_free(c);
}

/* ---- time ---- */

TEST(LruExpires, .bubble = true)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5, .ttl = WEFT_SECOND,
	    .sweep = 3600 * WEFT_SECOND });

	put(c, "a", 1);
	weft_sleep(WEFT_SECOND - 1);
	CHECK_EQ(get(c, "a"), 1);
	weft_sleep(1);
	CHECK_EQ(weft_lru_stats(c).len, 1);
	CHECK_EQ(get(c, "a"), 0);	/* being used has not kept it */
	CHECK_STR(d.last, "a 1");
	CHECK_EQ(weft_lru_stats(c).len, 0);
	CHECK_EQ(weft_lru_stats(c).expired, 1);
	weft_lru_free(c);
	CHECK_EQ(drops, 1);
}

TEST(LruExpiredIsNotThereForAnybody, .bubble = true)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 2, .ttl = WEFT_SECOND,
	    .sweep = 3600 * WEFT_SECOND });

	put(c, "a", 1);
	put(c, "b", 2);
	weft_sleep(WEFT_SECOND);
	CHECK(!weft_lru_remove(c, "a", 1));
	put(c, "b", 3);
	CHECK_EQ(d.told[WEFT_LRU_EXPIRED], 2);
	CHECK(weft_lru_remove(c, "b", 1));
	put(c, "c", 4);
	put(c, "d", 5);
	weft_sleep(WEFT_SECOND);
	put(c, "e", 6);			/* makes room, but of what was dead */
	CHECK_EQ(weft_lru_stats(c).evicted, 0);
	CHECK_EQ(weft_lru_stats(c).expired, 3);
	weft_lru_free(c);
	CHECK_EQ(d.told[WEFT_LRU_EXPIRED], 4);
	CHECK_EQ(d.told[WEFT_LRU_REMOVED], 2);
}

TEST(LruLongestTtlIsForEver, .bubble = true)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 2, .ttl = INT64_MAX });

	weft_sleep(WEFT_SECOND);
	put(c, "a", 1);
	CHECK_EQ(get(c, "a"), 1);
	weft_sleep(3600 * WEFT_SECOND);
	CHECK_EQ(get(c, "a"), 1);
	weft_lru_free(c);
}

TEST(LruSweepsWhatNobodyAsksFor, .bubble = true)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 1000, .ttl = WEFT_SECOND });
	char key[16];

	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof key, "%d", i);
		put(c, key, i + 1);
	}
	weft_sleep(WEFT_SECOND / 2);
	put(c, "late", 1);
	weft_sleep(WEFT_SECOND / 2);
	weft_settle();
	CHECK_EQ(weft_lru_stats(c).len, 1);
	CHECK_EQ(weft_lru_stats(c).expired, 500);
	CHECK_EQ(drops, 500);
	CHECK_EQ(get(c, "late"), 1);
	weft_sleep(WEFT_SECOND);
	weft_settle();
	CHECK_EQ(drops, 501);
	weft_lru_free(c);		/* and the sweeper is gone, or the test has a leak */
}

/* ---- loading ---- */

struct got { int err; intptr_t n; };

static void ask(weft_ctx *ctx, weft_lru *c, struct got *to)
{
	weft_lru_item *i;

	to->err = weft_lru_get_or_load(ctx, c, "key", 3, &i);
	if (!to->err)
		to->n = (intptr_t)i->value;
	weft_lru_release(i);
}

TEST(LruLoadsOnceForAll, .bubble = true)
{
	struct diary d = { .takes = WEFT_SECOND, .cost = 2 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	struct got got[4] = { { 9, 0 }, { 9, 0 }, { 9, 0 }, { 9, 0 } };
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_MS);

	weft_go(ask, ctx, c, &got[0]);
	weft_settle();
	weft_go(ask, NULL, c, &got[1]);
	weft_go(ask, NULL, c, &got[2]);
	weft_sleep(2 * WEFT_SECOND);
	weft_settle();
	CHECK_EQ(got[0].err, -ETIMEDOUT);
	ask(NULL, c, &got[3]);
	for (int i = 1; i < 4; i++) {
		CHECK_EQ(got[i].err, 0);
		CHECK_EQ(got[i].n, 1);
	}
	CHECK_EQ(d.loads, 1);
	CHECK_EQ(weft_lru_stats(c).cost, 2);
	CHECK_EQ(weft_lru_stats(c).loads, 1);
	CHECK_EQ(weft_lru_stats(c).hits, 1);
	CHECK_EQ(weft_lru_stats(c).misses, 3);
	weft_ctx_free(ctx);
	weft_lru_free(c);
	CHECK_EQ(drops, 1);
}

TEST(LruLoadsOnceInAnyOrder, .explore = 500)
{
	struct diary d = { .takes = 0 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	struct got got[2] = { { 9, 0 }, { 9, 0 } };
	struct weft_lru_stats s;

	weft_go(ask, NULL, c, &got[0]);
	ask(NULL, c, &got[1]);
	weft_settle();
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(got[i].err, 0);
		CHECK_EQ(got[i].n, 1);
	}
	s = weft_lru_stats(c);
	CHECK_EQ(s.loads, 1);
	SOMETIMES(s.misses == 1, "came when it was there");
	SOMETIMES(s.misses == 2, "came before");
	weft_lru_free(c);
}

TEST(LruKeepsNoErrors)
{
	struct diary d = { .err = -EIO };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	struct got got = { 9, 0 };

	ask(NULL, c, &got);
	CHECK_EQ(got.err, -EIO);
	CHECK_EQ(weft_lru_stats(c).len, 0);
	CHECK_EQ(weft_lru_stats(c).failed, 1);
	d.err = 0;
	ask(NULL, c, &got);
	CHECK_EQ(got.err, 0);
	CHECK_EQ(got.n, 2);
	CHECK_EQ(weft_lru_stats(c).loads, 2);
	CHECK_EQ(weft_lru_stats(c).failed, 1);
	weft_lru_free(c);
}

TEST(LruWhatCostsTooMuchIsGivenButNotKept)
{
	struct diary d = { .cost = 6 };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	struct got got = { 9, 0 };

	ask(NULL, c, &got);
	CHECK_EQ(got.n, 1);
	CHECK_STR(d.last, "key 0");
	CHECK_EQ(weft_lru_stats(c).len, 0);
	CHECK_EQ(drops, 1);
	weft_lru_free(c);
}

TEST(LruRemoveWhileLoading, .bubble = true)
{
	struct diary d = { .takes = WEFT_SECOND };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	struct got got[2] = { { 9, 0 }, { 9, 0 } };

	weft_go(ask, NULL, c, &got[0]);
	weft_settle();
	CHECK(!weft_lru_remove(c, "key", 3));
	weft_sleep(WEFT_SECOND / 2);
	weft_settle();
	ask(NULL, c, &got[1]);		/* does not join the load of what was removed */
	CHECK_EQ(got[0].n, 1);
	CHECK_EQ(got[1].n, 2);
	CHECK_EQ(get(c, "key"), 2);	/* the old load has ended, and is not kept */
	CHECK_EQ(drops, 1);
	weft_lru_free(c);
}

/* Told by the load that makes room for the key: who asks after the removal gets no old value. */
static void load_again(const void *key, size_t len, void *value, int why, void *arg)
{
	struct diary *d = arg;
	struct got got = { 9, 0 };

	(void)key, (void)len, (void)value;
	if (why != WEFT_LRU_EVICTED)
		return;
	CHECK(weft_lru_remove(d->c, "key", 3));
	ask(NULL, d->c, &got);
	CHECK_EQ(got.n, 2);
}

TEST(LruCallbackOfALoadMayLoad, .bubble = true)
{
	struct diary d = { .takes = 0 };
	struct got got = { 9, 0 };

	d.c = weft_lru_new((struct weft_lru_options){ .max = 1, .load = load,
	    .evicted = load_again, .arg = &d });
	put(d.c, "other", 8);
	ask(NULL, d.c, &got);
	CHECK_EQ(got.n, 1);
	CHECK_EQ(get(d.c, "key"), 2);
	weft_lru_free(d.c);
}

TEST(LruPutWhileLoadingWins, .bubble = true)
{
	struct diary d = { .takes = WEFT_SECOND };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	struct got got = { 9, 0 };

	weft_go(ask, NULL, c, &got);
	weft_settle();
	put(c, "other", 8);
	put(c, "key", 7);
	weft_sleep(2 * WEFT_SECOND);
	weft_settle();
	CHECK_EQ(got.n, 1);
	CHECK_EQ(get(c, "key"), 7);
	weft_lru_purge(c);
	d.takes = WEFT_MS;
	ask(NULL, c, &got);
	CHECK_EQ(get(c, "key"), 2);
	CHECK_EQ(drops, 3);
	weft_lru_free(c);
	CHECK_EQ(drops, 4);
}

TEST(LruLoadThatAllHaveLeftDoesNotReplaceANewerOne, .bubble = true)
{
	struct diary d = { .takes = WEFT_SECOND, .stubborn = true };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_MS);
	struct got got[2] = { { 9, 0 }, { 9, 0 } };

	ask(ctx, c, &got[0]);
	CHECK_EQ(got[0].err, -ETIMEDOUT);
	ask(NULL, c, &got[1]);
	CHECK_EQ(got[1].n, 2);
	weft_sleep(3 * WEFT_SECOND);
	weft_settle();
	CHECK_EQ(weft_lru_stats(c).loads, 2);
	CHECK_EQ(weft_lru_stats(c).len, 1);
	CHECK_EQ(get(c, "key"), 2);
	CHECK_EQ(drops, 1);
	weft_ctx_free(ctx);
	weft_lru_free(c);
}

static void cancel(weft_ctx *ctx)
{
	weft_cancel(ctx);
}

static void put_key(weft_lru *c)
{
	put(c, "key", 100);
}

TEST(LruEveryValueIsDroppedOnce, .explore = 1000)
{
	struct diary d = { .takes = weft_choose(2) };
	weft_lru *c = begin(&d, (struct weft_lru_options){ .max = 5 });
	struct got got[3] = { { 9, 0 }, { 9, 0 }, { 9, 0 } };
	weft_ctx *ctx = weft_with_cancel(NULL);
	int made;

	weft_go(ask, ctx, c, &got[0]);
	weft_go(ask, NULL, c, &got[1]);
	weft_go(cancel, ctx);
	weft_go(put_key, c);
	ask(ctx, c, &got[2]);
	weft_sleep(WEFT_SECOND);
	weft_settle();
	CHECK_EQ(got[1].err, 0);
	for (int i = 0; i < 3; i++)
		CHECK(got[i].err == -ECANCELED || got[i].n == 100 ||
		    (got[i].n > 0 && got[i].n <= d.loads));
	CHECK_EQ(get(c, "key"), 100);	/* it was put, so that is what it is */
	SOMETIMES(got[1].n != 100, "was loaded");
	SOMETIMES(d.loads == 0, "was put first");
	SOMETIMES(d.loads == 2, "was loaded again");
	made = 1 + (int)(weft_lru_stats(c).loads - weft_lru_stats(c).failed);
	weft_lru_free(c);
	CHECK_EQ(drops, made);
	weft_ctx_free(ctx);
}

/* ---- misuse ---- */

CHILD(LruFreedWithHeld)
{
	weft_lru *c = weft_lru_new((struct weft_lru_options){ .max = 5 });

	put(c, "a", 1);
	weft_lru_get(c, "a", 1);
	weft_lru_free(c);
	return 0;
}

CHILD(LruOfNothing)
{
	weft_lru_new((struct weft_lru_options){ .max = 4, .shards = 8 });
	return 0;
}

CHILD(LruNegativeCost)
{
	weft_lru_put(weft_lru_new((struct weft_lru_options){ .max = 5 }), "a", 1, NULL, -1);
	return 0;
}

TEST(LruMisuseStopsTheProgram)
{
	CHECK_DIES("LruFreedWithHeld", "weft_lru_free: 1 values are not released");
	CHECK_DIES("LruOfNothing", "weft_lru_new: max 4, ttl 0, sweep 0, 8 shards");
	CHECK_DIES("LruNegativeCost", "weft_lru: cost -1");
}

/* ---- a crowd: a value that somebody holds has not been dropped ---- */

struct crowd { weft_lru *c; _Atomic int alive, made, told; _Atomic int64_t gets; };
struct owned { _Atomic bool alive; struct crowd *crowd; };

static void *make_owned(struct crowd *w)
{
	struct owned *o = malloc(sizeof *o);

	*o = (struct owned){ true, w };
	w->alive++;
	w->made++;
	return o;
}

static void drop_owned(void *value)
{
	struct owned *o = value;

	CHECK(o->alive);
	o->alive = false;
	o->crowd->alive--;
	free(o);
}

static void told_owned(const void *key, size_t len, void *value, int why, void *arg)
{
	(void)key, (void)len, (void)why;
	CHECK(((struct owned *)value)->alive);
	((struct crowd *)arg)->told++;
}

static int load_owned(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value,
    int64_t *cost)
{
	(void)len;
	if (((const char *)key)[0] == '0')
		return -EIO;
	*cost = 1 + ((const char *)key)[0] % 3;
	*value = make_owned(arg);
	return weft_sleep_ctx(ctx, 0) ? drop_owned(*value), -EIO : 0;
}

static void use(struct crowd *w, int me)
{
	char key[16];

	for (unsigned i = 0; i < 5000; i++) {
		size_t len = (size_t)snprintf(key, sizeof key, "%u", (i * 2654435761u >> 8) % 150);
		weft_ctx *ctx = (i + (unsigned)me) % 4 ? NULL : weft_with_timeout(NULL, WEFT_US);
		weft_lru_item *item = NULL;

		switch ((i + (unsigned)me) % 7) {
		case 0:
			weft_lru_put(w->c, key, len, make_owned(w), 1);
			break;
		case 1:
			weft_lru_remove(w->c, key, len);
			break;
		case 2:
			w->gets++;
			item = weft_lru_get(w->c, key, len);
			break;
		default:
			w->gets++;
			if (weft_lru_get_or_load(ctx, w->c, key, len, &item))
				CHECK(!item);
		}
		if (item) {
			weft_yield();
			CHECK(((struct owned *)item->value)->alive);
			weft_lru_release(item);
		}
		weft_ctx_free(ctx);
	}
	weft_lru_purge(w->c);
}

TEST(LruStress, .real = true)
{
	struct crowd w = { .c = NULL };
	weft_waitgroup wg = { 0 };
	struct weft_lru_stats s;

	w.c = weft_lru_new((struct weft_lru_options){ .max = 100, .shards = 4, .ttl = WEFT_MS,
	    .sweep = 100 * WEFT_US, .load = load_owned, .drop = drop_owned,
	    .evicted = told_owned, .arg = &w });
	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, use, &w, i);
	weft_waitgroup_wait(&wg);
	s = weft_lru_stats(w.c);
	CHECK_EQ(s.hits + s.misses, w.gets);
	CHECK(s.loads > s.failed);
	weft_lru_free(w.c);
	CHECK_EQ(w.alive, 0);
	CHECK(w.told <= w.made);
}
