/* csv.h - records of RFC 4180: commas, quotes, newlines inside quotes */
#ifndef WEFT_PIPELINE_CSV_H
#define WEFT_PIPELINE_CSV_H

#include "base/buf.h"

/*
 * Reads text from its beginning, and writes into it: quotes are undone in place.  What
 * it gives points into text, which must outlive it.
 */
struct csv {
	char	*at, *end;
	int	 line;			/* of the record read last, from 1 */
	int	 next;			/* where the one after it begins */
	struct csv_value { char *p; size_t len; } *values;
	size_t	 n, room;		/* of the record read last */
};
void	csv_init(struct csv *c, char *text, size_t len);
/* 1: a record; 0: no more; -1: err says what is wrong, and in which line. */
int	csv_next(struct csv *c, struct buf *err);
void	csv_finish(struct csv *c);

#endif
