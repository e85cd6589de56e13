/*
 * stage.h - the pipeline's insides, shared by its stages
 *
 *	intake.c     what sources use: batches to fill, streams, submitting; streams.c: what is
 *	             remembered of those
 *	worker.c     W goroutines: parse, steps, render
 *	collector.c  one goroutine: the batches of a stream in order again, to every output
 *	output.c     one goroutine per output: queue, sink, retries; ack.c: what it acknowledges
 *	pipeline.c   puts them together; run.c starts, reloads and ends them in order
 *	ledger.c     the account of every line
 *	operate.h    how an operator looks at it: metrics, health, control socket, taps
 *
 * A batch is sent on by a channel, and a stage ends when its channel is closed and empty.
 *
 * Locks, outermost first: reloading, gate, output.busy (that of the dead letters last), shape,
 * pipeline.lock, output.lock, the state's own.
 */
#ifndef WEFT_PIPELINE_STAGE_H
#define WEFT_PIPELINE_STAGE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/map.h"
#include "batch.h"
#include "budget.h"
#include "fdio.h"
#include "pipeline.h"
#include "queue.h"
#include "render.h"
#include "sink.h"
#include "source.h"
#include "state.h"
#include "step.h"
#include "tap.h"
#include "weft/sync.h"

#define MAX_SOURCES	1024
#define MAX_OUTPUTS	32
#define MAX_LINE	(64u << 20)	/* longer ones are dead, in pieces */
#define DEPTH		4		/* batches that may wait between two stages */

static inline void count(counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);	/* a sum, no order */
}

