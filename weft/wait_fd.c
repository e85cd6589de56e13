/*
 * wait_fd.c - waiting for any descriptor
 *
 * It is registered for as long as somebody waits, and poll(2) has the last word: an
 * edge says only that something happened.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bubble.h"
#include "net.h"
#include "poll.h"

int poll_now(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };
	int n;

	while ((n = poll(&p, 1, 0)) < 0 && errno == EINTR)
		;
	return n < 0 ? -errno : p.revents & POLLNVAL ? -EBADF : p.revents;
}

static uint32_t epoll_events(short events)
{
	return (events & POLLIN ? EPOLLIN | EPOLLRDHUP : 0) |
	    (events & POLLOUT ? EPOLLOUT : 0) | (events & POLLPRI ? EPOLLPRI : 0);
}

int weft_wait_fd(weft_ctx *ctx, int fd, short events)
{
	struct pd *pd;
	int copy = -1, n, err = weft_err(ctx);

	if (err)
		return err;
	bubble_refuse("weft_wait_fd", true);
	n = poll_now(fd, events);
	if (n)
		return n;
	err = pd_open(fd, epoll_events(events), true, &pd);
	if (err == -EEXIST) {		/* somebody waits for it already */
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		err = copy < 0 ? -errno : pd_open(copy, epoll_events(events), true, &pd);
	}
	if (!err) {
		while (!(err = pd_wait(pd, DIR_READ, ctx, WAIT_FD, CALLER)) &&
		    !(n = poll_now(fd, events)))
			;
		pd_free(pd);
	}
	if (copy >= 0)
		close(copy);
	return err ? err : n;
}
