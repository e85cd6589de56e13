/*
 * run.c - registration, and running tests, sub-tests and parallel tests
 *
 * Whoever starts a test waits for it and reports on it: the harness's goroutine
 * for most, one of -parallel goroutines for parallel ones, and the parent's
 * goroutine for a sub-test.  The test has a goroutine of its own, which may end
 * early (REQUIRE, weft_skip); test_end is then called from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../weft/debug.h"
#include "schedule.h"

enum { TEST_STACK = 256 << 10 };	/* a test may print; so may its checks */

struct harness harness = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.running = { &harness.running, &harness.running },
	.out = 1,
};

static struct replay replay;		/* -replay's, or empty */
static struct weft_test *registered;
static struct list kept = { &kept, &kept };	/* records that goroutines still use */

/*
 * Has the linker take entry.o now, unless the program defines weft_main: when it
 * finds, in -lweft, that somebody wants it, it does not come back to this library.
 */
__attribute__((used)) static int (*const entry)(int, char **) = weft_main;

void weft_register_(struct weft_test *test)
{
	test->site = (struct weft_site){ test->name, test->file, test->line };
	test->next = registered;
	registered = test;
}

bool weft_short(void)
{
	return harness.opt.short_;
}

weft_t *test_new(const struct weft_test *test, weft_t *parent, char *name)
{
	weft_t *t = xcalloc(1, sizeof *t);

	group_init(&t->group);
	t->group.data = t;
	list_init(&t->entry);
	t->test = test;
	t->parent = parent;
	t->top = parent ? parent->top : t;
	t->bubble = parent ? parent->bubble : NULL;
	t->name = name;
	t->site = &test->site;
	t->seen = -1;
	return t;
}

void test_free(weft_t *t)
{
	for (struct name *n = t->names, *next; n; n = next) {
		next = n->next;
		free(n);
	}
	for (struct sometimes *s = t->sometimes, *next; s; s = next) {
		next = s->next;
		free(s->what);
		free(s);
	}
	buf_finish(&t->log);
	free(t->name);
	free(t);
}

/* release: whoever sees the new state sees the log as well */
bool test_move(weft_t *t, int state)
{
	int running = T_RUNNING;

	return atomic_compare_exchange_strong_explicit(&t->state, &running, state,
	    memory_order_acq_rel, memory_order_acquire);
}

void test_end(weft_t *t)
{
	test_cleanup(t);
	if (t->bubble && !t->parent)
		t->bubble->over = true;
	if (test_move(t, T_ENDED))
		wakeup_set(&t->done, NULL);
	weft_goexit();
}

static void test_main(weft_t *t)
{
	const intptr_t *a = t->words;

	atomic_store(&t->goid, weft_goid());
	t->f(a[0], a[1], a[2], a[3], a[4], a[5]);
	test_end(t);
}

static void enter(weft_t *t)
{
	t->started = clock_now();
	harness_lock();
	if (t->test->timeout && !t->parent && !t->shell)
		t->deadline = t->started + t->test->timeout + harness.opt.stress;
	list_push_back(&harness.running, &t->entry);
	if (t->parent)
		t->parent->children++;
	harness_unlock();
	if (t->deadline)
		guard_kick();
}

static void leave(weft_t *t, bool clean)
{
	harness_lock();
	report_end_locked(t);
	list_remove(&t->entry);
	if (t->parent)
		t->parent->children--;
	if (!clean)
		list_push_back(&kept, &t->entry);
	harness_unlock();
	if (clean) {
		test_bubble_free(t);
		test_free(t);
	}
}

/* In a goroutine of its own, to the end.  True: nothing is left of it. */
static bool execute(weft_t *t)
{
	bool clean;

	sched_spawn((weft_entry_ *)test_main, (const intptr_t[6]){ (intptr_t)t }, t->site,
	    (struct home){ &t->group, t->bubble, TEST_STACK }, NULL);
	wakeup_wait(&t->done);
	if (t->refused)
		test_refused(t);
	else if (t->bubble && atomic_load(&t->state) == T_STUCK)
		watch_report(t);
	clean = atomic_load(&t->state) == T_ENDED && leak_check(t);
	races_check(t);
	tempdir_remove(t);
	return clean;
}

void test_run_quietly(weft_t *t)
{
	enter(t);
	t->gone = execute(t);
	harness_lock();
	list_remove(&t->entry);
	if (!t->gone)
		list_push_back(&kept, &t->entry);
	harness_unlock();
}

