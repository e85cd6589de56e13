/* trace_test.c - the flight recorder: what it tells, and that it may be asked at any time */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debug.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

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
	if (isdigit((unsigned char)*s) || *s == '-') {
		while (isdigit((unsigned char)*s) || *s == '-' || *s == '.')
			s++;
		return s;
	}
	if (*s != '{' && *s != '[')
		return NULL;
	for (s++; isspace((unsigned char)*s); s++)
		;
	while (*s != close) {
		if (close == '}' && (!(s = json(s)) || *s++ != ':'))
			return NULL;
		if (!(s = json(s)))
			return NULL;
		if (*s == ',')
			s++;
		while (isspace((unsigned char)*s))
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
static char *trace_text(int64_t ns)
{
	char path[256], *text = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/trace.json", weft_tempdir());
	REQUIRE(weft_trace_write(path, ns) == 0);
	f = fopen(path, "r");
	REQUIRE(f != NULL);
	REQUIRE(getdelim(&text, &room, '\0', f) > 0);
	fclose(f);
	return text;
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
