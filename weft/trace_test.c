/* trace_test.c - the flight recorder: what it tells, and that it may be asked at any time */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child_test.h"
#include "debug.h"
#include "sanitize.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

/* Not ctype.h's: their table is found through the thread's memory, and tsan takes a
   goroutine that reads there for a race. */
static bool is_number(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '.'; }
static bool is_blank(char c) { return c == ' ' || c == '\n'; }

/* A value of JSON from s on; NULL: it is none. */
static const char *json(const char *s)
{
	char close = *s == '{' ? '}' : ']';

	if (*s == '"') {
		while (*++s != '"')
			if ((unsigned char)*s < ' ')
				return NULL;
		return s + 1;
	}
	if (is_number(*s)) {
		while (is_number(*s))
			s++;
		return s;
	}
	if (*s != '{' && *s != '[')
		return NULL;
	for (s++; is_blank(*s); s++)
		;
	while (*s != close) {
		if (close == '}' && (!(s = json(s)) || *s++ != ':'))
			return NULL;
		if (!(s = json(s)))
			return NULL;
		if (*s == ',')
			s++;
		while (is_blank(*s))
			s++;
	}
	return s + 1;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* The caller frees it. */
static char *file_text(const char *path)
{
	char *text = NULL;
	size_t room = 0;
	FILE *f = fopen(path, "r");

	REQUIRE(f != NULL);
	REQUIRE(getdelim(&text, &room, '\0', f) > 0);
	fclose(f);
	return text;
}

static char *trace_text(int64_t ns)
{
	char path[256];

	snprintf(path, sizeof path, "%s/trace.json", weft_tempdir());
	REQUIRE(weft_trace_write(path, ns) == 0);
	return file_text(path);
}

static void answer_calls(weft_chan(int) in, weft_chan(int) out)
{
	int v;

	while (weft_recv(in, &v))
		weft_send(out, v);
	weft_close(out);
}

TEST(TraceTellsWhoRanAndWhoWokeWhom, .real = true)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);
	const char *end;
	char *text;
	int v;

	weft_go(answer_calls, a, b);
	for (int i = 0; i < 100; i++) {
		weft_send(a, i);
		weft_recv(b, &v);
	}
	text = trace_text(WEFT_SECOND);
	end = json(text);
	CHECK(end && *end == '\n' && !end[1]);
	CHECK(count(text, "\"displayTimeUnit\":\"ns\"") == 1);
	CHECK(count(text, "\"name\":\"answer_calls ") > 50);	/* slices, and its track */
	CHECK(count(text, "\"name\":\"chan receive\"") + count(text, "\"name\":\"chan send\"") > 50);
	CHECK(count(text, "\"name\":\"running\"") > 50);
	CHECK(count(text, "\"ph\":\"s\"") > 50);
	CHECK_EQ(count(text, "\"ph\":\"s\""), count(text, "\"ph\":\"f\",\"bp\":\"e\""));
	free(text);
	weft_close(a);
	weft_recv(b, &v);
	weft_free(a);
	weft_free(b);
}

static void nothing(void) { }

