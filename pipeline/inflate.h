/*
 * inflate.h - reads a gzip or zstd file from its beginning, all members and frames
 *
 * The descriptor is borrowed.  One that ends too early gives all that could be read first.
 */
#ifndef WEFT_PIPELINE_INFLATE_H
#define WEFT_PIPELINE_INFLATE_H

#include <stddef.h>
#include <sys/types.h>

#include "identity.h"

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD };
enum packing packing_of(const void *head, size_t n);
/* Of a file; PACKED_NOT also if it cannot be read. */
enum packing packing_of_file(int fd);

struct inflate;
struct inflate *inflate_new(int fd, enum packing how);
void	inflate_free(struct inflate *x);	/* NULL: nothing */
/*
 * n bytes, or fewer before the end or an error, which then is what the next call returns: 0 at
 * the end, -ENODATA when the file ends too early, -EBADMSG when it is broken, -E2BIG when
 * it asks for more memory than we give, or what reading it returned.
 */
ssize_t	inflate_read(struct inflate *x, void *buf, size_t n);
/* Reads up to offset.  t (may be NULL) gets the bytes before it.  -ESTALE: it is shorter. */
int	inflate_skip(struct inflate *x, uint64_t offset, struct trail *t);

#endif
