/* fdio.h - file reads and writes that may block, as goroutines should do them */
#ifndef WEFT_PIPELINE_FDIO_H
#define WEFT_PIPELINE_FDIO_H

#include <sys/types.h>

int	fdio_open(const char *path, int flags, int mode);
ssize_t	fdio_read(int fd, void *buf, size_t n);
/* All of it: 0 or a negative errno, and how much was written. */
int	fdio_write(int fd, const void *buf, size_t n, size_t *done);

#endif
