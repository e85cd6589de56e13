/* trace.c - stack traces: a small automaton over the beginnings of lines */
#include "trace.h"

#include "cursor.h"

struct text { const char *p; size_t len; };

static bool
begins(struct text t, const char *with)
{
	size_t n = strlen(with);

	return t.len >= n && memcmp(t.p, with, n) == 0;
}

static bool
ends(struct text t, const char *with)
{
	size_t n = strlen(with);

	return t.len >= n && memcmp(t.p + t.len - n, with, n) == 0;
}

static bool
has(struct text t, const char *what)
{
	return memmem(t.p, t.len, what, strlen(what)) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* java.io.IOException: no such file; TypeError: x is not a function; KeyError */
static bool
is_exception(struct text t)
{
	struct text name = { t.p, 0 };

	while (name.len < t.len && ((t.p[name.len] | 0x20) >= 'a' ? (t.p[name.len] | 0x20) <= 'z' :
	    is_digit(t.p[name.len]) || t.p[name.len] == '.' || t.p[name.len] == '$'))
		name.len++;
	if (name.len < t.len && t.p[name.len] != ':')
		return false;
	return ends(name, "Error") || ends(name, "Exception") || ends(name, "Throwable");
}

/* main.(*T).f(0x1, 0x2) */
static bool
is_go_frame(struct text t)
{
	const char *open = memchr(t.p, '(', t.len);

	return open && t.p[t.len - 1] == ')' && !memchr(t.p, ' ', open - t.p);
}

static bool
is_goroutine(struct text t)
{
	return begins(t, "goroutine ") && t.len > 10 && is_digit(t.p[10]);
}

static bool
is_go_start(struct text t)
{
	return begins(t, "panic: ") || begins(t, "fatal error: ") || is_goroutine(t);
}

static bool
is_traceback(struct text t)
{
	return begins(t, "Traceback (most recent call last)");
}

static bool
is_chain(struct text t)
{
	return begins(t, "During handling of the above exception") ||
	    begins(t, "The above exception was the direct cause");
}

static void
enter(struct trace *t, struct text line)
{
	if (is_traceback(line))
		t->state = TRACE_PYTHON;
	else if (is_go_start(line))
		t->state = TRACE_GO;
	else if (begins(line, "thread '") && has(line, "panicked at"))
		t->state = TRACE_RUST;
}

static bool
is_dated(struct text line)
{
	return line.len && (is_digit(*line.p) || *line.p == '[' ||
	    bsd_time(line.p, line.p + line.len));
}

void
trace_begin(struct trace *t, const char *line, size_t len)
{
	struct text text = { line, len };

	*t = (struct trace){ .alone = len && *line == '{', .dated = is_dated(text),
	    .first = line, .len = len };
	enter(t, text);
}

/* An empty line: what comes next decides. */
static bool
blank(struct trace *t, struct text next)
{
	switch (t->state) {
	case TRACE_PYTHON_END:
		return is_chain(next);
	case TRACE_PYTHON_CHAIN:
		return is_traceback(next);
	case TRACE_GO:
		return is_goroutine(next) || begins(next, "[signal ");
	case TRACE_CARET:
		return is_exception(next);
	case TRACE_BODY:
		return begins(next, "Node.js v");
	default:
		return false;
	}
}

static bool
indented(struct trace *t, struct text line)
{
	size_t i = 0;

	while (i < line.len && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	if (t->state == TRACE_HEAD || t->state == TRACE_BODY || t->state == TRACE_CARET)
		t->state = i < line.len && line.p[i] == '^' ? TRACE_CARET : TRACE_BODY;
	return true;
}

/* Words that belong to a trace wherever they stand. */
static bool
is_known(struct trace *t, struct text line)
{
	switch (*line.p) {
	case 'C':
		return begins(line, "Caused by: ");
	case 'S':
		return begins(line, "Suppressed: ") || begins(line, "Stack trace:");
	case 's':
		return begins(line, "stack backtrace:");
	case 'a':
		return begins(line, "at ") && memchr(line.p, '(', line.len);
	case '.':
		return begins(line, "... ") || begins(line, "...additional frames");
	case '#':
		return line.len > 1 && is_digit(line.p[1]);
	case '-':
		return begins(line, "--- End of ");
	case '}':
		return t->state == TRACE_BODY;
	case 'N':
		return t->state == TRACE_BODY && begins(line, "Node.js v");
	}
	return false;
}

static bool
goes_on(struct trace *t, struct text line)
{
	switch (t->state) {
	case TRACE_PYTHON:
		t->state = TRACE_PYTHON_END;
		return true;
	case TRACE_PYTHON_END:
		if (!is_chain(line))
			return false;
		t->state = TRACE_PYTHON_CHAIN;
		return true;
	case TRACE_PYTHON_CHAIN:
		t->state = TRACE_PYTHON;
		return is_traceback(line);
	case TRACE_GO:
		return is_goroutine(line) || is_go_frame(line) || begins(line, "created by ") ||
		    begins(line, "[signal ") || begins(line, "exit status ");
	case TRACE_RUST:
		t->state = TRACE_BODY;
		return true;
	case TRACE_CARET:
		return is_exception(line);
	case TRACE_BODY:
		if (begins(line, "note: "))
			return true;
		/* fall through */
	default:
		return false;
	}
}

/* The first line of a trace, below the line that says what was tried. */
static bool
starts_below(struct trace *t, struct text line)
{
	if (!is_traceback(line) && !is_go_start(line) && !is_exception(line))
		return false;
	/* without a time, only an error that Python tells more about */
	if (!t->dated && (!is_traceback(line) || level_guess(t->first, t->len) < WEFT_LEVEL_ERROR))
		return false;
	t->state = TRACE_BODY;
	enter(t, line);
	return true;
}

bool
trace_goes_on(struct trace *t, const char *p, size_t len, const char *next, size_t next_len)
{
	struct text line = { p, len };

	if (t->alone)
		return false;
	if (len == 0)
		return next && blank(t, (struct text){ next, next_len });
	if (*p == ' ' || *p == '\t')
		return indented(t, line);
	return goes_on(t, line) || is_known(t, line) || starts_below(t, line);
}
