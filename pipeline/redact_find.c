/*
 * redact_find.c - finds what is personal or secret, and passes quickly over what is not
 *
 * Each begins at a byte that its kind must have and clean lines hardly do: the @ of an
 * address, the dot between two digits, every thirteenth byte for a card's digits.  A hit has no
 * letter or digit beside it, so parts of longer names and numbers are left alone.
 */
#include "redact.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

enum { DIGIT = 1, LETTER = 2, HEX = 4, LOCAL = 8, HOST = 16, CARD = 32, TOKEN = 64, V6 = 128 };

#define ALNUM	(LOCAL | HOST | TOKEN)
static const uint8_t class[256] = {
	['0' ... '9'] = DIGIT | HEX | ALNUM | CARD | V6,
	['a' ... 'f'] = LETTER | HEX | ALNUM | V6,
	['A' ... 'F'] = LETTER | HEX | ALNUM | V6,
	['g' ... 'z'] = LETTER | ALNUM,
	['G' ... 'Z'] = LETTER | ALNUM,
	['.'] = LOCAL | HOST | TOKEN | V6, ['-'] = LOCAL | HOST | TOKEN | CARD,
	['_'] = LOCAL | TOKEN, ['%'] = LOCAL, ['+'] = LOCAL | TOKEN,
	['~'] = TOKEN, ['/'] = TOKEN, ['='] = TOKEN, [':'] = V6, [' '] = CARD,
	[0x80 ... 0xff] = LOCAL | HOST,
};

static inline bool
is(char c, int classes)
{
	return class[(unsigned char)c] & classes;
}

static bool
is_bounded(const char *p, size_t len, size_t from, size_t to)
{
	return (from == 0 || (!is(p[from - 1], DIGIT | LETTER) && p[from - 1] != '_')) &&
	    (to == len || (!is(p[to], DIGIT | LETTER) && p[to] != '_'));
}

/* The end of the longest a.b.c from at whose last part can be a top-level domain; 0: none. */
static size_t
domain_end(const char *p, size_t len, size_t at)
{
	size_t label = at, end = 0, i = at;

	for (; i <= len; i++) {
		if (i < len && p[i] != '.' && is(p[i], HOST))
			continue;
		if (i == label)
			break;
		/* at least two letters, and not the first label */
		if (label > at && i - label >= 2 && !is(p[label], DIGIT) && p[label] != '-')
			end = i;
		if (i == len || p[i] != '.')
			break;
		label = i + 1;
	}
	while (end && p[end - 1] == '-')
		end--;
	return end;
}

bool
redact_email(const char *p, size_t len, size_t from, struct stretch *out)
{
	const char *at;

	for (size_t i = from; i < len && (at = memchr(p + i, '@', len - i)); ) {
		size_t local = at - p, end;

		i = at - p + 1;
		while (local > from && is(p[local - 1], LOCAL))
			local--;
		while (p[local] == '.' || p[local] == '-')
			local++;
		if (p + local == at)
			continue;
		end = domain_end(p, len, i);
		if (end == 0)
			continue;
		*out = (struct stretch){ local, end };
		return true;
	}
	return false;
}

/* Luhn's sum over the digits among them; how many there are. */
static int
luhn(const char *p, size_t n, unsigned *sum)
{
	int digits = 0;

	*sum = 0;
	while (n-- > 0) {
		unsigned d = p[n] - '0';

		if (!is(p[n], DIGIT))
			continue;
		if (digits++ % 2)
			d = d < 5 ? 2 * d : 2 * d - 9;
		*sum += d;
	}
	return digits;
}

/* Up to 19 digits with at most one blank or dash between two of them: where they end. */
static size_t
group_end(const char *p, size_t to, size_t at)
{
	for (int digits = 0; at < to && digits < 20; at++)
		if (is(p[at], DIGIT))
			digits++;
		else if (at + 1 == to || !is(p[at + 1], DIGIT))
			break;
	return at;
}

/* After a number's point, digits are no card, and before one neither. */
static bool
is_fraction(const char *p, size_t len, size_t from, size_t to)
{
	return (from >= 2 && p[from - 1] == '.' && is(p[from - 2], DIGIT)) ||
	    (to + 1 < len && p[to] == '.' && is(p[to + 1], DIGIT));
}

static bool
is_card(const char *p, size_t len, size_t from, size_t to)
{
	unsigned sum;
	int digits = luhn(p + from, to - from, &sum);

	return digits >= 13 && digits <= 19 && sum % 10 == 0 && is_bounded(p, len, from, to) &&
	    !is_fraction(p, len, from, to);
}

/*
 * A card in from..to, which is all digits, blanks and dashes.  Other numbers may stand beside
 * it, so each beginning and end is tried; issuers' numbers begin with 2 to 6.
 */
static bool
card_within(const char *p, size_t len, size_t from, size_t to, struct stretch *out)
{
	for (; to - from >= 13; from++) {
		size_t end;

		if (p[from] < '2' || p[from] > '6' || (from > 0 && is(p[from - 1], DIGIT)))
			continue;
		for (end = group_end(p, to, from); end - from >= 13; end--) {
			if (!is(p[end - 1], DIGIT) || (end < len && is(p[end], DIGIT)))
				continue;
			if (is_card(p, len, from, end)) {
				*out = (struct stretch){ from, end };
				return true;
			}
		}
	}
	return false;
}

