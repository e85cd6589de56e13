/*
 * rig_test.h - a pipeline that runs beside its test, until the test ends it
 *
 * It reads a file, and listens, so that it does not end by itself.  Its output "out" is a
 * function that can be told to fail, or to wait.
 */
#ifndef WEFT_PIPELINE_RIG_TEST_H
#define WEFT_PIPELINE_RIG_TEST_H

#include <string.h>

#include "operate.h"
#include "stage.h"
#include "testfiles.h"
#include "weft/net.h"
#include "weft/testing.h"
#include "weft/time.h"

struct rig {
	weft_pipeline	*p;
	weft_ctx	*ctx;
	weft_waitgroup	 running;
	weft_chan(int)	 ready;		/* closed when it reads */
	weft_chan(int)	 go;		/* the output waits for it to be closed; NULL: not */
	atomic_int	 error;		/* the output fails with it */
	int		 err;		/* of the run */
	char		 state[512];
};

static inline int
rig_output(weft_ctx *ctx, const char *records, size_t len, void *arg)
{
	struct rig *r = arg;

	(void)records, (void)len;
	if (r->go)
		weft_select(weft_on_recv(r->go, NULL), weft_on_done(ctx));
	return atomic_load(&r->error);
}

static inline void
rig_quiet(void *arg, const char *text)
{
	(void)arg, (void)text;
}

static inline void
rig_ready(void *arg)
{
	weft_close(((struct rig *)arg)->ready);
}

/* The file "in" is its source app, unix:listen its source net.  More may be added before start. */
static inline void
rig_init(struct rig *r, bool state)
{
	char path[512], address[600];

	*r = (struct rig){ .ready = weft_make(int, 0), .ctx = weft_with_cancel(NULL) };
	if (state)
		path_of(r->state, "state");
	r->p = weft_pipeline_new(&(struct weft_pipeline_options){
	    .host = "h", .workers = 2, .state = state ? r->state : NULL, .warn = rig_quiet,
	    .checkpoint = WEFT_MS, .ready = rig_ready, .ready_arg = r });
	CHECK_EQ(weft_pipeline_source(r->p, "app", &(struct weft_source_options){
	    .file = path_of(path, "in"), .once = true }), 0);
	snprintf(address, sizeof(address), "unix:%s", path_of(path, "listen"));
	CHECK_EQ(weft_pipeline_source(r->p, "net", &(struct weft_source_options){
	    .listen = address }), 0);
	CHECK_EQ(weft_pipeline_output(r->p, "out", &(struct weft_output_options){
	    .call = rig_output, .arg = r, .format = WEFT_OUTPUT_RAW }), 0);
}

static inline void
rig_run(struct rig *r)
{
	r->err = weft_pipeline_run(r->ctx, r->p);
}

static inline void
rig_start(struct rig *r)
{
	weft_waitgroup_go(&r->running, rig_run, r);
	weft_recv(r->ready, NULL);
}

static inline void
rig_finish(struct rig *r)
{
	weft_cancel(r->ctx);
	weft_waitgroup_wait(&r->running);
	weft_pipeline_free(r->p);
	weft_ctx_free(r->ctx);
	weft_free(r->ready);
}

/* Until so many lines of source app are settled by output out. */
static inline void
rig_wait(struct rig *r, uint64_t lines)
{
	struct weft_ledger_row rows[8];

	for (;;) {
		int n = weft_pipeline_ledger(r->p, rows, 8);

		for (int i = 0; i < n; i++)
			if (strcmp(rows[i].source, "app") == 0 &&
			    strcmp(rows[i].output, "out") == 0 && rows[i].read - rows[i].in_flight >= lines)
				return;
		weft_sleep(WEFT_MS);
	}
}

#endif
