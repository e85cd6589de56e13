/*
 * ref.c - values of a line by name: level, message, status, user.name, a["b c"][0]
 *
 * A name that is one word may be a part that every line has; in ["level"] it is always the
 * field.  A field is first looked for under the whole name, dots and all, as logfmt and flat JSON
 * have them, then as a member of a member.
 */
#include <stdlib.h>

#include "expr_impl.h"
#include "json.h"

#define PARTS	32			/* of a name at most */
#define INDEX	1000000000		/* no array of a line is that long */

static const char *const parts_of_lines[] = {
	[REF_LEVEL] = "level", [REF_MESSAGE] = "message", [REF_SOURCE] = "source",
	[REF_HOST] = "host", [REF_TIME] = "time", [REF_TAG] = "tag", [REF_STREAM] = "stream"
};

bool
is_name_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '_' || c == '-' || c == '@' || c == '$' || c >= 0x80;
}

char *
text_dup(const char *p, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, p, len);
	copy[len] = '\0';
	return copy;
}

static struct ref_part *
add_part(struct ref *r)
{
	r->parts = xrealloc(r->parts, (r->nparts + 1) * sizeof(*r->parts));
	r->parts[r->nparts] = (struct ref_part){ 0 };
	return &r->parts[r->nparts++];
}

static const char *
scan_word(struct ref *r, const char *p)
{
	const char *from = p;
	struct ref_part *part;

	while (is_name_byte(*p))
		p++;
	part = add_part(r);
	part->len = p - from;
	part->name = text_dup(from, part->len);
	return p;
}

/* After the opening quote; no escapes but of the quote and the backslash. */
static const char *
scan_quoted(struct ref *r, const char *p, char quote, struct buf *err)
{
	struct buf name = { 0 };
	struct ref_part *part;

	for (; *p && *p != quote; p++) {
		if (*p == '\\' && (p[1] == quote || p[1] == '\\'))
			p++;
		buf_addc(&name, *p);
	}
	if (!*p || p[1] != ']') {
		buf_adds(err, "a name in [\"...\"] has no end");
		buf_finish(&name);
		return NULL;
	}
	part = add_part(r);
	part->len = name.len;
	part->name = xstrdup(buf_str(&name));
	buf_finish(&name);
	return p + 2;
}