bool
redact_card(const char *p, size_t len, size_t from, struct stretch *out)
{
	/* a card takes 13 bytes at least, so one of each 13th is in it */
	for (size_t i = from + 12, start, end; i < len; i += 13) {
		if (!is(p[i], CARD))
			continue;
		for (start = i; start > from && is(p[start - 1], CARD); )
			start--;
		for (end = i + 1; end < len && is(p[end], CARD); )
			end++;
		if (end - start >= 13 && card_within(p, len, start, end, out))
			return true;
		i = end - 1 > i ? end - 1 : i;
	}
	return false;
}

/* Four numbers up to 255 from at: where they end, or 0. */
static size_t
ipv4_end(const char *p, size_t len, size_t at)
{
	for (int part = 0; ; part++) {
		unsigned n = 0, digits = 0;

		for (; at < len && is(p[at], DIGIT) && digits < 4; digits++)
			n = 10 * n + p[at++] - '0';
		if (digits == 0 || digits > 3 || n > 255)
			return 0;
		if (part == 3)
			return at;
		if (at == len || p[at++] != '.')
			return 0;
	}
}

static bool
is_version(const char *p, size_t len, size_t from, size_t to)
{
	return (from >= 2 && p[from - 1] == '.' && is(p[from - 2], DIGIT | LETTER)) ||
	    (to + 1 < len && p[to] == '.' && is(p[to + 1], DIGIT | LETTER));
}

bool
redact_ipv4(const char *p, size_t len, size_t from, struct stretch *out)
{
	const char *dot;

	for (size_t i = from; i < len && (dot = memchr(p + i, '.', len - i)); ) {
		size_t start = dot - p, end;

		i = dot - p + 1;
		if (i == len || !is(p[i], DIGIT))
			continue;
		while (start > from && is(p[start - 1], DIGIT) && dot - p - start < 4)
			start--;
		end = ipv4_end(p, len, start);
		if (end == 0 || !is_bounded(p, len, start, end) || is_version(p, len, start, end))
			continue;
		*out = (struct stretch){ start, end };
		return true;
	}
	return false;
}

/* Names of C++ and Rust have two colons as well, so there must be a digit. */
static bool
is_ipv6(const char *p, size_t len, size_t from, size_t to)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[16];
	bool digit = false;

	if (to - from < 3 || to - from >= sizeof(text) || !is_bounded(p, len, from, to))
		return false;
	for (size_t i = from; i < to; i++)
		digit |= is(p[i], DIGIT);
	memcpy(text, p + from, to - from);
	text[to - from] = '\0';
	return digit && inet_pton(AF_INET6, text, address) == 1;
}

bool
redact_ipv6(const char *p, size_t len, size_t from, struct stretch *out)
{
	const char *colon;

	for (size_t i = from; i < len && (colon = memchr(p + i, ':', len - i)); ) {
		size_t start = colon - p, end = start + 1;

		while (start > from && is(p[start - 1], V6))
			start--;
		while (end < len && is(p[end], V6))
			end++;
		i = end;
		/* a full stop or a colon may end the sentence */
		while (end - start > 2 && (p[end - 1] == '.' ||
		    (p[end - 1] == ':' && p[end - 2] != ':')))
			end--;
		if (!is_ipv6(p, len, start, end))
			continue;
		*out = (struct stretch){ start, end };
		return true;
	}
	return false;
}

static size_t
token_end(const char *p, size_t len, size_t at)
{
	while (at < len && is(p[at], TOKEN))
		at++;
	return at;
}

#define SHORTEST_TOKEN 8

/* "Bearer", in any case, blanks, and the token. */
static bool
after_bearer(const char *p, size_t len, size_t from, char first, struct stretch *out)
{
	const char *b;

	for (size_t i = from; i < len && (b = memchr(p + i, first, len - i)); ) {
		size_t at = b - p + 6;

		i = b - p + 1;
		if (at >= len || p[at] != ' ' || strncasecmp(b, "bearer", 6) != 0)
			continue;
		while (at < len && p[at] == ' ')
			at++;
		*out = (struct stretch){ at, token_end(p, len, at) };
		if (out->to - out->from >= SHORTEST_TOKEN)
			return true;
	}
	return false;
}

/* A JSON web token stands for itself wherever it is: eyJ, and two dots. */
static bool
web_token(const char *p, size_t len, size_t from, struct stretch *out)
{
	const char *j;

	for (size_t i = from; i < len && (j = memchr(p + i, 'J', len - i)); ) {
		size_t start = j - p, end;
		int dots = 0;

		i = start + 1;
		if (start < from + 2 || p[start - 1] != 'y' || p[start - 2] != 'e')
			continue;
		start -= 2;
		end = token_end(p, len, start);
		for (size_t k = start; k < end; k++)
			dots += p[k] == '.';
		if (dots < 2 || (start > 0 && is(p[start - 1], DIGIT | LETTER)))
			continue;
		*out = (struct stretch){ start, end };
		return true;
	}
	return false;
}

bool
redact_bearer(const char *p, size_t len, size_t from, struct stretch *out)
{
	struct stretch best = { len, len }, s;

	if (after_bearer(p, len, from, 'B', &s) && s.from < best.from)
		best = s;
	if (after_bearer(p, len, from, 'b', &s) && s.from < best.from)
		best = s;
	if (web_token(p, len, from, &s) && s.from < best.from)
		best = s;
	*out = best;
	return best.from < len;
}

const char *const redact_names[] = { "email", "card", "ipv4", "ipv6", "bearer", NULL };

redact_find_fn *
redact_find(const char *what)
{
	static redact_find_fn *const finders[] = {
		redact_email, redact_card, redact_ipv4, redact_ipv6, redact_bearer
	};

	for (size_t i = 0; redact_names[i]; i++)
		if (strcmp(redact_names[i], what) == 0)
			return finders[i];
	return NULL;
}
