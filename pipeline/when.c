/*
 * when.c - times as logs write them
 *
 * A time is a date and a time of day, a fraction, a zone.  Lines that stand together mostly
 * differ in the fraction only, so the bytes before it are compared with those of the
 * time before; if they are equal, only fraction and zone are read.
 *
 * Seconds "as if it were UTC" are those of a clock on the wall that knows no zones; the
 * zone's offset taken off makes them seconds since 1970.
 */
#include "when.h"

#include <string.h>
#include <time.h>

#define SECOND	INT64_C(1000000000)
#define QUARTER	900
#define DAY	86400

struct cursor { const char *p, *end; };
struct civil { int year, month, day; };

int64_t
when_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years that begin in March end with the leap day; 400 of them have 146097 days. */
static int64_t
days_of(struct civil c)
{
	int64_t year = c.month > 2 ? c.year : c.year - 1;
	int64_t era = floor_div(year, 400), y = year - era * 400;
	int64_t m = (c.month + 9) % 12;

	return era * 146097 + y * 365 + y / 4 - y / 100 + (m * 153 + 2) / 5 + c.day - 1 - 719468;
}

static struct civil
civil_of(int64_t days)
{
	int64_t era, d, y, m;
	struct civil c;

	days += 719468;
	era = floor_div(days, 146097);
	d = days - era * 146097;
	y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	d -= y * 365 + y / 4 - y / 100;
	m = (5 * d + 2) / 153;
	c.day = d - (m * 153 + 2) / 5 + 1;
	c.month = m < 10 ? m + 3 : m - 9;
	c.year = era * 400 + y + (c.month <= 2);
	return c;
}

/* A month from 1 on. */
static bool
is_date(struct civil c)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = c.year % 4 == 0 && (c.year % 100 != 0 || c.year % 400 == 0);

	return c.year >= 1678 && c.year <= 2261 && c.month >= 1 && c.month <= 12 &&
	    c.day >= 1 && c.day <= days[c.month - 1] + (leap && c.month == 2);
}

static inline bool
is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static inline bool
at_digit(const struct cursor *c)
{
	return c->p < c->end && is_digit(*c->p);
}

/* One of the characters in any; steps over it. */
static bool
take(struct cursor *c, const char *any)
{
	if (c->p == c->end || !*c->p || !strchr(any, *c->p))
		return false;
	c->p++;
	return true;
}

/* Exactly n digits. */
static bool
number(struct cursor *c, int n, int *out)
{
	int v = 0;

	if (c->end - c->p < n)
		return false;
	for (int i = 0; i < n; i++) {
		if (!is_digit(c->p[i]))
			return false;
		v = 10 * v + c->p[i] - '0';
	}
	c->p += n;
	*out = v;
	return true;
}

/* 03:04:05; a leap second is the first one after it, as everywhere. */
static bool
clock_time(struct cursor *c, int64_t *seconds)
{
	int h, m, s;

	if (!number(c, 2, &h) || !take(c, ":") || !number(c, 2, &m) || !take(c, ":") ||
	    !number(c, 2, &s) || h > 23 || m > 59 || s > 60 || at_digit(c))
		return false;
	*seconds = h * 3600 + m * 60 + s;
	return true;
}

/* One of n names of three letters, in any case; from 1 on, 0: none. */
static int
name(struct cursor *c, const char *names, int n)
{
	if (c->end - c->p < 3)
		return 0;
	for (int i = 0; i < n; i++)
		if (strncasecmp(c->p, names + 3 * i, 3) == 0) {
			c->p += 3;
			return i + 1;
		}
	return 0;
}

static int
month(struct cursor *c)
{
	return name(c, "JanFebMarAprMayJunJulAugSepOctNovDec", 12);
}

/* Mon, or Mon, with a comma: it says nothing that the date does not. */
static void
skip_weekday(struct cursor *c)
{
	if (name(c, "MonTueWedThuFriSatSun", 7)) {
		take(c, ",");
		take(c, " ");
	}
}

/* 2 or 02 or " 2" */
static bool
day(struct cursor *c, int *out)
{
	take(c, " ");
	if (c->end - c->p > 1 && is_digit(c->p[1]))
		return number(c, 2, out);
	return number(c, 1, out);
}

/* 2024-01-02T03:04:05 */
static bool
iso(struct cursor *c, int64_t *says)
{
	struct civil d;
	int64_t s;

	if (!number(c, 4, &d.year) || !take(c, "-/") || !number(c, 2, &d.month) ||
	    !take(c, "-/") || !number(c, 2, &d.day) || !take(c, "Tt _"))
		return false;
	take(c, " ");		/* apt writes two */
	if (!is_date(d) || !clock_time(c, &s))
		return false;
	*says = days_of(d) * DAY + s;
	return true;
}

