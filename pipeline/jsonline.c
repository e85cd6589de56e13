/*
 * jsonline.c - one line of JSON in one pass: is it valid, and what does it say
 *
 * Accepts exactly RFC 8259 in UTF-8, nested up to MAX_DEPTH deep; a lone
 * surrogate written as an escape is allowed, as the grammar has it.  There is no
 * recursion and no copy: one bit per level tells objects from arrays, and what is
 * found are slices of the line, still escaped.
 *
 * The line's newline is a control character, which no token contains: it stops
 * every loop here, so none compares with the end of the line.
 */
#include <string.h>

#include "names.h"
#include "parse.h"

#define MAX_DEPTH 1024

struct scan {
	const unsigned char *p, *start, *end;
	struct line	*l;
	const char	*error;
	struct batch	*b;
	const char	*key;		/* of the outermost member that is being read */
	size_t		 klen;
};

/* Up to the next byte that a string may not just contain. */
static inline const unsigned char *
skip_plain(const unsigned char *p)
{
	size_t n;

	while ((n = plain_bytes(p)) == 8)
		p += 8;
	return p + n;
}

static bool
is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* At a backslash; steps over it and what it escapes. */
static bool
escape(struct scan *s)
{
	switch (s->p[1]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
		s->p += 2;
		return true;
	case 'u':
		for (int i = 2; i < 6; i++)
			if (!is_hex(s->p[i]))
				break;
			else if (i == 5) {
				s->p += 6;
				return true;
			}
	}
	s->error = "bad escape in a JSON string";
	return false;
}

/* After the opening quote; steps over the closing one. */
static bool
string(struct scan *s)
{
	int n;

	for (;;) {
		s->p = skip_plain(s->p);
		if (*s->p == '"') {
			s->p++;
			return true;
		}
		if (*s->p == '\\') {
			if (!escape(s))
				return false;
		} else if (*s->p >= 0x80) {
			n = utf8_length(s->p, s->end);
			if (n == 0) {
				s->error = "a JSON string is not UTF-8";
				return false;
			}
			s->p += n;
		} else {
			s->error = s->p >= s->end ? "a JSON string has no end" :
			    "control character in a JSON string";
			return false;
		}
	}
}

static inline bool
is_digit(unsigned char c)
{
	return (unsigned)c - '0' < 10;
}

static bool
digits(struct scan *s)
{
	if (!is_digit(*s->p))
		return false;
	while (is_digit(*s->p))
		s->p++;
	return true;
}

static bool
number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (*s->p == '0')
		s->p++;
	else if (!digits(s))
		goto bad;
	if (*s->p == '.') {
		s->p++;
		if (!digits(s))
			goto bad;
	}
	if ((*s->p | 0x20) == 'e') {
		s->p++;
		if (*s->p == '+' || *s->p == '-')
			s->p++;
		if (!digits(s))
			goto bad;
	}
	return true;
bad:
	s->error = "bad number in JSON";
	return false;
}

static bool
word(struct scan *s, const char *text, size_t len)
{
	if (memcmp(s->p, text, len) != 0) {
		s->error = "unknown word in JSON";
		return false;
	}
	s->p += len;
	return true;
}

/* Anything that is not an object or an array. */
static bool
scalar(struct scan *s)
{
	switch (*s->p) {
	case '"':
		s->p++;
		return string(s);
	case 't':
		return word(s, "true", 4);
	case 'f':
		return word(s, "false", 5);
	case 'n':
		return word(s, "null", 4);
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6':
	case '7': case '8': case '9':
		return number(s);
	}
	s->error = s->p >= s->end ? "JSON ends too early" : "a JSON value is missing";
	return false;
}

static inline void
space(struct scan *s)
{
	/* a newline cannot be inside a line, so the one at its end stops this */
	while (*s->p == ' ' || *s->p == '\t' || (*s->p == '\r' && s->p < s->end))
		s->p++;
}

/* What a member's name says; only level, time and message are noted. */
static inline enum name
classify(struct line *l, const char *k, size_t len)
{
	enum name name = name_of(k, len);

	switch (name) {
	case NAME_LEVEL: case NAME_TIME: case NAME_MESSAGE:
		return name;
	case NAME_HOST:
		l->has |= len == 4 ? HAS_HOST : 0;
		break;
	case NAME_SOURCE:
		l->has |= HAS_SOURCE;
		break;
	case NAME_SEQ:
		l->has |= HAS_SEQ;
		break;
	default:
		break;
	}
	return NAME_OTHER;
}

static void
note_level(struct line *l, const char *v, size_t len)
{
	int level = *v == '"' ? level_from_value(v + 1, len - 2) : level_from_value(v, len);

	if (level != LEVEL_NONE)
		l->level = level;
}

