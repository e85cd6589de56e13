/*
 * http_shape.h - what requests look like, and what answers mean
 */
#ifndef WEFT_PIPELINE_HTTP_SHAPE_H
#define WEFT_PIPELINE_HTTP_SHAPE_H

#include "outname.h"
#include "sink.h"

/* What became of a record. */
enum { RECORD_OPEN, RECORD_TAKEN, RECORD_REFUSED };
struct verdict { uint8_t fate; char *why; };	/* why: xmalloc, of one that was refused */

struct http_shape {
	int		 kind;		/* enum weft_http_shape */
	struct outname	 index;		/* Elasticsearch's; text NULL: it is in the URL */
	struct label { char *name; struct outname value; } *labels;
	int		 nlabels;
};

/* 0, or -EINVAL and a sentence. */
int	http_shape_init(struct http_shape *s, const struct weft_http_options *o, struct buf *err);
void	http_shape_finish(struct http_shape *s);
const char *http_shape_type(const struct http_shape *s);	/* Content-Type */
/* The URL to use: Elasticsearch is asked to answer in few words. */
void	http_shape_url(const struct http_shape *s, const char *url, struct buf *out);
/* The body of a request with the n records of p that are in picked. */
void	http_shape_body(struct http_shape *s, struct buf *out, const struct parcel *p,
	    const uint32_t *picked, uint32_t n);
/*
 * What Elasticsearch's answer says of each of n records; they stay open if they are worth another
 * try, and why is one's reason.  -EPROTO: it is no such answer.
 */
int	http_shape_items(const char *answer, size_t len, struct verdict *const *v, uint32_t n,
	    struct buf *why);

#endif
