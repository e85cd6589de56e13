/*
 * source.h - where lines come from: files, standard input, sockets
 *
 * A source reads streams: each file and each connection is one, and has a goroutine of its
 * own.  A stream's bytes are numbered from 0, its lines from 1, and it hands them on in batches
 * without a gap.  What has been handed on is remembered by the outputs (state.h), so a file is
 * never asked to go back; after a restart it goes on where the slowest output stood.
 *
 * Whoever waits for a batch holds none, and an idle stream holds no memory but its record (a
 * connection: its half line).  Reading stops when there is no batch to be had: that is
 * the backpressure.
 */
#ifndef WEFT_PIPELINE_SOURCE_H
#define WEFT_PIPELINE_SOURCE_H

#include <sys/types.h>

#include "batch.h"
#include "pipeline.h"

/* What a file is, whatever its name: all of it must fit. */
struct file_id {
	uint64_t dev, ino;
	int64_t	 btime;			/* of its birth, ns; 0: the file system does not tell */
	uint32_t head_len;		/* of the head that was hashed, up to FILE_HEAD */
	uint64_t head_hash;
};
#define FILE_HEAD 1024
#define FILE_TAIL 256

/* A place in a file, and a proof that it is the same file still: the bytes before it. */
struct place {
	uint64_t offset, lines;		/* bytes and lines before it */
	uint32_t tail_len;		/* up to FILE_TAIL of the bytes before offset ... */
	uint64_t tail_hash;		/* ... and their hash (XXH3) */
};

struct stream;

/* A file that was read before, as the state has it. */
struct known_file {
	int64_t	 row;			/* the stream's name in the state */
	char	*path;
	struct file_id id;
	struct place at;		/* what all outputs have */
	bool	 done;			/* read to its end (compressed, or rotated away) */
};

/* What a source asks of the pipeline.  Tests have a pipeline of their own. */
struct intake {
	/*
	 * A batch with room for so many bytes (and BATCH_PAD), one reference, empty.  Waits for
	 * memory.  NULL: the source is to stop.  A room above the usual size may be asked for by
	 * one stream at a time; others wait.
	 */
	struct batch *(*get)(struct intake *in, struct stream *st, size_t room);
	/*
	 * Takes a batch whose bytes, lines (text, len, end; not parsed), from, to and place are
	 * filled in.  Waits while the stages behind it are full.
	 */
	void	(*submit)(struct intake *in, struct stream *st, struct batch *b);

	/* Files this source knew when it started; the array ends with a row of 0. */
	const struct known_file *(*known)(struct intake *in);
	/*
	 * A new stream; known, or NULL; id NULL: nothing to remember (a connection).  With a row of
	 * 0 it is new, too, but begins at known->at, which is to be remembered at once: what is
	 * before it is never read (at_end, an archive of a log that was read).  A row that was
	 * closed may be opened again: a file came back.
	 */
	struct stream *(*open)(struct intake *in, const char *name, const struct known_file *known,
		    const struct file_id *id);
	/* It was renamed, or its head has grown. */
	void	(*update)(struct intake *in, struct stream *st, const char *name,
		    const struct file_id *id);
	/* No more batches.  done: never read it again; forget: the file is gone for good. */
	void	(*close)(struct intake *in, struct stream *st, bool done, bool forget);
	/* So many bytes are gone before they could be read. */
	void	(*lost)(struct intake *in, struct stream *st, uint64_t bytes, const char *why);
	/* Something to tell the operator; err 0: a remark, else the source counts as failing. */
	void	(*tell)(struct intake *in, int err, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));
	/* Is it a file that the pipeline writes? */
	bool	(*ours)(struct intake *in, dev_t dev, ino_t ino);
	size_t	 batch;			/* usual size of a batch, bytes */
};

/*
 * The kinds.  Each runs until ctx is cancelled, or until there is nothing more to come, and
 * returns when all its goroutines have ended and all its streams are closed.
 * check: everything that can be found wrong without starting it.
 */
int	source_file_check(const struct weft_source_options *o, struct buf *err);
void	source_file_run(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o);
void	source_stdin_run(weft_ctx *ctx, struct intake *in, const struct weft_source_options *o);
int	source_syslog_check(const struct weft_source_options *o, struct buf *err);
/* Sockets are opened by listen, so that what fails is known before anything starts. */
struct syslog_sockets;
int	source_syslog_listen(const struct weft_source_options *o, struct syslog_sockets **out,
	    struct buf *err);
/*
 * Likewise, but sockets for datagrams are taken over, with what is in them, from sources that
 * had these addresses and have ended.  inherit gives them back, when nothing comes of it.
 */
struct syslog_heritage { struct syslog_sockets **from; int n; };
int	source_syslog_relisten(const struct weft_source_options *o,
	    const struct syslog_heritage *h, struct syslog_sockets **out, struct buf *err);
void	source_syslog_inherit(struct syslog_sockets *to, struct syslog_sockets *from);
void	source_syslog_run(weft_ctx *ctx, struct intake *in, struct syslog_sockets *s,
	    const struct weft_source_options *o);
void	source_syslog_close(struct syslog_sockets *s);	/* after run; NULL: nothing */

/*
 * split.c: finds the lines in b->bytes, from its beginning: at most BATCH_LINES, whole ones, and
 * a last unfinished one only if final.  Returns how many bytes they take; the rest is not the
 * batch's.  CRLF loses its CR.  No byte is changed.
 *
 * With multiline, lines that belong together are one, newlines inside.  The last entry is
 * unfinished until something shows that it is complete, or final.  So when multiline_wait is
 * over, call it with the bytes up to the last newline, and final.  An entry longer than
 * max_line goes on in a new one.
 *
 * CRI (format CRI, or AUTO when the first line is one): the P lines before an F line are one
 * entry with it, per stream.  Lines of the other stream may lie inside an entry's text; the
 * parser joins the right ones, in a copy.  Then lines are in the order of their last bytes,
 * and all of an overlapping lot but the last have the place where the lot begins as their end.
 *
 * A line longer than max_line is handed on in pieces, each DEAD with its reason: the first has
 * exactly max_line bytes, the others what is there, the last one (it may be empty) ends with the
 * newline.  *cut is the stream's, and its to keep between calls: 0, or how many bytes of the line
 * that is being cut have been handed on.  Who begins in the middle of a line that was cut sets it
 * to 1.  With room for max_line + 2 bytes, all of it used, something is always taken.
 */
struct multiline;
struct scratch;
/*
 * what: "stacktrace", "indent", a regex of lines that begin an entry, or NULL.  NULL and err is
 * empty: there is nothing to put together; so give split_lines NULL.
 */
struct multiline *multiline_new(const char *what, int format, struct buf *err);
void	multiline_free(struct multiline *m);
size_t	split_lines(struct batch *b, struct multiline *m, struct scratch *sc, bool final,
	    size_t max_line, uint64_t *cut);

#endif
