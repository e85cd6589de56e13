/*
 * cursor.h - a place in a line, for the parsers of formats that are not JSON
 *
 * Bytes at and after end are never looked at.  Slices are parts of the line, counted from
 * its start.
 */
#ifndef WEFT_PIPELINE_CURSOR_H
#define WEFT_PIPELINE_CURSOR_H

#include <string.h>

#include "parse.h"

struct cursor { const char *start, *p, *end; };

static inline struct slice
slice(const struct cursor *c, const char *from, const char *to)
{
	return (struct slice){ from - c->start, to - from };
}

static inline void
skip_spaces(struct cursor *c)
{
	while (c->p < c->end && *c->p == ' ')
		c->p++;
}

static inline const char *
word_end(const struct cursor *c)
{
	const char *p = c->p;

	while (p < c->end && *p != ' ')
		p++;
	return p;
}

static inline bool
starts(const struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(c->end - c->p) >= n && memcmp(c->p, text, n) == 0;
}

/* In the pattern 9 stands for a digit and _ for a digit or a blank. */
static inline bool
looks_like(const char *p, const char *end, const char *pattern)
{
	size_t n = strlen(pattern);

	if ((size_t)(end - p) < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool digit = p[i] >= '0' && p[i] <= '9';
		if (pattern[i] == '9' ? !digit :
		    pattern[i] == '_' ? !digit && p[i] != ' ' : p[i] != pattern[i])
			return false;
	}
	return true;
}

static inline const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* text.c: where the time ends that begins at p, or NULL. */
const char *iso_time(const char *p, const char *end);	/* 2024-01-01 12:00:00,5+01:00 */
const char *bsd_time(const char *p, const char *end);	/* Jan  1 12:00:00 */
/* The rest is the message, with a level of its own if one is known. */
void	text_finish(struct cursor *c, struct line *l, int level);

/* syslog.c */
/* After the time: host tag: message.  False: something else follows, and l is as it was. */
bool	syslog_host(struct cursor *c, struct line *l);
/* <34> and what follows it */
bool	syslog_priority(const struct format *f, struct batch *b, struct cursor *c,
	    struct line *l);
/* host tag: message, of a line whose time ends at time_end */
void	syslog_rest(const struct format *f, struct batch *b, struct cursor *c, struct line *l,
	    const char *time_end, int level);
void	syslog_pid(const struct format *f, struct batch *b, struct line *l);

#endif
