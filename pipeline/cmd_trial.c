/*
 * cmd_trial.c - weft-pipeline test: the tests of a configuration, through its real steps
 *
 * No source is read and no output is written.  A line is parsed as its source would, and runs
 * through the steps; what became of it is compared with what is expected.  Fields are looked
 * at by a step of our own behind the others, so that names mean what they mean in expressions.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "config.h"

static const char help[] =
"usage: weft-pipeline test [-v] -c CONFIG\n"
"\n"
"Runs the tests that stand in the configuration: parses each input line as its source\n"
"would, runs the steps over it, and compares what became of it with what is expected.\n"
"No source is read, no output is written.\n"
"\n"
"    -c, --config FILE   the configuration\n"
"    -v, --verbose       name the tests that pass, too, and show what came out\n"
"\n"
"tests:\n"
"  - { name: debug is dropped, input: '{\"level\":\"debug\"}', expect: dropped by keep }\n"
"  - { input: [one, two], expect: [unchanged, { message: two, level: info }] }\n"
"\n"
"Exit status 1 when a test fails, or the configuration is wrong.\n";

/* One input of a test, while it runs. */
struct trial {
	const struct config_expect *expect;
	const char	*plain;		/* as it comes out when there are no steps */
	struct buf	*fields;	/* what is wrong with them, for each line that is kept */
	int		 nfields, seen;	/* seen: of those */
	int		 lines;
	struct buf	 why, came;	/* what is wrong, and what came out */
};

/* The last step: the line's fields against those that are expected. */
static enum weft_verdict
look(weft_entry *e, void *arg)
{
	struct trial *t = arg;
	const struct pairs *want = &t->expect->fields;
	struct buf why = { 0 };
	const char *got;
	size_t len;

	for (int i = 0; i < want->n; i++) {
		bool there = weft_entry_get(e, want->name[i], &got, &len);

		if (there && len == strlen(want->value[i]) && !memcmp(got, want->value[i], len))
			continue;
		buf_adds(&why, why.len ? "; " : "");
		if (there)
			buf_printf(&why, "%s is \"%.*s\", not \"%s\"", want->name[i], (int)len, got,
			    want->value[i]);
		else
			buf_printf(&why, "there is no %s", want->name[i]);
	}
	t->fields = xrealloc(t->fields, (t->nfields + 1) * sizeof(*t->fields));
	t->fields[t->nfields++] = why;
	return WEFT_KEEP;
}

static void
tell_fate(const struct weft_trial *r, struct buf *out)
{
	if (strcmp(r->fate, "kept") == 0)
		buf_printf(out, "kept: %s", r->json);
	else if (strcmp(r->fate, "dead") == 0)
		buf_printf(out, "dead: %s", r->json);
	else
		buf_printf(out, "dropped by %s (%s)", r->step ? r->step : "nobody", r->fate);
}

static void
tell_expected(const struct config_expect *e, struct buf *out)
{
	static const char *const text[] = {
		[EXPECT_DROPPED] = "dropped", [EXPECT_DEAD] = "dead",
		[EXPECT_UNCHANGED] = "unchanged", [EXPECT_FIELDS] = "kept"
	};

	buf_printf(out, "not %s%s%s, but ", text[e->kind], e->step ? " by " : "",
	    e->step ? e->step : "");
}

static bool
fits(struct trial *t, const struct weft_trial *r)
{
	const struct config_expect *e = t->expect;
	bool kept = strcmp(r->fate, "kept") == 0, dead = strcmp(r->fate, "dead") == 0;

	switch (e->kind) {
	case EXPECT_DROPPED:
		return !kept && !dead &&
		    (!e->step || (r->step && strcmp(r->step, e->step) == 0));
	case EXPECT_DEAD:
		return dead;
	case EXPECT_UNCHANGED:
		return kept && t->plain && strcmp(t->plain, r->json) == 0;
	default:
		return kept && t->fields[t->seen - 1].len == 0;
	}
}

/* What became of a line of the input. */
static void
judge(const struct weft_trial *r, void *arg)
{
	struct trial *t = arg;

	t->lines++;
	t->seen += strcmp(r->fate, "kept") == 0;
	assert_always(t->seen <= t->nfields);	/* look has seen every line that is kept */
	buf_adds(&t->came, t->came.len ? "\n        " : "");
	tell_fate(r, &t->came);
	if (!fits(t, r) && !t->why.len) {
		if (t->expect->kind == EXPECT_FIELDS && strcmp(r->fate, "kept") == 0) {
			buf_add(&t->why, t->fields[t->seen - 1].data, t->fields[t->seen - 1].len);
		} else {
			tell_expected(t->expect, &t->why);
			tell_fate(r, &t->why);
		}
	}
	free(r->json);
}