/* Runs it to its verdict; true: it did not fail.  t is not ours afterwards. */
static bool test_run(weft_t *t)
{
	bool replays = !t->parent && replay.test;
	bool explores = !t->parent && !replays && explore_count(t->test);
	bool clean = true, failed;

	atomic_fetch_add(&harness.ran, 1);
	if (t->test->bubble && !t->parent && !replays && !explores)
		t->bubble = test_bubble(t, rand_entropy());
	enter(t);			/* and then others look at it */
	if (replays)
		explore_replay(t, &replay);
	else if (explores)
		explore(t);
	else
		clean = execute(t);
	failed = atomic_load(&t->failed);
	if (failed) {
		if (!t->parent)
			report_trace(t);
		atomic_store(&harness.failed, true);
		if (t->parent)
			atomic_store(&t->parent->failed, true);
	}
	leave(t, clean);
	return !failed;
}

static bool stop_early(void)
{
	return harness.opt.failfast && atomic_load(&harness.failed);
}

/* A schedule is to depend on nothing that happened in another one. */
static bool stop_early_in(const weft_t *top)
{
	return top->shell ? harness.opt.failfast && atomic_load(&top->failed) : stop_early();
}

/* In Go's spelling: blanks become underscores, the second of a name is name#01. */
char *subtest_name(weft_t *parent, const char *name)
{
	struct buf b = {0};
	struct name *seen;
	size_t base;

	buf_printf(&b, "%s/", parent->name);
	for (const char *s = name; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			buf_printf(&b, strchr("\t\n\v\f\r", *s) ? "_" : "\\x%02x", *s);
		else
			buf_addc(&b, *s == ' ' ? '_' : *s);
	base = b.len;
	harness_lock();
	for (int n = 0;; n++) {
		b.len = base;
		if (n || !*name)
			buf_printf(&b, "#%02d", n);
		for (seen = parent->names; seen; seen = seen->next)
			if (strcmp(seen->text, buf_str(&b)) == 0)
				break;
		if (!seen)
			break;
	}
	seen = xmalloc(sizeof *seen + b.len + 1);
	strcpy(seen->text, buf_str(&b));
	seen->next = parent->names;
	parent->names = seen;
	harness_unlock();
	return b.data;
}

bool weft_subtest_(weft_t *t, const char *name, weft_entry_ *f,
    const intptr_t words[6], const struct weft_site *site)
{
	char *full;
	weft_t *sub;

	if (atomic_load(&t->state) != T_RUNNING)
		die("weft_run: %s has ended and cannot have more sub-tests", t->name);
	full = subtest_name(t, name);
	if (!test_selected(full) || stop_early_in(t->top)) {
		free(full);
		return true;
	}
	sub = test_new(t->test, t, full);
	sub->f = f;
	memcpy(sub->words, words, sizeof sub->words);
	sub->words[0] = (intptr_t)sub;
	sub->site = site;
	report_event(sub, "RUN");
	return test_run(sub);
}

/* Parallel tests: the first -parallel of them begin, each next when one ends. */
struct batch {
	weft_t		**tests;
	size_t		  n;
	_Atomic size_t	  next;
	_Atomic int64_t	  left;		/* goroutines that still work on it */
	struct wakeup	  done;
};

static void batch_work(struct batch *b)
{
	for (size_t i; (i = atomic_fetch_add(&b->next, 1)) < b->n; ) {
		report_event(b->tests[i], "CONT");
		test_run(b->tests[i]);
	}
	if (atomic_fetch_sub(&b->left, 1) == 1)
		wakeup_set(&b->done, NULL);
}

static void batch_run(struct batch *b)
{
	int64_t n = harness.opt.parallel;

	if (!b->n)
		return;
	if (n > (int64_t)b->n)
		n = (int64_t)b->n;
	atomic_init(&b->left, n);
	while (n--)
		weft_go_stack(TEST_STACK, batch_work, b);
	wakeup_wait(&b->done);
}

/* Every selected test once. */
static void tests_run(struct weft_test **tests, size_t n)
{
	struct batch later = { .tests = xcalloc(n, sizeof *later.tests) };

	for (size_t i = 0; i < n && !stop_early(); i++) {
		weft_t *t;
		if (!tests[i]->test || !test_selected(tests[i]->name))
			continue;
		t = test_new(tests[i], NULL, xstrdup(tests[i]->name));
		t->f = (weft_entry_ *)tests[i]->test;
		t->words[0] = (intptr_t)t;
		report_event(t, "RUN");
		if (tests[i]->parallel) {
			report_event(t, "PAUSE");
			later.tests[later.n++] = t;
		} else {
			test_run(t);
		}
	}
	batch_run(&later);
	free(later.tests);
}

static int by_place(const void *a, const void *b)
{
	const struct weft_test *x = *(struct weft_test *const *)a;
	const struct weft_test *y = *(struct weft_test *const *)b;
	int c = strcmp(x->file, y->file);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static struct weft_test **collect(size_t *n)
{
	struct weft_test **tests;
	struct rand r;
	size_t i = 0;

	*n = 0;
	for (struct weft_test *t = registered; t; t = t->next)
		++*n;
	tests = xcalloc(*n, sizeof *tests);
	for (struct weft_test *t = registered; t; t = t->next)
		tests[i++] = t;
	qsort(tests, *n, sizeof *tests, by_place);
	if (harness.opt.shuffle) {
		rand_seed(&r, harness.opt.seed);
		for (i = *n; i > 1; i--) {
			size_t j = rand_below(&r, (uint32_t)i);
			struct weft_test *t = tests[i - 1];
			tests[i - 1] = tests[j];
			tests[j] = t;
		}
	}
	return tests;
}

/* -list: the names, one a line. */
static int list_names(struct weft_test **tests, size_t n)
{
	struct buf error = {0};
	struct pattern *p = match_new(harness.opt.list, "list", &error);
	bool partial;

	if (!p) {
		fprintf(stderr, "%s\n", buf_str(&error));
		buf_finish(&error);
		return 2;
	}
	for (size_t i = 0; i < n; i++)
		if (match_name(p, tests[i]->name, &partial))
			report_print("%s\n", tests[i]->name);
	match_free(p);
	return report_finish(0, "");
}

static int run_all(struct weft_test **tests, size_t n)
{
	const char *note = "";

	if (harness.opt.list)
		return list_names(tests, n);
	if (harness.opt.shuffle)
		report_print("-test.shuffle %ju\n", (uintmax_t)harness.opt.seed);
	for (int64_t i = 0; i < harness.opt.count && !stop_early(); i++)
		tests_run(tests, n);
	if (!atomic_load(&harness.failed) && harness.bench)
		bench_run(tests, n);
	if (!atomic_load(&harness.ran) && !atomic_load(&harness.failed)) {
		note = " [no tests to run]";
		report_print("testing: warning: no tests to run\n");
	}
	return report_finish(atomic_load(&harness.failed) ? 1 : 0, note);
}

/* The three patterns, all of them read before anything runs. */
static int patterns_read(void)
{
	const struct { const char *text, *flag; struct pattern **p; } all[] = {
		{ harness.opt.run, "run", &harness.run },
		{ harness.opt.skip, "skip", &harness.skip },
		{ harness.opt.bench, "bench", &harness.bench },
	};
	struct buf error = {0};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].text && !(*all[i].p = match_new(all[i].text, all[i].flag, &error))) {
			fprintf(stderr, "%s: %s\n", harness.package, buf_str(&error));
			buf_finish(&error);
			return 2;
		}
	return -1;
}

