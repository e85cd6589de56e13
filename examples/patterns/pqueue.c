/* Jobs by urgency: one is moved up, one is withdrawn, and two workers do the rest. */
#include <stdio.h>
#include <patterns/latch.h>
#include <patterns/pqueue.h>

static void worker(weft_pqueue *q, weft_latch *ended)
{
	void *job;

	while (weft_pqueue_pop(NULL, q, &job) == 0)
		printf("%s\n", (char *)job);
	weft_latch_count_down(ended);
}

int weft_main(int argc, char **argv)
{
	weft_pqueue *q = weft_pqueue_new();
	weft_pqueue_item report, cleanup;
	weft_latch ended;
	void *job;

	(void)argc, (void)argv;
	weft_pqueue_push(q, "mail", 5);
	weft_pqueue_push(q, "backup", 9);
	report = weft_pqueue_push(q, "report", 7);
	cleanup = weft_pqueue_push(q, "cleanup", 1);
	weft_pqueue_push(q, "more mail", 5);
	weft_pqueue_update(q, report, 2);
	weft_pqueue_remove(q, cleanup, NULL);
	for (int i = 0; i < 3 && weft_pqueue_try_pop(q, &job) == 0; i++)
		printf("first %s\n", (char *)job);
	weft_latch_init(&ended, 2);
	for (int i = 0; i < 2; i++)
		weft_go(worker, q, &ended);
	weft_pqueue_close(q);
	weft_latch_wait(NULL, &ended);
	printf("%s\n", weft_pqueue_update(q, report, 1) ? "?" : "the report is done");
	weft_pqueue_free(q);
	return 0;
}
