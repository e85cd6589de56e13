/* heap_test.c - the heap against a sorted array, with removal from anywhere */
#include <string.h>

#include "../weft/testing.h"
#include "heap.h"
#include "rand.h"

struct item { struct heap_node node; int64_t key; };

/* Parents come first, and every node knows its place. */
static bool is_sane(const struct heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		if ((i && h->at[(i - 1) / 4].key > h->at[i].key) ||
		    h->at[i].node->place != i + 1)
			return false;
	return h->n <= h->room;
}

static void push(struct heap *h, struct item *x, int64_t key)
{
	x->key = key;
	heap_push(h, &x->node, key);
}

static struct item *pop(struct heap *h)
{
	struct item *x = container_of(h->at[0].node, struct item, node);

	CHECK_EQ(h->at[0].key, x->key);
	heap_remove(h, &x->node);
	CHECK_EQ(x->node.place, 0);
	return x;
}

/* The keys come out in order. */
static void check_drain(struct heap *h)
{
	int64_t last = INT64_MIN;

	while (h->n) {
		struct item *x = pop(h);

		REQUIRE(is_sane(h));
		CHECK(x->key >= last);
		last = x->key;
	}
}

TEST(HeapOfOne, .parallel = true)
{
	struct heap h = {0};
	struct item x = {0};

	for (int i = 0; i < 3; i++) {
		push(&h, &x, 7 - i);
		CHECK_EQ(h.n, 1);
		CHECK_EQ(x.node.place, 1);
		CHECK(pop(&h) == &x);
		CHECK_EQ(h.n, 0);
	}
	free(h.at);
}

TEST(KeysOfEverySize, .parallel = true)
{
	static const int64_t keys[] = { 0, INT64_MAX, INT64_MIN, -1, 1, INT64_MAX, INT64_MIN };
	struct heap h = {0};
	struct item x[7] = {0};

	for (int i = 0; i < 7; i++)
		push(&h, &x[i], keys[i]);
	CHECK(is_sane(&h));
	CHECK_EQ(h.at[0].key, INT64_MIN);
	check_drain(&h);
	free(h.at);
}

/* Upwards, downwards and all the same, far beyond the first room. */
TEST(HeapGrows, .parallel = true)
{
	enum { N = 1000 };
	struct heap h = {0};
	struct item *x = xcalloc(N, sizeof *x);

	for (int sign = -1; sign <= 1; sign++) {
		for (int i = 0; i < N; i++)
			push(&h, &x[i], sign * i);
		CHECK_EQ(h.n, N);
		CHECK(is_sane(&h));
		check_drain(&h);
	}
	free(h.at);
	free(x);
}

/* From each place in turn: up, down and the last one. */
TEST(RemoveFromAnyPlace, .parallel = true)
{
	enum { N = 100 };
	struct rand r;

	rand_seed(&r, 1);
	for (int place = 1; place <= N; place++) {
		struct heap h = {0};
		struct item x[N] = {0};

		for (int i = 0; i < N; i++)
			push(&h, &x[i], (int64_t)rand_below(&r, 1000));
		heap_remove(&h, h.at[place - 1].node);
		CHECK_EQ(h.n, N - 1);
		CHECK(is_sane(&h));
		check_drain(&h);
		free(h.at);
	}
}

/* What takes the place of a removed one may have to go up as well as down. */
TEST(RemoveMaySiftUp, .parallel = true)
{
	/* under 0: 100, with 101 to 104 below it, and 1, with 2 below it */
	static const int64_t keys[] = { 0, 100, 1, 50, 60, 101, 102, 103, 104, 2 };
	struct heap h = {0};
	struct item x[10] = {0};

	for (int i = 0; i < 10; i++)
		push(&h, &x[i], keys[i]);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(x[i].node.place, i + 1);
	heap_remove(&h, &x[5].node);	/* 2 comes to where 101 was, below 100 */
	CHECK(is_sane(&h));
	CHECK_EQ(x[9].node.place, 2);
	CHECK_EQ(x[1].node.place, 6);
	check_drain(&h);
	free(h.at);
}

/* ---- at random ---- */

enum { ITEMS = 200 };

/* The model: all keys in the heap, sorted. */
struct sorted { size_t n; int64_t key[ITEMS]; };

static void insert(struct sorted *s, int64_t key)
{
	size_t i = s->n++;

	for (; i && s->key[i - 1] > key; i--)
		s->key[i] = s->key[i - 1];
	s->key[i] = key;
}

static void erase(struct sorted *s, int64_t key)
{
	size_t i = 0;

	while (s->key[i] != key)
		i++;
	memmove(&s->key[i], &s->key[i + 1], (--s->n - i) * sizeof s->key[0]);
}

static int64_t any_key(struct rand *r, uint32_t keys)
{
	return keys ? (int64_t)rand_below(r, keys) : (int64_t)rand_next(r);
}

static void heap_from_seed(int seed, uint32_t keys)
{
	struct heap h = {0};
	struct item x[ITEMS] = {0};
	struct sorted s = { .n = 0 };
	struct rand r;

	rand_seed(&r, (uint64_t)seed);
	for (int step = 0; step < 2000; step++) {
		/* it fills and drains by turns */
		struct item *i = &x[rand_below(&r, step / 500 % 2 ? ITEMS / 10 : ITEMS)];

		if (h.n && !rand_below(&r, step / 500 % 2 ? 2 : 8)) {
			i = pop(&h);
			CHECK_EQ(i->key, s.key[0]);
			erase(&s, i->key);
		} else if (i->node.place) {
			heap_remove(&h, &i->node);
			erase(&s, i->key);
		} else {
			push(&h, i, any_key(&r, keys));
			insert(&s, i->key);
		}
		if (!CHECK(is_sane(&h) && h.n == s.n && (!s.n || h.at[0].key == s.key[0]))) {
			weft_logf("seed %d, step %d", seed, step);
			break;
		}
	}
	for (size_t k = 0; h.n; k++)
		CHECK_EQ(pop(&h)->key, s.key[k]);
	free(h.at);
}

TEST(HeapAtRandom, .parallel = true)
{
	for (int seed = 0; seed < 20; seed++)
		heap_from_seed(seed, 0);
}

TEST(HeapWithEqualKeys, .parallel = true)
{
	for (int seed = 0; seed < 20; seed++)
		heap_from_seed(seed, 5);
}
