/*
 * bench.c - benchmarks: how often to loop, the clock, and lines for benchstat
 *
 * A benchmark is called once when it uses weft_loop, which decides inside when it
 * has gone on for long enough, and again with growing counts when it uses
 * weft_loops.  Either way the counts grow towards the time wanted, by at most a
 * factor of a hundred, and the last one is reported.  One that has sub-benchmarks is
 * called once, and they are reported instead.
 *
 * Lines must look like a result or begin with '#', '-' or a space; anything else
 * of the form "key: value" is configuration to benchstat.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "../weft/alloc.h"
#include "../weft/debug.h"
#include "harness.h"

enum { BENCH_STACK = 256 << 10, MAX_METRICS = 16 };

struct weft_b {
	int64_t		 left;		/* iterations until the clock is looked at */
	int64_t		 n;		/* iterations in all, or of this round     */
	bool		 timing, loops, looped;	/* looped: weft_loop was used      */
	bool		 parent;	/* has sub-benchmarks                      */
	weft_entry_	*f;
	intptr_t	 words[6];	/* what f is called with                   */
	int		 width;		/* of the column of names                  */
	int64_t		 begun, spent;
	int64_t		 allocs_begun, allocs, memory_begun, memory;
	int64_t		 bytes;
	int		 nmetrics;
	struct { const char *unit; double value; } metric[MAX_METRICS];
	weft_t		*t;
};

void weft_start_timer(weft_b *b)
{
	if (b->timing)
		return;
	b->timing = true;
	b->allocs_begun = atomic_load_explicit(&alloc_count, memory_order_relaxed);
	b->memory_begun = atomic_load_explicit(&alloc_bytes, memory_order_relaxed);
	b->begun = weft_now();
}

void weft_stop_timer(weft_b *b)
{
	if (!b->timing)
		return;
	b->timing = false;
	b->spent += weft_now() - b->begun;
	b->allocs += atomic_load_explicit(&alloc_count, memory_order_relaxed) - b->allocs_begun;
	b->memory += atomic_load_explicit(&alloc_bytes, memory_order_relaxed) - b->memory_begun;
}

void weft_reset_timer(weft_b *b)
{
	bool timing = b->timing;

	weft_stop_timer(b);
	b->spent = b->allocs = b->memory = 0;
	if (timing)
		weft_start_timer(b);
}

static int64_t clamp(double x, int64_t low, int64_t high)
{
	return x < (double)low ? low : x > (double)high ? high : (int64_t)x;
}

/* A fifth more than it should take, so that the next round is likely the last. */
static int64_t predict(int64_t n, int64_t spent)
{
	double want = (double)harness.opt.benchtime * (double)n / (double)(spent > 0 ? spent : 1);

	return clamp(want * 1.2, n + 1, n < 10000000 ? 100 * n : 1000000000);
}

static bool loop_begin(weft_b *b)
{
	b->looped = true;
	b->n = harness.opt.benchloops ? harness.opt.benchloops : 1;
	b->left = b->n - 1;
	weft_reset_timer(b);
	weft_start_timer(b);
	return true;
}

static bool __attribute__((noinline)) loop_slow(weft_b *b)
{
	int64_t spent, next;

	if (!b->looped)
		return loop_begin(b);
	spent = b->spent + (b->timing ? weft_now() - b->begun : 0);
	if (harness.opt.benchloops || spent >= harness.opt.benchtime || b->n >= 1000000000) {
		weft_stop_timer(b);
		return false;
	}
	next = predict(b->n, spent);
	b->left = next - b->n - 1;
	b->n = next;
	return true;
}

bool weft_loop(weft_b *b)
{
	if (likely(b->left > 0)) {
		b->left--;
		return true;
	}
	return loop_slow(b);
}

int64_t weft_loops(weft_b *b)
{
	b->loops = true;
	weft_reset_timer(b);
	weft_start_timer(b);
	return b->n;
}

void weft_bytes(weft_b *b, int64_t per_op)
{
	b->bytes = per_op;
}

void weft_metric(weft_b *b, double value, const char *unit)
{
	int i = 0;

	if (!*unit || strpbrk(unit, " \t\n"))
		die("weft_metric: a unit is one word, and \"%s\" is not", unit);
	while (i < b->nmetrics && strcmp(b->metric[i].unit, unit) != 0)
		i++;
	if (i == MAX_METRICS)
		die("weft_metric: more than %d metrics", MAX_METRICS);
	b->metric[i].unit = unit;
	b->metric[i].value = value;
	b->nmetrics += i == b->nmetrics;
}

