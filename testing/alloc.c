/*
 * alloc.c - counts allocations for -benchmem
 *
 * Stands in front of the C library's allocator and costs one load when nobody
 * counts.  Sanitizers bring their own, and other C libraries do not export the
 * names beneath; there the counts stay zero.
 */
#include "harness.h"

_Atomic bool alloc_counting;
_Atomic int64_t alloc_count, alloc_bytes;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)

void	*__libc_malloc(size_t n);
void	*__libc_calloc(size_t n, size_t size);
void	*__libc_realloc(void *p, size_t n);
void	*malloc(size_t n);
void	*calloc(size_t n, size_t size);
void	*realloc(void *p, size_t n);

/* relaxed: read when the benchmark has ended, which its channels order */
static inline void count(size_t n)
{
	if (likely(!atomic_load_explicit(&alloc_counting, memory_order_relaxed)))
		return;
	atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&alloc_bytes, (int64_t)n, memory_order_relaxed);
}

void *malloc(size_t n)
{
	count(n);
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	count(n * size);
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	count(n);
	return __libc_realloc(p, n);
}

#endif