/* A member of the outermost object is over: the value is from..s->p. */
static void
note(struct scan *s, enum name key, const unsigned char *from)
{
	struct slice v = { from - s->start, s->p - from };

	if (key == NAME_LEVEL) {
		note_level(s->l, (const char *)from, v.len);
		return;
	}
	struct slice *to = key == NAME_TIME ? &s->l->time : &s->l->message;
	if (to->len)
		return;
	if (*from == '"') {
		v.off++;
		v.len -= 2;
		/* Docker has the line's own newline in it */
		if (v.len > 2 && s->p[-2] == 'n' && s->p[-3] == '\\' && s->p[-4] != '\\')
			v.len -= 2;
	}
	*to = v;
}

/* The outermost member that began at from is over. */
static bool
add_field(struct scan *s, const unsigned char *from)
{
	const char *v = (const char *)from;
	size_t len = s->p - from;
	bool text = *from == '"';

	if (s->l->nfields >= MAX_FIELDS) {
		s->error = "too many members in a JSON object";
		return false;
	}
	*batch_field(s->b, s->l) = (struct field){ .key = s->key, .klen = s->klen,
	    .value = v + text, .len = len - 2 * text, .kind = text ? FIELD_ESCAPED : FIELD_RAW };
	return true;
}

/* At a key; steps over it, the colon and the space around it. */
static bool
member(struct scan *s, enum name *key, bool outer)
{
	const char *k;

	if (*s->p != '"') {
		s->error = s->p >= s->end ? "JSON ends too early" : "a JSON key is missing";
		return false;
	}
	k = (const char *)++s->p;
	if (!string(s))
		return false;
	*key = NAME_OTHER;
	if (outer) {
		s->key = k;
		s->klen = (const char *)s->p - 1 - k;
		*key = classify(s->l, k, s->klen);
	}
	space(s);
	if (*s->p != ':') {
		s->error = "no colon after a JSON key";
		return false;
	}
	s->p++;
	space(s);
	return true;
}

/*
 * The automaton.  open has a set bit for each enclosing object.  A value is read
 * at "value"; what may follow it is decided at "after".  It exists twice, so that
 * who wants no fields pays nothing for them.
 */
static inline __attribute__((always_inline)) bool
value(struct scan *s, const bool fields)
{
	unsigned char open[MAX_DEPTH / 8 + 1];
	const unsigned char *from, *outer = s->p;
	enum name key = NAME_OTHER;
	int depth = 0;

value:
	from = s->p;
	if (fields && depth == 1)
		outer = from;
	if (*s->p != '{' && *s->p != '[') {
		if (!scalar(s))
			return false;
		if (key != NAME_OTHER) {
			note(s, key, from);
			key = NAME_OTHER;
		}
		goto after;
	}
	if (++depth > MAX_DEPTH) {
		s->error = "JSON nested too deeply";
		return false;
	}
	key = NAME_OTHER;		/* a time or a level is not a structure */
	if (*s->p++ == '{') {
		open[depth / 8] |= 1 << depth % 8;
		space(s);
		if (*s->p == '}')
			goto close;
		if (!member(s, &key, depth == 1))
			return false;
		goto value;
	}
	open[depth / 8] &= ~(1 << depth % 8);
	space(s);
	if (*s->p != ']')
		goto value;
close:
	s->p++;
	depth--;
after:
	if (fields && depth == 1 && open[0] & 2 && !add_field(s, outer))
		return false;
	space(s);
	if (depth == 0)
		return true;
	bool object = open[depth / 8] >> depth % 8 & 1;
	if (*s->p == ',') {
		s->p++;
		space(s);
		if (object && !member(s, &key, depth == 1))
			return false;
		goto value;
	}
	if (*s->p == (object ? '}' : ']'))
		goto close;
	s->error = s->p >= s->end ? "JSON ends too early" :
	    "no comma or bracket after a JSON value";
	return false;
}

static bool
value_only(struct scan *s)
{
	return value(s, false);
}

static bool
value_and_fields(struct scan *s)
{
	return value(s, true);
}

const char *
jsonline_parse(const char *text, size_t len, struct batch *b, struct line *l)
{
	const unsigned char *start = (const unsigned char *)text;
	struct scan s = { .p = start, .start = start, .end = start + len, .l = l, .b = b };

	l->kind = LINE_JSON;
	l->level = WEFT_LEVEL_INFO;
	space(&s);
	if (*s.p == '{')
		l->has |= IS_OBJECT;
	if ((b ? value_and_fields(&s) : value_only(&s)) && s.p != s.end)
		s.error = "something follows the JSON value";
	return s.error;
}
