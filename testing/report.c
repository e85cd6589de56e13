/*
 * report.c - what a run prints, in the form of go test and go tool test2json
 *
 * Without -v only failures are shown: a test's log is kept until its verdict and
 * a sub-test's verdict is part of its parent's log.  With -v logs come at once,
 * with "=== NAME" lines where the test they belong to changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

void report_write(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);
		if (k < 0 && errno != EINTR)
			return;		/* nobody listens any more */
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
	}
}

/* What the tests printed so far comes before whatever we print next. */
void harness_lock(void)
{
	fflush(stdout);
	pthread_mutex_lock(&harness.lock);
	if (harness.opt.json)
		capture_drain(false);
}

void harness_unlock(void)
{
	pthread_mutex_unlock(&harness.lock);
}

static bool chatty(void)
{
	return harness.opt.verbose || harness.opt.json;
}

/* A reader that follows tests by their events wants each verdict as it falls. */
static bool nested(void)
{
	return !harness.opt.json && !harness.opt.marks;
}

static const char *mark(void)
{
	return harness.opt.marks ? "\026" : "";
}

static void set_last(const char *name)
{
	static struct buf last;

	last.len = 0;
	if (name)
		buf_adds(&last, name);
	harness.last = name ? buf_str(&last) : NULL;
}

static void emit(const char *test, const char *text, size_t n)
{
	if (harness.opt.json)
		json_output(test, text, n);
	else
		report_write(harness.out, text, n);
}

void report_event(weft_t *t, const char *verb)
{
	struct buf b = {0};
	char lower[8] = "";

	if (!chatty() || t->top->shell)
		return;
	for (size_t i = 0; verb[i] && i + 1 < sizeof lower; i++)
		lower[i] = (char)(verb[i] | 0x20);
	buf_printf(&b, "%s=== %-5s %s\n", mark(), verb, t->name);
	harness_lock();
	if (harness.opt.json) {
		capture_drain(true);
		json_action(lower, t->name, -1);
	}
	emit(t->name, b.data, b.len);
	set_last(t->name);
	harness_unlock();
	buf_finish(&b);
}

void report_log_locked(weft_t *t, const char *text, size_t n)
{
	struct buf b = {0};

	if (!chatty() || t->test->bench || t->top->shell) {
		buf_add(&t->log, text, n);
		return;
	}
	if (harness.last && strcmp(harness.last, t->name) != 0 && !harness.opt.json)
		buf_printf(&b, "%s=== NAME  %s\n", mark(), t->name);
	set_last(t->name);
	buf_add(&b, text, n);
	emit(t->name, b.data, b.len);
	buf_finish(&b);
}

static void add_indented(struct buf *to, const char *s, size_t n)
{
	for (size_t len; n; s += len, n -= len) {
		const char *end = memchr(s, '\n', n);
		len = end ? (size_t)(end - s) + 1 : n;
		buf_adds(to, "    ");
		buf_add(to, s, len);
	}
}

static void verdict(weft_t *t, const char *word, const char *action)
{
	struct buf b = {0};
	double seconds = (double)t->elapsed / 1e9;

	buf_printf(&b, "%s--- %s: %s (%.2fs)\n", mark(), word, t->name, seconds);
	buf_add(&b, t->log.data, t->log.len);
	if (t->parent && (nested() || t->top->shell)) {
		add_indented(&t->parent->log, b.data, b.len);
	} else {
		if (harness.opt.json)
			capture_drain(true);
		emit(t->name, b.data, b.len);
		if (harness.opt.json)
			json_action(action, t->name, seconds);
		if (harness.opt.json)
			set_last(t->parent ? t->parent->name : NULL);
		else
			set_last(t->name);
	}
	buf_finish(&b);
}

void report_end_locked(weft_t *t)
{
	if (t->reported)
		return;
	t->reported = true;
	if (t->shell) {			/* the program dies in the middle of a schedule */
		struct buf b = {0};

		report_log_locked(t->shell, t->log.data, t->log.len);
		buf_printf(&b, "    replay: %s -run '^%s$' -seed %#jx\n", harness.program,
		    t->name, (uintmax_t)atomic_load(&t->shell->seed));
		report_log_locked(t->shell, b.data, b.len);
		buf_finish(&b);
		return;
	}
	if (!t->elapsed)
		t->elapsed = clock_now() - t->started;
	if (atomic_load(&t->failed))
		verdict(t, "FAIL", "fail");
	else if (!chatty())
		return;
	else if (atomic_load(&t->skipped))
		verdict(t, "SKIP", "skip");
	else
		verdict(t, "PASS", "pass");
}

struct buf report_path(weft_t *t, const char *suffix)
{
	const char *tmp = getenv("TMPDIR"), *dir = harness.opt.outputdir;
	struct buf b = {0};

	buf_printf(&b, "%s/%s.%s", dir ? dir : tmp && *tmp ? tmp : "/tmp", t->name, suffix);
	return b;
}

void report_print(const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	harness_lock();
	emit(NULL, b.data, b.len);
	harness_unlock();
	buf_finish(&b);
}

/* status 2 is a panic or a timeout, after which Go prints no FAIL of its own. */
void report_finish_locked(int status, const char *note)
{
	struct buf b = {0};
	double seconds = (double)(clock_now() - harness.started) / 1e9;

	if (harness.opt.json)
		capture_drain(true);
	if (status == 0)
		buf_printf(&b, "PASS\nok  \t%s\t%.3fs%s\n", harness.package, seconds, note);
	else
		buf_printf(&b, "%sFAIL\t%s\t%.3fs\n", status == 1 ? "FAIL\n" : "",
		    harness.package, seconds);
	emit(NULL, b.data, b.len);
	if (harness.opt.json)
		json_action(status ? "fail" : "pass", NULL, seconds);
	buf_finish(&b);
	harness.finished = true;
}

int report_finish(int status, const char *note)
{
	harness_lock();
	report_finish_locked(status, note);
	harness_unlock();
	return status;
}