/* 02/Jan/2024:03:04:05, 02 Jan 2024 03:04:05 */
static bool
day_first(struct cursor *c, int64_t *says)
{
	struct civil d;
	int64_t s;

	if (!day(c, &d.day) || !take(c, "/ -") || !(d.month = month(c)) || !take(c, "/ -") ||
	    !number(c, 4, &d.year) || !take(c, ": ") || !is_date(d) || !clock_time(c, &s))
		return false;
	*says = days_of(d) * DAY + s;
	return true;
}

/* The year that puts it nearest to now; the 29th of February may need a few. */
static bool
guess_year(struct civil d, int64_t s, int64_t now, int64_t *says)
{
	int64_t best = INT64_MAX, today = floor_div(now, SECOND);
	int year = civil_of(floor_div(today, DAY)).year;

	for (d.year = year - 8; d.year <= year + 8; d.year++) {
		if (!is_date(d))
			continue;
		int64_t t = days_of(d) * DAY + s, far = t < today ? today - t : t - today;
		if (far < best) {
			best = far;
			*says = t;
		}
	}
	return best != INT64_MAX;
}

/* 0102 03:04:05: a month and a day of some year, as klog has it */
static bool
month_and_day(struct cursor *c, struct when *w, int64_t now)
{
	struct civil d;
	int64_t s;

	w->guessed = true;
	return number(c, 2, &d.month) && number(c, 2, &d.day) && take(c, " ") &&
	    clock_time(c, &s) && guess_year(d, s, now, &w->says);
}

static int64_t fraction(struct cursor *c);

/*
 * Jan  2 03:04:05, Jan  2 2024 03:04:05, Jan  2 03:04:05.678 2024 (Apache's error log); the last
 * one's fraction goes to ns, for it stands before the year.
 */
static bool
month_first(struct cursor *c, struct when *w, int64_t now, int64_t *says, int64_t *ns)
{
	struct civil d;
	struct cursor later;
	int64_t s;

	if (!(d.month = month(c)) || !take(c, " ") || !day(c, &d.day) || !take(c, " "))
		return false;
	later = *c;
	bool year = number(&later, 4, &d.year) && take(&later, " ");
	if (year)
		*c = later;
	if (!clock_time(c, &s))
		return false;
	if (!year) {
		later = *c;
		*ns = fraction(&later);
		year = take(&later, " ") && number(&later, 4, &d.year) && later.p == later.end;
		if (!year) {
			*ns = 0;
			w->guessed = true;
			return guess_year(d, s, now, says);
		}
		*c = later;
	}
	*says = days_of(d) * DAY + s;
	return is_date(d);
}

static bool
date_and_time(struct when *w, struct cursor *c, int64_t now, int64_t *ns)
{
	w->guessed = false;
	if (c->end - c->p > 4 && c->p[4] == ' ' && is_digit(c->p[3]) && is_digit(c->p[2]))
		return month_and_day(c, w, now);
	if (c->end - c->p > 4 && is_digit(c->p[0]) && is_digit(c->p[2]))
		return iso(c, &w->says);
	skip_weekday(c);
	if (at_digit(c) || (c->p < c->end && *c->p == ' '))
		return day_first(c, &w->says);
	return month_first(c, w, now, &w->says, ns);
}

/* Nanoseconds, of as many digits as there are; 0 where there is no fraction. */
static int64_t
fraction(struct cursor *c)
{
	int64_t ns = 0, unit = SECOND / 10;

	if (c->end - c->p < 2 || (*c->p != '.' && *c->p != ',') || !is_digit(c->p[1]))
		return 0;
	for (c->p++; at_digit(c); c->p++, unit /= 10)
		ns += (*c->p - '0') * unit;
	return ns;
}

