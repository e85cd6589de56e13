/*
 * lru_bench.c - a cache of 8,192: hits, new keys, and eight who do both
 *
 * The twin of ../go/patterns/lru_test.go.
 */
#include <stdio.h>

#include "bench/bench.h"
#include "patterns/lru.h"
#include "weft/sync.h"
#include "weft/testing.h"

enum { SIZE = 8192, KEYS = 2 * SIZE };

static char key[KEYS][12];

static weft_lru *filled(int64_t ttl)
{
	weft_lru *c = weft_lru_new((struct weft_lru_options){ .max = SIZE, .ttl = ttl });

	for (int i = 0; i < KEYS; i++)
		snprintf(key[i], sizeof key[i], "key%05d", i);
	for (int i = 0; i < SIZE / 2; i++)
		weft_lru_put(c, key[i], 8, NULL, 1);
	return c;
}

static void hit(weft_b *b, int64_t ttl)
{
	weft_lru *c = filled(ttl);

	for (int64_t n = weft_loops(b); n > 0; n--)
		weft_lru_release(weft_lru_get(c, key[n * 7 % (SIZE / 2)], 8));
	weft_lru_free(c);
}

/* One operation: a get of what is there. */
BENCH(LruHit) { hit(b, 0); }

/* The same, in a cache whose values expire (Go: expirable). */
BENCH(LruHitTtl) { hit(b, 3600 * WEFT_SECOND); }

/* One operation: a put of a key that is not there; another one has to go. */
BENCH(LruPut)
{
	weft_lru *c = filled(0);

	for (int64_t n = weft_loops(b); n > 0; n--)
		weft_lru_put(c, key[n % KEYS], 8, NULL, 1);
	weft_lru_free(c);
}

static void mix(weft_lru *c, int64_t n, unsigned seed)
{
	uint32_t x = seed;

	for (int64_t i = 0; i < n; i++) {
		const char *k;
		weft_lru_item *item;

		x = x * 1664525 + 1013904223;
		k = key[(x >> 8) % (SIZE * 5 / 4)];
		item = weft_lru_get(c, k, 8);
		if (!item)
			weft_lru_put(c, k, 8, NULL, 1);
		weft_lru_release(item);
		if (i % 64 == 0)
			weft_yield();
	}
}

/* One operation: a get, and a put if it missed, by any of eight; four in five hit. */
BENCH(LruContended)
{
	weft_lru *c = filled(0);
	weft_waitgroup wg = { 0 };
	int64_t n = weft_loops(b);

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, mix, c, share(n, i, 8), 2 + i);
	weft_waitgroup_wait(&wg);
	weft_lru_free(c);
}