/* -replay: its test alone. */
static int replay_open(struct weft_test **tests, size_t n)
{
	struct buf error = {0};
	bool there = false;

	if (!replay_read(harness.opt.replay, &replay, &error)) {
		fprintf(stderr, "%s: -replay: %s\n", harness.package, buf_str(&error));
		buf_finish(&error);
		harness.finished = true;
		return 2;
	}
	for (size_t i = 0; i < n; i++) {
		bool same = strcmp(tests[i]->name, replay.test) == 0;

		there |= same;
		if (!same)
			tests[i]->test = NULL;
	}
	if (there)
		return -1;
	fprintf(stderr, "%s: -replay: %s is a schedule of %s, which this program does not have\n",
	    harness.package, harness.opt.replay, replay.test);
	harness.finished = true;
	return 2;
}

static void package_name(const char *program)
{
	char *s = harness.package = xstrdup(check_basename(program));
	size_t n = strlen(s);

	harness.program = program;
	if (n > 5 && strcmp(s + n - 5, ".test") == 0)
		s[n - 5] = '\0';
}

int weft_test_main(int argc, char **argv)
{
	struct weft_test **tests;
	size_t n;
	int status;

	if (!weft_goid())
		return (weft_run)(weft_test_main, argc, argv);
	package_name(argc ? argv[0] : "test");
	if ((status = flags_parse(argc, argv)) >= 0 || (status = patterns_read()) >= 0) {
		harness.finished = true;
		return status;
	}
	if (harness.opt.race)
		return run_other_build(argv);
	setvbuf(stdout, NULL, _IOLBF, 0);	/* in step with our own lines */
	harness.started = clock_now();
	guard_start();
	watch_start();
	races_start();
	tests = collect(&n);
	if (harness.opt.replay && (status = replay_open(tests, n)) >= 0)
		return status;
	if (profiles_start())
		return 2;
	status = run_all(tests, n);
	if (profiles_write())
		status = 2;
	free(tests);
	match_free(harness.run);
	match_free(harness.skip);
	match_free(harness.bench);
	return status;
}
