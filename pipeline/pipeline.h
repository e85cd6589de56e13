/*
 * pipeline.h - a log pipeline: sources, steps, outputs, and an account of every line
 *
 *	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){
 *	    .state = "/var/lib/app" });
 *
 *	weft_pipeline_source(p, "app", &(struct weft_source_options){
 *	    .file = "/var/log/app.log" });
 *	weft_pipeline_where(p, "keep", "level >= warn and status != 404");
 *	weft_pipeline_output(p, "disk", &(struct weft_output_options){
 *	    .file = &(struct weft_file_options){ .path = "/data/%Y%m%d.jsonl" } });
 *	err = weft_pipeline_run(ctx, p);
 *	if (err)
 *		fprintf(stderr, "%s\n", weft_pipeline_error(p));
 *	weft_pipeline_free(p);
 *
 * Every file and connection is read by a goroutine of its own, batches of lines travel
 * through channels, a pool of workers runs the steps, and every output has a queue and a
 * goroutine of its own.  A line that cannot be parsed or delivered goes to the dead letters with
 * its reason and its bytes.  For every source and every output
 *
 *	read == delivered + filtered + dead + dropped (by reason) + in flight
 *
 * holds at any time, and in the state directory, after a crash too.  Cancelling ctx stops
 * the reading; what has been read is still delivered, for as long as options.drain.
 *
 * Calls return 0 or a negative errno, and weft_pipeline_error has the sentence that explains it.
 * Strings are copied.  Everything is added before the run, by one goroutine.
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

/* All zero: no state, 64 MiB of memory, one worker per CPU, in order, this host's name. */
struct weft_pipeline_options {
	const char *state;	/* directory of checkpoints, ledger and disk queues; NULL: none */
	size_t	memory;		/* bytes for everything that is in flight; 0: 64 MiB */
	uint64_t disk;		/* bytes for all disk queues; 0: 1 GiB          */
	int	workers;	/* goroutines that run the steps; 0: weft_procs() */
	bool	unordered;	/* lines of one stream may overtake each other  */
	const char *host;	/* put on every line that names none; NULL: ours */
	size_t	batch;		/* bytes read at a time; 0: 128 KiB             */
	int64_t	drain;		/* ns to deliver what was read, when cancelled; 0: 30 s */
	int64_t	checkpoint;	/* ns between checkpoints; 0: 200 ms            */
	/* Called when everything is open and reading begins; or NULL. */
	void	(*ready)(void *arg);
	void	*ready_arg;
	/*
	 * Told what goes wrong, a sentence at a time, one caller at a time, from any goroutine; it
	 * must not call the pipeline's functions.  NULL: standard error.
	 */
	void	(*warn)(void *arg, const char *text);
	void	*warn_arg;
};

/* Never fails; free takes NULL, and nothing that is running. */
weft_pipeline *weft_pipeline_new(const struct weft_pipeline_options *opt);
void	weft_pipeline_free(weft_pipeline *p);
const char *weft_pipeline_error(weft_pipeline *p);	/* what the last error was; borrowed */

/*
 * Sources
 *
 * One of file, stdin, listen.  Files are named by glob patterns, several with blanks between;
 * they are followed through rename, copy-and-truncate and deletion, unless once is set, which
 * reads them to the end and is then done.  Compressed ones (gzip, zstd) are read once.
 */
enum weft_line_format {
	WEFT_LINE_AUTO,		/* each line by its looks                       */
	WEFT_LINE_JSON,		/* each line must be JSON, else it is dead      */
	WEFT_LINE_PLAIN,	/* no line is looked into, but for its level    */
	WEFT_LINE_LOGFMT,	/* key=value key="v a l u e"                    */
	WEFT_LINE_SYSLOG,	/* RFC 3164 or RFC 5424                         */
	WEFT_LINE_ACCESS,	/* common and combined log format               */
	WEFT_LINE_CRI,		/* container runtimes: time stream P|F message  */
	WEFT_LINE_REGEX		/* regex, with named groups: time, level, message, host, tag and others */
};
int	weft_line_format_parse(const char *name);	/* "auto", "json", ...; -EINVAL */

