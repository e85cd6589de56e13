/* rand.c - seeding; see rand.h */
#include "rand.h"

#include <sys/random.h>
#include <time.h>

void rand_seed(struct rand *r, uint64_t seed)
{
	/* splitmix64 spreads neighbouring seeds; the state must not be 0 */
	seed += UINT64_C(0x9e3779b97f4a7c15);
	seed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	seed = (seed ^ seed >> 27) * UINT64_C(0x94d049bb133111eb);
	r->state = (seed ^ seed >> 31) | 1;
}

uint64_t rand_entropy(void)
{
	uint64_t seed;
	struct timespec ts;

	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed)
		return seed;
	clock_gettime(CLOCK_REALTIME, &ts);	/* early boot: weak, and enough */
	return (uint64_t)ts.tv_nsec ^ (uint64_t)ts.tv_sec << 32;
}
