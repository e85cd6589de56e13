/* sort_test.c - sorting against the C library's */
#include "sort.h"

#include <stdlib.h>

#include "../weft/testing.h"
#include "rand.h"

struct item { int64_t key; size_t was; };

static int by_key(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* In order, with every item that was there. */
static void check_sorted(const struct item *a, const int64_t *keys, size_t n, const char *what)
{
	bool seen[1000] = {0}, ok = true;
	int64_t want[1000];

	for (size_t i = 0; i < n; i++)
		want[i] = keys[i];
	qsort(want, n, sizeof *want, by_key);
	for (size_t i = 0; i < n; i++) {
		ok = ok && a[i].key == want[i] && keys[a[i].was] == want[i] &&
		    !seen[a[i].was];
		seen[a[i].was] = true;
	}
	if (!CHECK(ok))
		weft_logf("%zu %s", n, what);
}

static int64_t key_of(struct rand *r, size_t i, int how)
{
	switch (how) {
	case 0:
		return (int64_t)i;
	case 1:
		return -(int64_t)i;
	case 2:
		return 7;
	case 3:
		return (int64_t)rand_below(r, 10);
	}
	return (int64_t)rand_next(r);
}

TEST(SortOfAnything, .parallel = true)
{
	static const char *const what[] = { "ascending", "descending", "equal", "few", "any" };
	struct item a[1000];
	int64_t keys[1000];
	struct rand r;

	rand_seed(&r, 1);
	for (size_t n = 0; n <= 1000; n = n < 40 ? n + 1 : 5 * n / 2)
		for (int how = 0; how < 5; how++) {
			for (size_t i = 0; i < n; i++)
				a[i] = (struct item){ keys[i] = key_of(&r, i, how), i };
			sort_by(a, n, key);
			check_sorted(a, keys, n, what[how]);
		}
}

static bool later(const struct item *a, const struct item *b)
{
	return a->key > b->key || (a->key == b->key && a->was > b->was);
}

/* What is equal stays in order, if the function says so. */
TEST(SortByAFunction, .parallel = true)
{
	struct item a[1000];
	int64_t keys[1000];
	struct rand r;

	rand_seed(&r, 1);
	for (size_t i = 0; i < 1000; i++)
		a[i] = (struct item){ keys[i] = key_of(&r, i, 3), i };
	sort_if(a, 1000, later);
	check_sorted(a, keys, 1000, "few, by a function");
	for (size_t i = 1; i < 1000; i++)
		CHECK(later(&a[i], &a[i - 1]));
}

TEST(SortOfNothing, .parallel = true)
{
	struct item *none = NULL;

	sort_by(none, 0, key);
	CHECK(!none);
}
