/*
 * maps.h - private: the process's memory, as the kernel lists it; nothing here allocates
 */
#ifndef WEFT_MAPS_H
#define WEFT_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct mapping {
	uintptr_t lo, hi;
	bool	  written;		/* the program may have put something there */
	bool	  brk;			/* its own heap        */
	bool	  anonymous;		/* and no file's       */
};

/* Calls f for each mapping, in order.  0 or -errno, also f's, which ends it. */
int	maps_each(int (*f)(const struct mapping *m, void *arg), void *arg);

/* Calls f for what of lo to hi has memory behind it. */
void	maps_present(uintptr_t lo, uintptr_t hi, void (*f)(uintptr_t lo, uintptr_t hi, void *arg),
	    void *arg);

#endif