struct weft_source_options {
	const char *file;	/* patterns                                     */
	const char *exclude;	/* patterns that take some of them out          */
	bool	standard_input;
	const char *listen;	/* syslog: "udp://:514 tcp://:601 unix:/run/x", several with blanks */
	int	format;		/* enum weft_line_format; listen: AUTO is SYSLOG */
	const char *regex;	/* for WEFT_LINE_REGEX                          */
	/*
	 * Several lines of the file are one: "stacktrace" (what begins with blanks, "Caused by" and
	 * such belongs to the line before), "indent", or a regex of lines that begin a new one.
	 */
	const char *multiline;
	int64_t	multiline_wait;	/* ns until the last one is complete; 0: 1 s    */
	bool	once;		/* read to the end, do not follow               */
	bool	at_end;		/* files that are there at the first start: only what is new */
	size_t	max_line;	/* bytes; longer ones are cut, and dead; 0: 64 MiB */
	int64_t	linger;		/* ns that a rotated file is still followed; 0: 10 s */
	const char *cert, *key, *ca;	/* "tls://..." in listen; ca: clients must show a certificate */
};
int	weft_pipeline_source(weft_pipeline *p, const char *name,
	    const struct weft_source_options *opt);

/*
 * Steps, in the order in which they are added; name is for counters, tap and top.
 */
int	weft_pipeline_where(weft_pipeline *p, const char *name, const char *expr);
int	weft_pipeline_sample(weft_pipeline *p, const char *name, double share, const char *by);
int	weft_pipeline_limit(weft_pipeline *p, const char *name, int64_t events, int64_t per,
	    int64_t burst, const char *by);
int	weft_pipeline_dedup(weft_pipeline *p, const char *name, int64_t window, const char *by);
int	weft_pipeline_redact(weft_pipeline *p, const char *name, const char *const *what, int n,
	    const char *with);
int	weft_pipeline_set(weft_pipeline *p, const char *name, const char *field,
	    const char *value);
int	weft_pipeline_table(weft_pipeline *p, const char *name, const char *csv,
	    const char *column, const char *by, const char *prefix);
int	weft_pipeline_geoip(weft_pipeline *p, const char *name, const char *mmdb, const char *by,
	    const char *prefix);
int	weft_pipeline_rdns(weft_pipeline *p, const char *name, const char *by, const char *field,
	    int64_t timeout, int64_t ttl);

/* A step of your own: called by any number of workers at once, once per line. */
typedef struct weft_entry weft_entry;
enum weft_verdict { WEFT_KEEP, WEFT_DROP, WEFT_DEAD };
typedef enum weft_verdict weft_pipeline_fn(weft_entry *e, void *arg);
int	weft_pipeline_step(weft_pipeline *p, const char *name, weft_pipeline_fn *f, void *arg);

/* Texts are borrowed until the function returns, and have a length and no NUL; false: none. */
int	weft_entry_level(weft_entry *e);
bool	weft_entry_time(weft_entry *e, int64_t *ns);	/* since 1970 */
bool	weft_entry_get(weft_entry *e, const char *name, const char **text, size_t *len);
void	weft_entry_set(weft_entry *e, const char *field, const char *text, size_t len);
void	weft_entry_set_level(weft_entry *e, int level);
void	weft_entry_reason(weft_entry *e, const char *why);	/* with WEFT_DEAD */

/*
 * Outputs
 */
enum weft_when_full {
	WEFT_BLOCK,		/* the sources wait: nothing is lost            */
	WEFT_DROP_NEWEST, WEFT_DROP_OLDEST,	/* counted as dropped           */
	WEFT_SPILL		/* to disk, in the state directory; when that is full: block */
};
enum weft_output_format {
	WEFT_OUTPUT_AUTO,	/* JSON; a terminal: pretty; syslog: RFC 5424   */
	WEFT_OUTPUT_JSON, WEFT_OUTPUT_LOGFMT, WEFT_OUTPUT_TEXT, WEFT_OUTPUT_PRETTY,
	WEFT_OUTPUT_RAW,	/* the line as it was read                      */
	WEFT_OUTPUT_SYSLOG, WEFT_OUTPUT_SYSLOG_BSD	/* RFC 5424 and RFC 3164 */
};
int	weft_output_format_parse(const char *name);	/* "auto", "json", ...; -EINVAL */

