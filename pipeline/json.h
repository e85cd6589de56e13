/*
 * json.h - values inside JSON, for those who have found a line's members
 *
 * json is a value as it stands in a field of kind FIELD_RAW: valid, but nothing here reads
 * past len if it is not.
 */
#ifndef WEFT_PIPELINE_JSON_H
#define WEFT_PIPELINE_JSON_H

#include "batch.h"

/* The object's member of that name (unescaped), the last one if there are several. */
bool	json_member(const char *json, size_t len, const char *key, size_t klen,
	    struct field *out);
/* The array's element, from 0. */
bool	json_element(const char *json, size_t len, size_t index, struct field *out);
/*
 * Appends what a string says.  A surrogate without its other half is U+FFFD; escapes that
 * JSON does not have are left as they are.
 */
void	json_unescape(struct buf *out, const char *p, size_t len);

#endif
