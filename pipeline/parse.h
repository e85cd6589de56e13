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
	bool	fields;		/* all of a line's fields, not just those found anyway */
};

/* How the lines of a source are understood; shared by all workers, never changes. */
struct format {
	int		 kind;		/* enum weft_line_format */
	struct regex	*regex;		/* for WEFT_LINE_REGEX; owned by who made the format */
	struct wants	 wants;
};

/*
 * Fills in all of l but text, len and end: fields too if wanted, and always for logfmt,
 * access logs, CRI, regex and structured data of syslog, whose lines are nothing but fields.
 * If it cannot be parsed as the format demands, l->error says why, fate is DEAD, and there
 * are no fields.  A line that is DEAD already (split.c cut it) is left alone.
 *
 * The fields of JSON are all its outermost members, level and time among them.  In all other
 * formats what went into level, time, host, tag and message is not among the fields; a
 * second one, or a level that is none, is a field as any other.
 *
 * Where a message, a time or a host must be unescaped first (logfmt's quotes, JSON in CRI),
 * l->text becomes a copy with those behind its end: slices then lie behind text + len.  So does
 * what CRI's lines say that were one before: text is the one they would have been.
 */
void	parse_line(const struct format *f, struct scratch *s, struct batch *b, struct line *l);

/* More fields than this in a line: it is dead. */
#define MAX_FIELDS 30000

/* For parsers: a field more, and what its name takes from ours; false: there are too many. */
bool	line_field(struct batch *b, struct line *l, const char *key, size_t klen,
	    const char *value, size_t len, int kind);
/* A field that is a JSON number if it can be one, else text; key ends with NUL. */
bool	line_number(struct batch *b, struct line *l, const char *key, const char *value,
	    size_t len);
/* Puts p behind the line's text, in a copy of both; the copy's slice. */
struct slice line_append(struct batch *b, struct line *l, const char *p, size_t len);

/*
 * The formats.  Each returns NULL, or what is wrong; then l may be half filled in.
 */
/* text.c: any line; never fails */
void	text_parse(const struct format *f, struct batch *b, struct line *l);
/* jsonline.c: b NULL: without fields */
const char *jsonline_parse(const char *text, size_t len, struct batch *b, struct line *l);
/* logfmt.c */
/* sure: that it is logfmt; else there must be two pairs, and more pairs than bare words */
const char *logfmt_parse(struct batch *b, struct line *l, bool sure);
bool	logfmt_likely(const char *text, size_t len);	/* worth trying */
/* access.c */
const char *access_parse(struct batch *b, struct line *l);
bool	access_likely(const char *text, size_t len);
/* cri.c */
const char *cri_parse(struct batch *b, struct line *l);
struct cri {
	struct slice time;
	bool	 error;			/* stderr */
	bool	 partial;		/* the next one of this stream is the rest */
	uint32_t message;		/* where it begins */
};
bool	cri_header(const char *text, size_t len, struct cri *out);
/* groups.c: a regex with named groups */
const char *groups_parse(const struct format *f, struct scratch *s, struct batch *b,
	    struct line *l);

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
int	level_from_value(const char *text, size_t len);		/* a word or a number */
int	level_guess(const char *text, size_t len);		/* by its first such word */

#endif
