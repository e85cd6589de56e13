/*
 * text.c - lines of text: dpkg, apt, update-alternatives, plain; syslog is in syslog.c
 *
 * Never fails: a line that looks like nothing else is a plain one, all message.
 * What is found are slices of the line; times stay as they are written.
 */
#include "cursor.h"

/* 2024-01-01 12:00:00, with T or a second blank, a fraction, a zone; NULL: none. */
const char *
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
const char *
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

void
text_finish(struct cursor *c, struct line *l, int level)
{
	l->message = slice(c, c->p, c->end);
	if (level == LEVEL_NONE)
		level = level_guess(c->p, c->end - c->p);
	l->level = level == LEVEL_NONE ? WEFT_LEVEL_INFO : level;
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
parse_dated(const struct format *f, struct batch *b, struct cursor *c, struct line *l,
    const char *time_end)
{
	struct cursor rest = *c;

	if (c->p[10] == 'T' && time_end < c->end && *time_end == ' ') {
		rest.p = time_end;
		if (syslog_host(&rest, l) && l->tag.len) {
			l->time = slice(c, c->p, time_end);
			l->kind = LINE_SYSLOG;
			syslog_pid(f, b, l);
			text_finish(&rest, l, LEVEL_NONE);
			return;
		}
		l->host = l->tag = (struct slice){ 0, 0 };
	}
	l->time = slice(c, c->p, time_end);
	c->p = time_end;
	skip_spaces(c);
	if (one_of(c, dpkg_words)) {
		l->kind = LINE_DPKG;
		text_finish(c, l, WEFT_LEVEL_INFO);
	} else {
		text_finish(c, l, LEVEL_NONE);
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
	text_finish(c, l, starts(c, "error:") ? WEFT_LEVEL_ERROR :
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
	text_finish(c, l, starts(c, "Error") ? WEFT_LEVEL_ERROR : WEFT_LEVEL_INFO);
	return true;
}

void
text_parse(const struct format *f, struct batch *b, struct line *l)
{
	struct cursor c = { l->text, l->text, l->text + l->len };
	unsigned char first = l->len ? l->text[0] : 0;
	const char *t;

	l->kind = LINE_PLAIN;
	if (first >= '0' && first <= '9' && (t = iso_time(c.p, c.end))) {
		parse_dated(f, b, &c, l, t);
		return;
	}
	if (first == '<' && syslog_priority(f, b, &c, l))
		return;
	if (first >= 'A' && first <= 'Z') {
		if ((t = bsd_time(c.p, c.end))) {
			syslog_rest(f, b, &c, l, t, LEVEL_NONE);
			return;
		}
		if (parse_apt(&c, l))
			return;
	}
	if (first == 'u' && parse_alternatives(&c, l))
		return;
	text_finish(&c, l, LEVEL_NONE);
}
