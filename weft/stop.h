/*
 * stop.h - private: every thread of the process stands still, for a look at its memory
 */
#ifndef WEFT_STOP_H
#define WEFT_STOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A thread that stands in the signal's handler. */
struct stopped {
	pid_t		tid;
	uintptr_t	sp;		/* what it was doing used its stack from here up */
	uintptr_t	frame;		/* its registers lie above this                  */
	uintptr_t	regs, regs_end;	/* of these, the general ones                    */
	uintptr_t	alt, alt_end;	/* the handler's own stack, 0: it has none       */
};

/*
 * Stops all threads but the caller's, until world_start.  0; -EBUSY: one blocks SIGURG
 * or does not answer for a second; -EAGAIN: there are too many; -ENOMEM; what open(2)
 * says of /proc.  In between the caller must neither allocate nor take a lock.
 */
int	world_stop(struct stopped **threads, size_t *n);
void	world_start(void);

#endif
