/*
 * suggest.c - did you mean: the known word that is nearest to one that is not known
 *
 * Near is one edit in three letters: a letter more, less or other, or two exchanged.
 */
#include "suggest.h"

#include <stdbool.h>
#include <string.h>

#define LONGEST 24

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Of optimal string alignment: three rows of the table are enough. */
static size_t
distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][LONGEST + 1];

	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			bool same = lower(a[i - 1]) == b[j - 1];

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && lower(a[i - 1]) == b[j - 2] &&
			    lower(a[i - 2]) == b[j - 1] && rows[(i + 1) % 3][j - 2] + 1 < row[j])
				row[j] = rows[(i + 1) % 3][j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

const char *
suggest(const char *word, size_t len, const char *const *list)
{
	const char *best = NULL;
	size_t least = 1 + (len + 2) / 3;

	if (len < 2 || len > LONGEST)
		return NULL;
	for (; *list; list++) {
		size_t d = distance(word, len, *list, strlen(*list));

		if (d < least) {
			least = d;
			best = *list;
		}
	}
	return best;
}
