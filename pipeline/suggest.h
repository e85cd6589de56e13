/* suggest.h - did you mean: the known word nearest to one that is not known */
#ifndef WEFT_PIPELINE_SUGGEST_H
#define WEFT_PIPELINE_SUGGEST_H

#include <stddef.h>

/* list ends with NULL.  NULL: none is near. */
const char *suggest(const char *word, size_t len, const char *const *list);

#endif
