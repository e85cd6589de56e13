/*
 * batch.h - what travels through the pipeline's channels
 *
 * A batch is a block of bytes as read, the lines found in it, what they say, and
 * what became of them.  Its fields are written by one stage at a time, in the
 * order below; a stage that has sent the batch on no longer writes.  Several
 * outputs may hold it at the end: the last batch_unref gives its memory back.
 *
 * All of a batch's lines come from one stream (a file, a connection), one after
 * the other: bytes from..to of it, lines first, first + 1 and so on.  That is what
 * an output acknowledges, and where a restart goes on.
 */
#ifndef WEFT_PIPELINE_BATCH_H
#define WEFT_PIPELINE_BATCH_H

#include <stdatomic.h>

#include "base/buf.h"
#include "budget.h"
#include "weft/weft.h"

#define BATCH_LINES	4096		/* at most so many in a batch */
#define BATCH_PAD	64		/* bytes a scanner may read past the end */

struct source;
struct stream;

enum line_kind {
	LINE_PLAIN, LINE_JSON, LINE_SYSLOG, LINE_DPKG, LINE_ALTERNATIVES, LINE_APT,
	LINE_LOGFMT, LINE_ACCESS, LINE_CRI, LINE_REGEX
};

/* Members that a JSON line has of its own, so that ours get other names. */
enum { HAS_HOST = 1, HAS_SOURCE = 2, HAS_SEQ = 4, IS_OBJECT = 8,
	/* a step set something that the text says otherwise: render the fields, not the text */
	IS_CHANGED = 16 };

/* A part of a line; len 0: it has none.  Kept short: there is one per line. */
struct slice { uint32_t off, len; };

/*
 * A named value of a line.  key and value point into the line's text, into the
 * batch's own memory (batch_alloc), or to something that outlives the batch.
 */
enum field_kind {
	FIELD_TEXT,		/* as it is                                        */
	FIELD_ESCAPED,		/* the inside of a JSON string, escapes and all    */
	FIELD_RAW		/* JSON: a number, true, false, null, [...], {...} */
};
struct field {
	const char	*key, *value;
	uint32_t	 klen, len;
	uint8_t		 kind;		/* enum field_kind; keys are FIELD_ESCAPED in JSON */
	bool		 added;		/* by a step: the text does not have it */
};

/* What became of a line; each is counted where it is decided, once. */
enum fate {
	KEPT,			/* goes to the outputs                             */
	FILTERED,		/* by where:, or by a function of the user's       */
	SAMPLED, LIMITED, REPEATED, /* dropped: by sample:, limit:, dedup:        */
	DEAD,			/* unparsable, or a step failed: line->error       */
	FATES
};

struct line {
	const char	*text;		/* without the newline; see parse.h on what follows it */
	uint32_t	 len;
	uint32_t	 end;		/* where the next line begins, from the batch's first byte */
	struct slice	 time;		/* these four count from text, and may lie behind it
					   (parse.h); in JSON still escaped */
	struct slice	 host;
	struct slice	 tag;
	struct slice	 message;
	const char	*error;		/* why it is DEAD, or NULL */
	uint32_t	 field;		/* its first one among the batch's; fields are parsed   */
	uint16_t	 nfields, room;	/* only if something wants them (struct wants, parse.h) */
	uint8_t		 kind, level, has, fate;
};

enum render_format {
	RENDER_JSON, RENDER_TEXT, RENDER_COLOR, RENDER_RAW, RENDER_LOGFMT,
	RENDER_SYSLOG, RENDER_SYSLOG_BSD,	/* RFC 5424, RFC 3164: no frame, but a newline */
	RENDER_LOKI,			/* ["ns","text"], an entry of a push */
	RENDER_LETTER,			/* a dead letter */
	RENDER_FORMATS
};

struct chunk;

/* Lines as one kind of output wants them (plan.renderings): which, and their bytes. */
struct rendered {
	uint64_t	 keep[BATCH_LINES / 64];
	uint32_t	 n;		/* records */
	struct buf	 data;
	uint32_t	*ends;		/* of records; room for lines_room */
	size_t		 room;
};

struct batch {
	struct batch_pool *pool;
	struct batch	*next;		/* in the pool; with the collector */
	size_t		 charged;	/* to the budget */
	/* the source */
	struct source	*source;
	struct stream	*stream;
	uint64_t	 seq;		/* place among the stream's batches, from 0 */
	uint64_t	 first;		/* number of its first line, from 1 */
	uint64_t	 from, to;	/* bytes of the stream */
	uint32_t	 tail_len;	/* the last bytes before to, and their hash: see source.h */
	uint64_t	 tail_hash;
	int64_t		 received;	/* ns since 1970 */
	struct buf	 bytes;
	struct line	*lines;
	size_t		 nlines, lines_room;
	/* the worker */
	struct field	*fields;
	size_t		 nfields, fields_room;
	struct chunk	*chunks;	/* of batch_alloc */
	uint32_t	 fates[FATES];	/* how many lines of each */
	struct rendered	*rendered;
	int		 nrendered;

	atomic_int	 refs;
};

/* Batches at rest keep their memory, as long as nobody else needs it. */
struct batch_pool {
	struct budget	*budget;
	size_t		 size;		/* usual bytes of a batch */
	weft_mutex	 lock;		/* idle, nidle, hungry */
	struct batch	*idle;
	int		 nidle, max_idle;
	int		 hungry;	/* so many take memory from the budget, or wait for it */
	uint64_t	 got;		/* so often one was asked for */
};

void	batch_pool_init(struct batch_pool *p, struct budget *budget, size_t size, int max_idle);
void	batch_pool_finish(struct batch_pool *p);	/* all must be back */
void	batch_pool_trim(struct batch_pool *p);	/* frees those at rest */

/*
 * Waits for memory; has one reference, and room for so many bytes and the pad.  NULL: ctx ended.
 * Whoever waits for one holds none, hence no deadlock: those in use are on their way out.
 */
struct batch *batch_get(weft_ctx *ctx, struct batch_pool *p, size_t room);
void	batch_charge(struct batch *b);	/* tells the budget what it has grown to */
void	batch_ref(struct batch *b, int n);
void	batch_unref(struct batch *b);
struct line *batch_add(struct batch *b);	/* the next line, all zero */

/* Where its lines are from; intake.c. */
const char *batch_source_name(const struct batch *b);
const char *batch_stream_name(const struct batch *b);
const char *batch_host(const struct batch *b);

/* Memory that lives as long as the batch; aligned for pointers. */
void	*batch_alloc(struct batch *b, size_t n);
/* A new field of l, all zero.  Pointers to other fields are good until the next one. */
struct field *batch_field(struct batch *b, struct line *l);
/* The field of that name, or NULL.  The last one wins, as in most readers of JSON. */
struct field *batch_find(const struct batch *b, const struct line *l, const char *key,
	    size_t klen);

struct rendered *batch_rendered(struct batch *b, int i);	/* empty; makes those up to i */

static inline bool rendered_keeps(const struct rendered *r, size_t i)
{
	return r->keep[i / 64] >> (i % 64) & 1;
}

#endif
