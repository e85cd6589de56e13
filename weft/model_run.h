/*
 * model_run.h - private to the model tests: scenarios as tests
 *
 * Every scenario is explored to the end (-short: the beginning), with and without
 * store buffers.  Include the headers under test after model.h and before this.
 */
#ifndef WEFT_MODEL_RUN_H
#define WEFT_MODEL_RUN_H

#include "model.h"
#include "testing.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static struct explored run(struct scenario s, bool tso)
{
	struct explored e;

	s.tso = tso;
	s.limit = weft_short() ? 20000 : 0;
	e = explore(&s);
	weft_logf("%s%s: %ld executions (and %ld cut short), %s", s.name,
	    tso ? ", store buffers" : "", e.executions, e.redundant,
	    e.violation ? e.violation : e.complete ? "complete" : "stopped here");
	return e;
}

static void show_trace(const struct explored *e)
{
	weft_logf("violated: %s (line %d)", e->violation, e->line);
	for (char *line = strtok(m.trace, "\n"); line; line = strtok(NULL, "\n"))
		weft_logf("%s", line);
}

static void holds(struct scenario s)
{
	if (SANITIZED)
		weft_skip("the sanitizer does not know the model's stacks");
	for (int tso = 0; tso < 2; tso++) {
		struct explored e = run(s, tso);

		if (e.violation)
			show_trace(&e);
		CHECK(!e.violation);
	}
}

static void is_broken(struct scenario s, bool tso)
{
	if (SANITIZED)
		weft_skip("the sanitizer does not know the model's stacks");
	CHECK(run(s, tso).violation != NULL);
}

#endif
