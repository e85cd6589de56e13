/* letter.h - dead letters: lines that could not be parsed or delivered, with their reasons */
#ifndef WEFT_PIPELINE_LETTER_H
#define WEFT_PIPELINE_LETTER_H

#include "batch.h"

/* Appends one, newline included.  output: whose fault it is, or NULL. */
void	letter_from_line(struct buf *out, const struct batch *b, const struct line *l,
	    uint64_t number, const char *why, const char *output);
/* One of which only the rendered text is left. */
void	letter_from_text(struct buf *out, const char *source, const char *stream,
	    const char *text, size_t len, const char *why, const char *output);

#endif
