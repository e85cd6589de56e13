/* utf8.c - well-formed UTF-8, as Unicode's table 3-7 has it */
#include "parse.h"

static bool
follows(const unsigned char *p, const unsigned char *end, int n)
{
	if (end - p < n)
		return false;
	for (int i = 0; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

int
utf8_length(const unsigned char *p, const unsigned char *end)
{
	unsigned c = *p, next = p + 1 < end ? p[1] : 0;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return follows(p + 1, end, 1) ? 2 : 0;
	if (c >= 0xe0 && c <= 0xef) {
		/* not overlong, not a surrogate */
		if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f))
			return 0;
		return follows(p + 1, end, 2) ? 3 : 0;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		/* not overlong, not past U+10FFFF */
		if ((c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f))
			return 0;
		return follows(p + 1, end, 3) ? 4 : 0;
	}
	return 0;
}
