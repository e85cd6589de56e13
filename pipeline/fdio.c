/*
 * fdio.c - reading and writing files from goroutines
 *
 * A disk may take its time, so a call that can wait is bracketed, and another
 * thread runs the other goroutines meanwhile.  That costs a hand-over, which a
 * read from the page cache is not worth: it is tried without waiting first.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fdio.h"
#include "weft/net.h"
#include "weft/weft.h"

static _Atomic(fdio_fault_fn *) fault;

void
fdio_fault(fdio_fault_fn *f)
{
	atomic_store(&fault, f);
}

int
fdio_open(const char *path, int flags, int mode)
{
	fdio_fault_fn *f = atomic_load_explicit(&fault, memory_order_relaxed);
	int fd, err = f ? f(-1, 0) : 0;

	if (err)
		return err;
	weft_enter_blocking();		/* a pipe waits for its other end */
	fd = open(path, flags | O_CLOEXEC, mode);
	err = errno;
	weft_leave_blocking();
	return fd < 0 ? -err : fd;
}

static ssize_t
read_bracketed(int fd, void *buf, size_t n)
{
	ssize_t got;
	int err;

	weft_enter_blocking();
	got = read(fd, buf, n);
	err = errno;
	weft_leave_blocking();
	return got < 0 ? -err : got;
}

ssize_t
fdio_read(int fd, void *buf, size_t n)
{
	struct iovec iov = { buf, n };
	ssize_t got = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	if (got >= 0)
		return got;
	do
		got = read_bracketed(fd, buf, n);
	while (got == -EINTR);
	return got;
}

static ssize_t
pread_bracketed(int fd, void *buf, size_t n, uint64_t at)
{
	ssize_t got;
	int err;

	weft_enter_blocking();
	got = pread(fd, buf, n, at);
	err = errno;
	weft_leave_blocking();
	return got < 0 ? -err : got;
}

static ssize_t
pread_some(int fd, void *buf, size_t n, uint64_t at)
{
	struct iovec iov = { buf, n };
	fdio_fault_fn *f = atomic_load_explicit(&fault, memory_order_relaxed);
	int err = f ? f(fd, at) : 0;
	ssize_t got;

	if (err)
		return err;
	got = preadv2(fd, &iov, 1, at, RWF_NOWAIT);
	return got >= 0 ? got : pread_bracketed(fd, buf, n, at);
}

ssize_t
fdio_pread(int fd, void *buf, size_t n, uint64_t at)
{
	size_t done = 0;
	ssize_t got;

	while (done < n) {
		got = pread_some(fd, (char *)buf + done, n - done, at + done);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return done ? (ssize_t)done : got;	/* the error comes again */
		if (got == 0)
			break;
		done += got;
	}
	return done;
}

static ssize_t
write_bracketed(int fd, const void *buf, size_t n)
{
	ssize_t put;
	int err;

	weft_enter_blocking();
	put = write(fd, buf, n);
	err = errno;
	weft_leave_blocking();
	return put < 0 ? -err : put;
}

int
fdio_write(int fd, const void *buf, size_t n, size_t *done)
{
	ssize_t put;

	*done = 0;
	while (*done < n) {
		put = write_bracketed(fd, (const char *)buf + *done, n - *done);
		if (put == -EAGAIN)	/* someone made it non-blocking */
			weft_wait_fd(NULL, fd, POLLOUT);
		else if (put < 0 && put != -EINTR)
			return put;
		else if (put > 0)
			*done += put;
	}
	return 0;
}
