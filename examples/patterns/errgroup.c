/* Several tasks, of which the first that fails cancels the others. */
#include <stdio.h>
#include <string.h>
#include <patterns/errgroup.h>

static int fetch(weft_ctx *ctx, const char *name, long takes, int err)
{
	int stopped = weft_sleep_ctx(ctx, takes);

	printf("%s: %s\n", name, stopped ? "stopped" : err ? strerror(-err) : "fetched");
	return stopped ? stopped : err;
}

int weft_main(int argc, char **argv)
{
	weft_errgroup g;
	int err;

	(void)argc, (void)argv;
	weft_errgroup_init(&g, NULL);
	weft_errgroup_go(&g, fetch, g.ctx, "index", WEFT_MS, 0);
	weft_errgroup_go(&g, fetch, g.ctx, "image", 100 * WEFT_MS, -ENOENT);
	weft_errgroup_go(&g, fetch, g.ctx, "video", 3600 * WEFT_SECOND, 0);
	err = weft_errgroup_wait(&g);
	printf("all: %s\n", strerror(-err));
	weft_errgroup_finish(&g);
	return 0;
}
