/* map_test.c - the map against a list of pairs: growth, collisions, deletion, walking */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../weft/testing.h"
#include "die.h"
#include "map.h"
#include "rand.h"

static uint64_t by_content(const void *key, size_t len)
{
	return map_hash(key, len);
}

static uint64_t all_equal(const void *key, size_t len)
{
	(void)key;
	(void)len;
	return 42;
}

/* The same bucket for all, at any size, but different hashes. */
static uint64_t high_bits(const void *key, size_t len)
{
	return map_hash(key, len) << 32;
}

static uint64_t three_values(const void *key, size_t len)
{
	return map_hash(key, len) % 3;
}

typedef uint64_t hash_fn(const void *, size_t);
static hash_fn *const hashes[] = { by_content, all_equal, high_bits, three_values };

TEST(EmptyMap, .parallel = true)
{
	struct map m = {0};
	void *v = &m;

	CHECK(!map_find(&m, "a", 1, 1));
	CHECK(!map_delete(&m, "a", 1, 1, &v));
	CHECK(v == &m);
	CHECK(!map_next(&m, NULL));
	map_finish(&m);
	CHECK(!m.bucket && !m.n);
}

TEST(InsertFindDelete, .parallel = true)
{
	for (int i = 0; i < 4; i++) {
		uint64_t ha = hashes[i]("a", 1), hb = hashes[i]("b", 1);
		struct map m = {0};
		struct map_entry *e;
		bool added;
		void *v;

		e = map_insert(&m, "a", 1, ha, &added);
		CHECK(added && !e->value && e->len == 1 && e->key[0] == 'a');
		e->value = &m;
		CHECK(map_insert(&m, "a", 1, ha, &added) == e && !added);
		CHECK(map_find(&m, "a", 1, ha) == e && e->value == &m);
		CHECK(!map_find(&m, "b", 1, hb));
		CHECK(map_insert(&m, "b", 1, hb, NULL) != e);
		CHECK_EQ(m.n, 2);
		CHECK(map_delete(&m, "a", 1, ha, &v) && v == &m);
		CHECK(!map_delete(&m, "a", 1, ha, &v));
		CHECK(!map_find(&m, "a", 1, ha) && map_find(&m, "b", 1, hb));
		CHECK(map_delete(&m, "b", 1, hb, NULL));
		CHECK_EQ(m.n, 0);
		map_finish(&m);
	}
}

/* Also when their hashes are the same. */
TEST(KeysAreBytesAndCopied, .parallel = true)
{
	for (int i = 0; i < 4; i++) {
		hash_fn *hash = hashes[i];
		char key[4] = { 1, 0, 2, 0 }, values[5];
		struct map m = {0};

		for (size_t len = 0; len <= 4; len++)
			map_insert(&m, key, len, hash(key, len), NULL)->value =
			    &values[len];
		CHECK_EQ(m.n, 5);
		for (size_t len = 0; len <= 4; len++)
			CHECK(map_find(&m, key, len, hash(key, len))->value ==
			    &values[len]);
		memset(key, 9, 4);
		CHECK(!map_find(&m, key, 4, hash(key, 4)));
		CHECK(map_find(&m, "\1\0\2", 4, hash("\1\0\2", 4)));
		map_finish(&m);
		CHECK(!m.bucket && !m.n);
		map_insert(&m, "x", 1, hash("x", 1), NULL);	/* it may be used again */
		CHECK_EQ(m.n, 1);
		map_finish(&m);
	}
}

TEST(TheEmptyKeyMayBeNull, .parallel = true)
{
	struct map m = {0};
	uint64_t hash = map_hash(NULL, 0);
	struct map_entry *e = map_insert(&m, NULL, 0, hash, NULL);

	CHECK(map_find(&m, NULL, 0, hash) == e && map_find(&m, "", 0, hash) == e);
	CHECK(map_insert(&m, NULL, 0, hash, NULL) == e);
	CHECK(map_delete(&m, NULL, 0, hash, NULL));
	CHECK_EQ(m.n, 0);
	map_finish(&m);
}

/* Entries stay where they are while the buckets double. */
TEST(MapGrows, .parallel = true)
{
	enum { N = 3000 };
	struct map_entry **e = xcalloc(N, sizeof *e);
	struct map m = {0};
	int lost = 0;

	for (int i = 0; i < N; i++) {
		e[i] = map_insert(&m, &i, sizeof i, map_hash(&i, sizeof i), NULL);
		CHECK(m.n <= m.mask + 1);		/* one each, at most, on average */
	}
	CHECK_EQ(m.mask + 1, 4096);
	for (int i = 0; i < N; i++)
		lost += map_find(&m, &i, sizeof i, map_hash(&i, sizeof i)) != e[i];
	CHECK_EQ(lost, 0);
	map_finish(&m);
	free(e);
}

