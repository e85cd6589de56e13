/* reload.h - a reload going on, shared by reload.c and exchange.c */
#ifndef WEFT_PIPELINE_RELOAD_H
#define WEFT_PIPELINE_RELOAD_H

#include "stage.h"

struct reload {
	weft_pipeline	*p, *next;
	int64_t		 until;
	bool		 stopped[MAX_SOURCES];	/* sources of p that were told to stop */
	bool		 kept_source[MAX_SOURCES]; /* of next: p has it already */
	struct output	*same[MAX_OUTPUTS];	/* for each of next's: p's, if it stays */
	bool		 stays[MAX_OUTPUTS];	/* of p's outputs */
	bool		 held[MAX_OUTPUTS];	/* of p's outputs: busy is ours */
	struct sink	*spare[MAX_OUTPUTS];	/* for those that have ended, to go on with */
	int		 ended;			/* so many of p's that do not stay have ended */
	bool		 closed;		/* the gate */
};

/* reload.c */
struct source *reload_source(weft_pipeline *p, const char *name);	/* or NULL */
bool	reload_same_text(const char *a, const char *b);	/* NULL equals NULL */
void	reload_release_letters(struct reload *r, struct output *const *outputs);

/* exchange.c */
void	reload_exchange(struct reload *r);
void	reload_exchange_server(weft_pipeline *p, weft_pipeline *next);

#endif
