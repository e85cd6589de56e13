/* Twenty readers want three pages: each is fetched once, and the least used one makes room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <patterns/lru.h>
#include <weft/sync.h>

static int fetch(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value, int64_t *cost)
{
	int err = weft_sleep_ctx(ctx, 5 * WEFT_MS);

	(void)arg, (void)cost;
	if (err)
		return err;
	*value = strndup(key, len);
	return *value ? 0 : -ENOMEM;
}

static void gone(const void *key, size_t len, void *value, int why, void *arg)
{
	(void)value, (void)arg;
	if (why == WEFT_LRU_EVICTED)
		printf("%.*s makes room\n", (int)len, (const char *)key);
}

static void reader(weft_lru *pages, const char *url)
{
	weft_lru_item *page;

	if (weft_lru_get_or_load(NULL, pages, url, strlen(url), &page) == 0 &&
	    strcmp(page->value, url))
		printf("wrong page\n");
	weft_lru_release(page);
}

int weft_main(int argc, char **argv)
{
	static const char *const url[] = { "/", "/help", "/news" };
	weft_lru *pages = weft_lru_new((struct weft_lru_options){
	    .max = 3, .load = fetch, .drop = free, .evicted = gone });
	weft_waitgroup all = { 0 };

	(void)argc, (void)argv;
	for (int i = 0; i < 20; i++)
		weft_waitgroup_go(&all, reader, pages, url[i % 3]);
	weft_waitgroup_wait(&all);
	printf("loaded %d for 20 readers\n", (int)weft_lru_stats(pages).loads);
	reader(pages, "/");
	reader(pages, "/news");
	reader(pages, "/new");
	weft_lru_free(pages);
	return 0;
}
