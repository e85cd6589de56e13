/*
 * logfmt.c - key=value key="a value with blanks" key
 *
 * A bare key is true.  In quotes, escapes are those of JSON and of Go; a value that has
 * some is unescaped into the batch's memory, so that nobody behind has to know them.
 */
#include "json.h"
#include "names.h"
#include "parse.h"

struct pair {
	const char	*key, *value;
	size_t		 klen, len;
	bool		 bare, escaped;
};

/* Letters, digits and what programs put between them. */
static inline bool
in_key(unsigned char c)
{
	return c > ' ' && c != '=' && c != '"' && c != 127;
}

static const char *
quoted_end(const char *p, const char *end, bool *escaped)
{
	for (; p < end && *p != '"'; p++)
		if (*p == '\\') {
			*escaped = true;
			if (++p == end)
				return NULL;
		}
	return p < end ? p : NULL;
}

static const char *
take_value(const char **at, const char *end, struct pair *out)
{
	const char *p = *at;

	if (p < end && *p == '"') {
		out->value = ++p;
		p = quoted_end(p, end, &out->escaped);
		if (!p)
			return "not logfmt: a quoted value has no end";
		out->len = p++ - out->value;
		if (p < end && (unsigned char)*p > ' ')
			return "not logfmt: something follows a quoted value";
	} else {
		out->value = p;
		while (p < end && (unsigned char)*p > ' ')
			p++;
		out->len = p - out->value;
	}
	*at = p;
	return NULL;
}

/* The next one; at is moved over it.  NULL: it is good; none left: klen is 0. */
static const char *
take_pair(const char **at, const char *end, struct pair *out)
{
	const char *p = *at;

	*out = (struct pair){ 0 };
	while (p < end && (unsigned char)*p <= ' ')
		p++;
	out->key = p;
	while (p < end && in_key(*p))
		p++;
	out->klen = p - out->key;
	*at = p;
	if (p == end || (unsigned char)*p <= ' ') {
		out->bare = true;
		return NULL;
	}
	if (*p != '=')
		return "not logfmt: a quote in a key";
	if (out->klen == 0)
		return "not logfmt: a value without a key";
	*at = p + 1;
	return take_value(at, end, out);
}

static const char *
unescaped(struct batch *b, const char *p, size_t *len)
{
	struct buf room = { 0 };
	char *copy;

	json_unescape(&room, p, *len);
	copy = batch_alloc(b, room.len + 1);
	memcpy(copy, room.data ? room.data : "", room.len);
	*len = room.len;
	buf_finish(&room);
	return copy;
}

/* One of the line's own, if it has none yet. */
static bool
take_part(struct batch *b, struct line *l, struct slice *to, const struct pair *p,
    const char *value, size_t len)
{
	if (to->len || len == 0)
		return false;
	/* the text may have moved: where the value stands in it is known from the key */
	if (p->escaped)
		*to = line_append(b, l, value, len);
	else
		*to = (struct slice){ 0, len };
	return true;
}

/* Into level, time, message or host; false: it is a field. */
static bool
take_own(struct batch *b, struct line *l, const char *start, const struct pair *p,
    const char *value, size_t len, bool *leveled)
{
	enum name name = name_of(p->key, p->klen);
	struct slice *to = name == NAME_TIME ? &l->time : name == NAME_MESSAGE ? &l->message :
	    name == NAME_HOST ? &l->host : NULL;
	int level;

	if (name == NAME_LEVEL && !*leveled) {
		level = level_from_value(value, len);
		if (level == LEVEL_NONE)
			return false;
		l->level = level;
		return *leveled = true;
	}
	if (!to || !take_part(b, l, to, p, value, len))
		return false;
	if (!p->escaped)
		to->off = p->value - start;
	return true;
}

static const char *
take(struct batch *b, struct line *l, const char *start, const struct pair *p, bool *leveled)
{
	const char *value = p->value;
	size_t len = p->len;
	bool good;

	if (p->bare) {
		good = line_field(b, l, p->key, p->klen, "true", 4, FIELD_RAW);
	} else {
		if (p->escaped)
			value = unescaped(b, value, &len);
		good = take_own(b, l, start, p, value, len, leveled) ||
		    line_field(b, l, p->key, p->klen, value, len, FIELD_TEXT);
	}
	return good ? NULL : "too many fields in a line";
}

const char *
logfmt_parse(struct batch *b, struct line *l, bool sure)
{
	const char *start = l->text, *at = start, *end = start + l->len, *error;
	struct pair p;
	size_t pairs = 0, bare = 0;
	bool leveled = false;

	l->kind = LINE_LOGFMT;
	l->level = WEFT_LEVEL_INFO;
	for (;;) {
		error = take_pair(&at, end, &p);
		if (error)
			return error;
		if (p.klen == 0)
			break;
		*(p.bare ? &bare : &pairs) += 1;
		error = take(b, l, start, &p, &leveled);
		if (error)
			return error;
	}
	if (pairs == 0)
		return "not logfmt: no key=value in it";
	/* prose has a key=value now and then */
	if (!sure && (pairs < 2 || pairs <= bare))
		return "not logfmt: more words than key=value";
	if (!leveled && l->message.len) {
		int level = level_guess(l->text + l->message.off, l->message.len);
		l->level = level == LEVEL_NONE ? WEFT_LEVEL_INFO : level;
	}
	return NULL;
}

/* Begins with a name as programs write them, and an equals sign. */
bool
logfmt_likely(const char *p, size_t len)
{
	const char *from = p, *end = p + len;

	while (p < end && (((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') ||
	    (p > from && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '/')) ||
	    *p == '_' || *p == '.' || *p == '@'))
		p++;
	return p > from && p < end && *p == '=';
}
