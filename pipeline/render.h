/* render.h - lines as they are written to outputs and dead-letter files */
#ifndef WEFT_PIPELINE_RENDER_H
#define WEFT_PIPELINE_RENDER_H

#include "batch.h"

/* Where a line came from, once per source: what enrichment adds to each. */
struct origin {
	struct buf	host, source;	/* as they are                             */
	struct buf	prefix;		/* {"host":"h","source":"s","seq":         */
};
/* stream: NULL, or what the source calls this one of its streams */
void	origin_init(struct origin *o, const char *host, const char *source, const char *stream);
void	origin_finish(struct origin *o);

/* Appends one line, newline included, to out; number is its place in the source. */
const struct origin *batch_origin(const struct batch *b);
struct when;
void	render_line(struct buf *out, int format, const struct batch *b,
	    const struct line *l, uint64_t number, struct when *w);

/* Building blocks. */
void	render_number(struct buf *out, uint64_t n);
void	render_string(struct buf *out, const char *p, size_t len);	/* with quotes */

#endif
