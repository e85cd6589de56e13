/* Two workers, jobs with priorities, and a stop that first drains and then cancels. */
#include <stdio.h>
#include <workerpool/pool.h>

static int hold(weft_chan(int) gate)
{
	weft_recv(gate, NULL);
	return 0;
}

static int print(const char *what)
{
	printf("%s\n", what);
	return 0;
}

static int for_ever(weft_ctx *ctx)
{
	weft_recv(weft_done(ctx), NULL);
	return weft_err(ctx);
}

int weft_main(int argc, char **argv)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 2 });
	weft_ctx *soon = weft_with_timeout(NULL, 20 * WEFT_MS);
	weft_chan(int) gate = weft_make(int, 0);
	weft_worker w[2];
	size_t n;

	(void)argc, (void)argv;
	weft_workerpool_submit(NULL, p, weft_job(for_ever, weft_workerpool_ctx(p)));
	weft_workerpool_submit(NULL, p, weft_job(hold, gate));
	n = weft_workerpool_workers(p, w, 2);
	for (size_t i = 0; i < n; i++)
		printf("running: %s\n", w[i].func);
	weft_workerpool_submit(NULL, p, weft_job(print, "first come"));
	weft_workerpool_submit(NULL, p, weft_job(print, "second come"));
	weft_workerpool_submit(NULL, p, weft_job_at(9, print, "urgent"));
	weft_close(gate);
	if (weft_workerpool_stop(soon, p, WEFT_WORKERPOOL_DRAIN))
		weft_workerpool_stop(NULL, p, WEFT_WORKERPOOL_CANCEL);
	weft_workerpool_free(p);
	weft_free(gate);
	weft_ctx_free(soon);
	return 0;
}
