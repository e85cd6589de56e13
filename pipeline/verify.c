/*
 * verify.c - which generated lines are lost, doubled, torn or out of order?
 *
 * One bit per line of each stream (seed and source).  A mark whose checksum is
 * wrong, or half a mark, is a torn line; a line without any is somebody else's.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gen.h"
#include "pipeline.h"
#include "base/buf.h"
#include "fdio.h"

#define NAMED	20			/* findings that are named */
#define BLOCK	(256 << 10)
#define MAX_LINES (UINT64_C(1) << 38)

struct series {
	uint64_t	 seed, lines, last;
	uint32_t	 source;
	unsigned char	*seen;
};

struct weft_verify {
	int		 level;
	struct series	*streams;
	int		 nstreams;
	struct weft_verify_counts counts;
	struct buf	 findings;
	int		 named;
};

struct mark { uint64_t seed, source, seq, lines; };

weft_verify *
weft_verify_new(int level)
{
	weft_verify *v = xcalloc(1, sizeof(*v));

	v->level = level;
	return v;
}

void
weft_verify_free(weft_verify *v)
{
	if (!v)
		return;
	for (int i = 0; i < v->nstreams; i++)
		free(v->streams[i].seen);
	free(v->streams);
	buf_finish(&v->findings);
	free(v);
}

/* A number and the character after it. */
static const char *
take(const char *p, const char *end, uint64_t *n, char after)
{
	const char *from = p;

	for (*n = 0; p && p < end && *p >= '0' && *p <= '9'; p++)
		*n = 10 * *n + *p - '0';
	return p && p > from && p < end && *p == after ? p + 1 : NULL;
}

static bool
sum_matches(const char *from, const char *sum)
{
	uint32_t want = gen_checksum(from, sum - from), got = 0;

	for (int i = 0; i < 8; i++) {
		unsigned c = sum[i];

		if (c >= '0' && c <= '9')
			got = got << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			got = got << 4 | (c - 'a' + 10);
		else
			return false;
	}
	return got == want;
}

enum found { NO_MARK, TORN, GOOD };

static enum found
find_mark(const char *line, size_t len, struct mark *m)
{
	const char *from = memmem(line, len, "<<", 2), *end, *p;

	if (!from)
		return memmem(line, len, ">>", 2) ? TORN : NO_MARK;
	from += 2;
	end = memmem(from, line + len - from, ">>", 2);
	if (!end || end - from < 16 || !sum_matches(from, end - 8))
		return TORN;
	p = take(from, end, &m->seed, '.');
	p = take(p, end, &m->source, '.');
	p = take(p, end, &m->seq, '/');
	p = take(p, end, &m->lines, ' ');
	return p && m->seq >= 1 && m->seq <= m->lines && m->lines < MAX_LINES ? GOOD : TORN;
}

static struct series *
stream_of(weft_verify *v, const struct mark *m)
{
	struct series *s;

	for (int i = 0; i < v->nstreams; i++) {
		s = &v->streams[i];
		if (s->seed == m->seed && s->source == m->source && s->lines == m->lines)
			return s;
	}
	v->streams = xrealloc(v->streams, (v->nstreams + 1) * sizeof(*s));
	s = &v->streams[v->nstreams++];
	*s = (struct series){ .seed = m->seed, .lines = m->lines, .source = m->source };
	s->seen = xcalloc(m->lines / 8 + 1, 1);
	return s;
}

static void name(weft_verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
name(weft_verify *v, const char *fmt, ...)
{
	va_list ap;

	if (v->named++ >= NAMED)
		return;
	va_start(ap, fmt);
	buf_vprintf(&v->findings, fmt, ap);
	va_end(ap);
}

static void
check_line(weft_verify *v, const char *path, uint64_t number, const char *line, size_t len)
{
	struct mark m;
	struct series *s;

	switch (find_mark(line, len, &m)) {
	case NO_MARK:
		v->counts.other++;
		return;
	case TORN:
		v->counts.torn++;
		name(v, "%s:%" PRIu64 ": torn\n", path, number);
		return;
	case GOOD:
		v->counts.lines++;
	}
	s = stream_of(v, &m);
	if (s->seen[m.seq / 8] >> m.seq % 8 & 1) {
		v->counts.doubled++;
		name(v, "%s:%" PRIu64 ": line %" PRIu64 " of source %u again\n", path, number,
		    m.seq, s->source);
		return;
	}
	s->seen[m.seq / 8] |= 1 << m.seq % 8;
	if (m.seq < s->last)
		v->counts.disorder++;
	else
		s->last = m.seq;
}

/* The lines in b, the unfinished one only at the end of the file. */
static void
check_lines(weft_verify *v, const char *path, struct buf *b, uint64_t *number, bool eof)
{
	size_t at = 0, len;
	const char *newline;

	while (at < b->len) {
		newline = memchr(b->data + at, '\n', b->len - at);
		if (!newline && !eof)
			break;
		len = newline ? (size_t)(newline - b->data) - at : b->len - at;
		check_line(v, path, ++*number, b->data + at, len);
		at += len + 1;
	}
	if (at > b->len)
		at = b->len;
	if (at)
		memmove(b->data, b->data + at, b->len - at);
	b->len -= at;
}

int
weft_verify_file(weft_verify *v, const char *path)
{
	struct buf b = { 0 };
	uint64_t number = 0;
	ssize_t n;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : fdio_open(path, O_RDONLY, 0);

	if (fd < 0)
		return fd;
	do {
		buf_grow(&b, BLOCK);
		n = fdio_read(fd, b.data + b.len, BLOCK);
		if (n > 0)
			b.len += n;
		check_lines(v, path, &b, &number, n <= 0);
	} while (n > 0);
	buf_finish(&b);
	if (fd != STDIN_FILENO)
		close(fd);
	return n;
}

static void
find_lost(weft_verify *v, const struct series *s)
{
	for (uint64_t seq = 1; seq <= s->lines; seq++) {
		if (s->seen[seq / 8] >> seq % 8 & 1)
			continue;
		if (gen_level(s->seed, s->source, seq) < v->level)
			continue;
		v->counts.lost++;
		name(v, "seed %" PRIu64 ", source %u: line %" PRIu64 " of %" PRIu64 " (%s) lost\n",
		    s->seed, s->source, seq, s->lines,
		    weft_level_name(gen_level(s->seed, s->source, seq)));
	}
}

void
weft_verify_end(weft_verify *v, struct weft_verify_counts *out, char *text, size_t n)
{
	for (int i = 0; i < v->nstreams; i++)
		find_lost(v, &v->streams[i]);
	if (v->named > NAMED)
		buf_printf(&v->findings, "and %d more\n", v->named - NAMED);
	*out = v->counts;
	snprintf(text, n, "%s", buf_str(&v->findings));
}