/* A ring is as long as it is, and what is in it is in order. */
TEST(TraceOfAMillionEvents, .real = true)
{
	weft_waitgroup wg = {0};
	char *text, *s;
	double last = 0;
	const char *end;

	for (int i = 0; i < (weft_short() ? 10000 : 300000); i++) {
		weft_waitgroup_go(&wg, nothing);
		if (i % 100 == 99)
			weft_waitgroup_wait(&wg);
	}
	weft_waitgroup_wait(&wg);
	text = trace_text(WEFT_SECOND);
	end = json(text);
	CHECK(end && *end == '\n');
	CHECK(count(text, "\"name\":\"nothing ") > 500);
	for (s = text; (s = strstr(s, "\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":")); s++) {
		double ts = strtod(s + 29, NULL);
		CHECK(ts >= last);
		last = ts;
	}
	free(text);
}

static void churn(_Atomic bool *stop)
{
	while (!*stop)
		weft_yield();
}

TEST(TraceWhileEverythingRuns, .real = true)
{
	_Atomic bool stop = false;
	weft_waitgroup wg = {0};
	const char *end;
	char *text;

	for (int i = 0; i < 4; i++)
		weft_waitgroup_go(&wg, churn, &stop);
	for (int i = 0; i < 20; i++) {
		text = trace_text(WEFT_SECOND);
		end = json(text);
		CHECK(end && *end == '\n');
		free(text);
		weft_yield();
	}
	stop = true;
	weft_waitgroup_wait(&wg);
}

TEST(TraceSaysWhereItCannotWrite)
{
	CHECK_EQ(weft_trace_write("/nonexistent/x", WEFT_SECOND), -ENOENT);
	CHECK_EQ(weft_trace_write("/dev/full", WEFT_SECOND), -EIO);
}

/* ---- what a program that is stopped leaves ---- */

static void last_words(weft_chan(int) in)
{
	weft_recv(in, NULL);
}

CHILD(DiesTraced)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(last_words, c);
	weft_send(c, 1);
	weft_close(c);
	weft_close(c);
	return 0;
}

CHILD(DeadlocksTraced)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(last_words, c);
	weft_send(c, 1);
	weft_send(c, 1);
	return 0;
}

/* With a track of its second goroutine, which runs f. */
static void dies_and_leaves(const char *child, const char *why, const char *f)
{
	char path[256], line[300], track[64], *text;
	const char *end;
	struct child *c;

	snprintf(path, sizeof path, "%s/last.json", weft_tempdir());
	snprintf(line, sizeof line, "\ntrace: %s\n", path);
	snprintf(track, sizeof track, "\"args\":{\"name\":\"%s 2\"}", f);
	unlink(path);
	setenv("WEFT_TRACE", path, 1);
	c = child_run(child);
	unsetenv("WEFT_TRACE");
	if (!CHECK(c->status == 2 && strstr(c->err, why) && strstr(c->err, line)))
		weft_logf("%s", c->err);
	text = file_text(path);
	end = json(text);
	CHECK(end && *end == '\n' && !end[1]);
	CHECK(count(text, "\"name\":\"weft_main 1\"") > 0);
	CHECK_EQ(count(text, track), 1);
	free(text);
}

CHILD(FaultsTraced)
{
	volatile intptr_t nowhere = 8;

	*(int *)nowhere = 1;
	return 0;
}

/* It dies as it would without us. */
static void faults_and_leaves(void)
{
	char path[256], *text;
	struct child *c;

	snprintf(path, sizeof path, "%s/fault.json", weft_tempdir());
	setenv("WEFT_TRACE", path, 1);
	c = child_run("FaultsTraced");
	unsetenv("WEFT_TRACE");
	CHECK_EQ(c->status, -SIGSEGV);
	CHECK(strstr(c->err, "trace: "));
	text = file_text(path);
	CHECK(json(text) != NULL);
	free(text);
}

TEST(StoppedProgramsLeaveATrace)
{
	dies_and_leaves("DiesTraced", "close of closed channel", "last_words");
	dies_and_leaves("DeadlocksTraced", "all goroutines are asleep", "last_words");
	/* signals_test.c's: with malloc's lock held */
	dies_and_leaves("OverflowInMalloc", "stack overflow", "overflow_in_malloc");
	if (!SANITIZED)			/* else the fault is the sanitizer's */
		faults_and_leaves();
}

TEST(StoppedProgramsSayWhenTheyCannotLeaveATrace)
{
	setenv("WEFT_TRACE", "/nonexistent/x", 1);
	CHECK_DIES("DiesTraced", "\ntrace: cannot write /nonexistent/x: No such file or directory\n");
	setenv("WEFT_TRACE", "", 1);
	CHECK(!strstr(child_run("DiesTraced")->err, "trace:"));
	unsetenv("WEFT_TRACE");
}