struct weft_file_options {
	const char *path;	/* may hold %Y %m %d %H %M (local time of receipt), {source}, {host} */
	bool	replace;	/* begin with an empty file, if no state says otherwise; else append */
	uint64_t rotate_size;	/* bytes; 0: never                              */
	int64_t	rotate_every;	/* ns, on the grid of local time; 0: never      */
	int	keep;		/* rotated files: PATH.1 is the youngest; 0: all */
	const char *compress;	/* "none", "gzip", "zstd"                       */
	bool	compress_rotated; /* the live file stays plain                  */
	int64_t	fsync;		/* ns at most until it is on disk; 0: 1 s; -1: never; 1: each checkpoint */
	unsigned mode;		/* 0: 0640                                      */
};
struct weft_syslog_options {
	const char *address;	/* "tcp://h:514", "tls://h:6514", "udp://...", "unix:/dev/log" */
	bool	octets;		/* tcp: octet counting, not newlines (RFC 6587) */
	const char *ca, *cert, *key;
	bool	insecure;	/* do not check the certificate                 */
	int64_t	timeout;	/* ns to connect and to write; 0: 10 s          */
};
enum weft_http_shape { WEFT_HTTP_ARRAY, WEFT_HTTP_LINES, WEFT_HTTP_ELASTICSEARCH, WEFT_HTTP_LOKI };
struct weft_http_options {
	const char *url;
	int	shape;		/* enum weft_http_shape: JSON array, NDJSON, bulk, push */
	const char *index;	/* Elasticsearch's; may hold %Y %m %d and {source} */
	const char *const *labels;	/* Loki's: "name=value", ended by NULL; {source}, {host} */
	const char *const *headers;	/* "Name: value", ended by NULL; ${ENV}   */
	const char *user;	/* "name:password"; ${ENV}                      */
	const char *ca;
	bool	insecure, gzip;
	int64_t	timeout;	/* ns; 0: 30 s                                  */
};

/* An output of your own: all records or a negative errno; called by one goroutine. */
typedef int weft_output_fn(weft_ctx *ctx, const char *records, size_t len, void *arg);

struct weft_output_options {
	/* one of these */
	bool	standard_output;
	const struct weft_file_options *file;
	const struct weft_syslog_options *syslog;
	const struct weft_http_options *http;
	weft_output_fn *call;
	void	*arg;
	/* and, all zero: everything, as JSON, blocking */
	int	format;		/* enum weft_output_format                      */
	const char *where;	/* only these lines                             */
	const char *from;	/* only these sources, with blanks between      */
	int	when_full;	/* enum weft_when_full                          */
	size_t	queue;		/* bytes that may wait in memory; 0: a fair part of it; one that
				   does not block: at most half of it */
	bool	dead;		/* gets the dead letters of all, and nothing else: a file */
};
int	weft_pipeline_output(weft_pipeline *p, const char *name,
	    const struct weft_output_options *opt);

/*
 * Serves /metrics (Prometheus) and /healthz over HTTP at address, "127.0.0.1:9600" or ":9600",
 * while p runs.  The process with a state directory also answers at STATE/control.sock, which is
 * what ledger, top and tap of the program ask.
 */
int	weft_pipeline_listen(weft_pipeline *p, const char *address);

/*
 * Runs until ctx is cancelled, or to the end of all sources if they have one, and delivers
 * what has been read.  Returns 0 when all of it was delivered or is safe in a disk queue, else the
 * first error: -ETIMEDOUT when an output has not taken everything in options.drain (what was read
 * from files comes again, if there is a state; what came over a socket goes to the disk
 * queue), -EPIPE when nobody reads standard output any more.  -EBUSY: another process uses the
 * state directory.  Once only.
 */
int	weft_pipeline_run(weft_ctx *ctx, weft_pipeline *p);

/*
 * From another goroutine: replaces what p runs by what next would run; sources and outputs with
 * equal options (and certificates) go on as they are, steps begin anew.  A source that is changed
 * goes on where it was; an output that is new gets what is read from now on.  state, host,
 * batch and unordered stay: another one is an error.  Waits up to 10 s for what was read to be
 * delivered by outputs that change, or to find room with those that stay.
 * next becomes p's.  An error leaves p as it was (connections to a changed source are closed), and
 * next is yours; weft_pipeline_error(next) has the reason.
 */
int	weft_pipeline_reload(weft_pipeline *p, weft_pipeline *next);

/*
 * Dead letters once more: sends the original bytes of those in the file path through p, as lines of
 * the sources they came from; those that an output had rejected go to that output only.
 * While p runs, from another goroutine, it returns when all of them are settled; before the
 * run, the run reads them instead of its sources and ends.  The file is named PATH.replaying
 * meanwhile, and PATH.replayed at the end; letters of sources and outputs that p does not have
 * are added to PATH.left.  With a state directory it bears kill -9: called again, it goes on.
 */
struct weft_replay_counts {
	uint64_t letters;	/* sent                                         */
	uint64_t skipped;	/* left, for nobody wants them                  */
};
int	weft_pipeline_replay(weft_pipeline *p, const char *path, struct weft_replay_counts *out);

