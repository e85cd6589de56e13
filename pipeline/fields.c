/*
 * fields.c - what formats other than JSON ask of a line: its parts as plain text
 *
 * Most strings of JSON have no backslash, and nothing is copied.
 */
#include "json.h"
#include "render.h"

static const char *
plain(struct buf *room, const char *p, size_t *len, bool escaped)
{
	if (!escaped || !memchr(p, '\\', *len))
		return p;
	room->len = 0;
	json_unescape(room, p, *len);
	*len = room->len;
	return room->data ? room->data : "";
}

const char *
line_part(struct buf *room, const struct line *l, struct slice s, size_t *len)
{
	*len = s.len;
	return plain(room, l->text + s.off, len, l->kind == LINE_JSON);
}

const char *
field_text(struct buf *room, const struct field *f, size_t *len)
{
	*len = f->len;
	return plain(room, f->value, len, f->kind == FIELD_ESCAPED);
}

const char *
field_key(struct buf *room, const struct line *l, const struct field *f, size_t *len)
{
	*len = f->klen;
	return plain(room, f->key, len, l->kind == LINE_JSON && !f->added);
}

/* The method of a request begins where the message does, and is only a part of it. */
static bool
is_at(const struct line *l, struct slice s, const struct field *f)
{
	return s.len && f->value == l->text + s.off && f->len == s.len;
}

bool
field_is_said(const struct line *l, const struct field *f)
{
	return is_at(l, l->time, f) || is_at(l, l->host, f) || is_at(l, l->tag, f) ||
	    is_at(l, l->message, f);
}

bool
field_is_hidden(const struct batch *b, const struct line *l, const struct field *f)
{
	const struct field *end = b->fields + l->field + l->nfields;

	for (const struct field *later = f + 1; later < end; later++)
		if (later->klen == f->klen && memcmp(later->key, f->key, f->klen) == 0)
			return true;
	return false;
}

bool
line_has_fields(const struct batch *b, const struct line *l)
{
	if (l->kind != LINE_JSON)
		return true;
	for (EACH_FIELD(f, b, l))
		if (!f->added)
			return true;
	return false;
}

const char *
line_message(struct buf *room, const struct batch *b, const struct line *l, size_t *len)
{
	bool whole = l->kind == LINE_JSON ?
	    !line_has_fields(b, l) || (!l->message.len && !l->nfields) :
	    !l->message.len && !l->nfields && !l->tag.len && !l->time.len;

	if (!whole)
		return line_part(room, l, l->message, len);
	*len = l->len;
	return l->text;
}

int64_t
line_time(struct when *w, const struct batch *b, const struct line *l)
{
	int64_t ns;

	if (l->time.len && when_parse(w, l->text + l->time.off, l->time.len, b->received, &ns))
		return ns;
	return b->received;
}
