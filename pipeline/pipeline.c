/*
 * pipeline.c - the stages put together, started, and ended in order
 *
 * weft_pipeline_run is the whole life cycle: everything starts from the end of
 * the pipeline backwards, and ends from its beginning forwards.  A channel is
 * closed when all who send on it have ended, never before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stage.h"
#include "weft/time.h"

#define DEPTH 4			/* batches that may wait between two stages */

weft_pipeline *
weft_pipeline_new(const struct weft_pipeline_options *opt)
{
	weft_pipeline *p = xcalloc(1, sizeof(*p));
	char name[256] = "";

	p->opt = *opt;
	if (p->opt.workers <= 0)
		p->opt.workers = weft_procs();
	if (p->opt.batch == 0)
		p->opt.batch = (128 << 10) - BATCH_PAD;
	if (!opt->host && gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	p->host = xstrdup(opt->host ? opt->host : name);
	p->dead = opt->dead ? xstrdup(opt->dead) : NULL;
	p->dead_fd = -1;
	return p;
}

void
weft_pipeline_free(weft_pipeline *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->nsources; i++) {
		origin_finish(&p->sources[i]->origin);
		free(p->sources[i]->path);
		free(p->sources[i]);
	}
	for (int i = 0; i < p->noutputs; i++)
		output_close(p->outputs[i]);
	free(p->sources);
	free(p->outputs);
	free(p->host);
	free(p->dead);
	free(p);
}

void
weft_pipeline_source(weft_pipeline *p, const char *path)
{
	struct source *s = xcalloc(1, sizeof(*s));

	s->p = p;
	s->path = xstrdup(path);
	origin_init(&s->origin, p->host, strcmp(path, "-") == 0 ? "stdin" : path);
	p->sources = xrealloc(p->sources, (p->nsources + 1) * sizeof(*p->sources));
	p->sources[p->nsources++] = s;
}

int
weft_pipeline_output(weft_pipeline *p, const char *dest)
{
	struct output *o;
	int err = output_open(p, dest, &o);

	if (err)
		return err;
	p->renders[o->format] = true;
	p->outputs = xrealloc(p->outputs, (p->noutputs + 1) * sizeof(*p->outputs));
	p->outputs[p->noutputs++] = o;
	return 0;
}

/* Enough that every stage can hold some and the queues be half full. */
static int
pool_size(const weft_pipeline *p)
{
	int readers = p->nsources < MAX_OPEN ? p->nsources : MAX_OPEN;

	return 2 + readers + 2 * p->opt.workers + 2 * p->noutputs;
}

static void
make_channels(weft_pipeline *p)
{
	batch_pool_init(&p->pool, pool_size(p), p->opt.batch);
	p->open = weft_make(char, MAX_OPEN);
	for (int i = 0; i < MAX_OPEN; i++)
		weft_send(p->open, 0);
	p->parsed = weft_make(struct batch *, DEPTH);
	p->kept = weft_make(struct batch *, DEPTH);
	p->enriched = weft_make(struct batch *, DEPTH);
	p->errors = weft_make(struct trouble, DEPTH);
	for (int i = 0; i < p->noutputs; i++)
		p->outputs[i]->queue = weft_make(struct batch *, DEPTH);
}

static void
free_channels(weft_pipeline *p)
{
	for (int i = 0; i < p->noutputs; i++)
		weft_free(p->outputs[i]->queue);
	weft_free(p->errors);
	weft_free(p->enriched);
	weft_free(p->kept);
	weft_free(p->parsed);
	weft_free(p->open);
	batch_pool_finish(&p->pool);
}

static void
start(weft_pipeline *p)
{
	weft_waitgroup_go(&p->troubled, trouble_run, p);
	for (int i = 0; i < p->noutputs; i++)
		weft_waitgroup_go(&p->writing, output_run, p->outputs[i]);
	weft_waitgroup_go(&p->collecting, collector_run, p);
	for (int i = 0; i < p->opt.workers; i++)
		weft_waitgroup_go(&p->working, worker_run, p);
	weft_waitgroup_go(&p->filtering, filter_run, p);
	for (int i = 0; i < p->nsources; i++)
		weft_waitgroup_go(&p->reading, source_run, p->sources[i]);
}

/* Each stage ends when nothing can come any more: so nothing in flight is lost. */
static void
drain(weft_pipeline *p)
{
	weft_waitgroup_wait(&p->reading);
	weft_close(p->parsed);
	weft_waitgroup_wait(&p->filtering);
	weft_close(p->kept);
	weft_waitgroup_wait(&p->working);
	weft_close(p->enriched);
	weft_waitgroup_wait(&p->collecting);
	for (int i = 0; i < p->noutputs; i++)
		weft_close(p->outputs[i]->queue);
	weft_waitgroup_wait(&p->writing);
	weft_close(p->errors);
	weft_waitgroup_wait(&p->troubled);
}

int
weft_pipeline_run(weft_ctx *ctx, weft_pipeline *p)
{
	int err = trouble_open(p);

	if (err) {
		trouble_warn(p, "cannot open %s: %s", p->dead, strerror(-err));
		return err;
	}
	p->ctx = weft_with_cancel(ctx);
	atomic_store(&p->live, p->noutputs);
	p->started = weft_now();
	make_channels(p);
	start(p);
	drain(p);
	free_channels(p);
	p->ended = weft_now();
	weft_ctx_free(p->ctx);
	trouble_close(p);
	return atomic_load(&p->error);
}

void
weft_pipeline_counts(weft_pipeline *p, struct weft_pipeline_counts *out)
{
	*out = (struct weft_pipeline_counts){
		.bytes = counted(&p->bytes),
		.read = counted(&p->read),
		.filtered = counted(&p->filtered),
		.unparsable = counted(&p->unparsable),
		.enriched = counted(&p->nenriched),
		.unread_sources = counted(&p->unread),
		.unfinished = counted(&p->unfinished),
		.dead_lost = counted(&p->dead_lost),
		.outputs = p->noutputs,
	};
}

void
weft_pipeline_output_counts(weft_pipeline *p, int i, struct weft_pipeline_output_counts *out)
{
	struct output *o = p->outputs[i];

	*out = (struct weft_pipeline_output_counts){
		.name = o->name,
		.delivered = counted(&o->delivered),
		.failed = counted(&o->failed),
		.bytes = counted(&o->bytes),
	};
}
