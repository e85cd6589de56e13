/*
 * units.h - quantities as people write them, in configurations and on command lines
 *
 * Each returns NULL, or what is wrong with the text: "it has no unit".
 */
#ifndef WEFT_PIPELINE_UNITS_H
#define WEFT_PIPELINE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

const char *unit_bool(const char *text, bool *out);	/* true false yes no on off */
const char *unit_integer(const char *text, int64_t *out);
/* 64MB (millions), 4GiB, 4G (binary), 512 (bytes); 1.5GB */
const char *unit_size(const char *text, uint64_t *out);
/* ns us ms s m h d w, several of them: 1h30m; 1.5s; 0; in ns, not negative */
const char *unit_duration(const char *text, int64_t *out);
/* 200/s, 10/min, 1/5m: so many, in so many ns */
const char *unit_rate(const char *text, int64_t *events, int64_t *per);
/* 10% or 0.1: above 0, at most 1 */
const char *unit_share(const char *text, double *out);

#endif
