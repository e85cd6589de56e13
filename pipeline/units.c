/*
 * units.c - quantities as people write them; see units.h
 *
 * Numbers are read by hand: strtod knows of hexadecimal, infinity and the locale, and
 * loses the last digits of large sizes.
 */
#include "units.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/die.h"

static const char too_large[] = "it is too large";
static const char no_number[] = "it does not begin with a number";

struct unit { const char *name; uint64_t worth; };

const char *
unit_bool(const char *text, bool *out)
{
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };

	for (int i = 0; i < 3; i++)
		if (!strcasecmp(text, yes[i]) || !strcasecmp(text, no[i])) {
			*out = !strcasecmp(text, yes[i]);
			return NULL;
		}
	return "it is neither";
}

const char *
unit_integer(const char *text, int64_t *out)
{
	bool minus = *text == '-';
	int64_t n = 0;

	text += minus;
	if (!*text || text[strspn(text, "0123456789")])
		return "it is none";
	for (; *text; text++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *text - '0', &n))
			return too_large;
	*out = minus ? -n : n;
	return NULL;
}

/*
 * "12.5": 12 and 5 of 10^1.  Moves *text past it.  Digits behind the ninth do not count.
 */
struct decimal { uint64_t whole, part, tens; };

static const char *
decimal(const char **text, struct decimal *d)
{
	const char *p = *text;

	*d = (struct decimal){ .tens = 1 };
	if (*p < '0' || *p > '9')
		return no_number;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(d->whole, 10, &d->whole) ||
		    __builtin_add_overflow(d->whole, *p - '0', &d->whole))
			return too_large;
	if (*p == '.' && p[1] >= '0' && p[1] <= '9')
		for (p++; *p >= '0' && *p <= '9'; p++)
			if (d->tens < 1000000000) {
				d->part = 10 * d->part + (*p - '0');
				d->tens *= 10;
			}
	*text = p;
	return NULL;
}

static const struct unit *
unit_find(const struct unit *units, const char *text, size_t len, bool any_case)
{
	for (; units->name; units++)
		if (strlen(units->name) == len && !(any_case ? strncasecmp : strncmp)
		    (units->name, text, len))
			return units;
	return NULL;
}

/* d units of so much worth, added to *sum; at most INT64_MAX in all. */
static const char *
add_worth(const struct decimal *d, uint64_t worth, uint64_t *sum)
{
	uint64_t part = (unsigned __int128)d->part * worth / d->tens, n;

	if (__builtin_mul_overflow(d->whole, worth, &n) || __builtin_add_overflow(n, part, &n) ||
	    __builtin_add_overflow(*sum, n, sum) || *sum > INT64_MAX)
		return too_large;
	return NULL;
}

const char *
unit_size(const char *text, uint64_t *out)
{
	static const struct unit units[] = {
		{ "", 1 }, { "B", 1 },
		{ "kB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 }, { "TB", 1000000000000 },
		{ "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "TiB", 1LL << 40 },
		{ "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { "T", 1LL << 40 },
		{ NULL, 0 }
	};
	const struct unit *u;
	struct decimal d;
	const char *why = decimal(&text, &d);

	if (why)
		return why;
	while (*text == ' ')
		text++;
	u = unit_find(units, text, strlen(text), true);
	if (!u)
		return "the units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB";
	*out = 0;
	return add_worth(&d, u->worth, out);
}

static const struct unit durations[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
	{ "sec", 1000000000 }, { "m", 60000000000 }, { "min", 60000000000 },
	{ "h", 3600000000000 }, { "d", 86400000000000 }, { "w", 604800000000000 },
	{ NULL, 0 }
};
static const char duration_units[] = "the units are ns, us, ms, s, m, h, d and w";

static size_t
letters(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

const char *
unit_duration(const char *text, int64_t *out)
{
	uint64_t sum = 0;
	const char *why;

	if (strcmp(text, "0") == 0) {
		*out = 0;
		return NULL;
	}
	if (*text == '-')
		return "it is negative";
	do {
		const struct unit *u;
		struct decimal d;
		size_t n;

		why = decimal(&text, &d);
		if (why)
			return why;
		n = letters(text);
		if (n == 0 && !*text)
			return "it has no unit";
		u = unit_find(durations, text, n, false);
		if (!u)
			return duration_units;
		why = add_worth(&d, u->worth, &sum);
		if (why)
			return why;
		text += n;
	} while (*text);
	*out = sum;
	return NULL;
}

const char *
unit_rate(const char *text, int64_t *events, int64_t *per)
{
	const char *slash = strchr(text, '/'), *why;
	const struct unit *u;
	char number[24] = "";

	if (!slash)
		return "it does not say per what";
	if ((size_t)(slash - text) >= sizeof(number))
		return too_large;
	memcpy(number, text, slash - text);
	why = unit_integer(number, events);
	if (why)
		return why == too_large ? why : no_number;
	if (*events <= 0)
		return "it must be above 0";
	u = unit_find(durations, slash + 1, strlen(slash + 1), false);
	if (u) {
		*per = u->worth;
		return NULL;
	}
	why = unit_duration(slash + 1, per);
	if (why)
		return why == no_number ? duration_units : why;
	return *per ? NULL : "it must be per more than no time";
}

const char *
unit_share(const char *text, double *out)
{
	struct decimal d;
	const char *why = decimal(&text, &d);

	if (why)
		return why;
	*out = d.whole + (double)d.part / d.tens;
	if (strcmp(text, "%") == 0)
		*out /= 100;
	else if (*text)
		return "it is neither a percentage nor a number";
	if (*out > 1)
		return *text ? "it is more than 100%" : "it is more than 1, which is all; say 10%";
	return *out > 0 ? NULL : "it is nothing";
}
