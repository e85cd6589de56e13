/*
 * malloc.c - stands in front of the C library's allocator, for profiles of the heap
 *
 * Test programs have it from the harness, others ask for it (pkg-config weft-heap).
 * Sanitizers bring their own allocator, and other C libraries do not export the names
 * beneath: there nothing is counted, and weft_profile_allocs says so.
 */
#include <errno.h>

#include "../base/die.h"
#include "../weft/alloc.h"

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
void	*__libc_memalign(size_t align, size_t n);
void	 __libc_free(void *p);
void	*malloc(size_t n);
void	*calloc(size_t n, size_t size);
void	*realloc(void *p, size_t n);
void	*memalign(size_t align, size_t n);
void	*aligned_alloc(size_t align, size_t n);
int	 posix_memalign(void **p, size_t align, size_t n);
void	 free(void *p);

__attribute__((constructor(101))) static void say_so(void)
{
	alloc_hooked = true;
}

/* relaxed: who is to see a change of mode has been told of it by other means */
static inline bool idle(void)
{
	return likely(!atomic_load_explicit(&alloc_mode, memory_order_relaxed));
}

void *malloc(size_t n)
{
	void *p = __libc_malloc(n);

	if (!idle())
		alloc_took(p, n, __builtin_return_address(0));
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = __libc_calloc(n, size);

	if (!idle())
		alloc_took(p, n * size, __builtin_return_address(0));
	return p;
}

/* A sample is taken out before: as soon as p is free, somebody else may get it. */
void *realloc(void *p, size_t n)
{
	struct live *l;
	void *q;

	if (idle())
		return __libc_realloc(p, n);
	l = alloc_lift(p);
	q = __libc_realloc(p, n);
	if (!q && n) {
		alloc_restore(l);
		return NULL;
	}
	alloc_drop(l);
	alloc_took(q, n, __builtin_return_address(0));
	return q;
}

static inline void *take_aligned(size_t align, size_t n, const void *pc)
{
	void *p = __libc_memalign(align, n);

	if (!idle())
		alloc_took(p, n, pc);
	return p;
}

void *memalign(size_t align, size_t n)
{
	return take_aligned(align, n, __builtin_return_address(0));
}

void *aligned_alloc(size_t align, size_t n)
{
	return take_aligned(align, n, __builtin_return_address(0));
}

int posix_memalign(void **p, size_t align, size_t n)
{
	void *block;

	if (!align || align % sizeof(void *) || align & (align - 1))
		return EINVAL;
	block = take_aligned(align, n, __builtin_return_address(0));
	if (!block)
		return ENOMEM;
	*p = block;
	return 0;
}

void free(void *p)
{
	if (!idle())
		alloc_drop(alloc_lift(p));
	__libc_free(p);
}

#endif
