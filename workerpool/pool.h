/*
 * pool.h - a worker pool: so many jobs run at a time, the others wait by priority
 *
 *	static int fetch(weft_ctx *ctx, struct page *page);	// any arguments, as weft_go
 *
 *	weft_workerpool *p = weft_workerpool_new((weft_workerpool_options){ .workers = 8 });
 *	weft_workerpool_submit(ctx, p, weft_job(fetch, ctx, page));
 *	weft_workerpool_submit(ctx, p, weft_job_at(10, fetch, ctx, urgent));
 *	weft_workerpool_free(p);				// when all are done
 *
 * A worker is a place where one job after another runs, in a goroutine that is named after
 * the job's function and the line that made the job.  So every report names the jobs in
 * progress, and that of a job that stops the program says whose fault it is.  A worker
 * without a job costs nothing.
 *
 * What a job points to is yours, and lives until the job has returned or was dropped.  Jobs return;
 * weft_goexit in one loses its worker.  A job that waits for room, or for another job of the
 * same pool, may wait for itself: use try_submit there.
 */
#ifndef WORKERPOOL_POOL_H
#define WORKERPOOL_POOL_H

#include "../weft/weft.h"

typedef struct weft_workerpool weft_workerpool;
typedef struct weft_job weft_job;

/*
 * f(args...), up to six arguments, each an int, a long or a pointer.  f returns an int; below
 * 0 counts as failed.  Of jobs that wait, the highest priority goes first, and of equal
 * ones the oldest; weft_job's is 0, and it may be from -32,767 to 32,767.
 */
#define weft_job(f, ...)		WEFT_JOB_(0, f, ##__VA_ARGS__)
#define weft_job_at(priority, f, ...)	WEFT_JOB_(priority, f, ##__VA_ARGS__)

typedef struct weft_workerpool_options weft_workerpool_options;
struct weft_workerpool_options {
	int	workers;		/* jobs at a time; weft_procs() */
	int	queue;			/* jobs that may wait; 1,024.  Below 0: any number */
	size_t	stack;			/* of a job's goroutine, in bytes; 64 KiB */
	/*
	 * Scaling: there is one worker more, up to max, as long as more than grow_at jobs
	 * wait for each; and one less, down to workers, each time that one has not been
	 * needed for shrink_after.
	 */
	int	max;			/* workers: it does not scale */
	int	grow_at;		/* 4 */
	int64_t	shrink_after;		/* ns; 10 s */
	/*
	 * Is told of each job that stop drops, to free its arguments; but not of those of
	 * submit_wait, which has them, and says so.  Not under a lock.
	 */
	void	(*dropped)(const weft_job *job, void *arg);
	void	*arg;
};

weft_workerpool *weft_workerpool_new(weft_workerpool_options o);
void	weft_workerpool_free(weft_workerpool *p);	/* drains first; not in a job */

/*
 * 0 when the job runs or waits to; else it never will: -ESHUTDOWN after stop.  When the queue
 * is full submit waits for room, in the order of arrival whatever the priority, and
 * returns -ECANCELED or -ETIMEDOUT if ctx ends; try_submit returns -EAGAIN.
 */
int	weft_workerpool_submit(weft_ctx *ctx, weft_workerpool *p, weft_job job);
int	weft_workerpool_try_submit(weft_workerpool *p, weft_job job);
/*
 * Waits until the job has returned, and puts what into *result (may be NULL).  -ECANCELED,
 * -ETIMEDOUT or -ESHUTDOWN: it was not begun, and will not be.  Once it runs, ctx is
 * the job's to obey: its arguments may lie on your stack.
 */
int	weft_workerpool_submit_wait(weft_ctx *ctx, weft_workerpool *p, weft_job job, int *result);

/*
 * From now on so many workers, and so many at most when it scales.  Jobs that run are not
 * disturbed: what is too many ends with its job.  workers is at least 1.
 */
void	weft_workerpool_resize(weft_workerpool *p, int workers, int max);

/*
 * Takes no more jobs, and waits until those it has are done.  DRAIN runs those that wait;
 * CANCEL drops them, and cancels the pool's context, which jobs may obey.  0; or -ECANCELED or
 * -ETIMEDOUT from ctx, and then one may stop again, also by CANCEL after DRAIN; or
 * -EINPROGRESS at once, in a job of the pool: it is stopping, but not before this job ends.
 */
enum weft_workerpool_how { WEFT_WORKERPOOL_DRAIN, WEFT_WORKERPOOL_CANCEL };
int	weft_workerpool_stop(weft_ctx *ctx, weft_workerpool *p, enum weft_workerpool_how how);
weft_ctx *weft_workerpool_ctx(weft_workerpool *p);	/* the pool's; lives as long */

typedef struct weft_workerpool_stats weft_workerpool_stats;
struct weft_workerpool_stats {
	int	workers;		/* may run now, by size and scaling           */
	int	running;		/* do run; more than workers after a resize   */
	int64_t	queued;			/* jobs that wait                             */
	int	submitters;		/* calls of submit that wait for room         */
	int64_t	submitted;		/* = running + queued + done + dropped; what
					   submit_wait did not begin does not count   */
	int64_t	done, failed, dropped;	/* failed ones are done, too                  */
};
void	weft_workerpool_get_stats(weft_workerpool *p, weft_workerpool_stats *out);

/* What each worker has done, and the job in progress. */
typedef struct weft_worker weft_worker;
struct weft_worker {
	int64_t	jobs, failed;		/* that it has done                           */
	int64_t	busy;			/* ns that these took                         */
	const char *func, *file;	/* of the job that it runs, or NULL           */
	int	line;
	int	priority;
	int64_t	running;		/* for how long, ns                           */
	int64_t	goid;			/* in what goroutine; see weft_dump           */
};
/* Fills in at most n and returns how many there have ever been at a time. */
size_t	weft_workerpool_workers(weft_workerpool *p, weft_worker *out, size_t n);

/* ---- the machinery of the macros ---- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
typedef int weft_job_fn_();		/* any function that they accept */
#pragma GCC diagnostic pop
struct weft_job {
	weft_job_fn_		*f;
	intptr_t		 words[6];
	const struct weft_site	*site;
	int			 priority;
};

/* The checks of weft_go, for functions that return int. */
#define WEFT_JOB_(prio, fn, ...) __extension__ ({			\
	_Static_assert(__builtin_types_compatible_p(__typeof__(*(fn)), weft_job_fn_), \
	    "weft_job: the function must return int and take only int, long or pointers"); \
	WEFT_STRICT_ if (0) (void)(fn)(__VA_ARGS__); WEFT_END_		\
	WEFT_QUIET_ if (0) (void)(fn)(WEFT_MAP_(WEFT_PROBE_, ##__VA_ARGS__)); WEFT_END_ \
	static const struct weft_site weft_site_ = { #fn, __FILE__, __LINE__ }; \
	(struct weft_job){ (weft_job_fn_ *)(fn),			\
	    { WEFT_MAP_(WEFT_WORD_, ##__VA_ARGS__) }, &weft_site_, prio }; \
})

#endif
