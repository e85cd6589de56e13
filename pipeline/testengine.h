/*
 * testengine.h - whole pipelines over files of the test's directory, and outputs that stall or fail
 */
#ifndef WEFT_PIPELINE_TESTENGINE_H
#define WEFT_PIPELINE_TESTENGINE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline.h"
#include "stage.h"
#include "testfiles.h"
#include "weft/testing.h"

static inline void
generate(const char *name, uint64_t lines, uint32_t source, int format)
{
	struct weft_gen_options o = {
		.lines = lines, .seed = 42, .source = source, .format = format
	};
	char path[512];
	int fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	REQUIRE(fd >= 0);
	CHECK_EQ(weft_gen(&o, fd), 0);
	close(fd);
}

static inline struct weft_verify_counts
verified(const char *name, int level)
{
	weft_verify *v = weft_verify_new(level);
	struct weft_verify_counts c;
	char path[512], findings[4096];

	CHECK_EQ(weft_verify_file(v, path_of(path, name)), 0);
	weft_verify_end(v, &c, findings, sizeof(findings));
	if (*findings)
		weft_logf("%s", findings);
	weft_verify_free(v);
	return c;
}

/* Keeps the last thing said. */
static inline void
keep_warning(void *arg, const char *text)
{
	snprintf(arg, 512, "%s", text);
}

static inline void
add_source(weft_pipeline *p, const char *name)
{
	char path[512];

	CHECK_EQ(weft_pipeline_source(p, name, &(struct weft_source_options){
	    .file = path_of(path, name), .once = true }), 0);
}

static inline void
add_file(weft_pipeline *p, const char *name, int format)
{
	char path[512];

	CHECK_EQ(weft_pipeline_output(p, name, &(struct weft_output_options){
	    .file = &(struct weft_file_options){ .path = path_of(path, name) },
	    .format = format }), 0);
}

/* An output that counts records, and does what it is told. */
struct taker {
	weft_chan(char)	 gate;		/* NULL: open; else closed until it is closed, as a channel */
	atomic_int	 fail;		/* so many times */
	atomic_uint	 calls;
	weft_mutex	 lock;
	struct buf	 got;
};

static inline int
take(weft_ctx *ctx, const char *records, size_t len, void *arg)
{
	struct taker *t = arg;
	char c;

	atomic_fetch_add(&t->calls, 1);
	if (atomic_load(&t->fail) > 0) {
		atomic_fetch_sub(&t->fail, 1);
		return -EIO;
	}
	if (t->gate)
		weft_select(weft_on_recv(t->gate, &c), weft_on_done(ctx));
	if (weft_err(ctx))
		return weft_err(ctx);
	weft_mutex_lock(&t->lock);
	buf_add(&t->got, records, len);
	weft_mutex_unlock(&t->lock);
	return 0;
}

static inline void
add_taker(weft_pipeline *p, const char *name, struct taker *t, int when_full)
{
	CHECK_EQ(weft_pipeline_output(p, name, &(struct weft_output_options){
	    .call = take, .arg = t, .format = WEFT_OUTPUT_RAW, .when_full = when_full,
	    .queue = 64 << 10 }), 0);
}

static inline size_t
lines_in(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] == '\n';
	return n;
}

static inline void
run_engine(weft_pipeline *p, weft_ctx *ctx, weft_chan(int) done)
{
	weft_send(done, weft_pipeline_run(ctx, p));
}

static inline void
wait_for_file(const char *name, size_t len)
{
	struct stat st = { 0 };
	char path[512];

	for (path_of(path, name); stat(path, &st) < 0 || (size_t)st.st_size < len; )
		weft_sleep(WEFT_MS);
}

static inline size_t
size_of(const char *name)
{
	struct stat st = { 0 };
	char path[512];

	stat(path_of(path, name), &st);
	return st.st_size;
}

static inline struct weft_pipeline_options
small(const char *state, char path[512])
{
	return (struct weft_pipeline_options){
		.host = "h", .memory = 4 << 20, .batch = 8192, .checkpoint = 5 * WEFT_MS,
		.state = state ? path_of(path, state) : NULL, .drain = 50 * WEFT_MS,
		.warn = keep_warning, .warn_arg = calloc(1, 512),
	};
}

#endif
