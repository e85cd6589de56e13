/*
 * gen.h - what the generator and the verifier agree on
 *
 * Somewhere in each generated line there is
 *
 *	<<SEED.SOURCE.SEQ/LINES text CHECKSUM>>
 *
 * SEQ counts from 1 to LINES; the checksum is the CRC-32C of everything between
 * << and itself, in eight hex digits.  None of these characters is changed by any
 * output format.  The level of a line follows from its numbers alone, so that the
 * verifier knows which of the missing lines a filter was to take out.  Stack traces and
 * the first parts of split lines are lines of their own and have no mark.
 */
#ifndef WEFT_PIPELINE_GEN_H
#define WEFT_PIPELINE_GEN_H

#include <stddef.h>
#include <stdint.h>

int	gen_level(uint64_t seed, uint32_t source, uint64_t seq);
uint32_t gen_checksum(const char *p, size_t len);

#endif
