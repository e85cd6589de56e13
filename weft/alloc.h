/*
 * alloc.h - private: what the hooks of malloc (heap/malloc.c) tell the runtime
 *
 * A program that links them pays a load and a branch for each call while alloc_mode is 0.
 */
#ifndef WEFT_ALLOC_H
#define WEFT_ALLOC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ALLOC_LIVE: some of the blocks that live are samples, and to be told when freed. */
enum { ALLOC_COUNT = 1, ALLOC_SAMPLE = 2, ALLOC_LIVE = 4 };
extern _Atomic unsigned alloc_mode;

/* What -benchmem shows; only while ALLOC_COUNT is set. */
extern _Atomic int64_t alloc_count, alloc_bytes;

extern bool alloc_hooked;	/* the hooks are linked, set before main */

/* p (or NULL) is a new block of n bytes, for the caller of the allocator at pc. */
void	alloc_took(void *p, size_t n, const void *pc);

/*
 * Before p is freed: its sample, or NULL.  Then alloc_drop, or alloc_restore if p has not
 * been freed after all.
 */
struct live *alloc_lift(void *p);
void	alloc_drop(struct live *l);
void	alloc_restore(struct live *l);

#endif
