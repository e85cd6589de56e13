/*
 * bench.h - what the benchmarks share
 *
 * Every BENCH here has a twin of the same name in go/: the same goroutines, the
 * same channels, the same number of each operation.  Change both or neither.
 * One loop is one operation; where one loop is many (a whole sieve, a million
 * goroutines), the price of each is reported as a metric named "ns/...", which
 * bench/run then shows instead of ns/op.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>

/* The i-th of parts equal shares of n. */
static inline int64_t share(int64_t n, int i, int parts)
{
	return n / parts + (i < n % parts);
}

#endif
