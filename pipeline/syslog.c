/*
 * syslog.c - RFC 3164 and RFC 5424, as on the wire and as in files
 *
 * The tag is what stands before the message: sshd[12]; for RFC 5424 application, process
 * and message identifier with blanks between.  Its parts are fields if wanted: pid, or app,
 * procid, msgid.  Structured data become fields ID.param, always, and are not part of the
 * message; what only looks like structured data stays there.
 */
#include "cursor.h"

#define MAX_TAG 64

/* sshd[123]: message; a tag has no blank */
static void
take_tag(struct cursor *c, struct line *l)
{
	const char *end = word_end(c);

	if (end - c->p < 2 || end - c->p > MAX_TAG || end[-1] != ':')
		return;
	l->tag = slice(c, c->p, end - 1);
	c->p = end;
	skip_spaces(c);
}

bool
syslog_host(struct cursor *c, struct line *l)
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

/* sshd[123] */
void
syslog_pid(const struct format *f, struct batch *b, struct line *l)
{
	const char *tag = l->text + l->tag.off, *end = tag + l->tag.len, *p;

	if (!f->wants.fields || l->tag.len < 4 || end[-1] != ']')
		return;
	for (p = end - 1; p > tag && p[-1] >= '0' && p[-1] <= '9'; )
		p--;
	if (p > tag && p < end - 1 && p[-1] == '[')
		line_number(b, l, "pid", p, end - 1 - p);
}

void
syslog_rest(const struct format *f, struct batch *b, struct cursor *c, struct line *l,
    const char *time_end, int level)
{
	l->kind = LINE_SYSLOG;
	l->time = slice(c, c->p, time_end);
	c->p = time_end;
	if (!syslog_host(c, l))
		skip_spaces(c);
	syslog_pid(f, b, l);
	text_finish(c, l, level);
}

/* Up to the quote that ends a value; NULL: there is none.  *escaped: it has backslashes. */
static const char *
value_end(const char *p, const char *end, bool *escaped)
{
	*escaped = false;
	for (; p < end && *p != '"'; p++)
		if (*p == '\\') {
			*escaped = true;
			if (++p == end)
				return NULL;
		}
	return p < end ? p : NULL;
}

/* Only \" \\ and \] are escapes; any other backslash is one. */
static size_t
unescape(char *out, const char *p, size_t len)
{
	char *to = out;

	for (const char *end = p + len; p < end; p++) {
		if (*p == '\\' && p + 1 < end && strchr("\"\\]", p[1]) && p[1])
			p++;
		*to++ = *p;
	}
	return to - out;
}

/* ID.param, put together */
static void
add_param(struct batch *b, struct line *l, struct slice id, struct slice name, const char *value,
    size_t len, bool escaped)
{
	char *key = batch_alloc(b, id.len + 1 + name.len);

	memcpy(key, l->text + id.off, id.len);
	key[id.len] = '.';
	memcpy(key + id.len + 1, l->text + name.off, name.len);
	if (escaped) {
		char *copy = batch_alloc(b, len);

		len = unescape(copy, value, len);
		value = copy;
	}
	line_field(b, l, key, id.len + 1 + name.len, value, len, FIELD_TEXT);
}

/* A name has no blank, equals sign, bracket, quote or control character. */
static bool
take_name(struct cursor *c, struct slice *out)
{
	const char *from = c->p;

	while (c->p < c->end && *c->p > ' ' && *c->p < 127 && !strchr("=]\"", *c->p))
		c->p++;
	*out = slice(c, from, c->p);
	return out->len > 0;
}

/* [id name="value" ...] */
static bool
take_element(struct batch *b, struct cursor *c, struct line *l)
{
	struct slice id, name;
	const char *end;
	bool escaped;

	c->p++;
	if (!take_name(c, &id))
		return false;
	while (c->p < c->end && *c->p == ' ') {
		skip_spaces(c);
		if (!take_name(c, &name) || !starts(c, "=\""))
			return false;
		c->p += 2;
		end = value_end(c->p, c->end, &escaped);
		if (!end)
			return false;
		add_param(b, l, id, name, c->p, end - c->p, escaped);
		c->p = end + 1;
	}
	if (c->p == c->end || *c->p != ']')
		return false;
	c->p++;
	return true;
}

/* All elements, or none of them. */
static void
take_data(struct batch *b, struct cursor *c, struct line *l)
{
	struct cursor at = *c;
	uint16_t before = l->nfields;

	while (at.p < at.end && *at.p == '[')
		if (!take_element(b, &at, l))
			goto none;
	if (at.p < at.end && *at.p != ' ')
		goto none;
	*c = at;
	if (c->p < c->end)
		c->p++;
	return;
none:
	l->nfields = before;
}

static void
name_part(const struct format *f, struct batch *b, struct line *l, const char *key,
    const char *p, size_t len)
{
	if (f->wants.fields && len && (len != 1 || *p != '-'))
		line_field(b, l, key, strlen(key), p, len, FIELD_TEXT);
}

/* After the time: host app procid msgid [data] message, where - is none. */
static void
syslog5424_rest(const struct format *f, struct batch *b, struct cursor *c, struct line *l,
    const char *time_end, int level)
{
	static const char *const names[] = { "app", "procid", "msgid" };
	const char *from = NULL, *word;

	l->kind = LINE_SYSLOG;
	l->time = slice(c, c->p, time_end);
	c->p = time_end;
	skip_spaces(c);
	if (!starts(c, "- "))
		l->host = slice(c, c->p, word_end(c));
	c->p = word_end(c);
	for (int i = 0; i < 3; i++) {
		skip_spaces(c);
		word = c->p;
		if (i == 0)
			from = word;
		c->p = word_end(c);
		name_part(f, b, l, names[i], word, c->p - word);
	}
	l->tag = slice(c, from, c->p);
	skip_spaces(c);
	if (starts(c, "- ") || (starts(c, "-") && c->p + 1 == c->end))
		c->p += c->p + 1 < c->end ? 2 : 1;
	else
		take_data(b, c, l);
	if (starts(c, "\357\273\277"))	/* says that UTF-8 follows */
		c->p += 3;
	text_finish(c, l, level);
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

bool
syslog_priority(const struct format *f, struct batch *b, struct cursor *c, struct line *l)
{
	int level = take_priority(c);
	const char *t;

	if (level == LEVEL_NONE)
		return false;
	if (starts(c, "1 ")) {
		t = starts(c, "1 - ") ? c->p + 3 : iso_time(c->p + 2, c->end);
		if (t) {
			c->p += 2;
			syslog5424_rest(f, b, c, l, t, level);
			if (l->time.len == 1)	/* - */
				l->time.len = 0;
			return true;
		}
	}
	t = bsd_time(c->p, c->end);
	if (!t)
		t = iso_time(c->p, c->end);
	if (t) {
		syslog_rest(f, b, c, l, t, level);
		return true;
	}
	l->kind = LINE_SYSLOG;
	text_finish(c, l, level);
	return true;
}
