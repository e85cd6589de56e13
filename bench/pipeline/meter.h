/*
 * meter.h - runs a program, and says how long, how busy and how big it was
 *
 * Until somebody has ended it, what it used is read from /proc; if it ends by itself, from
 * the system's account of it.  One goroutine uses a meter at a time.
 */
#ifndef BENCH_PIPELINE_METER_H
#define BENCH_PIPELINE_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct meter {
	pid_t	pid;
	bool	ended, killed;	/* killed: by us */
	int	status;		/* as waitpid gives it, when it has ended */
	int64_t	started;	/* ns, on the clock that dates files */
	double	cpu;		/* seconds of all its threads, so far */
	long	peak;		/* KiB that were resident, at most   */
};

int64_t	wall_now(void);	/* ns since 1970 */
int	meter_start(struct meter *m, char **argv);	/* looks in PATH */
void	meter_look(struct meter *m);	/* brings the numbers up to date */
/* Asks it to end, after ten seconds less kindly; the numbers stay those of the last look. */
void	meter_stop(struct meter *m);

/*
 * The lines of a file that somebody writes.  As long as it grows it is only looked at; they are
 * counted when it has stood still, so that counting does not take the writer's time.
 */
struct watch {
	const char *path;
	int64_t	lines;		/* counted so far, in the first offset bytes */
	off_t	offset, size;
	int64_t	grown;		/* ns since 1970, when it was last written to */
	int64_t	seen;		/* when it was seen to have grown */
};

/* Have that many lines been written?  sure: count them now, the writer has ended. */
bool	watch_lines(struct watch *w, int64_t want, bool sure);

#endif
