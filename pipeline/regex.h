/*
 * regex.h - PCRE2 with its JIT, compiled once and used by any number of workers
 *
 * What a match needs of its own is in a struct scratch, one per goroutine that
 * matches: match data, and a JIT stack, for a goroutine's own is small.  Matches are limited in
 * steps and depth, so that no pattern can pin a core: one that hits the limit is an error.
 */
#ifndef WEFT_PIPELINE_REGEX_H
#define WEFT_PIPELINE_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct regex;
struct scratch;
struct when;

struct scratch *scratch_new(void);
void	scratch_free(struct scratch *s);
struct buf *scratch_room(struct scratch *s);	/* bytes for whoever needs some for a moment */
struct when *scratch_when(struct scratch *s);	/* its memory of times: when.h */

/* NULL: err gets a sentence with the place in the pattern.  flags: "i" ignores case. */
struct regex *regex_new(const char *pattern, const char *flags, struct buf *err);
void	regex_free(struct regex *r);		/* NULL: nothing */

/* Named groups, in the order of their numbers; number counts as in PCRE2, from 1. */
int	regex_groups(const struct regex *r);	/* how many named ones */
const char *regex_group(const struct regex *r, int i, int *number);

/*
 * The first match at or after from: true, and at[2 * g], at[2 * g + 1] are where group g
 * begins and ends (0: all of it), (size_t)-1 if it has no part.  at is good until the next
 * match with s.  No match: false.  The limit was hit: false, and *limited (may be NULL).
 */
bool	regex_match(const struct regex *r, struct scratch *s, const char *text, size_t len,
	    size_t from, const size_t **at, bool *limited);

#endif
