/*
 * feed.h - from bytes that come in pieces to batches of lines
 *
 * What standard input and connections share.  A feed waits with a few bytes of room on its
 * stack; only when a line is whole does it take a batch, read what else is there straight
 * into it, and hand it on.  So an idle one holds nothing but its half line, nothing waits for
 * company, and a busy one copies little.
 *
 * A half line at the end of a stream is a line: its sender will not come back to finish it.
 */
#ifndef WEFT_PIPELINE_FEED_H
#define WEFT_PIPELINE_FEED_H

#include "framing.h"

/* Where the bytes come from: how many, 0 at the end, or a negative errno. */
struct feed_from {
	ssize_t	(*read)(weft_ctx *ctx, void *arg, void *buf, size_t n);	/* waits for some */
	ssize_t	(*more)(void *arg, void *buf, size_t n);	/* -EAGAIN: nothing is there */
};

/* Bounds the half lines of all feeds of a source.  Above the bound they are cut. */
struct feed_halves {
	_Atomic size_t	 bytes;
	size_t		 most;		/* 0: any */
};

struct feed {			/* set these; the rest is 0 */
	struct intake	*in;
	struct stream	*st;
	const struct feed_from *from;
	void		*arg;		/* from's */
	struct framing	 framing;
	struct feed_halves *halves;	/* or NULL */
	int64_t		 wait;		/* ns after which lines that might go on do not; 0: none */
	/* feed.c's */
	struct buf	 rest;		/* came, and is in no batch yet */
	size_t		 halved;	/* bytes of it counted in halves */
	uint64_t	 came, sent;	/* bytes of the stream: up to rest, handed on */
	uint64_t	 lines;
	bool		 ended;		/* the stream is over ... */
	int		 error;		/* ... because of that */
	bool		 stopped;	/* the intake takes no more */
};

/*
 * Reads until the end of the stream (0), an error, or ctx's end.  -EPROTO: framing.broken
 * has the reason.  -ESHUTDOWN: the intake takes no more.
 */
int	feed_run(weft_ctx *ctx, struct feed *f);
/* Reads what is there, at most so many bytes, without waiting.  Returns how many. */
size_t	feed_drain(struct feed *f, size_t most);
/* Hands on the half line and frees; what nobody takes any more is reported as lost. */
void	feed_finish(struct feed *f);

/* Bytes of a batch that may be filled. */
static inline size_t batch_room(const struct batch *b)
{
	return b->bytes.room - b->bytes.len - BATCH_PAD;
}
/* A batch that is ready: its place, its time, and the pad behind it. */
void	batch_seal(struct batch *b, uint64_t from, uint64_t to, uint64_t first);

#endif
