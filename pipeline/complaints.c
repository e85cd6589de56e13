/*
 * complaints.c - errors with places, and names that were nearly right; see complaints.h
 *
 * The list has a fixed size: a file can be wrong in a million places, and nobody reads
 * more than the first ones.
 */
#include "complaints.h"

#include <stdlib.h>

#include "base/sort.h"

#define LONG 1000		/* bytes of a message */

/* A message is one line, and can be read: names in it may be anything. */
static char *
clean(struct buf *text)
{
	if (text->len > LONG)
		text->len = LONG;
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->data[i] < ' ' || text->data[i] == 127)
			text->data[i] = '?';
	buf_str(text);
	return text->data;
}

void
complain(struct complaints *c, struct spot at, const char *fmt, ...)
{
	struct buf text = { 0 };
	va_list ap;

	if (c->n == COMPLAINTS) {
		c->more++;
		return;
	}
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	c->list[c->n] = (struct complaint){ at, c->n, clean(&text) };
	c->n++;
}

static bool
later(const struct complaint *a, const struct complaint *b)
{
	if (a->at.line != b->at.line)
		return a->at.line > b->at.line;
	if (a->at.col != b->at.col)
		return a->at.col > b->at.col;
	return a->order > b->order;
}

void
complaints_text(struct complaints *c, struct buf *out)
{
	sort_if(c->list, c->n, later);
	for (int i = 0; i < c->n; i++) {
		struct complaint *one = &c->list[i];

		buf_adds(out, c->file);
		if (one->at.line)
			buf_printf(out, ":%d:%d", one->at.line, one->at.col);
		buf_printf(out, ": %s\n", one->text);
	}
	if (c->more)
		buf_printf(out, "%s: and %d more\n", c->file, c->more);
}

void
complaints_finish(struct complaints *c)
{
	for (int i = 0; i < c->n; i++)
		free(c->list[i].text);
	*c = (struct complaints){ .file = c->file };
}

/*
 * How many letters must be changed, added, removed or swapped with their neighbour to make b of
 * a; many, when they are long.
 */
#define LONGEST 40
static int
distance(const char *a, const char *b)
{
	unsigned char row[3][LONGEST + 1];
	int na = strlen(a), nb = strlen(b);

	if (na > LONGEST || nb > LONGEST)
		return LONGEST;
	for (int j = 0; j <= nb; j++)
		row[0][j] = j;
	for (int i = 1; i <= na; i++) {
		unsigned char *now = row[i % 3], *up = row[(i + 2) % 3], *two = row[(i + 1) % 3];

		now[0] = i;
		for (int j = 1; j <= nb; j++) {
			int d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = d < up[j] + 1 ? d : up[j] + 1;
			d = d < now[j - 1] + 1 ? d : now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two[j - 2] + 1 < d)
				d = two[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[na % 3][nb];
}

const char *
meant(const char *text, const char *(*name)(const void *arg, int i), const void *arg)
{
	const char *best = NULL, *one;
	int len = strlen(text), least = len < 3 ? 2 : len < 8 ? 3 : 4;

	for (int i = 0; (one = name(arg, i)); i++) {
		int d = distance(text, one);

		/* not all of a short name may be wrong */
		if (d < least && d < (int)strlen(one)) {
			least = d;
			best = one;
		}
	}
	return best;
}
