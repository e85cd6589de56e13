/*
 * step.h - what is done to lines between sources and outputs
 *
 * Each worker runs all steps over a batch, one step after the other.  A step looks at lines
 * whose fate is KEPT, and may change their fate, their fields, or their text.  Any
 * number of workers are in the same step at the same time: what they share, it locks.
 */
#ifndef WEFT_PIPELINE_STEP_H
#define WEFT_PIPELINE_STEP_H

#include "expr.h"
#include "parse.h"

typedef _Atomic uint64_t counter;

struct step {
	char		*name;		/* as in the configuration; owned */
	const char	*kind;		/* "where", "limit", ... */
	void		(*run)(struct step *s, struct scratch *sc, struct batch *b);
	void		(*free)(struct step *s);	/* the step itself, too, but for name */
	struct wants	 wants;
	bool		 strict;	/* a line that loses an enrichment dies of it */
	counter		 in, out, failed;	/* lines: came, went on, lost an enrichment */
};

/*
 * Constructors, one per kind.  NULL: err gets a sentence.  They check everything that can be
 * checked now: types, patterns, files.
 */
struct step *step_where(const char *expr, struct buf *err);
/* keep a share (0 to 1) of the lines; by: all lines with the same value, or none; NULL: each */
struct step *step_sample(double share, const char *by, struct buf *err);
/*
 * So many lines in per_ns, and as many as burst (0: events) at once; the rest is LIMITED.
 * per: each value of a ref by itself; NULL: all together.
 */
struct step *step_limit(int64_t events, int64_t per_ns, int64_t burst, const char *per,
	    struct buf *err);
/*
 * Lines equal to one that went on in the last window ns are REPEATED.  by: a ref whose text
 * they have in common; NULL: message, level, tag, host and source.
 */
struct step *step_dedup(int64_t window, const char *by, struct buf *err);
/*
 * Each what is "email", "card" (with Luhn's check), "ipv4", "ipv6", "bearer" (JSON web tokens
 * too), or a regex.  with takes its place; NULL: [email] and so on, of a regex [redacted].
 */
struct step *step_redact(const char *const *what, int n, const char *with, struct buf *err);
/*
 * Enrichment.  A field that the line has already, or that outputs write by themselves, stays:
 * ours gets an underscore in front.  prefix: PREFIX.name; NULL: name.
 */
/* field = value, with ${ENV}, ${ENV:-default} and {ref} in it replaced; {{ is a brace */
struct step *step_set(const char *field, const char *value, struct buf *err);
/* Rows of a CSV file whose column key equals ref: the other columns become fields. */
struct step *step_table(const char *csv, const char *column, const char *ref,
	    const char *prefix, struct buf *err);
/* country, city, ... of the address in ref, from an mmdb; prefix NULL: geoip */
struct step *step_geoip(const char *mmdb, const char *ref, const char *prefix,
	    struct buf *err);
/* the name of the address in ref; a batch waits for timeout ns (0: 1 s); cached for ttl (0: 1 h) */
struct step *step_rdns(const char *ref, const char *field, int64_t timeout, int64_t ttl,
	    struct buf *err);
/* the user's function */
struct step *step_call(weft_pipeline_fn *f, void *arg);

void	step_free(struct step *s);		/* NULL: nothing */
/*
 * For steps: an enrichment that failed.  In a strict step (set before it runs) the line dies,
 * else it goes on without.  why outlives the batch.
 */
void	step_failed(struct step *s, struct batch *b, struct line *l, const char *why);

#endif
