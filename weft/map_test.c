/* map_test.c - map and pool: every operation, alone and among many */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/rand.h"
#include "sync.h"
#include "testing.h"

/* ---- map ---- */

static int va, vb;

TEST(MapOperations, .parallel = true)
{
	weft_map *m = weft_map_new();
	void *v = &va;

	CHECK(!weft_map_load(m, "a", 1, &v) && !v);
	weft_map_store(m, "a", 1, &va);
	CHECK(weft_map_load(m, "a", 1, &v) && v == &va);
	CHECK(weft_map_load(m, "a", 1, NULL));
	CHECK(weft_map_load_or_store(m, "a", 1, &vb, &v) && v == &va);
	CHECK(!weft_map_load_or_store(m, "b", 1, &vb, &v) && v == &vb);
	CHECK_EQ(weft_map_len(m), 2);
	CHECK(weft_map_swap(m, "a", 1, &vb, &v) && v == &va);
	CHECK(!weft_map_swap(m, "c", 1, &va, &v) && !v);
	CHECK(!weft_map_compare_and_swap(m, "a", 1, &va, NULL));
	CHECK(weft_map_compare_and_swap(m, "a", 1, &vb, NULL));
	CHECK(weft_map_load(m, "a", 1, &v) && !v);	/* NULL is a value */
	CHECK(!weft_map_compare_and_swap(m, "x", 1, NULL, &va));
	CHECK(!weft_map_compare_and_delete(m, "a", 1, &va));
	CHECK(!weft_map_compare_and_delete(m, "x", 1, NULL));
	CHECK(weft_map_compare_and_delete(m, "a", 1, NULL));
	CHECK(weft_map_load_and_delete(m, "b", 1, &v) && v == &vb);
	CHECK(!weft_map_load_and_delete(m, "b", 1, &v) && !v);
	CHECK(weft_map_delete(m, "c", 1));
	CHECK(!weft_map_delete(m, "c", 1));
	CHECK_EQ(weft_map_len(m), 0);
	weft_map_free(m);
	weft_map_free(NULL);
}

TEST(MapKeysAreBytes, .parallel = true)
{
	weft_map *m = weft_map_new();
	char key[4] = { 1, 0, 2, 0 };
	void *v;

	weft_map_store(m, key, 4, &va);
	weft_map_store(m, key, 2, &vb);
	weft_map_store(m, key, 0, m);
	CHECK(weft_map_load(m, key, 4, &v) && v == &va);
	CHECK(weft_map_load(m, key, 2, &v) && v == &vb);
	CHECK(weft_map_load(m, "", 0, &v) && v == m);
	CHECK(!weft_map_load(m, key, 3, NULL));
	memset(key, 9, 4);		/* it has been copied */
	CHECK(!weft_map_load(m, key, 4, NULL));
	CHECK_EQ(weft_map_len(m), 3);
	weft_map_free(m);
}

struct ranged { weft_map *m; int seen[1000], n, stop; bool delete; };

static bool visit(const void *key, size_t len, void *value, void *arg)
{
	struct ranged *r = arg;
	int i = atoi(key);

	CHECK_EQ((intptr_t)value, i);
	r->seen[i]++;
	r->n++;
	if (r->delete)
		CHECK(weft_map_delete(r->m, key, len));
	return r->n != r->stop;
}

static size_t number_key(char key[16], int i)
{
	return (size_t)snprintf(key, 16, "%d", i) + 1;
}

static void fill(weft_map *m, int n)
{
	char key[16];

	for (int i = 0; i < n; i++)
		weft_map_store(m, key, number_key(key, i), (void *)(intptr_t)i);
}

TEST(MapRangeVisitsEachOnce, .parallel = true)
{
	struct ranged r = { .m = weft_map_new() };

	fill(r.m, 1000);
	weft_map_range(r.m, visit, &r);
	CHECK_EQ(r.n, 1000);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(r.seen[i], 1);
	r.n = 0;
	r.stop = 10;
	weft_map_range(r.m, visit, &r);
	CHECK_EQ(r.n, 10);
	weft_map_free(r.m);
}

