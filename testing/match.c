/*
 * match.c - the regular expressions of -run, -skip, -bench and -list
 *
 * A pattern is a list of alternatives, separated by |, each a list of POSIX
 * extended expressions, separated by /, one for each level of a test's name; both
 * separators only count outside of brackets and parentheses, as in Go.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

struct alternative {
	struct alternative *next;
	size_t		    n;
	regex_t		    level[];
};

struct pattern { struct alternative *first; };

/* The end of the piece that begins at s: a separator or the end. */
static const char *piece_end(const char *s)
{
	int square = 0, round = 0;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == '[')
			square++;
		else if (*s == ']')
			square -= square > 0;	/* one without a partner is itself */
		else if (*s == '(')
			round += !square;
		else if (*s == ')')
			round -= !square;
		else if ((*s == '/' || *s == '|') && !square && !round)
			break;
	}
	return s;
}

static bool compile(regex_t *re, const char *s, size_t n, size_t level,
    const char *flag, struct buf *error)
{
	char *text = xmalloc(n + 1), why[128];
	int rc;

	memcpy(text, s, n);
	text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (text[i] == ' ')
			text[i] = '_';		/* as in the names */
	/* glibc accepts the empty expression, others do not */
	rc = regcomp(re, n ? text : "()", REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, re, why, sizeof why);
		buf_printf(error, "invalid regexp for element %zu of -%s (\"%s\"): %s",
		    level, flag, text, why);
	}
	free(text);
	return rc == 0;
}

static struct alternative *alternative_new(const char **s, const char *flag,
    struct buf *error)
{
	struct alternative *a;
	const char *p = *s, *end;
	size_t room = 1;

	for (end = piece_end(p); *end == '/'; end = piece_end(end + 1))
		room++;
	a = xcalloc(1, sizeof *a + room * sizeof *a->level);
	for (;; p = end + 1) {
		end = piece_end(p);
		if (!compile(&a->level[a->n], p, (size_t)(end - p), a->n, flag, error))
			break;
		a->n++;
		if (*end != '/') {
			*s = end;
			return a;
		}
	}
	while (a->n)
		regfree(&a->level[--a->n]);
	free(a);
	return NULL;
}

struct pattern *match_new(const char *text, const char *flag, struct buf *error)
{
	struct pattern *p = xcalloc(1, sizeof *p);
	struct alternative **tail = &p->first;

	for (;; text++) {
		*tail = alternative_new(&text, flag, error);
		if (!*tail) {
			match_free(p);
			return NULL;
		}
		tail = &(*tail)->next;
		if (!*text)
			return p;
	}
}

void match_free(struct pattern *p)
{
	if (!p)
		return;
	for (struct alternative *a = p->first, *next; a; a = next) {
		next = a->next;
		while (a->n)
			regfree(&a->level[--a->n]);
		free(a);
	}
	free(p);
}

static bool alternative_match(const struct alternative *a, char *name, bool *partial)
{
	size_t i = 0;

	for (char *s = name; s && i < a->n; i++) {
		char *slash = strchr(s, '/');
		int rc;
		if (slash)
			*slash = '\0';
		rc = regexec(&a->level[i], s, 0, NULL, 0);
		if (slash)
			*slash++ = '/';
		if (rc)
			return false;
		s = slash;
	}
	*partial = i < a->n;
	return true;
}

/* partial: so far, but the pattern has more levels than the name. */
bool match_name(const struct pattern *p, const char *name, bool *partial)
{
	char *copy = xstrdup(name);
	bool any = false, part;

	*partial = true;
	for (const struct alternative *a = p->first; a; a = a->next)
		if (alternative_match(a, copy, &part)) {
			any = true;
			*partial = *partial && part;
		}
	free(copy);
	return any;
}

/* A test above the wanted one has to run; it is skipped only when named in full. */
bool test_selected(const char *name)
{
	bool partial;

	if (harness.run && !match_name(harness.run, name, &partial))
		return false;
	return !harness.skip || !match_name(harness.skip, name, &partial) || partial;
}
