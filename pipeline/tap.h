/*
 * tap.h - looks at lines as they pass, without slowing them down
 *
 * A tap is at a source, a step or an output, by name: so it outlives a reload.  Workers offer it
 * copies of lines, and never wait: what does not fit is counted as missed.  Nor may a tap cost
 * more than a twentieth of a worker's time: after a look that took long, the next lines
 * pass unseen.  While nobody taps, a batch costs one relaxed load.
 */
#ifndef WEFT_PIPELINE_TAP_H
#define WEFT_PIPELINE_TAP_H

#include <stdatomic.h>

#include "base/buf.h"
#include "pipeline.h"
#include "weft/sync.h"

#define MAX_TAPS 8		/* at the same time */

struct batch;
struct plan;
struct scratch;
struct step;
struct tap;
struct when;

/* All zero: nobody taps. */
struct taps {
	_Atomic int	 n;
	weft_mutex	 lock;		/* tap; nothing else is taken in it */
	struct tap	*tap[MAX_TAPS];
};
void	taps_finish(struct taps *t);

enum tap_place { TAP_STEP, TAP_SOURCE, TAP_OUTPUT };
struct tap_counts { uint64_t seen, shown, missed; };

/* where: NULL, or an expression.  An error: err gets a sentence. */
int	tap_open(weft_pipeline *p, int place, const char *name, const char *where,
	    struct tap **out, struct buf *err);
/*
 * Appends the next record, a JSON object and a newline: 1; 0: none came until when; or an
 * error of ctx.  At a source it is {"line":{...}}, at an output {"record":"text"}, at
 * a step {"fate":"kept","before":{...},"after":{...}}.
 */
int	tap_next(weft_ctx *ctx, struct tap *t, int64_t when, struct buf *out);
void	tap_counts(struct tap *t, struct tap_counts *out);
/* Is there such a place now?  A reload may take it away, and bring it back. */
bool	tap_exists(weft_pipeline *p, struct tap *t);
void	tap_close(weft_pipeline *p, struct tap *t);

/*
 * For workers: one look at one batch, from begin to end.  ahead and past are called around
 * every step, in pairs.
 */
struct look {
	struct tap	*tap[MAX_TAPS];
	int		 n;
	bool		 fields;	/* an expression wants them parsed */
	struct batch	*b;
	struct scratch	*scratch;
	struct when	*when;
	struct pending	*pending;	/* lines that are in the step now */
};
static inline bool taps_any(struct taps *t)
{
	/* who has just begun to tap misses a batch: nothing to pair with */
	return unlikely(atomic_load_explicit(&t->n, memory_order_relaxed) > 0);
}
void	look_begin(struct look *l, struct taps *t, struct batch *b, struct scratch *scratch,
	    struct when *when);
void	look_source(struct look *l);
void	look_ahead(struct look *l, const struct step *s);
void	look_past(struct look *l, const struct step *s);
void	look_outputs(struct look *l, const struct plan *plan);
void	look_end(struct look *l);

#endif
