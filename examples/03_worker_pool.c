/*
 * A worker pool: some goroutines share one channel of jobs and one of results.  The
 * channel of results is closed by whoever knows that no worker will send any more:
 * the goroutine that waits for the wait group.
 */
#include <stdio.h>
#include <weft/sync.h>
#include <weft/weft.h>

enum { WORKERS = 4, JOBS = 12 };

struct result { int job, steps; };

/* How long it takes n to come down to 1 by halving, or tripling and adding one. */
static int collatz(long n)
{
	int steps = 0;

	for (; n != 1; steps++)
		n = n % 2 ? 3 * n + 1 : n / 2;
	return steps;
}

static void worker(weft_chan(int) jobs, weft_chan(struct result) results)
{
	for (int job; weft_recv(jobs, &job); )
		weft_send(results, (struct result){ job, collatz(job) });
}

static void close_after(weft_waitgroup *wg, weft_chan(struct result) results)
{
	weft_waitgroup_wait(wg);
	weft_close(results);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) jobs = weft_make(int, JOBS);
	weft_chan(struct result) results = weft_make(struct result, 0);
	weft_waitgroup wg = {0};
	int steps[JOBS + 1] = {0};

	(void)argc, (void)argv;
	for (int i = 0; i < WORKERS; i++)
		weft_waitgroup_go(&wg, worker, jobs, results);
	for (int job = 1; job <= JOBS; job++)
		weft_send(jobs, job);
	weft_close(jobs);
	weft_go(close_after, &wg, results);
	for (struct result r; weft_recv(results, &r); )
		steps[r.job] = r.steps;		/* they come in any order */
	for (int job = 1; job <= JOBS; job++)
		printf("%d takes %d steps\n", job, steps[job]);
	weft_free(jobs);
	weft_free(results);
	return 0;
}
