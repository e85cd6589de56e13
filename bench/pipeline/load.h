/* load.h - what the parts of load share: one measurement each, of one program */
#ifndef BENCH_PIPELINE_LOAD_H
#define BENCH_PIPELINE_LOAD_H

#include "meter.h"

struct job {
	char		**command;	/* the program under test */
	char		**files;	/* what is sent to it     */
	int		 nfiles;
	const char	*output, *input, *address;
	int64_t		 lines;		/* that the output shall have */
	int64_t		 rate;		/* bytes a second appended    */
	int64_t		 seconds;	/* for so long                */
	int64_t		 timeout;	/* ns */
};

void	say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool	start(struct meter *m, const struct job *j);	/* says why not */
/* Prints what was measured, and ends the program under test; 0, or 1 when it failed. */
int	finish(struct meter *m, double took, bool done, const char *more);
bool	is_late(struct meter *m, const struct job *j);

/* latency.c */
int	load_latency(const struct job *j);

#endif