/* The decimal points of a column stand below each other. */
void bench_number(struct buf *b, double x, const char *unit)
{
	static const struct { double from; int width, digits; } forms[] = {
		{ 999.95, 10, 0 }, { 99.995, 12, 1 }, { 9.9995, 13, 2 }, { 0.99995, 14, 3 },
		{ 0.099995, 15, 4 }, { 0.0099995, 16, 5 }, { 0.00099995, 17, 6 }, { 0, 18, 7 },
	};
	double size = fabs(x);
	size_t i = 0;

	while (size != 0 && size < forms[i].from)
		i++;
	buf_printf(b, "%*.*f %s", forms[i].width, forms[i].digits, x, unit);
}

static const struct weft_b *sorting;

static int by_unit(const void *a, const void *b)
{
	return strcmp(sorting->metric[*(const int *)a].unit,
	    sorting->metric[*(const int *)b].unit);
}

/* A metric named ns/op or MB/s stands for the one we would have computed. */
static const double *metric_find(const weft_b *b, const char *unit)
{
	for (int i = 0; i < b->nmetrics; i++)
		if (strcmp(b->metric[i].unit, unit) == 0)
			return &b->metric[i].value;
	return NULL;
}

static void add_metrics(struct buf *line, const weft_b *b)
{
	int order[MAX_METRICS];

	for (int i = 0; i < b->nmetrics; i++)
		order[i] = i;
	sorting = b;
	qsort(order, (size_t)b->nmetrics, sizeof *order, by_unit);
	for (int i = 0; i < b->nmetrics; i++) {
		const char *unit = b->metric[order[i]].unit;
		if (strcmp(unit, "ns/op") == 0 || strcmp(unit, "MB/s") == 0)
			continue;
		buf_addc(line, '\t');
		bench_number(line, b->metric[order[i]].value, unit);
	}
}

static void add_result(struct buf *line, const weft_b *b)
{
	const double *given = metric_find(b, "ns/op");
	double ns = given ? *given : (double)b->spent / (double)b->n, mbs = 0;

	buf_printf(line, "%8jd", (intmax_t)b->n);
	if (ns != 0) {
		buf_addc(line, '\t');
		bench_number(line, ns, "ns/op");
	}
	given = metric_find(b, "MB/s");
	if (given)
		mbs = *given;
	else if (b->bytes > 0 && b->spent > 0)
		mbs = (double)b->bytes * (double)b->n / 1e6 / ((double)b->spent / 1e9);
	if (mbs != 0)
		buf_printf(line, "\t%7.2f MB/s", mbs);
	add_metrics(line, b);
	if (harness.opt.benchmem)
		buf_printf(line, "\t%8jd B/op\t%8jd allocs/op", (intmax_t)(b->memory / b->n),
		    (intmax_t)(b->allocs / b->n));
	buf_addc(line, '\n');
}

/* In the benchmark's goroutine. */
static void bench_main(weft_b *b)
{
	const intptr_t *a = b->words;

	atomic_store(&b->t->goid, weft_goid());
	weft_start_timer(b);
	b->f(a[0], a[1], a[2], a[3], a[4], a[5]);
	test_end(b->t);
}

static void run_once(weft_b *b)
{
	b->left = b->spent = b->allocs = b->memory = 0;
	b->looped = b->loops = b->timing = false;
	atomic_store(&b->t->state, T_RUNNING);
	weft_spawn_((weft_entry_ *)bench_main, (const intptr_t[6]){ (intptr_t)b }, b->t->site,
	    BENCH_STACK);
	wakeup_wait(&b->t->done);
	weft_stop_timer(b);
}

static bool good(const weft_b *b)
{
	return !atomic_load(&b->t->failed) && !atomic_load(&b->t->skipped);
}

static void run_rounds(weft_b *b)
{
	b->n = 1;
	run_once(b);
	if (b->parent)
		return;
	if (good(b) && !b->looped && !b->loops)
		test_fail(b->t, "%s:%d: the benchmark called neither weft_loop nor weft_loops",
		    check_basename(b->t->test->file), b->t->test->line);
	if (b->looped && good(b) && b->left > 0)
		test_fail(b->t, "%s:%d: the benchmark left its weft_loop early",
		    check_basename(b->t->test->file), b->t->test->line);
	if (b->looped || !good(b))
		return;
	if (harness.opt.benchloops) {
		b->n = harness.opt.benchloops;
		if (b->n > 1)
			run_once(b);
		return;
	}
	while (good(b) && b->spent < harness.opt.benchtime && b->n < 1000000000) {
		b->n = predict(b->n, b->spent);
		run_once(b);
	}
}

/* With the number of workers: tools take what ends so for a number of them. */
static struct buf result_name(const weft_t *t)
{
	struct buf name = {0};

	buf_adds(&name, t->name);
	if (weft_procs() > 1)
		buf_printf(&name, "-%d", weft_procs());
	return name;
}

