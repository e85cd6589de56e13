/*
 * compress.h - gzip and zstd, in frames
 *
 * A frame (gzip: a member) can be read without those before it, and a file of several is as
 * good as one of one: so a file can be cut off behind any frame.
 */
#ifndef WEFT_PIPELINE_COMPRESS_H
#define WEFT_PIPELINE_COMPRESS_H

#include "base/buf.h"

enum { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD };

int	compress_parse(const char *name);	/* NULL: none; -EINVAL */
const char *compress_suffix(int kind);		/* "", ".gz", ".zst" */

/* Memory for compressing, kept from one frame to the next; all zero but kind: ready. */
struct compressor { int kind, level; void *state; struct buf out; };
void	compress_finish(struct compressor *c);
/* One frame of n bytes in c->out, in place of what was there.  Only memory can lack. */
void	compress_frame(struct compressor *c, const void *p, size_t n);
/* All of from, frame by frame, to to.  -ECANCELED: *stop was set. */
int	compress_file(struct compressor *c, int from, int to, const atomic_bool *stop);

#endif
