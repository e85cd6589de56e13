/*
 * text.c - lines that are not JSON: syslog, dpkg, apt, update-alternatives, plain
 *
 * Never fails: a line that looks like nothing else is a plain one, all message.
 * What is found are slices of the line; times stay as they are written.
 */
#include <string.h>

#include "parse.h"

/* A place in a line; bytes at and after end are never looked at. */
struct cursor { const char *start, *p, *end; };

static struct slice
slice(const struct cursor *c, const char *from, const char *to)
{
	return (struct slice){ from - c->start, to - from };
}

static void
skip_spaces(struct cursor *c)
{
	while (c->p < c->end && *c->p == ' ')
		c->p++;
}

static const char *
word_end(const struct cursor *c)
{
	const char *p = c->p;

	while (p < c->end && *p != ' ')
		p++;
	return p;
}

static bool
starts(const struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(c->end - c->p) >= n && memcmp(c->p, text, n) == 0;
}

/* In the pattern 9 stands for a digit and _ for a digit or a blank. */
static bool
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

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* 2024-01-01 12:00:00, with T or a second blank, a fraction, a zone; NULL: none. */
static const char *
iso_time(const char *p, const char *end)
{
	if (!looks_like(p, end, "9999-99-99") || end - p < 11 || (p[10] != 'T' && p[10] != ' '))
		return NULL;
	p += 11;
	if (p < end && *p == ' ')	/* apt writes two */
		p++;
	if (!looks_like(p, end, "99:99:99"))
		return NULL;
	p += 8;
	if (end - p > 1 && (*p == '.' || *p == ',') && p[1] >= '0' && p[1] <= '9')
		p = skip_digits(p + 1, end);
	if (p < end && *p == 'Z')
		return p + 1;
	if (looks_like(p, end, "+99:99") || looks_like(p, end, "-99:99"))
		return p + 6;
	if (looks_like(p, end, "+9999") || looks_like(p, end, "-9999"))
		return p + 5;
	return p;
}

/* Jan  1 12:00:00 */
static const char *
bsd_time(const char *p, const char *end)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (end - p < 15 || p[3] != ' ' || !looks_like(p + 4, end, "_9 99:99:99"))
		return NULL;
	for (int i = 0; i < 36; i += 3)
		if (memcmp(p, months + i, 3) == 0)
			return p + 15;
	return NULL;
}

/* The rest is the message, with a level of its own if one is known. */
static void
finish(struct cursor *c, struct line *l, int level)
{
	l->message = slice(c, c->p, c->end);
	if (level == LEVEL_NONE)
		level = level_guess(c->p, c->end - c->p);
	l->level = level == LEVEL_NONE ? WEFT_LEVEL_INFO : level;
}

/* sshd[123]: message; a tag has no blank and at most 64 bytes */
static void
take_tag(struct cursor *c, struct line *l)
{
	const char *end = word_end(c);

	if (end - c->p < 2 || end - c->p > 64 || end[-1] != ':')
		return;
	l->tag = slice(c, c->p, end - 1);
	c->p = end;
	skip_spaces(c);
}

/* After the time: host tag: message.  True if that is what follows. */
static bool
take_host(struct cursor *c, struct line *l)
{
	const char *end;

	skip_spaces(c);
	end = word_end(c);
	if (end == c->p || end == c->end || end[-1] == ':')
		return false;
	l->host = slice(c, c->p, end);
	c->p = end;
	skip_spaces(c);
	take_tag(c, l);
	return true;
}

static void
syslog_rest(struct cursor *c, struct line *l, const char *time_end, int level)
{
	l->kind = LINE_SYSLOG;
	l->time = slice(c, c->p, time_end);
	c->p = time_end;
	if (!take_host(c, l))
		skip_spaces(c);
	finish(c, l, level);
}

/*
 * RFC 5424, after the time: host app procid msgid [data] message, where - is
 * none.  The three in the middle are the tag; the data stays with the message.
 */
static void
syslog5424_rest(struct cursor *c, struct line *l, const char *time_end, int level)
{
	const char *from = NULL;

	l->kind = LINE_SYSLOG;
	l->time = slice(c, c->p, time_end);
	c->p = time_end;
	skip_spaces(c);
	if (!starts(c, "- "))
		l->host = slice(c, c->p, word_end(c));
	for (int i = 0; i < 4; i++) {
		skip_spaces(c);
		if (i == 1)
			from = c->p;
		c->p = word_end(c);
	}
	l->tag = slice(c, from, c->p);
	skip_spaces(c);
	if (starts(c, "- "))
		c->p += 2;
	finish(c, l, level);
}