/* The next one is looked for first; then this one may go. */
TEST(WalkVisitsEachOnce, .parallel = true)
{
	for (int i = 0; i < 4; i++) {
		int seen[100] = {0}, n = 0;
		struct map m = {0};

		for (int k = 0; k < 100; k++)
			map_insert(&m, &k, sizeof k, hashes[i](&k, sizeof k), NULL);
		for (struct map_entry *e = NULL; (e = map_next(&m, e)); n++) {
			int k;

			memcpy(&k, e->key, sizeof k);
			seen[k]++;
		}
		CHECK_EQ(n, 100);
		for (int k = 0; k < 100; k++)
			CHECK_EQ(seen[k], 1);
		for (struct map_entry *e = map_next(&m, NULL), *next; e; e = next) {
			next = map_next(&m, e);
			CHECK(map_delete(&m, e->key, e->len, e->hash, NULL));
		}
		CHECK_EQ(m.n, 0);
		map_finish(&m);
	}
}

TEST(HashSpreads, .parallel = true)
{
	enum { N = 1024 };
	int low[N] = {0}, high[N] = {0}, worst = 0;
	char key[16];

	for (int i = 0; i < N; i++) {
		uint64_t h = map_hash(key, (size_t)snprintf(key, sizeof key, "key%d", i));
		int a = ++low[h % N], b = ++high[h >> 54];

		worst = a > worst ? a : worst;
		worst = b > worst ? b : worst;
	}
	/* the seed is another one each time: 7 is usual, 20 would be one in 10^15 */
	CHECK(worst < 20);
	CHECK(map_hash("a", 1) == map_hash("a", 1));
	CHECK(map_hash("a", 1) != map_hash("a", 2));
	CHECK(map_hash("ab", 2) != map_hash("ba", 2));
}

/* ---- at random ---- */

enum { KEYS = 100 };

/* The model: pairs in a row, each key once. */
struct pair { char key[8]; size_t len; intptr_t value; };
struct pairs { int n; struct pair at[KEYS]; };

static struct pair *lookup(struct pairs *p, const struct pair *k)
{
	for (int i = 0; i < p->n; i++)
		if (p->at[i].len == k->len && !memcmp(p->at[i].key, k->key, k->len))
			return &p->at[i];
	return NULL;
}

/* Few enough to meet again, of all lengths, prefixes of each other, with zeros. */
static struct pair any_key(struct rand *r)
{
	struct pair k = { .len = rand_below(r, 9) };

	if (k.len)
		k.key[rand_below(r, (uint32_t)k.len)] = (char)rand_below(r, 3);
	return k;
}

static void change(struct map *m, struct pairs *p, hash_fn *hash, struct rand *r)
{
	struct pair k = any_key(r), *old = lookup(p, &k);
	uint64_t h = hash(k.key, k.len);
	struct map_entry *e;
	void *value;
	bool added;

	if (rand_below(r, 5) < 2) {
		CHECK_EQ(map_delete(m, k.key, k.len, h, &value), !!old);
		if (old) {
			CHECK_EQ(value, old->value);
			*old = p->at[--p->n];
		}
		return;
	}
	e = map_insert(m, k.key, k.len, h, &added);
	CHECK_EQ(added, !old);
	if (!old) {
		REQUIRE(p->n < KEYS);
		old = &p->at[p->n++];
	}
	*old = k;
	old->value = (intptr_t)rand_next(r);
	e->value = (void *)old->value;
}

static bool as_wanted(const struct map *m, struct pairs *p, hash_fn *hash)
{
	size_t n = 0;

	if (m->n != (size_t)p->n)
		return false;
	for (int i = 0; i < p->n; i++) {
		const struct pair *k = &p->at[i];
		struct map_entry *e = map_find(m, k->key, k->len, hash(k->key, k->len));

		if (!e || (intptr_t)e->value != k->value || e->len != k->len ||
		    memcmp(e->key, k->key, k->len) != 0)
			return false;
	}
	for (struct map_entry *e = NULL; (e = map_next(m, e)); )
		n++;
	return n == m->n;
}

static void map_from_seed(int seed, hash_fn *hash)
{
	struct pairs p = { .n = 0 };
	struct map m = {0};
	struct rand r;

	rand_seed(&r, (uint64_t)seed);
	for (int step = 0; step < 1000; step++) {
		change(&m, &p, hash, &r);
		if (!CHECK(as_wanted(&m, &p, hash))) {
			weft_logf("seed %d, step %d", seed, step);
			break;
		}
	}
	map_finish(&m);
}

TEST(MapAtRandom, .parallel = true)
{
	for (int seed = 0; seed < 20; seed++)
		map_from_seed(seed, hashes[seed % 4]);
}
