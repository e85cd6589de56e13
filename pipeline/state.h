/*
 * state.h - what survives: places in files, the ledger, the outputs' own state, disk queues
 *
 * One SQLite database in the state directory, one connection, one lock.  Everything that
 * must be true together is written in one transaction (state_begin, state_commit): an output's
 * places, what it counted, and the length of its file; or a batch in its disk queue and the
 * places behind that batch.  So a kill at any moment leaves an account that balances.
 *
 * synchronous=NORMAL: a crash of the machine may take back the last transactions, never
 * half of one; files are synced before their length is written down (sink.h).
 */
#ifndef WEFT_PIPELINE_STATE_H
#define WEFT_PIPELINE_STATE_H

#include "base/buf.h"
#include "pipeline.h"
#include "source.h"

struct state;

/* Makes dir and what is in it.  -EBUSY: another process has it.  err gets a sentence. */
int	state_open(const char *dir, struct state **out, struct buf *err);
void	state_close(struct state *s);		/* NULL: nothing */

/*
 * Several changes as one.  Others wait meanwhile.  After the first error the rest does nothing, what
 * is asked is not there, and commit returns that error: nothing was written.
 */
void	state_begin(struct state *s);
int	state_commit(struct state *s);

/* Streams.  This and all that follows goes between begin and commit. */
int64_t	state_stream_new(struct state *s, const char *source, const char *name,
	    const struct file_id *id);
void	state_stream_update(struct state *s, int64_t row, const char *name,
	    const struct file_id *id);
void	state_stream_done(struct state *s, int64_t row);	/* never read it again */
void	state_stream_forget(struct state *s, int64_t row);
/* The files of a source, ended by a row of 0; freed by state_known_free. */
struct known_file *state_known(struct state *s, const char *source);
void	state_known_free(struct known_file *k);

/*
 * Where an output stands in a stream: everything before at is delivered or dropped, and so are
 * the spans beyond: ahead is in the disk queue, early ones were not in order.
 */
struct span { uint64_t from, first; struct place to; };	/* first: number of its first line */
struct mark {
	struct place	at;
	struct span	ahead;		/* in the disk queue; to.offset 0: nothing */
};
bool	state_mark(struct state *s, const char *output, int64_t row, struct mark *m);
/* The spans beyond, of both kinds but for the last spilled one, are yours to free; in no order. */
bool	state_mark_early(struct state *s, const char *output, int64_t row, struct mark *m,
	    struct span **early, uint32_t *n);
void	state_mark_put(struct state *s, const char *output, int64_t row, const struct place *at,
	    const struct span *early, uint32_t n);
/* ahead is the span in the disk queue that still grows, spilled are those before it. */
void	state_ahead_put(struct state *s, const char *output, int64_t row,
	    const struct span *ahead, const struct span *spilled, uint32_t n);

/* A row of the ledger: what an output has made of a source's lines.  add adds. */
struct account {
	uint64_t read, expected;	/* counted; by the line numbers of places */
	uint64_t delivered, filtered, dead, sampled, limited, repeated, full;
	uint64_t spilled;		/* in the disk queue; less when delivered (modulo 2^64) */
	uint64_t bytes, lost;
};
#define ACCOUNT_COLUMNS 12
bool	state_account(struct state *s, const char *source, const char *output,
	    struct account *a);
void	state_account_add(struct state *s, const char *source, const char *output,
	    const struct account *delta);
/* All rows, by source and output; false ends it. */
void	state_accounts(struct state *s, bool (*f)(const char *source, const char *output,
	    const struct account *a, void *arg), void *arg);

/* An output that is new: it starts where the others are, and is known from now on. */
void	state_output_new(struct state *s, const char *output);
/* The sink's state; false: it is new. */
void	state_output_put(struct state *s, const char *output, const void *data, size_t len);
bool	state_output(struct state *s, const char *output, struct buf *data);

/* A disk queue: parcels in order. */
struct spilled {
	int64_t	 id;
	uint32_t records;
	int64_t	 received;
	char	*source, *stream, *host;
	struct buf data, ends;
};
int	state_spill_put(struct state *s, const char *output, const struct spilled *p);
/* The first one after id; false: none. */
bool	state_spill_next(struct state *s, const char *output, int64_t after, struct spilled *p);
void	state_spill_drop(struct state *s, const char *output, int64_t upto);
void	state_spill_size(struct state *s, const char *output, uint64_t *parcels, uint64_t *records,
	    uint64_t *bytes);
void	spilled_finish(struct spilled *p);

#endif
