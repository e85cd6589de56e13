/*
 * json.c - the event stream of -json, as go test -json writes it
 *
 * Standard output carries events and nothing else, and standard error nothing:
 * both become a pipe, and what the tests write there comes back as output events
 * of the test that runs.  Whoever reports something drains the pipe first, under
 * the same lock, so that the order is kept; the guard drains it when it fills.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

static int pipe_out = -1;
static struct buf caught;		/* a line without its end */

/* Length of the UTF-8 sequence at s, or 0 when it is none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 :
	    *s < 0xf5 ? 4 : 0;

	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (len > 2 && ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f)))
		return 0;
	return len;
}

static void escape(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		buf_addc(b, '\\');
		buf_addc(b, (char)c);
		break;
	case '\b': buf_adds(b, "\\b"); break;
	case '\f': buf_adds(b, "\\f"); break;
	case '\n': buf_adds(b, "\\n"); break;
	case '\r': buf_adds(b, "\\r"); break;
	case '\t': buf_adds(b, "\\t"); break;
	default:
		buf_printf(b, "\\u%04x", c);
	}
}

/* As Go's encoder: also what HTML would stumble over; broken UTF-8 becomes U+FFFD. */
void json_string(struct buf *b, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len;

	buf_addc(b, '"');
	for (; n; s += len, n -= len) {
		len = utf8_length(s, n);
		if (len == 0) {
			buf_adds(b, "\\ufffd");
			len = 1;
		} else if (len == 1 && (*s < ' ' || *s == '"' || *s == '\\' || *s == '<' ||
		    *s == '>' || *s == '&')) {
			escape(b, *s);
		} else if (len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8) {
			buf_printf(b, "\\u20%02x", s[2] - 0x80);	/* line separators */
		} else {
			buf_add(b, s, len);
		}
	}
	buf_addc(b, '"');
}

static void begin(struct buf *b, const char *action, const char *test)
{
	struct timespec ts;
	struct tm tm;
	char day[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b, "{\"Time\":\"%s.%09ldZ\",\"Action\":\"%s\",\"Package\":", day,
	    ts.tv_nsec, action);
	json_string(b, harness.package, strlen(harness.package));
	if (test) {
		buf_adds(b, ",\"Test\":");
		json_string(b, test, strlen(test));
	}
}

static void end(struct buf *b)
{
	buf_adds(b, "}\n");
	report_write(harness.out, b->data, b->len);
	buf_finish(b);
}

/* elapsed, in seconds, goes with verdicts; below zero: none. */
void json_action(const char *action, const char *test, double elapsed)
{
	struct buf b = {0};
	char number[32];

	begin(&b, action, test);
	if (elapsed >= 0) {
		/* rounded as in the text, then without needless zeros */
		snprintf(number, sizeof number, "%.*f", test ? 2 : 3, elapsed);
		size_t n = strlen(number);
		while (number[n - 1] == '0')
			n--;
		n -= number[n - 1] == '.';
		buf_printf(&b, ",\"Elapsed\":%.*s", (int)n, number);
	}
	end(&b);
}

/* One event a line. */
void json_output(const char *test, const char *text, size_t n)
{
	for (size_t len; n; text += len, n -= len) {
		const char *newline = memchr(text, '\n', n);
		struct buf b = {0};
		len = newline ? (size_t)(newline - text) + 1 : n;
		begin(&b, "output", test);
		buf_adds(&b, ",\"Output\":");
		json_string(&b, text, len);
		end(&b);
	}
}

/* harness.out becomes the only way to the real standard output. */
int capture_start(void)
{
	int p[2];

	fflush(stdout);
	harness.out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (harness.out < 0 || pipe(p) < 0)
		die("-json: cannot make a pipe");
	fcntl(p[0], F_SETFD, FD_CLOEXEC);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	dup2(p[1], STDOUT_FILENO);
	dup2(p[1], STDERR_FILENO);
	close(p[1]);
	return pipe_out = p[0];
}

/* What was written so far; a line without an end waits for more unless partial. */
void capture_drain(bool partial)
{
	char chunk[4096];
	ssize_t n;
	size_t whole;

	if (pipe_out < 0)
		return;
	while ((n = read(pipe_out, chunk, sizeof chunk)) > 0)
		buf_add(&caught, chunk, (size_t)n);
	whole = caught.len;
	while (!partial && whole && caught.data[whole - 1] != '\n')
		whole--;
	if (!whole)
		return;
	json_output(harness.last, caught.data, whole);
	memmove(caught.data, caught.data + whole, caught.len -= whole);
}
