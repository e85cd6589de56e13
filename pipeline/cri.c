/*
 * cri.c - what container runtimes write: time stream P|F message
 *
 *	2024-01-02T03:04:05.123456789Z stdout F it works
 *
 * P says that the rest of the message follows in the next line of that stream.  split.c makes
 * one line of such lines, and of a stack trace; lines of the other stream may stand
 * between them, and are lines of their own as well.  Here they become, in a copy, the one
 * line that would have said the same; what was read stays as it was.
 *
 * A message that is a JSON object is looked into: its level, time and message are the line's, its
 * other members are fields, and the runtime's time becomes the field cri_time.  The stream is a
 * field; so is partial, true, where the rest of a message never came.
 */
#include "cursor.h"
#include "json.h"
#include "names.h"

bool
cri_header(const char *text, size_t len, struct cri *out)
{
	struct cursor c = { text, text, text + len };
	const char *end;

	if (len < 30 || text[10] != 'T' || !(end = iso_time(text, c.end)))
		return false;
	out->time = slice(&c, text, end);
	c.p = end;
	out->error = starts(&c, " stderr ");
	if (!out->error && !starts(&c, " stdout "))
		return false;
	c.p += 8;
	if (c.p == c.end || (*c.p != 'P' && *c.p != 'F'))
		return false;
	out->partial = *c.p++ == 'P';
	/* more tags may follow, after colons */
	end = word_end(&c);
	if (end > c.p && *c.p != ':')
		return false;
	out->message = end - text + (end < c.end);
	return true;
}

/* A line of the group that text begins with; its length without the newline. */
static size_t
first_line(const char *text, const char *end, size_t *len)
{
	const char *nl = memchr(text, '\n', end - text);

	*len = (nl ? nl : end) - text;
	if (nl && *len && text[*len - 1] == '\r') {
		--*len;
		return nl + 1 - text;
	}
	return nl ? *len + 1 : *len;
}

/* Puts the messages of the first line's stream one after the other. */
static void
join(struct batch *b, struct line *l, struct cri *head)
{
	const char *p = l->text, *end = p + l->len;
	char *copy = batch_alloc(b, l->len + BATCH_PAD), *to = copy;
	bool partial = true;
	struct cri c;
	size_t len, step;

	memcpy(to, p, head->message);
	to += head->message;
	for (; p < end; p += step) {
		step = first_line(p, end, &len);
		if (!cri_header(p, len, &c))
			c = (struct cri){ .error = head->error };
		if (c.error != head->error)
			continue;
		if (!partial)
			*to++ = '\n';
		memcpy(to, p + c.message, len - c.message);
		to += len - c.message;
		partial = c.partial;
	}
	head->partial = partial;
	l->text = copy;
	l->len = to - copy;
	memset(to, '\n', BATCH_PAD);
}

/* A part that JSON has, as one of the line: moved by where the JSON begins, unescaped. */
static struct slice
outer(struct batch *b, struct line *l, struct slice in, uint32_t base)
{
	const char *p = l->text + base + in.off;
	struct buf plain = { 0 };
	struct slice out;

	if (in.len == 0 || !memchr(p, '\\', in.len))
		return (struct slice){ in.len ? base + in.off : 0, in.len };
	json_unescape(&plain, p, in.len);
	out = line_append(b, l, plain.data, plain.len);
	buf_finish(&plain);
	return out;
}

/* Has that member gone into time, message or level? */
static bool
is_taken(const struct field *f, const struct line *in)
{
	switch (name_of(f->key, f->klen)) {
	case NAME_TIME:
		return in->time.len && f->value == in->text + in->time.off;
	case NAME_MESSAGE:
		return in->message.len && f->value == in->text + in->message.off;
	case NAME_LEVEL:
		return level_from_value(f->value, f->len) != LEVEL_NONE;
	default:
		return false;
	}
}

static void
drop_taken(struct batch *b, struct line *l, const struct line *in)
{
	struct field *f = b->fields + l->field;
	int kept = 0;

	for (int i = 0; i < l->nfields; i++)
		if (!is_taken(&f[i], in))
			f[kept++] = f[i];
	l->nfields = kept;
}

/* True if the message was a JSON object, and l says what it says. */
static bool
look_into(struct batch *b, struct line *l)
{
	uint32_t base = l->message.off;
	struct line in = { .text = l->text + base, .len = l->message.len, .field = b->nfields };
	size_t fields = b->nfields;
	int has = 0;

	if (in.len < 2 || *in.text != '{')
		return false;
	if (jsonline_parse(in.text, in.len, b, &in)) {
		b->nfields = fields;
		return false;
	}
	l->field = in.field;
	l->nfields = in.nfields;
	l->room = in.room;
	drop_taken(b, l, &in);
	for (int i = 0; i < l->nfields; i++)
		has |= name_has(b->fields[l->field + i].key, b->fields[l->field + i].klen);
	l->has = has;
	l->level = in.level;
	if (in.time.len) {
		line_field(b, l, "cri_time", 8, l->text + l->time.off, l->time.len, FIELD_TEXT);
		l->time = outer(b, l, in.time, base);
	}
	if (in.message.len)
		l->message = outer(b, l, in.message, base);
	else
		l->message = (struct slice){ 0, 0 };
	return true;
}

const char *
cri_parse(struct batch *b, struct line *l)
{
	const char *nl = memchr(l->text, '\n', l->len);
	struct cri head;
	int level;

	if (!cri_header(l->text, nl ? (size_t)(nl - l->text) : l->len, &head))
		return "not CRI: no time, stdout or stderr, and P or F";
	if (nl)
		join(b, l, &head);
	l->kind = LINE_CRI;
	l->time = head.time;
	l->message = (struct slice){ head.message, l->len - head.message };
	if (!look_into(b, l)) {
		level = level_guess(l->text + head.message, l->message.len);
		l->level = level == LEVEL_NONE ? WEFT_LEVEL_INFO : level;
	}
	line_field(b, l, "stream", 6, head.error ? "stderr" : "stdout", 6, FIELD_TEXT);
	if (head.partial)
		line_field(b, l, "partial", 7, "true", 4, FIELD_RAW);
	return NULL;
}
