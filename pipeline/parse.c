/*
 * parse.c - which format is a line in?
 *
 * Where nobody says, it is decided line by line, by the first byte that is no blank: a line
 * that begins with { claims to be JSON and is unparsable when it is not; one that begins with
 * [ may as well be text ("[error] ..."), so it is JSON only if it is valid.  Access logs,
 * CRI and logfmt are recognized by their shape.  Everything else is text, which never fails.
 */
#include "parse.h"

#include <errno.h>

#include "cursor.h"
#include "names.h"

static const char *const format_names[] = {
	[WEFT_LINE_AUTO] = "auto", [WEFT_LINE_JSON] = "json", [WEFT_LINE_PLAIN] = "plain",
	[WEFT_LINE_LOGFMT] = "logfmt", [WEFT_LINE_SYSLOG] = "syslog",
	[WEFT_LINE_ACCESS] = "access", [WEFT_LINE_CRI] = "cri", [WEFT_LINE_REGEX] = "regex",
};

int
weft_line_format_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++)
		if (strcmp(name, format_names[i]) == 0)
			return i;
	return -EINVAL;
}

bool
line_field(struct batch *b, struct line *l, const char *key, size_t klen, const char *value,
    size_t len, int kind)
{
	struct field *f;

	if (l->nfields >= MAX_FIELDS)
		return false;
	f = batch_field(b, l);
	f->key = key;
	f->klen = klen;
	f->value = value;
	f->len = len;
	f->kind = kind;
	l->has |= name_has(key, klen);
	return true;
}

/* JSON has no leading zeros; and what is longer than this is a number to nobody. */
static bool
is_number(const char *p, size_t len)
{
	return len > 0 && len <= 18 && (len == 1 || *p != '0') &&
	    skip_digits(p, p + len) == p + len;
}

bool
line_number(struct batch *b, struct line *l, const char *key, const char *value, size_t len)
{
	return line_field(b, l, key, strlen(key), value, len,
	    is_number(value, len) ? FIELD_RAW : FIELD_TEXT);
}

struct slice
line_append(struct batch *b, struct line *l, const char *p, size_t len)
{
	/* what was appended before is still wanted */
	size_t have = l->len + 1;
	const struct slice *parts[] = { &l->time, &l->host, &l->tag, &l->message };
	char *copy;

	for (int i = 0; i < 4; i++)
		if (have < (size_t)parts[i]->off + parts[i]->len)
			have = (size_t)parts[i]->off + parts[i]->len;
	copy = batch_alloc(b, have + len + BATCH_PAD);
	memcpy(copy, l->text, have);
	memcpy(copy + have, p, len);
	memset(copy + have + len, '\n', BATCH_PAD);
	copy[l->len] = '\n';
	l->text = copy;
	return (struct slice){ have, len };
}

static unsigned char
first_byte(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\t')
			return text[i];
	return 0;
}

/* As it was before somebody tried to parse it. */
static void
forget(struct batch *b, struct line *l)
{
	/* its fields are the last ones, for it is the one that is being parsed */
	if (l->room)
		b->nfields = l->field;
	*l = (struct line){ .text = l->text, .len = l->len, .end = l->end, .field = b->nfields };
}

static void
plain(struct line *l)
{
	int level = level_guess(l->text, l->len);

	l->kind = LINE_PLAIN;
	l->level = level == LEVEL_NONE ? WEFT_LEVEL_INFO : level;
	l->message = (struct slice){ 0, l->len };
}

static const char *
json(const struct format *f, struct batch *b, struct line *l)
{
	return jsonline_parse(l->text, l->len, f->wants.fields ? b : NULL, l);
}

/* Worth a try; what it is not is forgotten. */
static bool
tried(struct batch *b, struct line *l, const char *error)
{
	if (error)
		forget(b, l);
	return !error;
}

static bool
is_cri(const struct line *l)
{
	struct cri c;

	return cri_header(l->text, l->len, &c);
}

static const char *
by_looks(const struct format *f, struct batch *b, struct line *l)
{
	unsigned char first = first_byte(l->text, l->len);

	if (first == '{')
		return json(f, b, l);
	if (first == '[' && tried(b, l, json(f, b, l)))
		return NULL;
	if (first >= '0' && first <= '9' && is_cri(l) && tried(b, l, cri_parse(b, l)))
		return NULL;
	if (access_likely(l->text, l->len) && tried(b, l, access_parse(b, l)))
		return NULL;
	if (logfmt_likely(l->text, l->len) && tried(b, l, logfmt_parse(b, l, false)))
		return NULL;
	text_parse(f, b, l);
	return NULL;
}

static const char *
as_syslog(const struct format *f, struct batch *b, struct line *l)
{
	text_parse(f, b, l);
	return l->kind == LINE_SYSLOG ? NULL : "not syslog: no priority, and no time and host";
}

static const char *
parse(const struct format *f, struct scratch *s, struct batch *b, struct line *l)
{
	switch (f->kind) {
	case WEFT_LINE_JSON:
		return json(f, b, l);
	case WEFT_LINE_PLAIN:
		plain(l);
		return NULL;
	case WEFT_LINE_LOGFMT:
		return logfmt_parse(b, l, true);
	case WEFT_LINE_SYSLOG:
		return as_syslog(f, b, l);
	case WEFT_LINE_ACCESS:
		return access_parse(b, l);
	case WEFT_LINE_CRI:
		return cri_parse(b, l);
	case WEFT_LINE_REGEX:
		return groups_parse(f, s, b, l);
	}
	return by_looks(f, b, l);
}

void
parse_line(const struct format *f, struct scratch *s, struct batch *b, struct line *l)
{
	const char *error;

	if (l->fate == DEAD)
		return;
	l->field = b->nfields;
	error = parse(f, s, b, l);
	if (!error)
		return;
	if (l->kind != LINE_JSON)	/* whose messages may say what is wrong with the line */
		forget(b, l);
	else if (l->room) {
		b->nfields = l->field;
		l->nfields = l->room = 0;
	}
	l->error = error;
	l->fate = DEAD;
}
