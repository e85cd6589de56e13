/*
 * Several tasks, of which the first that fails cancels the others: what Go's
 * errgroup does, by hand.  The group is a context, a wait group and the first error.
 */
#include <stdio.h>
#include <string.h>
#include <weft/sync.h>
#include <weft/weft.h>

struct group {
	weft_ctx	*ctx;
	weft_waitgroup	 wg;
};

/* A task's end; the context remembers the first cause it is given. */
static void finished(struct group *g, int err)
{
	if (err)
		weft_cancel_cause(g->ctx, err);
}

static void fetch(struct group *g, const char *name, long takes, int err)
{
	int stopped = weft_sleep_ctx(g->ctx, takes);

	printf("%s: %s\n", name, stopped ? "stopped" : err ? strerror(-err) : "fetched");
	finished(g, err && !stopped ? err : 0);
}

int weft_main(int argc, char **argv)
{
	struct group g = { .ctx = weft_with_cancel(NULL) };

	(void)argc, (void)argv;
	weft_waitgroup_go(&g.wg, fetch, &g, "index", WEFT_MS, 0);
	weft_waitgroup_go(&g.wg, fetch, &g, "image", 100 * WEFT_MS, -ENOENT);
	weft_waitgroup_go(&g.wg, fetch, &g, "video", 3600 * WEFT_SECOND, 0);
	weft_waitgroup_wait(&g.wg);
	printf("all: %s\n", strerror(-weft_cause(g.ctx)));
	weft_ctx_free(g.ctx);
	return 0;
}
