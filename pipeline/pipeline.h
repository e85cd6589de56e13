/*
 * pipeline.h - a log pipeline: sources, level filter, enrichment, outputs
 *
 *	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){
 *	    .level = WEFT_LEVEL_WARN });
 *
 *	weft_pipeline_source(p, "/var/log/app.log");
 *	err = weft_pipeline_output(p, "file:out.jsonl");
 *	if (!err)
 *		err = weft_pipeline_run(ctx, p);
 *	weft_pipeline_free(p);
 *
 * Every source is read by a goroutine of its own, batches of lines travel
 * through channels, a pool of workers enriches them, and every output is written
 * by a goroutine of its own.  A line that cannot be parsed or delivered goes to
 * the error channel with its reason and its bytes.  Every line is accounted for:
 *
 *	read == filtered + unparsable + delivered[o] + failed[o]
 *
 * holds for every output o once weft_pipeline_run has returned.  Cancelling ctx
 * stops the reading; what has been read is still delivered.
 *
 * Calls return 0 or a negative errno.  Strings are copied.
 */
#ifndef WEFT_PIPELINE_PIPELINE_H
#define WEFT_PIPELINE_PIPELINE_H

#include "weft/weft.h"

typedef struct weft_pipeline weft_pipeline;

/* The severity of a line, in order. */
enum weft_level {
	WEFT_LEVEL_TRACE, WEFT_LEVEL_DEBUG, WEFT_LEVEL_INFO, WEFT_LEVEL_WARN,
	WEFT_LEVEL_ERROR, WEFT_LEVEL_FATAL
};
const char *weft_level_name(int level);		/* "trace" .. "fatal"           */
int	weft_level_parse(const char *name);	/* any case; -EINVAL if unknown */

/* How lines are understood. */
enum weft_line_format {
	WEFT_LINE_AUTO,		/* each line by its looks                       */
	WEFT_LINE_JSON,		/* each line must be JSON, else it is unparsable */
	WEFT_LINE_PLAIN,	/* no line is looked into, but for its level    */
};

/* All zero: everything passes, one worker per CPU, in order, this host's name. */
struct weft_pipeline_options {
	int	level;		/* lines below it are filtered out              */
	int	workers;	/* enrichment goroutines; 0: weft_procs()       */
	bool	unordered;	/* lines of one source may overtake each other  */
	int	format;		/* enum weft_line_format                        */
	const char *host;	/* put on every line that names none; NULL: ours */
	const char *dead;	/* file for what cannot be parsed or delivered  */
	size_t	batch;		/* bytes read at a time; 0: 128 KiB             */
	/* Told what goes wrong, a sentence at a time; NULL: standard error. */
	void	(*warn)(void *arg, const char *text);
	void	*warn_arg;
};

/* Never fails; free takes NULL, and nothing that is running. */
weft_pipeline *weft_pipeline_new(const struct weft_pipeline_options *opt);
void	weft_pipeline_free(weft_pipeline *p);

/*
 * Adds a source: a path, or "-" for standard input.  It is opened when the
 * pipeline runs; one that cannot be read is counted and told, and the others
 * go on.
 */
void	weft_pipeline_source(weft_pipeline *p, const char *path);

/*
 * Adds an output: "stdout", "file:PATH" (replaces the file) or "append:PATH".
 * Lines are written as JSON, one object a line, or, when the name ends in ".txt"
 * or ",text", as text for people; ",json" and ",raw" at the end ask for JSON and
 * for the line as it was read.  Text goes to stdout when it is a terminal.
 * -EINVAL: dest cannot be understood.  -EEXIST: it is there twice.  -EBUSY: the
 * file is also a source.  Others are open(2)'s.
 */
int	weft_pipeline_output(weft_pipeline *p, const char *dest);

/*
 * Runs to the end of all sources, or, once ctx is cancelled, until what has been
 * read is delivered.  Returns 0 when all sources were read and everything was
 * delivered, else the first error; the counters tell the rest.  Once only.
 */
int	weft_pipeline_run(weft_ctx *ctx, weft_pipeline *p);

/* Readable at any time, from anywhere; they balance when the run has ended. */
struct weft_pipeline_counts {
	uint64_t bytes;		/* taken from the sources                       */
	uint64_t read;		/* lines                                        */
	uint64_t filtered;	/* below the level                              */
	uint64_t unparsable;	/* sent to the error channel by a source        */
	uint64_t enriched;
	uint64_t unread_sources; /* that could not be opened or read to the end */
	uint64_t unfinished;	/* bytes of half lines left when cancelled      */
	uint64_t dead_lost;	/* errors that the dead-letter file did not take */
	int	 outputs;
};
struct weft_pipeline_output_counts {
	const char *name;	/* borrowed from the pipeline */
	uint64_t delivered, failed, bytes;
};
void	weft_pipeline_counts(weft_pipeline *p, struct weft_pipeline_counts *out);
void	weft_pipeline_output_counts(weft_pipeline *p, int i,
	    struct weft_pipeline_output_counts *out);
bool	weft_pipeline_balanced(weft_pipeline *p);

/* The table of all that, in a buffer of n bytes, NUL-terminated. */
void	weft_pipeline_report(weft_pipeline *p, char *text, size_t n);

/*
 * Generated logs, for tests and benchmarks.  The same options give the same
 * bytes.  Each line carries its seed, source, sequence number, the number of
 * lines in all, and a checksum, so that weft_verify can name the lines that a
 * pipeline lost, doubled or tore, also when it filtered by level on the way.
 */
enum weft_gen_format { WEFT_GEN_JSON, WEFT_GEN_SYSLOG, WEFT_GEN_PLAIN, WEFT_GEN_MIX };
struct weft_gen_options {
	uint64_t lines;
	uint64_t seed;
	uint32_t source;	/* number of this source among those of one seed */
	int	 format;	/* enum weft_gen_format                         */
};
int	weft_gen(const struct weft_gen_options *opt, int fd);

typedef struct weft_verify weft_verify;
struct weft_verify_counts {
	uint64_t lines;		/* with a good checksum                         */
	uint64_t other;		/* not from the generator                       */
	uint64_t lost, doubled, torn;
	uint64_t disorder;	/* lines after a later one of their source      */
};
/* level: the one the pipeline filtered by; a line below it need not be there. */
weft_verify *weft_verify_new(int level);
int	weft_verify_file(weft_verify *v, const char *path);
/* Counts what is missing too; names the first findings, a line each, in text. */
void	weft_verify_end(weft_verify *v, struct weft_verify_counts *out, char *text, size_t n);
void	weft_verify_free(weft_verify *v);

#endif
