/* rand_test.c - the generator: known values, bounds, spread, seeds */
#include "../weft/testing.h"
#include "rand.h"

TEST(KnownValues, .parallel = true)
{
	struct rand r = { 1 };

	/* xorshift64* from 1, and splitmix64 from 0 and 1, as published */
	CHECK(rand_next(&r) == UINT64_C(0x47e4ce4b896cdd1d));
	CHECK(rand_next(&r) == UINT64_C(0xabcfa6a8e079651d));
	CHECK(rand_next(&r) == UINT64_C(0xb9d10d8feb731f57));
	rand_seed(&r, 0);
	CHECK(r.state == UINT64_C(0xe220a8397b1dcdaf));
	rand_seed(&r, 1);
	CHECK(r.state == UINT64_C(0x910a2dec89025cc1));
}

TEST(TheSameSeedGivesTheSame, .parallel = true)
{
	struct rand a, b;
	int same = 0;

	rand_seed(&a, 12345);
	rand_seed(&b, 12345);
	for (int i = 0; i < 1000; i++)
		same += rand_next(&a) == rand_next(&b);
	CHECK_EQ(same, 1000);
}

/* Also the seed that the spreading turns into 0, where xorshift would stay. */
TEST(AnySeedWillDo, .parallel = true)
{
	static const uint64_t seeds[] = { 0, 1, UINT64_MAX, -UINT64_C(0x9e3779b97f4a7c15) };

	for (int i = 0; i < 4; i++) {
		struct rand r;
		uint64_t any = 0, all = UINT64_MAX;

		rand_seed(&r, seeds[i]);
		for (int k = 0; k < 100; k++) {
			uint64_t x = rand_next(&r);

			any |= x;
			all &= x;
			CHECK(r.state != 0);
		}
		CHECK(any == UINT64_MAX);
		CHECK(all == 0);
	}
}

TEST(BelowStaysBelow, .parallel = true)
{
	static const uint32_t limits[] = {
		1, 2, 3, 7, 8, 10, 1000, UINT32_C(1) << 31, UINT32_MAX - 1, UINT32_MAX,
	};
	struct rand r;
	int wrong = 0;

	rand_seed(&r, 2);
	for (int i = 0; i < 10; i++)
		for (int k = 0; k < 10000; k++)
			wrong += rand_below(&r, limits[i]) >= limits[i];
	CHECK_EQ(wrong, 0);
}

/* Small limits: all values come, the first and the last, too. */
TEST(BelowReachesAll, .parallel = true)
{
	struct rand r;

	rand_seed(&r, 3);
	for (uint32_t n = 1; n <= 64; n++) {
		uint64_t seen = 0;

		for (int k = 0; k < 2000; k++)
			seen |= UINT64_C(1) << rand_below(&r, n);
		CHECK(seen == UINT64_MAX >> (64 - n));
	}
}

/*
 * Chi-squared: for n bins the mean is n - 1 and the variance 2 (n - 1).  The seeds
 * are fixed, so what passes once passes always.
 */
static double chi_squared(const int *bin, int n, int draws)
{
	double want = (double)draws / n, sum = 0;

	for (int i = 0; i < n; i++)
		sum += (bin[i] - want) * (bin[i] - want) / want;
	return sum;
}

TEST(BelowIsUniform, .parallel = true)
{
	enum { BINS = 100, DRAWS = 100000 };

	for (uint64_t seed = 0; seed < 10; seed++) {
		int bin[BINS] = {0};
		struct rand r;
		double x;

		rand_seed(&r, seed);
		for (int i = 0; i < DRAWS; i++)
			bin[rand_below(&r, BINS)]++;
		x = chi_squared(bin, BINS, DRAWS);
		if (!CHECK(x > 45 && x < 160))
			weft_logf("seed %d: %.1f", (int)seed, x);
	}
}

TEST(EveryBitIsFair, .parallel = true)
{
	enum { DRAWS = 10000 };
	int ones[64] = {0};
	struct rand r;

	rand_seed(&r, 4);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t x = rand_next(&r);

		for (int b = 0; b < 64; b++)
			ones[b] += x >> b & 1;
	}
	for (int b = 0; b < 64; b++)
		CHECK(ones[b] > DRAWS / 2 - 250 && ones[b] < DRAWS / 2 + 250);
}

/* The first draws of neighbouring seeds are as good as draws in a row. */
TEST(NeighbouringSeedsDiffer, .parallel = true)
{
	enum { BINS = 16, SEEDS = 4000 };
	int bin[BINS] = {0}, pairs[BINS] = {0};
	uint32_t last = 0;
	double x;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct rand r;
		uint32_t first;

		rand_seed(&r, seed);
		first = rand_below(&r, BINS);
		bin[first]++;
		pairs[(first - last) % BINS]++;
		last = first;
	}
	x = chi_squared(bin, BINS, SEEDS);
	CHECK(x > 2 && x < 45);
	x = chi_squared(pairs, BINS, SEEDS);
	CHECK(x > 2 && x < 45);
}

TEST(EntropyIsNotASequence, .parallel = true)
{
	uint64_t a = rand_entropy(), b = rand_entropy(), c = rand_entropy();

	CHECK(a != b && b != c && a != c);
	CHECK(b - a != c - b);
}
