/* Ten ask for one page at once, and one of them is in a hurry: it is fetched once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <patterns/singleflight.h>
#include <weft/sync.h>

static int fetch(weft_ctx *ctx, const void *key, size_t len, void *fetched, void **page)
{
	int err = weft_sleep_ctx(ctx, 500 * WEFT_MS);

	if (err)
		return err;
	++*(int *)fetched;
	*page = strndup(key, len);
	return *page ? 0 : -ENOMEM;
}

static void *copy(void *page)
{
	return strdup(page);
}

static void reader(weft_ctx *ctx, weft_singleflight *pages, int *fetched, int *err)
{
	void *page;

	*err = weft_singleflight_do(ctx, pages, "/news", 5, fetch, fetched, &page, NULL);
	if (*err == 0)
		free(page);		/* each has one of its own */
}

int weft_main(int argc, char **argv)
{
	weft_singleflight *pages = weft_singleflight_new(copy, free);
	weft_ctx *hurry = weft_with_timeout(NULL, WEFT_MS);
	weft_waitgroup all = { 0 };
	int fetched = 0, got = 0, err[10];

	(void)argc, (void)argv;
	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&all, reader, i ? NULL : hurry, pages, &fetched, &err[i]);
	weft_waitgroup_wait(&all);
	for (int i = 0; i < 10; i++)
		got += err[i] == 0;
	printf("in a hurry: %s\n", strerror(-err[0]));
	printf("fetched %d for %d\n", fetched, got);
	weft_ctx_free(hurry);
	weft_singleflight_free(pages);
	return 0;
}
