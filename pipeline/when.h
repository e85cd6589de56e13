/*
 * when.h - times as logs write them, to nanoseconds since 1970 and back
 *
 * RFC 3339 and ISO 8601 with blank or T, dashes or slashes, dot or comma; RFC 3164 (no year:
 * the one that puts it nearest to now); common log format; RFC 1123 and what ctime writes; Unix
 * seconds, milliseconds, microseconds and nanoseconds by their size.  A time without a zone is
 * local.  Years are 1678 to 2261, which is what the nanoseconds reach.
 *
 * No strptime, no strftime, no locks: the last second read, the last one written and the
 * zone's offset of the quarter of an hour are remembered in a struct when, one per goroutine.
 */
#ifndef WEFT_PIPELINE_WHEN_H
#define WEFT_PIPELINE_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct when {				/* all zero: ready */
	int64_t	 quarter, offset;	/* of an hour, by a clock on the wall; its zone's offset
					   then (zones change at such places only) */
	int64_t	 second;		/* what text says, in UTC */
	char	 text[24];
	bool	 known, written;	/* quarter and offset, second and text are good */
	/* read last: the first nseen bytes of a time, without fraction and zone; 0: nothing */
	char	 seen[32];
	uint8_t	 nseen;
	bool	 guessed;		/* its year, by now */
	int64_t	 says;			/* seconds, as if it were UTC */
	int64_t	 now;
};

int64_t	when_now(void);			/* the wall clock, ns since 1970 */
/* False: it is not a time.  now (ns since 1970) settles a missing year. */
bool	when_parse(struct when *w, const char *text, size_t len, int64_t now, int64_t *ns);
/* 2026-11-25T18:31:51.123456789Z (UTC): RFC 3339; digits of the fraction 0, 3, 6 or 9. */
size_t	when_rfc3339(struct when *w, int64_t ns, int digits, char out[40]);

#endif