static inline uint64_t counted(counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

struct source {
	struct intake	 in;		/* first: what its goroutines know us by */
	weft_pipeline	*p;
	char		*name, *spec;	/* spec: its options, see spec.h */
	struct source	*retired;	/* next of those that a reload replaced */
	int		 index;		/* among the pipeline's, for accounts; never reused */
	struct weft_source_options opt;	/* its strings are ours */
	struct format	 format;
	struct multiline *multiline;
	struct syslog_sockets *sockets;
	struct known_file *known;
	weft_ctx	*ctx;		/* cancelled: stop reading */
	weft_waitgroup	 running;
	bool		 gone, starting; /* taken out by a reload; put in by it */
	bool		 restarting;	/* it will be, after a refused reload; under reloading */
	counter		 read, bytes, lost, errors;
	_Atomic int64_t	 failed;	/* when it told of the last error; 0: never */
};

/* Where an output stands in a stream.  Protected by the output's lock. */
struct standing {
	struct mark	 mark;
	struct span	*early;		/* settled beyond the mark, when order is not kept; */
	uint32_t	 nearly;	/* by from */
	struct span	*spilled;	/* in the disk queue, before mark.ahead, and beyond what of */
	uint32_t	 nspilled;	/* the mark is saved */
	uint64_t	 saved;		/* mark.at.offset, as the state has it */
	uint64_t	 resume;	/* what is before was settled in an earlier run, */
	struct span	*holes;		/* and so was what is in one of these */
	uint32_t	 nholes;
	uint64_t	 changes;	/* so often it has changed */
	bool		 dirty;		/* in the output's list of what to save */
};

/* The records of a batch that an output has not settled yet: all of them, or copies of some. */
struct share {
	const char	*data;
	size_t		 len;
	uint32_t	 n;
	const uint32_t	*ends;
	struct buf	 picked, ends_picked;
	struct buf	 numbers;	/* uint32_t: which of the batch's records; len 0: all */
};

static inline uint32_t share_record(const struct share *s, uint32_t i)
{
	return s->numbers.len ? ((const uint32_t *)s->numbers.data)[i] : i;
}

struct stream {
	weft_pipeline	*p;
	struct source	*source;	/* that opened it; after a reload another one may read it */
	int		 index;		/* its number, and that one's */
	char		*name;
	char		*only;		/* the one output it is for, and dead letters; NULL: all */
	int64_t		 row;		/* in the state; 0: there is nothing to come back to */
	struct origin	 origin;
	char		*path;		/* the file's name and what it is, under the pipeline's */
	struct file_id	 id;		/* lock: without a state, or */
	unsigned	 changed, saved; /* changes of them, and how many the state has */
	struct stream	*next;		/* in the pipeline's list, under its lock */
	/* its goroutine's */
	uint64_t	 seq;		/* batches submitted */
	struct place	 end;		/* after the last of them; read by others under p->lock */
	bool		 closed, done, forget;
	bool		 stopped;	/* there is no record of it: it is not to be read */
	/* the collector's */
	uint64_t	 collected;	/* batches passed on */
	struct batch	*early;		/* those after it, in order */

	struct standing *standing[MAX_OUTPUTS];	/* by output->slot */
};

/* Lines as some outputs want them: same format, same selection. */
struct rendering {
	int		 format;	/* enum render_format */
	struct expr	*where;		/* NULL: all */
	char		*where_text, *from;
	uint64_t	 sources[MAX_SOURCES / 64]; /* bits of from, by source->index; */
	bool		 some;		/* not all of them */
	bool		 dead;		/* the dead lines, and nothing else */
	int		 users;		/* outputs */
};

struct output {
	weft_pipeline	*p;
	char		*name, *spec;	/* spec: its options, see spec.h */
	int		 slot;		/* in stream.standing; reused when the output is gone */
	int		 rendering;	/* in plan; stays the same as long as the output */
	struct weft_output_options opt;	/* its strings are ours */
	struct sink	*sink;
	struct weft_breaker *breaker;	/* for what is on a network; or NULL */
	struct queue	 queue;
	weft_waitgroup	 running;
	weft_ctx	*ctx;		/* cancelled: give up what is not delivered */
	/* busy: the sink, and what is between a delivery and its mark */
	weft_mutex	 busy;
	_Atomic bool	 leaves;	/* by a reload: its disk queue stays where it is */
	bool		 delivering;
	bool		 opened;	/* the sink, so it has a state worth saving */
	_Atomic bool	 letters;	/* dead letters were written since the last checkpoint; set
					   and cleared with the dead letters' busy held, too */
	int		 unsaved_for;	/* the error of the last checkpoint; 0: none */
	int64_t		 next_checkpoint, next_tick, next_reject;
	/* lock: the rest, and this output's standing in all streams */
	weft_mutex	 lock;
	uint64_t	 changes, saved; /* so often something changed; as of the last checkpoint */
	struct account	*total, *unsaved; /* by source->index */
	int		 naccounts;
	uint64_t	*left;		/* by source->index, after the run: not delivered; or NULL */
	struct stream	**dirty;
	size_t		 ndirty, dirty_room;
	bool		 spilling;	/* new batches go to the disk queue */
	uint64_t	 spill_rows;	/* there */
	_Atomic uint64_t spill_bytes;	/* of them */
	int64_t		 spill_sent;	/* id of the one delivered last */
	counter		 bytes, records, retries, failures;
	int		 error;		/* of the last attempt; 0: it is well; this and the */
	int64_t		 failing_since;	/* next two under lock */
	char		 why[160];	/* the sentence told with it */
};

/* What workers and collector do; replaced as a whole by a reload, when they are quiet. */
struct plan {
	struct step	**steps;
	int		 nsteps;
	struct rendering renderings[2 * MAX_OUTPUTS]; /* those without users are free */
	int		 nrenderings;
	struct output	*outputs[MAX_OUTPUTS];
	int		 noutputs;
	struct output	*dead;		/* NULL: dead lines are counted and told, not kept */
};

/* A file that was read, when there is no state to know it. */
struct past_file {
	int		 source;	/* its index */
	struct known_file k;
};

/* What one worker did; a line of the cache to itself, since it writes there for every batch. */
struct worker_counts { _Alignas(64) counter batches, lines, busy; };

struct weft_pipeline {
	struct weft_pipeline_options opt;
	struct buf	 error;		/* the last one's sentence */
	char		*host, *statedir;
	struct plan	 plan;
	struct wants	 wants;		/* of outputs; those of steps are theirs */
	struct source	**sources;	/* those that were taken out, too; room for all */
	/* by their numbers, for those who hold no lock: set before an output has that many accounts */
	const char	**source_names;
	struct source	*retired;
	int		 nsources;
	struct state	*state;		/* NULL: nothing is kept */

	weft_ctx	*ctx;		/* cancelled: stop reading */
	weft_ctx	*hard;		/* cancelled: stop waiting for outputs */
	struct budget	 budget;
	struct batch_pool pool;
	_Atomic int64_t	 checkpoint, drain; /* opt's; a reload changes them */
	weft_mutex	 reloading;	/* one at a time */
	weft_rwmutex	 gate;		/* read: who submits; write: a reload */
	atomic_int	 inside;	/* batches between submit and the outputs' queues */
	/* read: who looks at plan and sources from outside; write: who exchanges them */
	weft_rwmutex	 shape;
	weft_chan(struct batch *) parsed, ready;
	weft_waitgroup	 reading, working, collecting, keeping;
	bool		 running, ending; /* ending: no reload any more; under lock */
	int		 reloads;	/* going on; under lock */

	weft_mutex	 telling;	/* one at a time; innermost */
	weft_mutex	 lock;		/* what follows; plan and sources for those who look */
	struct map	 names;		/* that were given away: they outlive what they name */
	struct stream	*streams;
	struct past_file *past;		/* without a state: files that were read, */
	size_t		 npast;
	int64_t		 last_row;	/* and their numbers */
	bool		 reloaded;	/* sources have been replaced or started again */
	int		 first_error;
	uint64_t	 told;		/* dead lines that were told one by one */
	_Atomic int64_t	 started, ended;
	bool		 swept;		/* the run is over, and so are its streams */
	counter		 bytes, read, batches;

	struct worker_counts *workers;	/* by number; under shape, but for those at work */
	int		 nworkers;
	char		*listen;	/* address of /metrics, or NULL */
	struct server	*server;	/* while it runs; see operate.h */
	struct control	*control;
	const struct health_limits *health; /* NULL: the usual ones */
	weft_mutex	 replaying;	/* one at a time */
	char		*replay;	/* read this file of dead letters instead of the sources */
	struct weft_replay_counts *replayed;
	struct taps	 taps;
};

/* pipeline.c */
void	source_free(struct source *s);
struct sink *output_sink(const struct weft_output_options *o, struct buf *err);
int	plan_rendering(struct plan *plan, const struct rendering *r); /* an equal one; or -1 */
void	plan_finish(struct plan *plan);
void	rendering_finish(struct rendering *r);
const char *pipeline_name(weft_pipeline *p, const char *name); /* lock held; until p is freed */
int	pipeline_fail(weft_pipeline *p, int err);	/* kept if it is the first */
void	pipeline_tell(weft_pipeline *p, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* ledger.c: all of them; free(3) */
int	ledger_all(weft_pipeline *p, struct weft_ledger_row **rows);

/* intake.c */
void	intake_init(struct source *s);
void	intake_start(struct source *s);
/* A stream; owner: the name of who will ask the state for it again. */
struct stream *intake_open(struct source *s, const char *owner, const char *only,
	    const char *name, const struct known_file *k, const struct file_id *id);
struct known_file *intake_known(weft_pipeline *p, const char *owner);
/* gate held: is every output past its end, and does the state know? */
bool	intake_settled(weft_pipeline *p, struct stream *st);

/* streams.c */
int	streams_recall(struct source *s);	/* finds what it knew; an error of the state's */
void	stream_add(weft_pipeline *p, struct stream *st);
int	stream_save_id(weft_pipeline *p, struct stream *st);
void	streams_save(weft_pipeline *p);		/* what the state did not take before */
void	streams_sweep(weft_pipeline *p, bool all);	/* frees what everybody is done with */
void	standing_free(struct standing *at);
/* o->lock held, or nobody else */
struct standing *stream_standing(struct stream *st, struct output *o);

/* worker.c, collector.c */
void	worker_run(weft_pipeline *p, int number);
void	collector_run(weft_pipeline *p);

/* output.c */
void	output_run(struct output *o);
int	output_commit(void *arg);	/* for sinks */
void	output_finish(struct output *o);	/* frees it */

/* ack.c */
void	ack_batch(struct output *o, struct batch *b, const struct rejects *r);
void	ack_partial(struct output *o, struct batch *b, uint32_t last);
void	ack_gap(struct output *o, const struct gap *g);
/* lock held: b is in the disk queue and its counts are saved; or only counts, by source */
/* lock held, or nobody else: of an earlier run, which are taken; before b goes to disk */
void	ack_take_up(struct standing *at, struct span *beyond, uint32_t n);
void	ack_displace(struct standing *at, const struct batch *b);
void	ack_spilled(struct output *o, struct batch *b, const struct account *a);
bool	ack_account_only(struct output *o, const char *source, const struct account *a);
void	ack_count(struct output *o, int source, const struct account *a); /* lock held */
struct span ack_span(const struct batch *b);
void	ack_share(struct output *o, struct batch *b, struct share *s);
void	share_finish(struct share *s);
void	ack_account(struct output *o, struct batch *b, struct account *a);
int	ack_checkpoint(struct output *o, bool sync);	/* busy held */
void	ack_make_dirty(struct output *o, struct stream *st, struct standing *at); /* lock held */
bool	ack_unsaved(struct output *o);

/* ledger.c; shape held */
bool	account_balances(const struct account *a);
struct weft_ledger_row ledger_row(const char *source, const char *output,
	    const struct account *a);
int	ledger_rows(weft_pipeline *p, struct weft_ledger_row *rows, int max);
void	ledger_output_counts(struct output *o, struct weft_output_counts *out);

/* replay.c: dead letters once more; err gets a sentence */
int	replay_file(weft_pipeline *p, const char *path, struct weft_replay_counts *n,
	    struct buf *err);
void	replay_alone(weft_pipeline *p);

/* spill.c */
bool	spill_going_on(struct output *o);	/* what comes goes behind what is on disk */
bool	spill_batch(struct output *o, struct batch *b);	/* if it is to go to disk; may wait */
int	spill_put(struct output *o, struct batch *b);
bool	spill_next(struct output *o, struct spilled *s);
void	spill_sent(struct output *o, const struct spilled *s, uint32_t rejected);

#endif
