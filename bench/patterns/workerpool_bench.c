/*
 * workerpool_bench.c - jobs through a pool of eight workers
 *
 * The twin of ../go/patterns/workerpool_test.go.
 */
#include "weft/sync.h"
#include "weft/testing.h"
#include "workerpool/pool.h"

static int done(weft_waitgroup *wg)
{
	weft_waitgroup_done(wg);
	return 0;
}

static void submit(weft_workerpool *p, weft_waitgroup *jobs, int64_t n)
{
	while (n--)
		weft_workerpool_submit(NULL, p, weft_job(done, jobs));
}

static void by(int submitters, int64_t n)
{
	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 8 });
	weft_waitgroup jobs = {0}, all = {0};

	for (int i = 0; i < submitters; i++) {
		weft_waitgroup_add(&jobs, (int)((n + i) / submitters));
		weft_waitgroup_go(&all, submit, p, &jobs, (n + i) / submitters);
	}
	weft_waitgroup_wait(&all);
	weft_waitgroup_wait(&jobs);
	weft_workerpool_free(p);
}

/* One submits. */
BENCH(Workerpool)
{
	by(1, weft_loops(b));
}

/* Eight do. */
BENCH(Workerpool8)
{
	by(8, weft_loops(b));
}