/* Local time's offset at a second since 1970. */
static int64_t
offset_at(int64_t second)
{
	time_t t = second;
	struct tm tm;

	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

/*
 * The offset to take off what a clock on the wall says.  What it says twice, when it is set
 * back, is the first time; what it never says, because it is set forward, is as if it were not.
 */
static int64_t
find_offset(int64_t says)
{
	int64_t before = offset_at(says - DAY), after = offset_at(says + DAY);

	if (before == after || offset_at(says - before) == before ||
	    offset_at(says - after) != after)
		return before;
	return after;
}

static int64_t
from_local(struct when *w, int64_t says)
{
	int64_t quarter = floor_div(says, QUARTER);

	if (!w->known || w->quarter != quarter) {
		w->known = true;
		w->quarter = quarter;
		w->offset = find_offset(quarter * QUARTER);
	}
	return says - w->offset;
}

/* +01:00, +0100, +01 */
static bool
numeric_zone(struct cursor *c, int64_t *offset)
{
	int sign = *c->p++ == '-' ? -1 : 1, h, m = 0;

	if (!number(c, 2, &h))
		return false;
	if ((take(c, ":") || at_digit(c)) && !number(c, 2, &m))
		return false;
	*offset = sign * (h * 3600 + m * 60);
	return h < 24 && m < 60;
}

/* The rest of a time: its zone, or nothing, which is local time. */
static bool
zone(struct when *w, struct cursor *c, int64_t says, int64_t *second)
{
	int64_t offset = 0;

	if (c->p == c->end) {
		*second = from_local(w, says);
		return true;
	}
	take(c, " ");
	if (c->p == c->end)
		return false;
	if (*c->p == '+' || *c->p == '-') {
		if (!numeric_zone(c, &offset))
			return false;
	} else if (*c->p == 'Z' || *c->p == 'z') {
		c->p++;
	} else if (!name(c, "UTCGMT", 2)) {
		return false;
	}
	*second = says - offset;
	return c->p == c->end;
}

/* 1700000000, and as milliseconds, microseconds, nanoseconds; any may have a fraction. */
static bool
unix_time(struct cursor *c, int64_t *ns)
{
	uint64_t big = 0;
	int64_t v, unit;

	for (int n = 0; at_digit(c) && n < 19; n++)
		big = big * 10 + (*c->p++ - '0');
	v = big;
	unit = v < 100000000000 ? SECOND : v < 100000000000000 ? 1000000 :
	    v < 100000000000000000 ? 1000 : 1;
	if (v < 0 || __builtin_mul_overflow(v, unit, ns))
		return false;
	v = fraction(c) / (SECOND / unit);
	return !__builtin_add_overflow(*ns, v, ns) && c->p == c->end;
}

/* Nothing but digits, or digits, a dot and more. */
static bool
is_unix_time(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && is_digit(text[i]))
		i++;
	return i > 0 && (i == len || text[i] == '.');
}

static bool
is_seen(const struct when *w, const char *text, size_t len, int64_t now)
{
	if (!w->nseen || len < w->nseen || memcmp(text, w->seen, w->nseen) != 0)
		return false;
	return !w->guessed || (now - w->now < 3600 * SECOND && w->now - now < 3600 * SECOND);
}

static void
remember(struct when *w, const char *text, size_t n, int64_t now)
{
	if (n > sizeof(w->seen))
		return;
	memcpy(w->seen, text, n);
	w->nseen = n;
	w->now = now;
}

bool
when_parse(struct when *w, const char *text, size_t len, int64_t now, int64_t *ns)
{
	struct cursor c = { text, text + len };
	int64_t second, part = 0;

	if (is_seen(w, text, len, now)) {
		c.p += w->nseen;
		/* Apache's year stands behind the fraction: it may be another one */
		if (w->guessed && len > 5 && text[len - 5] == ' ' && is_digit(text[len - 4]))
			c.p = text;
	} else if (is_unix_time(text, len)) {
		return unix_time(&c, ns);
	}
	if (c.p == text) {
		w->nseen = 0;
		if (!date_and_time(w, &c, now, &part))
			return false;
		if (!part)
			remember(w, text, c.p - text, now);
	}
	if (!part)
		part = fraction(&c);
	if (!zone(w, &c, w->says, &second))
		return false;
	return !__builtin_mul_overflow(second, SECOND, ns) &&
	    !__builtin_add_overflow(*ns, part, ns);
}

static void
two(char *out, int v)
{
	out[0] = '0' + v / 10;
	out[1] = '0' + v % 10;
}

static void
write_second(struct when *w, int64_t second)
{
	int64_t days = floor_div(second, DAY), s = second - days * DAY;
	struct civil c = civil_of(days);

	two(w->text, c.year / 100);
	two(w->text + 2, c.year % 100);
	two(w->text + 5, c.month);
	two(w->text + 8, c.day);
	two(w->text + 11, s / 3600);
	two(w->text + 14, s / 60 % 60);
	two(w->text + 17, s % 60);
	w->text[4] = w->text[7] = '-';
	w->text[10] = 'T';
	w->text[13] = w->text[16] = ':';
	w->second = second;
	w->written = true;
}

size_t
when_rfc3339(struct when *w, int64_t ns, int digits, char out[40])
{
	int64_t second = floor_div(ns, SECOND), part = ns - second * SECOND;
	size_t n = 19;

	if (!w->written || w->second != second)
		write_second(w, second);
	memcpy(out, w->text, n);
	if (digits > 0) {
		out[n++] = '.';
		for (int i = 9; i-- > 0; part /= 10)
			if (i < digits)
				out[n + i] = '0' + part % 10;
		n += digits;
	}
	out[n++] = 'Z';
	return n;
}
