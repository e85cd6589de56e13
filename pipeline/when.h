/*
 * when.h - times as logs write them, to nanoseconds since 1970 and back
 *
 * RFC 3339 and ISO 8601 with blank or T, dot or comma; RFC 3164 (no year: the one that puts it
 * nearest to now); common log format; Unix seconds, milliseconds, microseconds and nanoseconds
 * by their size.  A time without a zone is local.  No strptime, no strftime, no locks: the
 * last second and the zone's offset of the hour are remembered in a struct when, one per goroutine.
 */
#ifndef WEFT_PIPELINE_WHEN_H
#define WEFT_PIPELINE_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct when {				/* all zero: ready */
	int64_t	 hour, offset;		/* seconds since 1970 of an hour; local time's offset then */
	int64_t	 second;		/* what text says */
	char	 text[24];
	bool	 known;
};

int64_t	when_now(void);			/* the wall clock, ns since 1970 */
/* False: it is not a time.  now (ns since 1970) settles a missing year. */
bool	when_parse(struct when *w, const char *text, size_t len, int64_t now, int64_t *ns);
/* 2026-11-25T18:31:51.123456789Z (UTC): RFC 3339; digits of the fraction 0, 3, 6 or 9. */
size_t	when_rfc3339(struct when *w, int64_t ns, int digits, char out[40]);

#endif
