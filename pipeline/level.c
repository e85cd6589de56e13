/*
 * level.c - names of levels, and a guess at the level of plain text
 *
 * The guess is the first word that names a level.  A word has no letter, digit or
 * any of -_./ beside it, so that "libgpg-error0" and "/var/log/error.log" are no
 * errors.
 */
#include <string.h>
#include <strings.h>

#include "parse.h"

#define GUESS_WITHIN 512	/* bytes: a level stands early or not at all */

static const char *const names[] = { "trace", "debug", "info", "warn", "error", "fatal" };

static const struct word {
	const char *text;
	signed char level;
	bool common;	/* in prose as well: guessed by in capitals only */
} words[] = {
	{ "trace", WEFT_LEVEL_TRACE, true },	{ "verbose", WEFT_LEVEL_TRACE, true },
	{ "debug", WEFT_LEVEL_DEBUG, false },	{ "dbg", WEFT_LEVEL_DEBUG, true },
	{ "fine", WEFT_LEVEL_DEBUG, true },
	{ "info", WEFT_LEVEL_INFO, false },	{ "information", WEFT_LEVEL_INFO, true },
	{ "informational", WEFT_LEVEL_INFO, true },
	{ "notice", WEFT_LEVEL_INFO, false },	{ "log", WEFT_LEVEL_INFO, true },
	{ "warn", WEFT_LEVEL_WARN, false },	{ "warning", WEFT_LEVEL_WARN, false },
	{ "error", WEFT_LEVEL_ERROR, false },	{ "err", WEFT_LEVEL_ERROR, false },
	{ "errors", WEFT_LEVEL_ERROR, false },	{ "severe", WEFT_LEVEL_ERROR, false },
	{ "failed", WEFT_LEVEL_ERROR, false },	{ "failure", WEFT_LEVEL_ERROR, false },
	{ "fatal", WEFT_LEVEL_FATAL, false },	{ "panic", WEFT_LEVEL_FATAL, false },
	{ "critical", WEFT_LEVEL_FATAL, false }, { "crit", WEFT_LEVEL_FATAL, false },
	{ "alert", WEFT_LEVEL_FATAL, true },	{ "emerg", WEFT_LEVEL_FATAL, false },
	{ "emergency", WEFT_LEVEL_FATAL, true },
};

const char *
weft_level_name(int level)
{
	return level >= 0 && level <= WEFT_LEVEL_FATAL ? names[level] : "?";
}

/* For each letter, a bit per length of the words that begin with it: most words have none. */
static uint16_t lengths[32];

static const struct word *
find(const char *word, size_t len)
{
	if (!(lengths[word[0] & 31] >> len & 1))
		return NULL;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].text[0] == (word[0] | 0x20) &&
		    strncasecmp(words[i].text, word, len) == 0 && !words[i].text[len])
			return &words[i];
	return NULL;
}

int
level_from_word(const char *word, size_t len)
{
	const struct word *w;

	if (len == 0 || len > 13)
		return LEVEL_NONE;
	w = find(word, len);
	return w ? w->level : LEVEL_NONE;
}

int
weft_level_parse(const char *name)
{
	int level = level_from_word(name, strlen(name));

	return level == LEVEL_NONE ? -EINVAL : level;
}

int
level_from_number(int64_t n)
{
	static const signed char syslog[8] = {
		WEFT_LEVEL_FATAL, WEFT_LEVEL_FATAL, WEFT_LEVEL_FATAL, WEFT_LEVEL_ERROR,
		WEFT_LEVEL_WARN, WEFT_LEVEL_INFO, WEFT_LEVEL_INFO, WEFT_LEVEL_DEBUG
	};

	if (n >= 0 && n < 8)
		return syslog[n];
	if (n < 10)
		return LEVEL_NONE;
	return n >= 60 ? WEFT_LEVEL_FATAL : (int)(n / 10) - 1;
}

int
level_from_value(const char *text, size_t len)
{
	int64_t n = 0;

	if (len == 0 || len > 13)
		return LEVEL_NONE;
	if (*text < '0' || *text > '9')
		return level_from_word(text, len);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return LEVEL_NONE;
		n = 10 * n + text[i] - '0';
	}
	return level_from_number(n);
}

enum { LETTER = 1, JOINS = 2 };

static unsigned char class[256];

__attribute__((constructor)) static void
fill_classes(void)
{
	for (int c = 'a'; c <= 'z'; c++)
		class[c] = class[c - 0x20] = LETTER;
	for (int c = '0'; c <= '9'; c++)
		class[c] = JOINS;
	for (const char *s = "-_./"; *s; s++)
		class[(unsigned char)*s] = JOINS;
	for (int c = 0x80; c <= 0xff; c++)
		class[c] = JOINS;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		lengths[words[i].text[0] & 31] |= 1 << strlen(words[i].text);
}

/* A full stop ends a sentence as well: "an error." is one, "error.log" is not. */
static bool
word_ends(const unsigned char *p, const unsigned char *end)
{
	if (p == end || !class[*p])
		return true;
	return *p == '.' && (p + 1 == end || !class[p[1]]);
}

static bool
in_capitals(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] & 0x20)
			return false;
	return true;
}

int
level_guess(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *word;
	const unsigned char *end = p + (len < GUESS_WITHIN ? len : GUESS_WITHIN);
	const struct word *w;

	while (p < end) {
		while (p < end && !class[*p])
			p++;
		for (word = p; p < end && class[*p] == LETTER; )
			p++;
		if (p - word >= 3 && p - word <= 13 && word_ends(p, end)) {
			w = find((const char *)word, p - word);
			if (w && (!w->common || in_capitals(word, p - word)))
				return w->level;
		}
		while (p < end && class[*p])
			p++;
	}
	return LEVEL_NONE;
}