static void bench_end(weft_b *b)
{
	weft_t *t = b->t;
	struct buf line = {0}, name = result_name(t);

	if (good(b) && !b->parent) {
		buf_printf(&line, "%-*s\t", b->width, buf_str(&name));
		add_result(&line, b);
		report_print("%s", buf_str(&line));
	}
	if (!good(b) || t->log.len)
		report_print("--- %s: %s\n%.*s", atomic_load(&t->failed) ? "FAIL" :
		    atomic_load(&t->skipped) ? "SKIP" : "BENCH", buf_str(&name), (int)t->log.len,
		    t->log.len ? t->log.data : "");
	if (atomic_load(&t->failed))
		atomic_store(&harness.failed, true);
	buf_finish(&line);
	buf_finish(&name);
}

/* Takes b.  What it returns: it did not fail; *parent: it has sub-benchmarks. */
static bool bench_once(weft_b *b, bool *parent)
{
	weft_t *t = b->t, *outer;
	bool ok;

	t->started = weft_now();
	harness_lock();
	list_push_back(&harness.running, &t->entry);
	outer = harness.benchmark;
	harness.benchmark = t;
	harness_unlock();
	if (harness.opt.benchmem)
		atomic_fetch_or(&alloc_mode, ALLOC_COUNT);
	run_rounds(b);
	atomic_fetch_and(&alloc_mode, ~(unsigned)ALLOC_COUNT);
	tempdir_remove(t);
	harness_lock();
	harness.benchmark = outer;
	list_remove(&t->entry);
	harness_unlock();
	bench_end(b);
	ok = !atomic_load(&t->failed);
	*parent = b->parent;
	test_free(t);
	free(b);
	return ok;
}

static weft_b *bench_new(weft_t *t, weft_entry_ *f, const intptr_t words[6], int width)
{
	weft_b *b = xcalloc(1, sizeof *b);

	b->t = t;
	b->f = f;
	memcpy(b->words, words, sizeof b->words);
	b->words[0] = (intptr_t)b;
	b->width = width;
	return b;
}

static bool selected(const char *name)
{
	bool partial;

	return match_name(harness.bench, name, &partial) &&
	    (!harness.skip || !match_name(harness.skip, name, &partial) || partial);
}

bool weft_subbench_(weft_b *b, const char *name, weft_entry_ *f, const intptr_t words[6],
    const struct weft_site *site)
{
	char *full;
	bool ok = true, parent = false;

	if (b->looped || b->loops)
		die("weft_run: %s is being timed and cannot have sub-benchmarks", b->t->name);
	b->parent = true;
	full = subtest_name(b->t, name);
	if (selected(full))
		for (int64_t c = 0; c < harness.opt.count && !parent; c++) {
			weft_t *t = test_new(b->t->test, NULL, xstrdup(full));

			t->site = site;
			ok &= bench_once(bench_new(t, f, words, b->width), &parent);
		}
	free(full);
	if (!ok)
		atomic_store(&b->t->failed, true);
	return ok;
}

static void cpu_name(struct buf *b)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
			buf_printf(b, "cpu: %s", strchr(line, ':') + 2);
			break;
		}
	if (f)
		fclose(f);
}

/* In Go's words, so that results of both can stand in one table. */
static void print_config(void)
{
	struct buf b = {0};
	struct utsname u;
	const char *arch;

	uname(&u);
	arch = strcmp(u.machine, "x86_64") == 0 ? "amd64" :
	    strcmp(u.machine, "aarch64") == 0 ? "arm64" : u.machine;
	buf_printf(&b, "goos: linux\ngoarch: %s\npkg: %s\n", arch, harness.package);
	cpu_name(&b);
#ifdef __clang__
	buf_printf(&b, "cc: clang %s\n", __clang_version__);
#else
	buf_printf(&b, "cc: gcc %s\n", __VERSION__);
#endif
	report_print("%s", buf_str(&b));
	buf_finish(&b);
}

static bool wanted(const struct weft_test *test)
{
	return test->bench && selected(test->name);
}

static int name_width(const struct weft_test *test)
{
	char procs[16];
	int n = weft_procs() > 1 ? snprintf(procs, sizeof procs, "-%d", weft_procs()) : 0;

	return n + (int)strlen(test->name);
}

/* -count times; one that has sub-benchmarks leaves that to them. */
static void bench_one(struct weft_test *test, int width)
{
	bool parent = false;

	atomic_fetch_add(&harness.ran, 1);
	for (int64_t c = 0; c < harness.opt.count && !parent; c++)
		bench_once(bench_new(test_new(test, NULL, xstrdup(test->name)),
		    (weft_entry_ *)test->bench, (const intptr_t[6]){0}, width), &parent);
}

void bench_run(struct weft_test **tests, size_t n)
{
	int width = 0, len;

	for (size_t i = 0; i < n; i++)
		if (wanted(tests[i])) {
			len = name_width(tests[i]);
			width = len > width ? len : width;
		}
	if (width)
		print_config();
	for (size_t i = 0; i < n; i++)
		if (wanted(tests[i]))
			bench_one(tests[i], width);
}