/* At a bracket. */
static const char *
scan_bracket(struct ref *r, const char *p, struct buf *err)
{
	size_t n = 0;

	p++;
	if (*p == '"' || *p == '\'')
		return scan_quoted(r, p + 1, *p, err);
	if (*p < '0' || *p > '9' || r->nparts == 0) {
		buf_adds(err, r->nparts ? "[ ] holds a number or a name in quotes" :
		    "a name in [ ] is in quotes: [\"odd name\"]");
		return NULL;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		n = n < INDEX ? 10 * n + *p - '0' : n;
	if (*p != ']') {
		buf_adds(err, "a number in [ ] has no end");
		return NULL;
	}
	add_part(r)->len = n;
	return p + 1;
}

static const char *
scan(struct ref *r, const char *p, struct buf *err)
{
	if (*p != '[' && !is_name_byte(*p)) {
		buf_adds(err, "a name is missing, such as level, message or status");
		return NULL;
	}
	p = *p == '[' ? scan_bracket(r, p, err) : scan_word(r, p);
	while (p && (*p == '[' || (*p == '.' && is_name_byte(p[1])))) {
		if (r->nparts == PARTS) {
			buf_printf(err, "a name has at most %d parts", PARTS);
			return NULL;
		}
		p = *p == '[' ? scan_bracket(r, p, err) : scan_word(r, p + 1);
	}
	if (p && *p == '.') {
		buf_adds(err, "a name ends with a dot: what follows it may need quotes,"
		    " as in a[\"b c\"]");
		return NULL;
	}
	return p;
}

static void
name_whole(struct ref *r)
{
	struct buf whole = { 0 };

	for (int i = 0; i < r->nparts; i++) {
		if (!r->parts[i].name)
			buf_printf(&whole, "[%zu]", r->parts[i].len);
		else
			buf_printf(&whole, "%s%s", i ? "." : "", r->parts[i].name);
	}
	r->whole = xstrdup(buf_str(&whole));
	r->len = whole.len;
	buf_finish(&whole);
}

static enum ref_what
what_is(const struct ref *r, bool quoted)
{
	for (int i = 1; r->nparts == 1 && !quoted && i <= REF_STREAM; i++)
		if (strcmp(r->whole, parts_of_lines[i]) == 0)
			return i;
	return REF_FIELD;
}

struct ref *
ref_scan(const char **at, struct wants *wants, struct buf *err)
{
	struct ref *r = xcalloc(1, sizeof(*r));
	const char *end = scan(r, *at, err);

	if (!end) {
		ref_free(r);
		return NULL;
	}
	name_whole(r);
	r->what = what_is(r, **at == '[');
	wants->fields |= r->what == REF_FIELD;
	*at = end;
	return r;
}

struct ref *
ref_new(const char *name, struct wants *wants, struct buf *err)
{
	const char *at = name;
	struct ref *r = ref_scan(&at, wants, err);

	if (r && !*at)
		return r;
	if (r)
		buf_printf(err, "\"%s\" is no name of a field: only letters, digits, _, - and @"
		    " need no quotes, as in [\"%s\"]", name, name);
	else
		buf_printf(err, ", in \"%s\"", name);
	ref_free(r);
	return NULL;
}

void
ref_free(struct ref *r)
{
	if (!r)
		return;
	for (int i = 0; i < r->nparts; i++)
		free(r->parts[i].name);
	free(r->parts);
	free(r->whole);
	free(r);
}

static struct value
of_slice(const struct line *l, struct slice s)
{
	const char *p = l->text + s.off;
	bool escaped = l->kind == LINE_JSON && s.len && memchr(p, '\\', s.len);

	return (struct value){ p, s.len, escaped };
}

static struct value
of_string(const char *s)
{
	return (struct value){ s, strlen(s), false };
}

static struct value
of_field(const struct field *f)
{
	bool escaped = f->kind == FIELD_ESCAPED && f->len && memchr(f->value, '\\', f->len);

	return (struct value){ f->value, f->len, escaped };
}

/* Keys in JSON may be written with escapes, which hardly anyone does. */
static struct field *
find_escaped(const struct batch *b, const struct line *l, const char *name, size_t len)
{
	struct field *found = NULL;
	struct buf key = { 0 };

	for (int i = l->nfields; !found && i-- > 0; ) {
		struct field *f = &b->fields[l->field + i];

		if (!memchr(f->key, '\\', f->klen))
			continue;
		key.len = 0;
		json_unescape(&key, f->key, f->klen);
		if (key.len == len && memcmp(key.data, name, len) == 0)
			found = f;
	}
	buf_finish(&key);
	return found;
}

static struct field *
find(const struct batch *b, const struct line *l, const char *name, size_t len)
{
	struct field *f = batch_find(b, l, name, len);

	if (f || (l->kind != LINE_JSON && l->kind != LINE_CRI))
		return f;
	return find_escaped(b, l, name, len);
}

static bool
descend(const struct ref *r, struct field f, struct value *out)
{
	for (int i = 1; i < r->nparts; i++) {
		const struct ref_part *part = &r->parts[i];
		bool there = f.kind == FIELD_RAW && (part->name ?
		    json_member(f.value, f.len, part->name, part->len, &f) :
		    json_element(f.value, f.len, part->len, &f));

		if (!there)
			return false;
	}
	*out = of_field(&f);
	return true;
}

static bool
of_fields(const struct ref *r, const struct batch *b, const struct line *l, struct value *out)
{
	struct field *f = find(b, l, r->whole, r->len);

	if (f) {
		*out = of_field(f);
		return true;
	}
	if (r->nparts == 1)
		return false;
	f = find(b, l, r->parts[0].name, r->parts[0].len);
	return f && descend(r, *f, out);
}

bool
ref_value(const struct ref *r, const struct batch *b, const struct line *l, struct value *out)
{
	switch (r->what) {
	case REF_FIELD:
		return of_fields(r, b, l, out);
	case REF_LEVEL:
		*out = of_string(weft_level_name(l->level));
		return true;
	case REF_MESSAGE:
		*out = of_slice(l, l->message);
		return l->message.len > 0;
	case REF_TIME:
		*out = of_slice(l, l->time);
		return l->time.len > 0;
	case REF_TAG:
		*out = of_slice(l, l->tag);
		return l->tag.len > 0;
	case REF_HOST:
		*out = l->host.len ? of_slice(l, l->host) : of_string(batch_host(b));
		return true;
	case REF_SOURCE:
		*out = of_string(batch_source_name(b));
		return true;
	case REF_STREAM:
		*out = of_string(batch_stream_name(b));
		return true;
	}
	return false;
}

bool
ref_text(const struct ref *r, const struct batch *b, const struct line *l, struct buf *room,
    struct text *out)
{
	struct value v;

	if (!ref_value(r, b, l, &v))
		return false;
	if (v.escaped) {
		room->len = 0;
		json_unescape(room, v.p, v.len);
		v = (struct value){ room->data, room->len, false };
	}
	*out = (struct text){ v.p, v.len };
	return true;
}
