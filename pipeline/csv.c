/* csv.c - records of RFC 4180, in one pass and without a copy */
#include "csv.h"

#include <stdlib.h>

void
csv_init(struct csv *c, char *text, size_t len)
{
	*c = (struct csv){ .at = text, .end = text + len, .next = 1 };
	if (len >= 3 && memcmp(text, "\357\273\277", 3) == 0)	/* a mark that it is UTF-8 */
		c->at += 3;
}

void
csv_finish(struct csv *c)
{
	free(c->values);
}

static void
add_value(struct csv *c, char *p, size_t len)
{
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 16;
		c->values = xrealloc(c->values, c->room * sizeof(*c->values));
	}
	c->values[c->n++] = (struct csv_value){ p, len };
}

/* At a quote.  Two quotes inside are one. */
static bool
quoted(struct csv *c, struct buf *err)
{
	char *from = ++c->at, *to = from;
	int line = c->next;

	for (; c->at < c->end; *to++ = *c->at++) {
		c->next += *c->at == '\n';
		if (*c->at != '"')
			continue;
		if (c->at + 1 == c->end || c->at[1] != '"') {
			c->at++;
			add_value(c, from, to - from);
			return true;
		}
		c->at++;
	}
	buf_printf(err, "line %d: a quote is never closed", line);
	return false;
}

static bool
plain(struct csv *c, struct buf *err)
{
	char *from = c->at;

	while (c->at < c->end && *c->at != ',' && *c->at != '\n' && *c->at != '"')
		c->at++;
	if (c->at < c->end && *c->at == '"') {
		buf_printf(err, "line %d: a quote inside a value without quotes: put quotes"
		    " around it, and write it twice", c->next);
		return false;
	}
	size_t len = c->at - from;
	if (len && from[len - 1] == '\r' && (c->at == c->end || *c->at == '\n'))
		len--;
	add_value(c, from, len);
	return true;
}

static void
skip_empty_lines(struct csv *c)
{
	while (c->at < c->end && (*c->at == '\n' || (*c->at == '\r' &&
	    (c->at + 1 == c->end || c->at[1] == '\n'))))
		c->next += *c->at++ == '\n';
}

/* 1: another value follows, 0: the record is over, -1. */
static int
separator(struct csv *c, struct buf *err)
{
	if (c->at < c->end && *c->at == '\r' && (c->at + 1 == c->end || c->at[1] == '\n'))
		c->at++;
	if (c->at == c->end)
		return 0;
	if (*c->at == ',' || *c->at == '\n') {
		c->next += *c->at == '\n';
		return *c->at++ == ',';
	}
	buf_printf(err, "line %d: something stands between a closing quote and the comma",
	    c->next);
	return -1;
}

int
csv_next(struct csv *c, struct buf *err)
{
	int more;

	skip_empty_lines(c);
	if (c->at == c->end)
		return 0;
	c->n = 0;
	c->line = c->next;
	do {
		bool good = c->at < c->end && *c->at == '"' ? quoted(c, err) : plain(c, err);

		more = good ? separator(c, err) : -1;
	} while (more > 0);
	return more < 0 ? -1 : 1;
}
