/* fdio.h - file reads and writes that may block, as goroutines should do them */
#ifndef WEFT_PIPELINE_FDIO_H
#define WEFT_PIPELINE_FDIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int	fdio_open(const char *path, int flags, int mode);
ssize_t	fdio_read(int fd, void *buf, size_t n);
/* All n bytes from that place, or fewer at the end of the file, or a negative errno. */
ssize_t	fdio_pread(int fd, void *buf, size_t n, uint64_t at);
/* All of it: 0 or a negative errno, and how much was written. */
int	fdio_write(int fd, const void *buf, size_t n, size_t *done);

/* For tests: asked before each fdio_pread and fdio_open (fd -1), which return its errors. */
typedef int fdio_fault_fn(int fd, uint64_t at);
void	fdio_fault(fdio_fault_fn *f);	/* NULL: none */

#endif