TEST(MapRangeMayDelete, .parallel = true)
{
	struct ranged r = { .m = weft_map_new(), .delete = true };

	fill(r.m, 1000);
	weft_map_range(r.m, visit, &r);
	CHECK_EQ(r.n, 1000);
	CHECK_EQ(weft_map_len(r.m), 0);
	weft_map_free(r.m);
}

/* Counts up under a key by compare and swap, as others do at the same time. */
static void map_count(weft_map *m, int seed, int n)
{
	struct rand r;
	char key[16];
	void *old;

	rand_seed(&r, (uint64_t)seed);
	while (n--) {
		size_t len = number_key(key, (int)rand_below(&r, 50));

		do {
			old = NULL;
			weft_map_load_or_store(m, key, len, NULL, &old);
		} while (!weft_map_compare_and_swap(m, key, len, old, (char *)old + 1));
	}
}

static bool add_value(const void *key, size_t len, void *value, void *arg)
{
	(void)key;
	(void)len;
	*(int64_t *)arg += (intptr_t)value;
	return true;
}

static void map_churn(weft_map *m, int me, int n, _Atomic int *wrong)
{
	char key[16];
	void *v;

	for (int i = 0; i < n; i++) {
		size_t len = number_key(key, 1000 + 100 * me + i % 100);

		*wrong += weft_map_load_or_store(m, key, len, NULL, NULL);
		*wrong += !weft_map_swap(m, key, len, NULL, &v) || v;
		*wrong += !weft_map_load_and_delete(m, key, len, NULL);
	}
}

TEST(MapUnderManyGoroutines)
{
	weft_map *m = weft_map_new();
	weft_waitgroup wg = {0};
	_Atomic int wrong = 0;
	int64_t sum = 0;

	for (int i = 0; i < 6; i++) {
		weft_waitgroup_go(&wg, map_count, m, i, 5000);
		weft_waitgroup_go(&wg, map_churn, m, i, 3000, &wrong);
	}
	for (int i = 0; i < 10; i++) {
		weft_map_range(m, add_value, &sum);
		weft_yield();
	}
	weft_waitgroup_wait(&wg);
	sum = 0;
	weft_map_range(m, add_value, &sum);
	CHECK_EQ(sum, 30000);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(weft_map_len(m), 50);
	weft_map_free(m);
}

/* ---- pool ---- */

static _Atomic int made, destroyed;

static void *make_one(void)
{
	int *x = malloc(sizeof *x);

	made++;
	*x = 0;
	return x;
}

static void destroy_one(void *x)
{
	destroyed++;
	free(x);
}

static void use_pool(weft_pool *p, int n, _Atomic int *shared)
{
	while (n--) {
		int *x = weft_pool_get(p);

		*shared += (*x)++ != 0;	/* somebody else has it, too */
		weft_yield();
		*shared += --*x != 0;
		weft_pool_put(p, x);
	}
}

TEST(PoolGivesEachToOne)
{
	weft_pool *p = weft_pool_new(make_one, destroy_one);
	weft_waitgroup wg = {0};
	_Atomic int shared = 0;

	made = destroyed = 0;
	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&wg, use_pool, p, 1000, &shared);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(shared, 0);
	CHECK(made < 10000);		/* some were used again */
	weft_pool_free(p);
	CHECK_EQ(made, destroyed);
}

TEST(PoolKeepsABoundedNumber)
{
	weft_pool *p = weft_pool_new(NULL, destroy_one);

	CHECK(!weft_pool_get(p));
	made = destroyed = 0;
	for (int i = 0; i < 1000; i++)
		weft_pool_put(p, make_one());
	CHECK(destroyed > 0);
	weft_pool_put(p, NULL);
	weft_pool_free(p);
	CHECK_EQ(destroyed, 1000);
	weft_pool_free(NULL);
}
