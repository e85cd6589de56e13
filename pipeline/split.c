/*
 * split.c - finds lines, and what belongs together: stack traces, CRI's parts
 *
 * Without multiline this is memchr and little else.  With it, an entry grows line by line,
 * and is over when a line comes that does not belong to it.  CRI has two streams in one file,
 * so there can be two entries under way: one that is in the midst of a message (P) waits for
 * its rest, whatever the other stream says meanwhile; one that could only go on is over when
 * the other stream says something.
 *
 * Entries that overlap make a region.  Nothing is remembered between calls but *cut: when the
 * data end and an entry is not complete, all of its region is taken back, and found again
 * next time.  For the same reason all lines of a region but the last end where it begins: who
 * goes on after one of them sees the others again, and loses nothing.
 */
#include <stdlib.h>

#include "cursor.h"
#include "source.h"
#include "trace.h"

/* An entry waits for its rest while this much of the other stream goes by. */
#define PATIENCE (1 << 20)

enum how { SINGLE, STACKTRACE, INDENT, REGEX };

struct multiline {
	enum how	 how;
	bool		 cri, maybe_cri;	/* always; if the first line looks like it */
	struct regex	*regex;
};

struct entry {
	bool		 open, partial;
	size_t		 from, to, next;	/* where its last line ends, and the next begins */
	struct trace	 trace;
};

struct piece {
	size_t		 from, to, next;
	bool		 dead, partial;
	int		 stream;		/* 0 or 1; -1: in no stream, and by itself */
	const char	*message;
	size_t		 len;
};

struct split {
	struct batch	*b;
	const struct multiline *m;
	struct scratch	*sc;
	const char	*data;
	size_t		 len, max_line;
	size_t		 seen;			/* bytes that have been looked at */
	size_t		 region, mark;		/* where it begins; lines in the batch then */
	bool		 final, cri;
	uint64_t	*cut;
	struct entry	 entries[2];
};

struct multiline *
multiline_new(const char *what, int format, struct buf *err)
{
	struct multiline m = { .cri = format == WEFT_LINE_CRI,
	    .maybe_cri = format == WEFT_LINE_AUTO }, *new;

	if (what && *what && format == WEFT_LINE_JSON) {
		buf_adds(err, "multiline does not go with format: json, where each line is"
		    " complete; leave out one of them");
		return NULL;
	}
	if (what && strcmp(what, "stacktrace") == 0)
		m.how = STACKTRACE;
	else if (what && strcmp(what, "indent") == 0)
		m.how = INDENT;
	else if (what && *what) {
		m.how = REGEX;
		m.regex = regex_new(what, "", err);
		if (!m.regex)
			return NULL;
	} else if (!m.cri && !m.maybe_cri) {
		return NULL;
	}
	new = xmalloc(sizeof(*new));
	*new = m;
	return new;
}

void
multiline_free(struct multiline *m)
{
	if (m)
		regex_free(m->regex);
	free(m);
}

static struct line *
emit(struct split *s, size_t from, size_t to, size_t end)
{
	struct line *l = batch_add(s->b);

	l->text = s->data + from;
	l->len = to - from;
	l->end = end;
	return l;
}

/* A line that has become longer than it may; what of it is there is handed on, dead. */
static void
emit_piece(struct split *s, const struct piece *p)
{
	struct line *l = emit(s, p->from, p->to, p->next);

	l->fate = DEAD;
	l->error = *s->cut ? "the rest of a line longer than max_line" :
	    "the beginning of a line longer than max_line";
	*s->cut = s->data[p->next - 1] == '\n' ? 0 : *s->cut + (p->next - p->from);
}

/* Of a line at `at` that goes on to nl, or that has no end yet. */
static bool
measure(const struct split *s, size_t at, const char *nl, struct piece *out)
{
	size_t have = (nl ? (size_t)(nl - s->data) : s->len) - at;

	*out = (struct piece){ .from = at, .to = at + have, .next = at + have + (nl != NULL) };
	if (*s->cut) {
		out->dead = true;
		if (have > s->max_line)
			out->to = out->next = at + s->max_line;
		return have > 0 || nl;
	}
	/* a CR at the end does not count, once it is known to be the end */
	if (have && s->data[at + have - 1] == '\r' && (nl || s->final || have == s->max_line + 1)) {
		out->to--;
		have--;
	}
	if (have > s->max_line) {
		out->dead = true;
		out->to = out->next = at + s->max_line;
		return true;
	}
	return nl || (s->final && at < s->len);
}

static bool
next_line(const struct split *s, size_t at, struct piece *out)
{
	return at < s->len && measure(s, at, memchr(s->data + at, '\n', s->len - at), out);
}

static bool
is_full(const struct split *s, size_t room)
{
	return s->b->nlines + room > BATCH_LINES;
}

/* Each line by itself. */
static size_t
split_single(struct split *s)
{
	size_t at = 0, n;
	struct piece p;
	const char *nl;

	while (!is_full(s, 1) && at < s->len) {
		nl = memchr(s->data + at, '\n', s->len - at);
		n = nl ? (size_t)(nl - s->data) - at : 0;
		if (nl && n <= s->max_line && !*s->cut) {
			emit(s, at, at + n - (n && nl[-1] == '\r'), at + n + 1);
			at += n + 1;
			continue;
		}
		if (!measure(s, at, nl, &p))
			break;
		if (p.dead)
			emit_piece(s, &p);
		else
			emit(s, p.from, p.to, p.next);
		at = p.next;
	}
	return at;
}

