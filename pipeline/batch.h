/*
 * batch.h - what travels through the pipeline's channels
 *
 * A batch is a block of bytes as read, the lines found in it, and what became of
 * them.  Its fields are written by one stage at a time, in the order below; a
 * stage that has sent the batch on no longer writes.  Several may hold it at the
 * end (each output, the error channel): the last batch_unref gives it back to the
 * pool, whose size bounds the memory of the whole pipeline.
 */
#ifndef WEFT_PIPELINE_BATCH_H
#define WEFT_PIPELINE_BATCH_H

#include <stdatomic.h>

#include "base/buf.h"
#include "weft/weft.h"

#define BATCH_LINES	4096		/* at most so many in a batch */
#define BATCH_PAD	64		/* bytes a scanner may read past the end */

struct source;

enum line_kind { LINE_PLAIN, LINE_JSON, LINE_SYSLOG, LINE_DPKG, LINE_ALTERNATIVES, LINE_APT };

/* Members that a JSON line has of its own, so that ours get other names. */
enum { HAS_HOST = 1, HAS_SOURCE = 2, HAS_SEQ = 4, IS_OBJECT = 8 };

/* A part of a line; len 0: it has none.  Kept short: there is one per line. */
struct slice { uint32_t off, len; };

struct line {
	uint32_t	 off, len;	/* in the batch's bytes, without the newline */
	struct slice	 time;		/* these four count from off */
	struct slice	 host;
	struct slice	 tag;
	struct slice	 message;
	const char	*error;		/* why it cannot be parsed, or NULL */
	uint8_t		 kind, level, has;
};

enum render_format { RENDER_JSON, RENDER_TEXT, RENDER_COLOR, RENDER_RAW, RENDER_FORMATS };

struct batch {
	struct batch_pool *pool;
	/* the source */
	struct source	*source;
	uint64_t	 seq;		/* place among the source's batches, from 0 */
	uint64_t	 first;		/* number of its first line, from 1 */
	struct buf	 bytes;
	struct line	*lines;
	size_t		 nlines, lines_room, nerrors;
	/* the filter */
	uint64_t	 keep[BATCH_LINES / 64];
	size_t		 nkeep;
	/* the worker */
	struct buf	 rendered[RENDER_FORMATS];
	/* the collector */
	struct batch	*next;		/* waits for an earlier one of its source */

	atomic_int	 refs;
};

struct batch_pool {
	weft_chan(struct batch *) idle;
	struct batch	*all;
	int		 n;
	size_t		 size;		/* bytes of a batch */
};

void	batch_pool_init(struct batch_pool *p, int n, size_t size);
void	batch_pool_finish(struct batch_pool *p);	/* all must be back */

struct batch *batch_get(struct batch_pool *p);	/* waits for one; has one reference */
void	batch_ref(struct batch *b, int n);
void	batch_unref(struct batch *b);
struct line *batch_add(struct batch *b);	/* the next line, all zero but for off, len */

static inline bool batch_kept(const struct batch *b, size_t i)
{
	return b->keep[i / 64] >> (i % 64) & 1;
}

static inline const char *batch_text(const struct batch *b, const struct line *l)
{
	return b->bytes.data + l->off;
}

#endif
