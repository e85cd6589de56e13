/*
 * stage.h - the pipeline's insides, shared by its stages
 *
 *	source.c   one goroutine per source: reads, finds lines, parses
 *	stage.c    filter (1), workers (W), collector (1)
 *	output.c   one goroutine per output
 *	trouble.c  the error channel's end: dead letters and warnings
 *	pipeline.c puts them together and takes them apart in order
 *
 * A stage ends when its channel is closed and empty; pipeline.c closes a channel
 * once all its senders have ended.  Counters are only ever added to.
 */
#ifndef WEFT_PIPELINE_STAGE_H
#define WEFT_PIPELINE_STAGE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "batch.h"
#include "pipeline.h"
#include "render.h"
#include "weft/sync.h"

#define MAX_OPEN	16		/* regular files read at the same time */
#define MAX_LINE	(64u << 20)	/* longer ones are unparsable, in pieces */

typedef _Atomic uint64_t counter;

static inline void count(counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);	/* a sum, no order */
}

static inline uint64_t counted(counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

struct source {
	weft_pipeline	*p;
	char		*path;
	int		 fd;
	bool		 waits;		/* no regular file: may have to wait */
	struct buf	 bytes;		/* read and not yet in a batch */
	size_t		 searched;	/* bytes of it that hold no newline */
	uint64_t	 batches, lines; /* sent on so far */
	bool		 cut;		/* the last line was cut: the next is its rest */
	struct origin	 origin;
	/* the collector's */
	uint64_t	 next;		/* batch to pass on */
	struct batch	*early;		/* those after it, in order */
};

struct output {
	weft_pipeline	*p;
	char		*name;
	int		 fd, format;	/* enum render_format */
	bool		 owned;		/* fd is ours to close */
	bool		 cuts;		/* a torn last line can be cut off again */
	dev_t		 dev;
	ino_t		 ino;
	off_t		 at;		/* bytes written */
	int		 error;		/* broken since; nothing more is tried */
	weft_chan(struct batch *) queue;
	counter		 delivered, failed, bytes;
};

/* On the error channel.  Owns a reference to batch, when there is one. */
struct trouble {
	struct source	*source;	/* one that cannot be read ... */
	struct output	*output;	/* or lines that cannot be written ... */
	struct batch	*batch;		/* or, with no output, that cannot be parsed */
	const char	*what;		/* NULL: error says it */
	int		 error;
	size_t		 from, to;	/* which of the batch's kept lines */
};

struct weft_pipeline {
	struct weft_pipeline_options opt;
	char		*host, *dead;
	struct source	**sources;
	struct output	**outputs;
	int		 nsources, noutputs;
	bool		 renders[RENDER_FORMATS];	/* that some output wants */

	weft_ctx	*ctx;
	struct batch_pool pool;
	weft_chan(char)	 open;		/* a token per open regular file */
	weft_chan(struct batch *) parsed, kept, enriched;
	weft_chan(struct trouble) errors;
	weft_waitgroup	 reading, filtering, working, collecting, writing, troubled;
	atomic_int	 live;		/* outputs that are not broken */
	atomic_int	 error;		/* the first one, to return */
	int		 dead_fd;
	dev_t		 dead_dev;
	ino_t		 dead_ino;
	int64_t		 started, ended;

	counter		 bytes, read, filtered, unparsable, nenriched, unread, unfinished;
	counter		 dead_lost;
};

/* source.c, stage.c, output.c, trouble.c: the goroutines */
void	source_run(struct source *s);
void	filter_run(weft_pipeline *p);
void	worker_run(weft_pipeline *p);
void	collector_run(weft_pipeline *p);
void	output_run(struct output *o);
void	trouble_run(weft_pipeline *p);

int	output_open(weft_pipeline *p, const char *dest, struct output **out);
void	output_close(struct output *o);
/* Is that file one of the outputs, or the dead-letter file? */
bool	output_writes(weft_pipeline *p, dev_t dev, ino_t ino);
void	trouble_warn(weft_pipeline *p, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
int	trouble_open(weft_pipeline *p);
void	trouble_close(weft_pipeline *p);
void	stage_error(weft_pipeline *p, int err);	/* kept if it is the first */

/* fdio.c: file reads and writes that may block, as goroutines should do them */
int	fdio_open(const char *path, int flags, int mode);
ssize_t	fdio_read(int fd, void *buf, size_t n);
/* All of it: 0 or a negative errno, and how much was written. */
int	fdio_write(int fd, const void *buf, size_t n, size_t *done);

#endif
