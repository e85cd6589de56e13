/* profiles.c - files for pprof and for ui.perfetto.dev: of a whole run, and of what failed */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../weft/debug.h"
#include "../weft/profile.h"
#include "harness.h"

void trace_write(weft_t *t, struct buf *b)
{
	struct buf path = report_path(t, "trace.json");
	int err = weft_trace_write(buf_str(&path), WEFT_SECOND);

	if (err)
		buf_printf(b, "    trace: cannot write %s: %s\n", path.data, strerror(-err));
	else
		buf_printf(b, "    trace: %s\n", path.data);
	buf_finish(&path);
}

void report_trace(weft_t *t)
{
	struct buf b = {0};

	trace_write(t, &b);
	harness_lock();
	report_log_locked(t, b.data, b.len);
	harness_unlock();
	buf_finish(&b);
}

/* True: err is one, and has been told. */
static bool cannot_write(const char *flag, const char *path, int err)
{
	if (err)
		fprintf(stderr, "%s: -%s: cannot write %s: %s\n", harness.package, flag, path,
		    strerror(-err));
	return err;
}

static bool cannot_sample(void)
{
	const struct options *o = &harness.opt;
	int err = weft_profile_allocs(o->memprofilerate ? o->memprofilerate :
	    WEFT_PROFILE_ALLOCS);

	if (err)
		fprintf(stderr, "%s: -memprofile: %s\n", harness.package, err == -ENOTSUP ?
		    "the allocator is not the C library's; build without a sanitizer" :
		    strerror(-err));
	return err;
}

static bool cannot_start(void)
{
	const struct options *o = &harness.opt;
	const struct { const char *flag, *path; } files[] = { { "cpuprofile", o->cpuprofile },
	    { "goroutineprofile", o->goroutineprofile }, { "blockprofile", o->blockprofile },
	    { "memprofile", o->memprofile }, { "mutexprofile", o->mutexprofile },
	    { "wallprofile", o->wallprofile }, { "trace", o->trace } };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		FILE *f = files[i].path ? fopen(files[i].path, "we") : NULL;

		if (files[i].path && !f)
			return cannot_write(files[i].flag, files[i].path, -errno);
		if (f)
			fclose(f);
	}
	if (o->memprofile && cannot_sample())
		return true;
	if (o->blockprofile || o->mutexprofile)
		weft_profile_waits(1);
	return (o->cpuprofile && cannot_write("cpuprofile", o->cpuprofile,
	    weft_profile_start(o->cpuprofile, 0))) ||
	    (o->wallprofile && cannot_write("wallprofile", o->wallprofile,
	    weft_profile_wall_start(o->wallprofile, 0)));
}

/* That the files can be written is found out before the tests run. */
bool profiles_start(void)
{
	return harness.finished = cannot_start();
}

bool profiles_write(void)
{
	const struct options *o = &harness.opt;
	bool bad = false;

	if (o->cpuprofile)
		bad |= cannot_write("cpuprofile", o->cpuprofile, weft_profile_stop());
	if (o->wallprofile)
		bad |= cannot_write("wallprofile", o->wallprofile, weft_profile_wall_stop());
	if (o->memprofile)
		bad |= cannot_write("memprofile", o->memprofile,
		    weft_profile_heap(o->memprofile));
	if (o->goroutineprofile)
		bad |= cannot_write("goroutineprofile", o->goroutineprofile,
		    weft_profile_goroutines(o->goroutineprofile));
	if (o->blockprofile)
		bad |= cannot_write("blockprofile", o->blockprofile,
		    weft_profile_block(o->blockprofile));
	if (o->mutexprofile)
		bad |= cannot_write("mutexprofile", o->mutexprofile,
		    weft_profile_mutex(o->mutexprofile));
	if (o->trace)
		bad |= cannot_write("trace", o->trace, weft_trace_write(o->trace, INT64_MAX / 2));
	return bad;
}
