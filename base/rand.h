/*
 * rand.h - seeded generators; the only source of randomness in the tree
 *
 * rand_next is xorshift64*: quick, good enough to choose by, not for secrets.
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdint.h>

struct rand { uint64_t state; };

void	rand_seed(struct rand *r, uint64_t seed);	/* any seed, also 0 */
uint64_t rand_entropy(void);				/* a seed from the system */

static inline uint64_t rand_next(struct rand *r)
{
	uint64_t x = r->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	r->state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* 0..n-1; n above 0.  The bias is below n / 2^32. */
static inline uint32_t rand_below(struct rand *r, uint32_t n)
{
	return (uint32_t)(((rand_next(r) >> 32) * n) >> 32);
}

#endif
