/*
 * latency.c - how long from a line's being appended to its being in the output?
 *
 * Every millisecond a burst of lines of 200 bytes is appended to the input, all with the time
 * just before the write.  The output is read when inotify says that it has grown; the time
 * just after the read is when its lines were there.  A first line, which is waited for, shows
 * that the program under test has started to follow.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "load.h"
#include "weft/net.h"
#include "weft/sync.h"
#include "weft/time.h"

#define LINE	200			/* newline included */
#define BLOCK	(1 << 20)
#define LAST	(10 * WEFT_SECOND)	/* for the lines that are still under way */

struct latency {
	const struct job *job;
	struct meter	*meter;
	int		 in, out, notify;
	char		*block;
	size_t		 kept;		/* bytes of a line without its end, in block */
	int64_t		*took;		/* ns, a line each; 0: not seen */
	int64_t		 lines, seen, wrong;
};

static void
add_line(char *at, int64_t seq, int64_t now)
{
	int n = snprintf(at, LINE, "2024-01-01 00:00:00.000 INFO [bench] seq=%lld at=%lld ",
	    (long long)seq, (long long)now);

	memset(at + n, '.', LINE - 1 - n);
	at[LINE - 1] = '\n';
}

static int
append(struct latency *l, int64_t from, int64_t to)
{
	size_t size = (to - from) * LINE;
	char *burst = malloc(size + 1);
	int64_t now = wall_now();
	ssize_t put;

	for (int64_t seq = from; seq < to; seq++)
		add_line(burst + (seq - from) * LINE, seq, now);
	put = write(l->in, burst, size);
	free(burst);
	return put == (ssize_t)size ? 0 : -EIO;
}

static void
take_line(struct latency *l, const char *line, size_t len, int64_t now)
{
	const char *seq = memmem(line, len, "seq=", 4), *at = memmem(line, len, " at=", 4);
	int64_t n = seq && at ? atoll(seq + 4) : -1;

	if (n < 0 || n >= l->lines || l->took[n]) {
		l->wrong++;
		return;
	}
	l->took[n] = now - atoll(at + 4);
	l->seen++;
}

/* All that the output has by now. */
static void
read_output(struct latency *l)
{
	ssize_t n;

	while ((n = read(l->out, l->block + l->kept, BLOCK - l->kept)) > 0) {
		int64_t now = wall_now();
		char *p = l->block, *end = l->block + l->kept + n, *newline;

		for (; (newline = memchr(p, '\n', end - p)); p = newline + 1)
			take_line(l, p, newline - p, now);
		l->kept = end - p;
		memmove(l->block, p, l->kept);
	}
}

/* Until want lines were seen; false when it took too long. */
static bool
watch_output(struct latency *l, int64_t want, weft_ctx *ctx)
{
	char events[4096];

	read_output(l);
	while (l->seen < want) {
		if (weft_wait_fd(ctx, l->notify, POLLIN) < 0)
			return false;
		while (read(l->notify, events, sizeof(events)) > 0)
			;
		read_output(l);
	}
	return true;
}

/* Bursts on the grid of milliseconds; who comes late sends what is due. */
static void
append_all(struct latency *l)
{
	int64_t start = weft_now(), sent = 1, due;
	int64_t per_second = l->job->rate / LINE;

	while (sent < l->lines) {
		due = 1 + (double)(weft_now() - start) / WEFT_SECOND * per_second;
		due = due < l->lines ? due : l->lines;
		if (due > sent && append(l, sent, due) < 0) {
			say("cannot append to %s", l->job->input);
			return;
		}
		sent = due > sent ? due : sent;
		weft_sleep(WEFT_MS);
	}
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static bool
measure(struct latency *l)
{
	weft_ctx *first = weft_with_timeout(NULL, l->job->timeout), *rest;
	weft_waitgroup appending = { 0 };
	bool done = append(l, 0, 1) == 0 && watch_output(l, 1, first);

	weft_ctx_free(first);
	if (!done) {
		say("%s: the first line did not come", l->job->output);
		return false;
	}
	rest = weft_with_timeout(NULL, l->job->seconds * WEFT_SECOND + LAST);
	weft_waitgroup_go(&appending, append_all, l);
	done = watch_output(l, l->lines, rest);
	weft_waitgroup_wait(&appending);
	weft_ctx_free(rest);
	return done;
}

static int
report(struct latency *l, bool done)
{
	int64_t *t = l->took + 1, n = l->lines - 1;	/* the first was for the start */
	char text[200];

	meter_look(l->meter);
	if (!done || l->wrong)
		say("%lld of %lld lines came, %lld were wrong or came twice", (long long)l->seen,
		    (long long)l->lines, (long long)l->wrong);
	qsort(t, n, sizeof(*t), compare);
	snprintf(text, sizeof(text), " p50 %.3f p99 %.3f max %.3f", t[n / 2] / 1e6,
	    t[n - 1 - n / 100] / 1e6, t[n - 1] / 1e6);
	return finish(l->meter, l->job->seconds, done && !l->wrong, text);
}

static bool
open_all(struct latency *l)
{
	l->in = open(l->job->input, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	l->out = open(l->job->output, O_RDONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	l->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return l->in >= 0 && l->out >= 0 && l->notify >= 0 &&
	    inotify_add_watch(l->notify, l->job->output, IN_MODIFY) >= 0;
}

int
load_latency(const struct job *j)
{
	struct meter m;
	struct latency l = { .job = j, .meter = &m, .block = malloc(BLOCK),
	    .lines = j->rate / LINE * j->seconds + 1 };
	int failed = 1;

	l.took = calloc(l.lines, sizeof(*l.took));
	if (!open_all(&l))
		say("cannot open %s or %s", j->input, j->output);
	else if (start(&m, j))
		failed = report(&l, measure(&l));
	close(l.in);
	close(l.out);
	close(l.notify);
	free(l.took);
	free(l.block);
	return failed;
}
