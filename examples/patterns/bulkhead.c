/* A slow service: some get in, some wait too long, and the rest are told at once. */
#include <stdio.h>
#include <string.h>
#include <patterns/bulkhead.h>
#include <weft/sync.h>

static void wait_too_long(weft_bulkhead *b, int *err)
{
	*err = weft_bulkhead_enter(NULL, b);
}

int weft_main(int argc, char **argv)
{
	weft_bulkhead *b = weft_bulkhead_new((struct weft_bulkhead_options){
	    .max_concurrent = 2, .max_queue = 3, .max_wait = 300 * WEFT_MS });
	weft_waitgroup queue = { 0 };
	int err[3];

	(void)argc, (void)argv;
	for (int i = 0; i < 2; i++)
		printf("call: %s\n", strerror(-weft_bulkhead_enter(NULL, b)));
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&queue, wait_too_long, b, &err[i]);
	while (weft_bulkhead_stats(b).waiting < 3)
		weft_sleep(WEFT_MS);
	printf("one more: %s\n", strerror(-weft_bulkhead_enter(NULL, b)));
	weft_waitgroup_wait(&queue);
	for (int i = 0; i < 3; i++)
		printf("from the queue: %s\n", strerror(-err[i]));
	for (int i = 0; i < 2; i++)
		weft_bulkhead_leave(b);
	weft_bulkhead_free(b);
	return 0;
}
