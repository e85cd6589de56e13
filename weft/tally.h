/*
 * tally.h - private: figures added up by stack, and by whose stack it is
 *
 * All-zero is ready.  Takes memory from mmap and keeps it, so that the hooks of malloc may
 * add; holds its lock for no longer than a copy.
 */
#ifndef WEFT_TALLY_H
#define WEFT_TALLY_H

#include "pprof.h"
#include "runtime.h"

enum { TALLY_FRAMES = 48, TALLY_VALUES = 4, TALLY_BUCKETS = 4096 };

struct place {
	const struct weft_site *site;	/* of the goroutine, or NULL               */
	const char	*state;		/* or NULL; compared by address            */
	size_t		 n;
	void		*pcs[TALLY_FRAMES];	/* return addresses, innermost first */
};

struct tally {
	_Atomic unsigned lock;		/* protects all that is here; innermost */
	struct tallied	*bucket[TALLY_BUCKETS];
	char		*chunk;
	size_t		 left;
};

/* Adds values, all TALLY_VALUES of them.  Where they went, or NULL: there is no memory. */
struct tallied *tally_add(struct tally *t, const struct place *at, const double *values);
void	tally_add_at(struct tally *t, struct tallied *e, const double *values);
void	tally_clear(struct tally *t);
/* The first n values of each place, as the types say.  0, or -errno. */
int	tally_write(struct tally *t, const struct pprof_type *types, size_t n, int64_t period,
	    const char *path, int64_t duration);

#endif
