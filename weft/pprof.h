/*
 * pprof.h - private: writing a profile.proto; see pprof.c
 *
 * Begin with the types of the values, add samples, finish.
 */
#ifndef WEFT_PPROF_H
#define WEFT_PPROF_H

#include <stddef.h>
#include <stdint.h>

struct pprof;
struct pprof_type { const char *type, *unit; };
struct weft_site;

struct pprof *pprof_new(const struct pprof_type *types, size_t n, int64_t period);
/*
 * As many values as types; pcs are return addresses, the innermost first.  The labels: where
 * the goroutine comes from, and what it does, or NULL.
 */
void	pprof_add(struct pprof *p, void *const *pcs, size_t n, const int64_t *values,
	    const struct weft_site *site, const char *state);
/* Writes and frees it: 0, or -errno.  duration in ns, or 0. */
int	pprof_write(struct pprof *p, const char *path, int64_t duration);

#endif
