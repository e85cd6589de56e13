/*
 * pages.h - private: memory that does not depend on a sane heap, for reports
 *
 * Zeroed; give it back with munmap.  NULL when there is none.
 */
#ifndef WEFT_PAGES_H
#define WEFT_PAGES_H

#include <stddef.h>
#include <sys/mman.h>

static inline void *pages(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* More of what pages gave, or of NULL; it may move.  NULL: none, and p is as it was. */
static inline void *pages_grow(void *p, size_t old, size_t n)
{
	void *q = p ? mremap(p, old, n, MREMAP_MAYMOVE) : pages(n);

	return q == MAP_FAILED ? NULL : q;
}

#endif
