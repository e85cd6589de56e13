/*
 * json.c - members, elements and strings of JSON
 *
 * Values are skipped by counting brackets outside of strings: in valid JSON that is
 * enough, and in any other it ends at the end.
 */
#include "json.h"

struct at { const char *p, *end; };

static void
space(struct at *a)
{
	while (a->p < a->end && (*a->p == ' ' || *a->p == '\t' || *a->p == '\r' ||
	    *a->p == '\n'))
		a->p++;
}

static bool
take(struct at *a, char c)
{
	space(a);
	if (a->p == a->end || *a->p != c)
		return false;
	a->p++;
	return true;
}

/* After the opening quote; steps over the closing one. */
static bool
string(struct at *a)
{
	for (; a->p < a->end; a->p++) {
		if (*a->p == '"') {
			a->p++;
			return true;
		}
		if (*a->p == '\\')
			if (++a->p == a->end)
				break;
	}
	return false;
}

static bool
structure(struct at *a)
{
	size_t depth = 0;

	while (a->p < a->end) {
		char c = *a->p++;

		if (c == '"') {
			if (!string(a))
				return false;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return true;
		}
	}
	return false;
}

static bool
value(struct at *a, struct field *out)
{
	const char *from;

	space(a);
	from = a->p;
	if (from == a->end)
		return false;
	out->kind = FIELD_RAW;
	if (*from == '"') {
		a->p++;
		if (!string(a))
			return false;
		out->kind = FIELD_ESCAPED;
		out->value = from + 1;
		out->len = a->p - from - 2;
		return true;
	}
	if (*from == '{' || *from == '[') {
		if (!structure(a))
			return false;
	} else {
		while (a->p < a->end && *a->p > ' ' && *a->p != ',' && *a->p != '}' && *a->p != ']')
			a->p++;
		if (a->p == from)
			return false;
	}
	out->value = from;
	out->len = a->p - from;
	return true;
}

static bool
same(const char *raw, size_t len, const char *key, size_t klen)
{
	struct buf plain = { 0 };
	bool is;

	if (!memchr(raw, '\\', len))
		return len == klen && memcmp(raw, key, len) == 0;
	json_unescape(&plain, raw, len);
	is = plain.len == klen && memcmp(plain.data, key, klen) == 0;
	buf_finish(&plain);
	return is;
}

bool
json_member(const char *json, size_t len, const char *key, size_t klen, struct field *out)
{
	struct at a = { json, json + len };
	struct field v = { 0 };
	bool found = false;

	if (!take(&a, '{'))
		return false;
	while (take(&a, '"')) {
		v.key = a.p;
		if (!string(&a))
			break;
		v.klen = a.p - 1 - v.key;
		if (!take(&a, ':') || !value(&a, &v))
			break;
		if (same(v.key, v.klen, key, klen)) {
			*out = v;
			found = true;
		}
		if (!take(&a, ','))
			break;
	}
	return found;
}

bool
json_element(const char *json, size_t len, size_t index, struct field *out)
{
	struct at a = { json, json + len };
	struct field v = { 0 };

	if (!take(&a, '['))
		return false;
	for (size_t i = 0; value(&a, &v); i++) {
		if (i == index) {
			*out = v;
			return true;
		}
		if (!take(&a, ','))
			break;
	}
	return false;
}

static int
hex(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = p[i], low = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (low - 'a' + 10);
		else
			return -1;
	}
	return v;
}

static void
add_utf8(struct buf *out, unsigned c)
{
	char s[4];
	int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (int i = n - 1; i > 0; i--, c >>= 6)
		s[i] = 0x80 | (c & 0x3f);
	s[0] = first[n] | c;
	buf_add(out, s, n);
}

/* After \u; the number of bytes that it takes, or 0. */
static size_t
unicode(struct buf *out, const char *p, const char *end)
{
	int c = hex(p, end), low;

	if (c < 0)
		return 0;
	if (c < 0xd800 || c > 0xdfff) {
		add_utf8(out, c);
		return 4;
	}
	if (c < 0xdc00 && end - p >= 10 && p[4] == '\\' && p[5] == 'u') {
		low = hex(p + 6, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			add_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return 10;
		}
	}
	add_utf8(out, 0xfffd);
	return 4;
}

/* After a backslash; how many bytes the escape takes, or 0. */
static size_t
escape(struct buf *out, const char *p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	size_t n;

	if (p == end || !*p)
		return 0;
	if (*p == 'u') {
		n = unicode(out, p + 1, end);
		return n ? n + 1 : 0;
	}
	at = strchr(from, *p);
	if (!at)
		return 0;
	buf_addc(out, to[at - from]);
	return 1;
}

void
json_unescape(struct buf *out, const char *p, size_t len)
{
	const char *end = p + len, *slash;
	size_t n;

	buf_grow(out, len);
	while (p < end && (slash = memchr(p, '\\', end - p))) {
		buf_add(out, p, slash - p);
		p = slash + 1;
		n = escape(out, p, end);
		if (n == 0)
			buf_addc(out, '\\');
		p += n;
	}
	buf_add(out, p, end - p);
}
