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

#include "parse.h"

#define MAX_DEPTH 1024

struct scan {
	const unsigned char *p, *start, *end;
	struct line	*l;
	const char	*error;
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

enum key { KEY_NONE, KEY_LEVEL, KEY_TIME, KEY_MESSAGE };

#define IS(text) (len == sizeof(text) - 1 && memcmp(k, text, sizeof(text) - 1) == 0)

static enum key
classify(struct line *l, const char *k, size_t len)
{
	switch (len ? k[0] : 0) {
	case 'l':
		return IS("level") || IS("lvl") || IS("log.level") ? KEY_LEVEL : KEY_NONE;
	case 's':
		if (IS("source"))
			l->has |= HAS_SOURCE;
		else if (IS("seq"))
			l->has |= HAS_SEQ;
		return IS("severity") ? KEY_LEVEL : KEY_NONE;
	case 'h':
		if (IS("host"))
			l->has |= HAS_HOST;
		return KEY_NONE;
	case 't':
		return IS("ts") || IS("time") || IS("timestamp") ? KEY_TIME : KEY_NONE;
	case '@':
		return IS("@timestamp") ? KEY_TIME : KEY_NONE;
	case 'm':
		return IS("msg") || IS("message") ? KEY_MESSAGE : KEY_NONE;
	}
	return KEY_NONE;
}

static void
note_level(struct line *l, const char *v, size_t len)
{
	int level = LEVEL_NONE;
	int64_t n = 0;

	if (*v == '"') {
		level = level_from_word(v + 1, len - 2);
	} else if (is_digit(*v) && len < 9) {
		for (size_t i = 0; i < len && is_digit(v[i]); i++)
			n = 10 * n + v[i] - '0';
		level = level_from_number(n);
	}
	if (level != LEVEL_NONE)
		l->level = level;
}

/* A member of the outermost object is over: the value is from..s->p. */
static void
note(struct scan *s, enum key key, const unsigned char *from)
{
	struct slice v = { from - s->start, s->p - from };

	if (key == KEY_LEVEL) {
		note_level(s->l, (const char *)from, v.len);
		return;
	}
	struct slice *to = key == KEY_TIME ? &s->l->time : &s->l->message;
	if (to->len)
		return;
	if (*from == '"') {
		v.off++;
		v.len -= 2;
	}
	*to = v;
}

/* At a key; steps over it, the colon and the space around it. */
static bool
member(struct scan *s, enum key *key, bool outer)
{
	const char *k;

	if (*s->p != '"') {
		s->error = s->p >= s->end ? "JSON ends too early" : "a JSON key is missing";
		return false;
	}
	k = (const char *)++s->p;
	if (!string(s))
		return false;
	*key = outer ? classify(s->l, k, (const char *)s->p - 1 - k) : KEY_NONE;
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
 * at "value"; what may follow it is decided at "after".
 */
static bool
value(struct scan *s)
{
	unsigned char open[MAX_DEPTH / 8 + 1];
	const unsigned char *from;
	enum key key = KEY_NONE;
	int depth = 0;

value:
	from = s->p;
	if (*s->p != '{' && *s->p != '[') {
		if (!scalar(s))
			return false;
		if (key != KEY_NONE) {
			note(s, key, from);
			key = KEY_NONE;
		}
		goto after;
	}
	if (++depth > MAX_DEPTH) {
		s->error = "JSON nested too deeply";
		return false;
	}
	key = KEY_NONE;		/* a time or a level is not a structure */
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

const char *
jsonline_parse(const char *text, size_t len, struct line *l)
{
	const unsigned char *start = (const unsigned char *)text;
	struct scan s = { .p = start, .start = start, .end = start + len, .l = l };

	l->kind = LINE_JSON;
	l->level = WEFT_LEVEL_INFO;
	space(&s);
	if (*s.p == '{')
		l->has |= IS_OBJECT;
	if (value(&s) && s.p != s.end)
		s.error = "something follows the JSON value";
	return s.error;
}
