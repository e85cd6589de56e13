/* stats.c - what a worker pool has done, and what it does now */
#include "pool_impl.h"

#include "../weft/time.h"

void weft_workerpool_get_stats(weft_workerpool *p, weft_workerpool_stats *out)
{
	int64_t now = weft_now();

	weft_mutex_lock(&p->lock);
	workerpool_shrink(p, now);
	*out = p->s;
	out->workers = p->target;
	out->running = p->running;
	out->queued = (int64_t)p->queue.n;
	weft_mutex_unlock(&p->lock);
}

static weft_worker look(const struct worker *w, int64_t now)
{
	weft_worker out = { .jobs = w->jobs, .failed = w->failed, .busy = w->busy };

	if (w->runs) {
		out.func = w->job.site->func;
		out.file = w->job.site->file;
		out.line = w->job.site->line;
		out.priority = w->job.priority;
		out.running = now - w->since;
		out.goid = atomic_load_explicit(&w->goid, memory_order_relaxed);
	}
	return out;
}

size_t weft_workerpool_workers(weft_workerpool *p, weft_worker *out, size_t n)
{
	size_t all;

	weft_mutex_lock(&p->lock);
	all = p->n;
	for (size_t i = 0; i < n && i < all; i++)
		out[i] = look(p->workers[i], weft_now());
	weft_mutex_unlock(&p->lock);
	return all;
}