/*
 * The ledger: a row for each pair of a source and an output, sources one after the other, since the
 * state directory was made.  Readable at any time, from anywhere, while p lives.  read is the sum
 * of delivered, filtered, dead, the four dropped ones, in_flight and spilled.  The output for dead
 * letters has a row, too, of its letters.  balanced: what is not in flight adds up, and is as
 * many lines as their numbers say.
 */
struct weft_ledger_row {
	const char *source, *output;	/* good until the pipeline is freed */
	uint64_t read, delivered, filtered, dead;
	uint64_t sampled, limited, repeated, full; /* dropped, by reason */
	uint64_t in_flight;		/* in memory, and */
	uint64_t spilled;		/* in the disk queue */
	uint64_t bytes;			/* read */
	uint64_t lost;			/* bytes that were cut off or deleted before they could be read */
	bool	balanced;
};
/* How many rows there are; the first max of them in rows. */
int	weft_pipeline_ledger(weft_pipeline *p, struct weft_ledger_row *rows, int max);
bool	weft_pipeline_balanced(weft_pipeline *p);
/*
 * The ledger that a state directory holds, also while a process uses it, or after it was killed;
 * then what was in flight is not in it, for it will be read again.  Returns the number of rows,
 * or a negative errno and a sentence in why.  Rows and names are one piece: free(3) it.
 */
int	weft_ledger_read(const char *state, struct weft_ledger_row **rows, char *why,
	    size_t size);
/* The table of rows, as text; without all, those that say nothing are left out. */
void	weft_ledger_print(const struct weft_ledger_row *rows, int n, bool all, char *text,
	    size_t size);
/* The table of all that, in a buffer of n bytes, NUL-terminated. */
void	weft_pipeline_report(weft_pipeline *p, char *text, size_t n);

/* Since the run began; readable at any time, from anywhere. */
struct weft_pipeline_counts {
	uint64_t read, bytes;	/* lines and bytes from all sources             */
	uint64_t lost;		/* bytes that were gone before they could be read */
	uint64_t errors;	/* troubles that sources told of                */
	size_t	memory, memory_peak;	/* of the budget                        */
	int	sources, steps, outputs;
	int64_t	elapsed;	/* ns                                           */
};
/* Names are good until the pipeline is freed, here too. */
struct weft_step_counts { const char *name, *kind; uint64_t in, out, failed; };
struct weft_output_counts {
	const char *name;
	uint64_t records, bytes; /* delivered                                   */
	uint64_t failures, retries; /* attempts                                 */
	uint64_t queued, queue_bytes, queue_limit; /* batches, bytes            */
	uint64_t waits;		/* so often the sources had to wait for it      */
	uint64_t spilled_parcels, spilled_bytes;
	bool	failing;	/* it cannot be written to, or its places cannot be saved */
};
void	weft_pipeline_counts(weft_pipeline *p, struct weft_pipeline_counts *out);
/* i from 0; false: there is none. */
bool	weft_pipeline_step_counts(weft_pipeline *p, int i, struct weft_step_counts *out);
bool	weft_pipeline_output_counts(weft_pipeline *p, int i, struct weft_output_counts *out);

/* One text through parsing and steps of a pipeline that does not run: what becomes of it? */
struct weft_trial {
	const char *fate;	/* "kept", "filtered", "sampled", "limited", "repeated", "dead" */
	const char *step;	/* that decided it; NULL: none                  */
	char	*json;		/* as an output would have it; the reason, if dead; free(3) it */
};
/* Calls f for each line; -ENOENT: there is no such source. */
int	weft_pipeline_try(weft_pipeline *p, const char *source, const char *text, size_t len,
	    void (*f)(const struct weft_trial *t, void *arg), void *arg);

/*
 * Generated logs, for tests and benchmarks.  The same options give the same
 * bytes.  Each line carries its seed, source, sequence number, the number of
 * lines in all, and a checksum, so that weft_verify can name the lines that a
 * pipeline lost, doubled or tore, also when it filtered by level on the way.
 */
enum weft_gen_format {
	WEFT_GEN_JSON, WEFT_GEN_SYSLOG, WEFT_GEN_PLAIN, WEFT_GEN_MIX,	/* mix: those three */
	WEFT_GEN_ACCESS,	/* combined log format                          */
	WEFT_GEN_LOGFMT,
	WEFT_GEN_CRI,		/* some lines in two parts                      */
	WEFT_GEN_STACK,		/* plain; errors with a stack trace             */
	WEFT_GEN_SYSLOG5424
};
struct weft_gen_options {
	uint64_t lines;
	uint64_t seed;
	uint32_t source;	/* number of this source among those of one seed */
	int	 format;	/* enum weft_gen_format                         */
	size_t	 pad;		/* shorter lines have so many bytes, newline included */
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