/* What stream it is of, and what it says. */
static void
look(const struct split *s, struct piece *p)
{
	struct cri c;

	p->message = s->data + p->from;
	p->len = p->to - p->from;
	if (!s->cri)
		return;
	if (!cri_header(p->message, p->len, &c)) {
		p->stream = -1;
		return;
	}
	p->stream = c.error;
	p->partial = c.partial;
	p->message += c.message;
	p->len -= c.message;
}

static bool
trace_line(struct split *s, struct entry *e, const struct piece *p)
{
	struct piece next = { 0 };

	if (p->len == 0) {
		/* what comes next decides, and it has not come */
		if (!next_line(s, p->next, &next))
			return !s->final;
		if (!next.dead)
			look(s, &next);
		if (next.stream != p->stream)
			next.message = NULL;
	}
	return trace_goes_on(&e->trace, p->message, p->len, next.message, next.len);
}

static bool
goes_on(struct split *s, struct entry *e, const struct piece *p)
{
	if (e->partial)
		return true;
	switch (s->m->how) {
	case STACKTRACE:
		return trace_line(s, e, p);
	case INDENT:
		return p->len && (*p->message == ' ' || *p->message == '\t');
	case REGEX:
		return !regex_match(s->m->regex, s->sc, p->message, p->len, 0, NULL, NULL);
	default:
		return false;
	}
}

static void
finish(struct split *s, struct entry *e)
{
	struct entry *other = &s->entries[e == s->entries];

	if (!e->open)
		return;
	emit(s, e->from, e->to, other->open ? s->region : s->seen);
	e->open = false;
}

/* The one that began first goes first. */
static void
finish_all(struct split *s)
{
	struct entry *a = &s->entries[0], *b = &s->entries[1];
	bool second = a->open && b->open && b->from < a->from;

	finish(s, second ? b : a);
	finish(s, second ? a : b);
}

static void
begin(struct split *s, struct entry *e, const struct piece *p)
{
	if (!s->entries[!p->stream].open) {
		s->region = p->from;
		s->mark = s->b->nlines;
	}
	*e = (struct entry){ .open = true, .from = p->from };
	if (s->m->how == STACKTRACE)
		trace_begin(&e->trace, p->message, p->len);
}

/* The other stream's entry, when this one says something. */
static void
check_other(struct split *s, struct entry *other, const struct piece *p)
{
	if (other->open && (!other->partial || p->from - other->next > PATIENCE ||
	    p->next - s->region > s->max_line))
		finish(s, other);
}

static void
take(struct split *s, const struct piece *p)
{
	struct entry *e;

	if (p->dead || p->stream < 0) {
		finish_all(s);
		if (p->dead)
			emit_piece(s, p);
		else
			emit(s, p->from, p->to, p->next);
		s->seen = p->next;
		return;
	}
	e = &s->entries[p->stream];
	check_other(s, &s->entries[!p->stream], p);
	if (!e->open || p->to - e->from > s->max_line || !goes_on(s, e, p)) {
		finish(s, e);
		begin(s, e, p);
	}
	e->to = p->to;
	e->next = s->seen = p->next;
	e->partial = p->partial;
	if (s->m->how == SINGLE && !e->partial)
		finish(s, e);
}

static size_t
split_entries(struct split *s)
{
	struct piece p;
	bool full;

	/* a line can finish two entries, and be one itself */
	while (!(full = is_full(s, 3)) && next_line(s, s->seen, &p)) {
		look(s, &p);
		take(s, &p);
	}
	if (!s->entries[0].open && !s->entries[1].open)
		return s->seen;
	if (full ? s->mark == 0 : s->final || s->len - s->region > s->max_line) {
		finish_all(s);
		return s->seen;
	}
	s->b->nlines = s->mark;
	return s->region;
}

static bool
looks_like_cri(const struct split *s)
{
	const char *nl = memchr(s->data, '\n', s->len);
	struct cri c;

	return nl && s->len > 10 && s->data[10] == 'T' && cri_header(s->data, nl - s->data, &c);
}

size_t
split_lines(struct batch *b, struct multiline *m, struct scratch *sc, bool final,
    size_t max_line, uint64_t *cut)
{
	struct split s = { .b = b, .m = m, .sc = sc, .final = final, .max_line = max_line,
	    .cut = cut, .len = b->bytes.len };

	if (s.len == 0)
		return 0;
	/* parsers stop at control characters, behind a last line without a newline too */
	buf_grow(&b->bytes, BATCH_PAD);
	memset(b->bytes.data + s.len, '\n', BATCH_PAD);
	s.data = b->bytes.data;
	s.cri = m && (m->cri || (m->maybe_cri && looks_like_cri(&s)));
	if (!m || (m->how == SINGLE && !s.cri))
		return split_single(&s);
	return split_entries(&s);
}