static void
keep_plain(const struct weft_trial *r, void *arg)
{
	char **plain = arg;

	free(*plain);
	*plain = r->json;
}

static void
trial_finish(struct trial *t)
{
	for (int i = 0; i < t->nfields; i++)
		buf_finish(&t->fields[i]);
	free(t->fields);
	free((char *)t->plain);
	buf_finish(&t->why);
	buf_finish(&t->came);
}

/* The two pipelines of a test: as configured, and without steps. */
struct bench { weft_pipeline *steps, *plain; struct trial *trial; };

static enum weft_verdict
look_at(weft_entry *e, void *arg)
{
	return look(e, ((struct bench *)arg)->trial);
}

/* False: it is not as expected, and log says how. */
static bool
run_line(const struct config *c, struct bench *bench, const struct config_test *test, int i,
    bool verbose, struct buf *log)
{
	const char *input = *test->input.item[i] ? test->input.item[i] : "\n";
	struct trial t = { .expect = &test->expect[i] };
	bool good;

	bench->trial = &t;
	weft_pipeline_try(bench->plain, test->source, input, strlen(input), keep_plain,
	    (char **)&t.plain);
	weft_pipeline_try(bench->steps, test->source, input, strlen(input), judge, &t);
	good = t.lines && !t.why.len;
	if (!good)
		buf_printf(log, "%s:%d:%d: %s\n", c->path, t.expect->at.line, t.expect->at.col,
		    t.lines ? buf_str(&t.why) : "the input has no line");
	if (!good || verbose)
		buf_printf(log, "    %s\n        %s\n", test->input.item[i], buf_str(&t.came));
	trial_finish(&t);
	return good;
}

/* Steps remember lines (dedup, limit), so each test has steps of its own. */
static bool
bench_init(struct bench *b, struct config *c, struct buf *err)
{
	int nsteps = c->nsteps;

	*b = (struct bench){ .steps = NULL };
	if (config_build(c, &b->steps, err))
		return false;
	weft_pipeline_step(b->steps, "expect", look_at, b);
	c->nsteps = 0;
	config_build(c, &b->plain, err);
	c->nsteps = nsteps;
	return b->plain;
}

static void
bench_finish(struct bench *b)
{
	weft_pipeline_free(b->steps);
	weft_pipeline_free(b->plain);
}

static bool
run_test(struct config *c, const struct config_test *test, bool verbose)
{
	struct buf log = { 0 };
	struct bench bench;
	bool passed = bench_init(&bench, c, &log);

	for (int i = 0; i < test->input.n && bench.plain; i++)
		passed &= run_line(c, &bench, test, i, verbose, &log);
	if (verbose || !passed)
		command_print("%s: %s (line %d)\n%s", passed ? "pass" : "FAIL",
		    test->item.name ? test->item.name : "test", test->item.yaml->at.line,
		    log.len ? buf_str(&log) : "");
	bench_finish(&bench);
	buf_finish(&log);
	return passed;
}

static int
run_tests(const char *path, bool verbose)
{
	struct config *c = config_load(path);
	struct buf err = { 0 };
	int failed = 0, n = c->ntests;
	weft_pipeline *p;

	if (config_build(c, &p, &err)) {
		dprintf(STDERR_FILENO, "%s", buf_str(&err));
		failed = 1;
	} else {
		for (int i = 0; i < n; i++)
			failed += !run_test(c, &c->tests[i], verbose);
		command_print("%d passed, %d failed\n", n - failed, failed);
	}
	weft_pipeline_free(p);
	config_free(c);
	buf_finish(&err);
	return failed > 0;
}

int
cmd_test(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", 1, NULL, 'c' }, { "verbose", 0, NULL, 'v' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	const char *path = NULL;
	bool verbose = false;
	int c;

	while ((c = getopt_long(argc, argv, ":c:vh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	if (!path && optind < argc)
		path = argv[optind++];
	if (optind < argc)
		return command_misuse("one configuration at a time; what is", argv[optind]);
	if (!path) {
		command_say("no configuration: name one by -c FILE");
		return 2;
	}
	return run_tests(path, verbose);
}
