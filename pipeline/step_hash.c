/* step_hash.c - texts told apart by 128 bits of XXH3 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "step_impl.h"

struct hash128
step_hash(const void *p, size_t len, uint64_t seed)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(p, len, seed);

	return (struct hash128){ h.low64, h.high64 };
}
