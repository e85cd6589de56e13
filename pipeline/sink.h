/*
 * sink.h - the far end of an output: a file, a terminal, a socket, an HTTP server
 *
 * The output (output.c) owns queue, retries, acknowledgements and counts; the sink makes one
 * attempt at a time, in the output's goroutine, which has a stack of 256 KiB.
 */
#ifndef WEFT_PIPELINE_SINK_H
#define WEFT_PIPELINE_SINK_H

#include "base/buf.h"
#include "pipeline.h"

/* What to deliver: records, each ending in a newline (one of several lines has more inside). */
struct parcel {
	const char	*data;
	size_t		 len;
	uint32_t	 records;
	const uint32_t	*ends;		/* record i is data + ends[i - 1] (or 0) up to ends[i] */
	const char	*source, *stream, *host; /* of all of them: for templates and labels */
	int64_t		 received;	/* ns since 1970: when they were read */
};

/* Records of a parcel that the other side will never take, by number from 0, in order. */
struct rejects { uint32_t *record; char **why; size_t n, room; };
void	rejects_add(struct rejects *r, uint32_t record, const char *why);	/* copied */
void	rejects_finish(struct rejects *r);

struct sink;
struct sink_kind {
	const char *name;		/* "file", "syslog", "http" ... */
	/*
	 * Once, before anything else; state is what save gave, of the last run, or len 0.  A sink that
	 * can takes back what was written after it.  Errors that will pass (a server that is down) are
	 * not errors here: write will tell.  With 0 there may be remarks in err: a file that is gone.
	 */
	int	(*open)(weft_ctx *ctx, struct sink *s, const void *state, size_t len,
		    struct buf *err);
	/*
	 * Delivers the records from *done on, and moves *done past those that are delivered or
	 * rejected.  0: all.  A negative errno: not all, now; it is called again later with the
	 * same parcel.  After -EIO and the like nothing half-written may remain in a file.
	 */
	int	(*write)(weft_ctx *ctx, struct sink *s, const struct parcel *p, uint32_t *done,
		    struct rejects *r);
	/* Makes all of it safe from a crash of the machine, unless its options do not want that. */
	int	(*sync)(struct sink *s);
	/*
	 * What open needs of all that was written so far.  A parcel counts once write has returned 0
	 * for it; a part of one is taken back by open, so the whole of it must come again.  The output
	 * calls sync before, and saves only if that returned 0.  NULL: it has no state.
	 */
	void	(*save)(struct sink *s, struct buf *state);
	/* Called every second or so with nothing to write: rotation by time, idle files. */
	int	(*tick)(struct sink *s);
	void	(*close)(struct sink *s);	/* frees s; NULL-safe through sink_close */
};

struct sink {
	const struct sink_kind *kind;
	/*
	 * Set by the output: records, durably, now, what save says and what has been delivered, in one:
	 * all parcels that write has returned 0 for.  A sink calls it from write before the first byte
	 * goes into a file that no saved state names, and from tick before a file goes that the
	 * last one names.  It calls save, and no sync.  NULL: nothing is kept.
	 */
	int	(*commit)(void *arg);
	void	*commit_arg;
	/* Set by the sink, when write, sync or tick failed: */
	struct buf why;			/* a sentence; empty: the error's number says it all */
	int64_t	 after;			/* ns that the other side wants to be left alone; 0: any */
};

static inline void sink_close(struct sink *s) { if (s) s->kind->close(s); }

/* For sinks: where record i begins; how many records end at byte at or before, at least i. */
static inline size_t parcel_offset(const struct parcel *p, uint32_t i)
{
	return i ? p->ends[i - 1] : 0;
}
uint32_t parcel_record(const struct parcel *p, uint32_t i, size_t at);
/* Sets why, and returns err. */
int	sink_fail(struct sink *s, int err, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* Writes to what cannot go back; part bytes of record *done have gone already. */
int	sink_stream(weft_ctx *ctx, int fd, const struct parcel *p, uint32_t *done, size_t *part);

/* The kinds.  Options are pipeline.h's and are copied.  NULL: err gets a sentence. */
struct sink *sink_file(const struct weft_file_options *o, struct buf *err);
struct sink *sink_fd(int fd);		/* stdout; never closed */
struct sink *sink_syslog(const struct weft_syslog_options *o, struct buf *err);
struct sink *sink_http(const struct weft_http_options *o, struct buf *err);
struct sink *sink_call(weft_output_fn *f, void *arg);

#endif
