/*
 * profile.h - where the time goes, in the format of pprof
 *
 *	weft_profile_start("cpu.pb", 0);
 *	...
 *	weft_profile_stop();
 *
 *	$ pprof -http :8080 cpu.pb
 *
 * Every sample carries the labels "goroutine", the function that weft_go started, and
 * "spawned", where.  Functions and lines are in the file: pprof needs nothing else.
 * All return 0, or what open(2) says, -EIO when the file cannot be written, -ENOMEM,
 * and what is said below.
 */
#ifndef WEFT_PROFILE_H
#define WEFT_PROFILE_H

#include "weft.h"

/*
 * CPU time: takes SIGPROF and ITIMER_PROF, and a sample hz times a second of processor
 * time (0: 100).  -EBUSY: one is being taken already.  stop writes the file; -EINVAL:
 * none is.
 */
int	weft_profile_start(const char *path, int hz);
int	weft_profile_stop(void);

/*
 * Time: where all goroutines are, running and waiting, hz times a second (0: 100), with the
 * label "state" as in reports.  That tells why a program is slow whose processors are
 * idle.  Of more than 256 goroutines it looks at 256, others each time, and scales what
 * it finds.  Starts a thread; results as above.
 */
int	weft_profile_wall_start(const char *path, int hz);
int	weft_profile_wall_stop(void);

/* Where goroutines are now, running ones too. */
int	weft_profile_goroutines(const char *path);

/*
 * Where goroutines waited, how often and how long, whenever the rate was above 0: for others
 * (channels, select, groups, conditions) and for locks.  0, as it is in the beginning,
 * is off; 1 counts each wait, n one in n on average, with the figures scaled.
 */
void	weft_profile_waits(int rate);
int	weft_profile_block(const char *path);
int	weft_profile_mutex(const char *path);

/*
 * Where memory was allocated, and how much of it lives: of the allocations while the rate
 * is above 0, which it is not in the beginning.  One is drawn each rate bytes on average,
 * with the figures scaled; 1 draws all.  Test programs can do it, others if they link
 * weft-heap, which stands in front of malloc.  -ENOTSUP: they do not, or the allocator is a
 * sanitizer's.
 */
enum { WEFT_PROFILE_ALLOCS = 512 << 10 };	/* a rate that costs nothing to speak of */
int	weft_profile_allocs(int64_t rate);
int	weft_profile_heap(const char *path);

#endif
