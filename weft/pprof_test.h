/*
 * pprof_test.h - for tests: a profile, read back with a reader of our own
 *
 *	pprof_load(&prof, path);
 *	CHECK(pprof_total(&prof, "work_hard", 1) > 0);
 *	free(prof.data);
 */
#ifndef WEFT_PPROF_TEST_H
#define WEFT_PPROF_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing.h"

/* What a profile says, as far as these tests ask. */
struct pprof_read {
	char		*data;
	size_t		 len;
	const char	*string[4096];
	size_t		 length[4096], nstrings;
	uint64_t	 function[4096];	/* of a place: its function's number */
	uint64_t	 name[4096];		/* of a function: its string's */
};

struct pprof_cursor { const unsigned char *p, *end; };

static inline uint64_t pprof_varint(struct pprof_cursor *c)
{
	uint64_t v = 0;

	for (int shift = 0; c->p < c->end; shift += 7) {
		v |= (uint64_t)(*c->p & 127) << shift;
		if (!(*c->p++ & 128))
			break;
	}
	return v;
}

/* The next field: its number, and its value or what it contains.  0: no more. */
static inline int pprof_next(struct pprof_cursor *c, uint64_t *v, struct pprof_cursor *in)
{
	uint64_t key;

	*in = (struct pprof_cursor){ NULL, NULL };
	if (c->p >= c->end)
		return 0;
	key = pprof_varint(c);
	*v = pprof_varint(c);
	if ((key & 7) == 2) {
		*in = (struct pprof_cursor){ c->p, c->p + *v };
		c->p += *v;
	}
	return (int)(key >> 3);
}

static inline uint64_t pprof_field(struct pprof_cursor c, int number, struct pprof_cursor *in)
{
	struct pprof_cursor ignored;
	uint64_t v;
	int n;

	while ((n = pprof_next(&c, &v, in ? in : &ignored)))
		if (n == number)
			return v;
	return 0;
}

static inline void pprof_load(struct pprof_read *p, const char *path)
{
	struct pprof_cursor c, in;
	uint64_t v;
	size_t room = 0;
	FILE *f = fopen(path, "r");
	int n;

	memset(p, 0, sizeof *p);
	REQUIRE(f != NULL);
	p->data = malloc(room = 4 << 20);
	p->len = fread(p->data, 1, room, f);
	fclose(f);
	c = (struct pprof_cursor){ (unsigned char *)p->data, (unsigned char *)p->data + p->len };
	while ((n = pprof_next(&c, &v, &in))) {
		struct pprof_cursor line;

		if (n == 6 && p->nstrings < 4096) {
			p->string[p->nstrings] = (const char *)in.p;
			p->length[p->nstrings++] = (size_t)v;
		} else if (n == 4 && pprof_field(in, 1, NULL) < 4096) {
			pprof_field(in, 4, &line);
			p->function[pprof_field(in, 1, NULL)] = pprof_field(line, 1, NULL);
		} else if (n == 5 && pprof_field(in, 1, NULL) < 4096)
			p->name[pprof_field(in, 1, NULL)] = pprof_field(in, 2, NULL);
	}
}

static inline bool pprof_is(const struct pprof_read *p, uint64_t string, const char *text)
{
	return string < p->nstrings && p->length[string] == strlen(text) &&
	    memcmp(p->string[string], text, strlen(text)) == 0;
}

/* Whether a sample has this label (NULL: any will do). */
static inline bool pprof_has(const struct pprof_read *p, struct pprof_cursor sample,
    const char *key, const char *value)
{
	struct pprof_cursor label;
	uint64_t v;
	int n;

	while (key && (n = pprof_next(&sample, &v, &label)))
		if (n == 3 && pprof_is(p, pprof_field(label, 1, NULL), key) &&
		    pprof_is(p, pprof_field(label, 2, NULL), value))
			return true;
	return !key;
}

/* The values at place which of all samples that func is in (NULL: all), with a label. */
static inline int64_t pprof_labelled(const struct pprof_read *p, const char *func, int which,
    const char *key, const char *value)
{
	struct pprof_cursor c = { (unsigned char *)p->data, (unsigned char *)p->data + p->len }, in,
	    places, values;
	int64_t sum = 0;
	uint64_t v;
	int n;

	while ((n = pprof_next(&c, &v, &in))) {
		bool there = !func;

		if (n != 2 || !pprof_has(p, in, key, value))
			continue;
		pprof_field(in, 1, &places);
		pprof_field(in, 2, &values);
		while (places.p < places.end && !there)
			there = pprof_is(p, p->name[p->function[pprof_varint(&places)]], func);
		for (int i = 0; i < which; i++)
			pprof_varint(&values);
		if (there)
			sum += (int64_t)pprof_varint(&values);
	}
	return sum;
}

static inline int64_t pprof_total(const struct pprof_read *p, const char *func, int which)
{
	return pprof_labelled(p, func, which, NULL, NULL);
}

static inline const char *pprof_file(char *path, size_t n, const char *name)
{
	snprintf(path, n, "%s/%s", weft_tempdir(), name);
	return path;
}

#endif
