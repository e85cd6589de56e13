/*
 * text.c - lines of text: dpkg, apt, update-alternatives, plain; syslog is in syslog.c
 *
 * Never fails: a line that looks like nothing else is a plain one, all message.
 * What is found are slices of the line; times stay as they are written.
 */
#include "cursor.h"

/* .678 or ,678 */
static const char *
skip_fraction(const char *p, const char *end)
{
	if (end - p > 1 && (*p == '.' || *p == ',') && p[1] >= '0' && p[1] <= '9')
		return skip_digits(p + 1, end);
	return p;
}

/* Z, +01:00, +0100, UTC; the last two may have a blank in front. */
static const char *
skip_zone(const char *p, const char *end)
{
	const char *q = end - p > 4 && *p == ' ' ? p + 1 : p;

	if (p < end && *p == 'Z')
		return p + 1;
	if (looks_like(p, end, "+99:99") || looks_like(p, end, "-99:99"))
		return p + 6;
	if (looks_like(q, end, "+9999") || looks_like(q, end, "-9999"))
		q += 5;
	else if (looks_like(q, end, "UTC") || looks_like(q, end, "GMT"))
		q += 3;
	else
		return p;
	/* a word that only begins like a zone is none */
	return q == end || *q == ' ' || *q == ']' || *q == ':' ? q : p;
}

/* 2024-01-01 12:00:00 or 2024/01/01, with T or a second blank, a fraction, a zone; NULL: none. */
const char *
iso_time(const char *p, const char *end)
{
	if (!looks_like(p, end, "9999-99-99") && !looks_like(p, end, "9999/99/99"))
		return NULL;
	if (end - p < 11 || (p[10] != 'T' && p[10] != ' '))
		return NULL;
	p += 11;
	if (p < end && *p == ' ')	/* apt writes two */
		p++;
	if (!looks_like(p, end, "99:99:99"))
		return NULL;
	return skip_zone(skip_fraction(p + 8, end), end);
}

static bool
is_month(const char *p)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 36; i += 3)
		if (memcmp(p, months + i, 3) == 0)
			return true;
	return false;
}

/* Jan  1 12:00:00, Jan  1 12:00:00.678, Jan  1 2024 12:00:00 */
const char *
bsd_time(const char *p, const char *end)
{
	if (end - p < 15 || p[3] != ' ' || !is_month(p))
		return NULL;
	if (looks_like(p + 4, end, "_9 99:99:99"))
		return skip_fraction(p + 15, end);
	return looks_like(p + 4, end, "_9 9999 99:99:99") ? skip_fraction(p + 20, end) : NULL;
}

/* Up to the bracket: Tue Jan 02 03:04:05.678 2024 (Apache), 02-Jan-2024 03:04:05 UTC (PHP) */
static bool
is_bracketed(const char *p, const char *end)
{
	const char *t = iso_time(p, end);

	if (t == end)
		return true;
	if (end - p > 20 && looks_like(p, end, "99-") && is_month(p + 3))
		return looks_like(p + 6, end, "-9999 99:99:99");
	return end - p >= 24 && p[3] == ' ' && bsd_time(p + 4, end) &&
	    looks_like(end - 5, end, " 9999");
}

/* [time] message */
static bool
parse_bracketed(struct cursor *c, struct line *l)
{
	const char *end = memchr(c->p, ']', c->end - c->p < 48 ? c->end - c->p : 48);

	if (!end || !is_bracketed(c->p + 1, end))
		return false;
	l->time = slice(c, c->p + 1, end);
	c->p = end + 1;
	skip_spaces(c);
	text_finish(c, l, LEVEL_NONE);
	return true;
}

/* E0102 03:04:05.678901 1234 server.go:42] message: klog and glog */
static bool
parse_klog(struct cursor *c, struct line *l)
{
	static const char letters[] = "IWEF";
	const char *level = strchr(letters, *c->p);

	if (!level || !looks_like(c->p + 1, c->end, "9999 99:99:99."))
		return false;
	l->time = slice(c, c->p + 1, skip_fraction(c->p + 14, c->end));
	c->p = c->start + l->time.off + l->time.len;
	skip_spaces(c);
	text_finish(c, l, WEFT_LEVEL_INFO + (level - letters));
	return true;
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
	if (first == '[' && parse_bracketed(&c, l))
		return;
	if (first >= 'A' && first <= 'Z') {
		if (parse_klog(&c, l))
			return;
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
