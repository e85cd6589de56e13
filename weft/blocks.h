/*
 * blocks.h - private: where the blocks of malloc begin and end, without asking it
 *
 * The C library's heaps are rows of blocks, each with its size before it, as they have
 * been for decades; every heap that is not exactly such a row, from its first block to its end,
 * is refused.  So another library's malloc, or one that has changed, costs only what
 * could have been learned.
 */
#ifndef WEFT_BLOCKS_H
#define WEFT_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blocks {				/* of one heap */
	uintptr_t	 lo, hi;	/* the row                                */
	uint64_t	*begins, *marks; /* a bit per 16 bytes                    */
};

/*
 * Memory from lo to hi holds a heap: the program's own if brk, else one of a thread's.  1,
 * and b is to be given back by blocks_free; 0: it is none; -ENOMEM.
 */
int	blocks_find(struct blocks *b, uintptr_t lo, uintptr_t hi, bool brk);
void	blocks_free(struct blocks *b);

/*
 * The block that addr points into.  False: it is marked already, or free, or none; else it
 * is now marked, and from *lo to *hi the program's.
 */
bool	blocks_mark(struct blocks *b, uintptr_t addr, uintptr_t *lo, uintptr_t *hi);

#endif
