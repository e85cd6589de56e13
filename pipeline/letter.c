/*
 * letter.c - dead letters
 *
 * The parser takes what letter_render writes, and what editors and other programs make of it: any
 * order, blanks, more members, as long as those are strings, numbers, true, false or null.
 */
#include "letter.h"

#include "json.h"
#include "parse.h"
#include "render.h"

static bool
is_utf8(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	int n;

	for (; p < end; p += n) {
		n = 1;
		if (end - p >= 8 && plain_bytes(p) == 8)
			n = 8;
		else if (*p >= 0x80 && !(n = utf8_length(p, end)))
			return false;
	}
	return true;
}

static void
add_base64(struct buf *out, const unsigned char *p, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t w = p[i] << 16;

		w |= left > 1 ? p[i + 1] << 8 : 0;
		w |= left > 2 ? p[i + 2] : 0;

		buf_addc(out, digits[w >> 18]);
		buf_addc(out, digits[w >> 12 & 63]);
		buf_addc(out, left > 1 ? digits[w >> 6 & 63] : '=');
		buf_addc(out, left > 2 ? digits[w & 63] : '=');
	}
}

static void
add_member(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_adds(out, key);
	render_string(out, value, strlen(value));
}

void
letter_render(struct buf *out, const struct letter *l)
{
	add_member(out, "{\"host\":", l->host ? l->host : "");
	add_member(out, ",\"source\":", l->source ? l->source : "");
	buf_adds(out, ",\"seq\":");
	render_number(out, l->seq);
	add_member(out, ",\"stream\":", l->stream);
	add_member(out, ",\"reason\":", l->reason ? l->reason : "");
	add_member(out, ",\"output\":", l->output);
	if (is_utf8(l->text, l->len)) {
		buf_adds(out, ",\"line\":");
		render_string(out, l->text, l->len);
	} else {
		buf_adds(out, ",\"base64\":\"");
		add_base64(out, (const unsigned char *)l->text, l->len);
		buf_addc(out, '"');
	}
	buf_adds(out, "}\n");
}

struct cursor { const char *p, *end; };
struct text { const char *p; size_t len; };

static void
blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n'))
		c->p++;
}

static bool
take(struct cursor *c, char what)
{
	blanks(c);
	if (c->p == c->end || *c->p != what)
		return false;
	c->p++;
	return true;
}

/* The inside of a string, escapes and all. */
static bool
string(struct cursor *c, struct text *t)
{
	if (!take(c, '"'))
		return false;
	t->p = c->p;
	while (c->p < c->end && *c->p != '"')
		c->p += *c->p == '\\' ? 2 : 1;
	if (c->p >= c->end)
		return false;
	t->len = c->p++ - t->p;
	return true;
}

/* A string, or a word such as a number; false: neither. */
static bool
value(struct cursor *c, struct text *t, bool *quoted)
{
	blanks(c);
	*quoted = c->p < c->end && *c->p == '"';
	if (*quoted)
		return string(c, t);
	t->p = c->p;
	while (c->p < c->end && *c->p > ' ' && *c->p != ',' && *c->p != '}' && *c->p != '{' &&
	    *c->p != '[' && *c->p != ']' && *c->p != '"')
		c->p++;
	t->len = c->p - t->p;
	return t->len > 0;
}

static bool
number(const struct text *t, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < t->len; i++)
		if (t->p[i] < '0' || t->p[i] > '9' || __builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, t->p[i] - '0', out))
			return false;
	return t->len > 0;
}

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool
from_base64(struct buf *out, const struct text *t)
{
	size_t len = t->len, pad = 0;

	if (len % 4)
		return false;
	while (pad < 2 && len > 0 && t->p[len - 1] == '=') {
		len--;
		pad++;
	}
	for (size_t i = 0; i < len; i += 4) {
		size_t n = len - i < 4 ? len - i : 4;
		uint32_t w = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < n ? digit(t->p[i + k]) : 0;

			if (d < 0)
				return false;
			w = w << 6 | d;
		}
		char three[] = { w >> 16, w >> 8, w };

		buf_add(out, three, n - 1);
	}
	return true;
}

/* Offsets, for the buffer moves while it grows; they become pointers at the end. */
struct parts { struct { size_t at, len; bool is; } member[6]; };
enum { HOST, SOURCE, STREAM, OUTPUT, REASON, TEXT };

static bool
keep(struct parts *parts, int which, struct buf *room, const struct text *t, bool base64)
{
	size_t at = room->len;

	if (base64 && !from_base64(room, t))
		return false;
	if (!base64)
		json_unescape(room, t->p, t->len);
	parts->member[which].is = true;
	parts->member[which].at = at;
	parts->member[which].len = room->len - at;
	buf_addc(room, '\0');
	return true;
}

static bool
is(const struct text *t, const char *name)
{
	return t->len == strlen(name) && memcmp(t->p, name, t->len) == 0;
}

static bool
take_member(struct cursor *c, struct parts *parts, struct letter *l, struct buf *room)
{
	static const char *const names[] = { "host", "source", "stream", "output", "reason",
		"line" };
	struct text key, t;
	bool quoted;

	if (!string(c, &key) || !take(c, ':') || !value(c, &t, &quoted))
		return false;
	if (is(&key, "seq"))
		return !quoted && number(&t, &l->seq);
	if (is(&key, "base64"))
		return quoted && keep(parts, TEXT, room, &t, true);
	for (int i = 0; i <= TEXT; i++)
		if (is(&key, names[i]))
			return quoted && keep(parts, i, room, &t, false);
	return true;
}

static const char *
part(const struct parts *parts, int which, const struct buf *room, const char *none)
{
	return parts->member[which].is ? room->data + parts->member[which].at : none;
}

int
letter_parse(const char *text, size_t len, struct letter *l, struct buf *room)
{
	struct cursor c = { text, text + len };
	struct parts parts = { 0 };

	*l = (struct letter){ 0 };
	room->len = 0;
	if (!take(&c, '{'))
		return -EINVAL;
	do
		if (!take_member(&c, &parts, l, room))
			return -EINVAL;
	while (take(&c, ','));
	if (!take(&c, '}'))
		return -EINVAL;
	blanks(&c);
	if (c.p != c.end || !parts.member[TEXT].is)
		return -EINVAL;
	l->host = part(&parts, HOST, room, "");
	l->source = part(&parts, SOURCE, room, "");
	l->stream = part(&parts, STREAM, room, NULL);
	l->output = part(&parts, OUTPUT, room, NULL);
	l->reason = part(&parts, REASON, room, "");
	l->text = part(&parts, TEXT, room, "");
	l->len = parts.member[TEXT].len;
	return 0;
}
