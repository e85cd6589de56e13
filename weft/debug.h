/*
 * debug.h - look at a running program: goroutines, counters, stacks
 *
 * The same text comes from SIGQUIT (kill -QUIT pid, or Ctrl-\), after which the
 * program goes on, and from every report that stops the program.
 */
#ifndef WEFT_DEBUG_H
#define WEFT_DEBUG_H

#include "weft.h"

int64_t	weft_goid(void);		/* this goroutine's number; 0 on a plain thread */
int64_t	weft_num_goroutine(void);	/* started and not ended */

/* All goroutines with state, wait reason, spawn site and stack, to a descriptor. */
void	weft_dump(int fd);

struct weft_goroutine {
	int64_t		 id;
	const char	*state;		/* "running", "runnable", "chan send", ...     */
	const void	*object;	/* what it waits on, or NULL                   */
	int64_t		 waiting;	/* for how long, ns; 10 ms coarse              */
	const char	*func;		/* what weft_go started, and where             */
	const char	*file;
	int		 line;
};
/* Fills in at most n and returns how many there are. */
size_t	weft_goroutines(struct weft_goroutine *out, size_t n);

/*
 * What is stuck while the rest goes on.  Both write what they find, as weft_dump does, to fd
 * unless it is -1, and return how many goroutines that is.
 *
 * weft_leaks: those that wait for something that nothing alive can reach any more, and so
 * will wait for ever: for a channel whose other end was forgotten.  It looks for pointers
 * in all the program's memory.  It may miss some, whose address still lies about somewhere, or
 * with a malloc that is not the C library's; but who is told has leaked, unless the program
 * hides pointers (in a file, another process, memory that it has made unreadable, or
 * changed).  Every thread stands still meanwhile, twice: for milliseconds, or a second for each
 * million goroutines, and two for each ten million blocks of malloc in use.  Takes SIGURG.
 * Not for signal handlers.  Errors: -EBUSY: a thread sleeps with SIGURG blocked, or does not
 * answer for a second, in which the others stand still; -ENOTSUP: the program is built with a
 * sanitizer; -EAGAIN: more than 32,767 threads; -ENOMEM; what open(2) says of /proc/self/maps.
 *
 * weft_deadlocks: those that wait for each other's locks, in circles; with the locks and who
 * has them.  Nobody is stopped.  One whose wait has a context is counted, though it may give
 * up.
 */
int64_t	weft_leaks(int fd);
size_t	weft_deadlocks(int fd);

/*
 * The flight recorder: each worker remembers its last 4,096 events, always.  This writes
 * those of the last ns nanoseconds as JSON for ui.perfetto.dev, with a track per worker and
 * per goroutine.  0, or what open(2) says, -EIO when the file cannot be written, -ENOMEM.
 */
int	weft_trace_write(const char *path, int64_t ns);

/* Counters since the start; cheap to read, exact when nothing runs. */
struct weft_stats {
	int	workers;		/* WEFT_PROCS                                  */
	int	threads;		/* worker threads alive, spare ones included   */
	int	idle;			/* workers asleep now                          */
	int64_t	goroutines;		/* alive now                                   */
	int64_t	spawned;
	int64_t	switches;		/* times a goroutine was given a worker        */
	int64_t	steals;			/* goroutines taken from another worker        */
	int64_t	parks, wakes;		/* worker threads put to sleep, woken          */
	int64_t	polls;			/* netpoller system calls                      */
	int64_t	timers;			/* timers fired                                */
	int64_t	handoffs;		/* stuck workers relieved                      */
};
void	weft_stats(struct weft_stats *out);

#endif
