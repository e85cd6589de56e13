/*
 * number.c - is a text a number, and which of two is larger
 *
 * Whole numbers of up to 18 digits are compared as they are: a double would make equals of
 * neighbours, and ids are long.  All others are doubles: exact at once when they have few
 * digits, by strtod when not.
 */
#include <stdlib.h>

#include "expr_impl.h"

#define EXACT_DIGITS	15		/* below 2^53 whatever they are */
#define EXACT_POWER	22		/* 10^22 is the last that a double holds exactly */
#define LONGEST		63

static const double powers[] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

static inline bool
is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* The rounding of the rare ones is libc's. */
static double
by_libc(const char *p, size_t len)
{
	char room[LONGEST + 1];

	memcpy(room, p, len);
	room[len] = '\0';
	return strtod(room, NULL);
}

/* e5, E-07; what is not the rest of a number is false. */
static bool
exponent(const char *p, const char *end, int *out)
{
	bool minus = false;
	int n = 0;

	if (p == end)
		return true;
	if ((*p++ | 0x20) != 'e')
		return false;
	if (p < end && (*p == '-' || *p == '+'))
		minus = *p++ == '-';
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (!is_digit(*p))
			return false;
		n = n < 10000 ? 10 * n + *p - '0' : n;
	}
	*out += minus ? -n : n;
	return true;
}

static double
scale(double d, int power)
{
	return power < 0 ? d / powers[-power] : d * powers[power];
}

bool
number_parse(const char *p, size_t len, struct number *out)
{
	const char *from = p, *end = p + len, *point = NULL;
	bool minus = false;
	uint64_t n = 0;
	int digits = 0, power = 0;

	if (len == 0 || len > LONGEST)
		return false;
	if (*p == '-' || *p == '+')
		minus = *p++ == '-';
	for (; p < end; p++) {
		if (*p == '.' && !point) {
			point = p;
			continue;
		}
		if (!is_digit(*p))
			break;
		n = 10 * n + *p - '0';		/* may wrap: then digits says so */
		digits++;
		power -= point != NULL;
	}
	if (digits == 0)
		return false;
	if (p == end && !point && digits <= 18) {
		*out = (struct number){ minus ? -(int64_t)n : (int64_t)n, 0, true };
		out->d = (double)out->i;
		return true;
	}
	if (!exponent(p, end, &power))
		return false;
	*out = (struct number){ 0, 0, false };
	if (digits <= EXACT_DIGITS && power >= -EXACT_POWER && power <= EXACT_POWER)
		out->d = scale(minus ? -(double)n : (double)n, power);
	else
		out->d = by_libc(from, len);
	return true;
}

int
number_compare(const struct number *a, const struct number *b)
{
	if (a->whole && b->whole)
		return (a->i > b->i) - (a->i < b->i);
	return (a->d > b->d) - (a->d < b->d);
}
