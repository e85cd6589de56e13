/*
 * parse.h - what a line says: its time, level, host, tag, message and fields
 *
 * The scanners look ahead without counting: a line to be parsed is followed by a
 * control character (its newline) and BATCH_PAD readable bytes.  Batches are
 * made that way.
 */
#ifndef WEFT_PIPELINE_PARSE_H
#define WEFT_PIPELINE_PARSE_H

#include <string.h>

#include "batch.h"
#include "pipeline.h"
#include "regex.h"

/* What the stages behind look at, so that nobody pays for what nobody reads. */
struct wants {
	bool	fields;		/* all of a line's fields, not just those that parsing finds anyway */
};

/* How the lines of a source are understood; shared by all workers, never changes. */
struct format {
	int		 kind;		/* enum weft_line_format */
	struct regex	*regex;		/* for WEFT_LINE_REGEX; owned by who made the format */
	struct wants	 wants;
};

/*
 * Fills in all of l but text, len and end: fields too if wanted, and always for logfmt,
 * access logs, CRI and regex, whose lines are nothing but fields.  If it cannot be parsed as
 * the format demands, l->error says why, and fate is DEAD.
 */
void	parse_line(const struct format *f, struct scratch *s, struct batch *b, struct line *l);

/* text.c */
void	text_parse(const char *text, struct line *l);	/* any line; never fails */

/* jsonline.c: 0, or a sentence about what is wrong with it. */
const char *jsonline_parse(const char *text, size_t len, struct line *l);

/* utf8.c: the length of the sequence at p, or 0 when it is none. */
int	utf8_length(const unsigned char *p, const unsigned char *end);

/*
 * Of the eight bytes at p, how many come before the first that is a quote, a
 * backslash, a control character or not ASCII: those JSON strings copy as is.
 */
static inline size_t plain_bytes(const unsigned char *p)
{
	const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
	uint64_t w, quote, slash, stop;

	memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	quote = w ^ '"' * ones;
	slash = w ^ '\\' * ones;
	/* a borrow can mark a byte too many above a marked one, never the lowest */
	stop = ((quote - ones) | (slash - ones) | (w - 0x20 * ones) | w) & high;
	return stop ? (size_t)__builtin_ctzll(stop) / 8 : 8;
}

/* level.c */
#define LEVEL_NONE (-1)
int	level_from_word(const char *word, size_t len);		/* or LEVEL_NONE */
int	level_from_number(int64_t n);				/* pino's; syslog's below 8 */
int	level_guess(const char *text, size_t len);		/* by its first such word */

#endif