/* <34>, the priority that syslog puts before a line on the wire */
static int
take_priority(struct cursor *c)
{
	const char *p = skip_digits(c->p + 1, c->end);
	int n = 0;

	if (p == c->p + 1 || p - c->p > 4 || p == c->end || *p != '>')
		return LEVEL_NONE;
	for (const char *q = c->p + 1; q < p; q++)
		n = 10 * n + *q - '0';
	c->p = p + 1;
	return level_from_number(n & 7);
}

static bool
parse_priority(struct cursor *c, struct line *l)
{
	int level = take_priority(c);
	const char *t;

	if (level == LEVEL_NONE)
		return false;
	if (starts(c, "1 ") && (t = iso_time(c->p + 2, c->end))) {
		c->p += 2;
		syslog5424_rest(c, l, t, level);
		return true;
	}
	t = bsd_time(c->p, c->end);
	if (!t)
		t = iso_time(c->p, c->end);
	if (t) {
		syslog_rest(c, l, t, level);
		return true;
	}
	l->kind = LINE_SYSLOG;
	finish(c, l, level);
	return true;
}

static bool
one_of(const struct cursor *c, const char *const *words)
{
	for (; *words; words++)
		if (starts(c, *words))
			return true;
	return false;
}

/* Names of packages say "error" all the time; dpkg's log itself has no levels. */
static const char *const dpkg_words[] = {
	"startup ", "install ", "upgrade ", "configure ", "trigproc ", "remove ", "purge ",
	"disappear ", "status ", "conffile ", NULL
};

static void
parse_dated(struct cursor *c, struct line *l, const char *time_end)
{
	struct cursor rest = *c;

	if (c->p[10] == 'T' && time_end < c->end && *time_end == ' ') {
		rest.p = time_end;
		if (take_host(&rest, l) && l->tag.len) {
			l->time = slice(c, c->p, time_end);
			l->kind = LINE_SYSLOG;
			finish(&rest, l, LEVEL_NONE);
			return;
		}
		l->host = l->tag = (struct slice){ 0, 0 };
	}
	l->time = slice(c, c->p, time_end);
	c->p = time_end;
	skip_spaces(c);
	if (one_of(c, dpkg_words)) {
		l->kind = LINE_DPKG;
		finish(c, l, WEFT_LEVEL_INFO);
	} else {
		finish(c, l, LEVEL_NONE);
	}
}

/* update-alternatives 2024-01-01 12:00:00: link group pager updated ... */
static bool
parse_alternatives(struct cursor *c, struct line *l)
{
	static const char name[] = "update-alternatives ";
	const char *t;

	if (!starts(c, name))
		return false;
	t = iso_time(c->p + sizeof(name) - 1, c->end);
	if (!t || t == c->end || *t != ':')
		return false;
	l->kind = LINE_ALTERNATIVES;
	l->tag = slice(c, c->p, c->p + sizeof(name) - 2);
	l->time = slice(c, c->p + sizeof(name) - 1, t);
	c->p = t + 1;
	skip_spaces(c);
	finish(c, l, starts(c, "error:") ? WEFT_LEVEL_ERROR :
	    starts(c, "warning:") ? WEFT_LEVEL_WARN : WEFT_LEVEL_INFO);
	return true;
}

/* The keys of apt's history.log, and the two dated lines of its term.log. */
static const char *const apt_words[] = {
	"Start-Date: ", "End-Date: ", "Commandline: ", "Requested-By: ", "Install: ",
	"Upgrade: ", "Remove: ", "Purge: ", "Reinstall: ", "Downgrade: ", "Error: ",
	"Log started: ", "Log ended: ", NULL
};

static bool
parse_apt(struct cursor *c, struct line *l)
{
	const char *value, *t;

	if (!one_of(c, apt_words))
		return false;
	value = (const char *)memchr(c->p, ':', c->end - c->p) + 1;
	while (value < c->end && *value == ' ')
		value++;
	t = iso_time(value, c->end);
	if (t == c->end)
		l->time = slice(c, value, t);
	l->kind = LINE_APT;
	finish(c, l, starts(c, "Error") ? WEFT_LEVEL_ERROR : WEFT_LEVEL_INFO);
	return true;
}

void
text_parse(const char *text, struct line *l)
{
	struct cursor c = { text, text, text + l->len };
	unsigned char first = l->len ? text[0] : 0;
	const char *t;

	l->kind = LINE_PLAIN;
	if (first >= '0' && first <= '9' && (t = iso_time(c.p, c.end))) {
		parse_dated(&c, l, t);
		return;
	}
	if (first == '<' && parse_priority(&c, l))
		return;
	if (first >= 'A' && first <= 'Z') {
		if ((t = bsd_time(c.p, c.end))) {
			syslog_rest(&c, l, t, LEVEL_NONE);
			return;
		}
		if (parse_apt(&c, l))
			return;
	}
	if (first == 'u' && parse_alternatives(&c, l))
		return;
	finish(&c, l, LEVEL_NONE);
}
