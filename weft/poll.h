/*
 * poll.h - private: descriptors that goroutines wait for; see poll_epoll.c
 */
#ifndef WEFT_POLL_H
#define WEFT_POLL_H

#include "runtime.h"

enum dir { DIR_READ, DIR_WRITE };

/*
 * A registered descriptor.  Never freed but reused, with another generation, so
 * that an event that comes late finds nobody.  lock protects everything but fd.
 */
struct pd {
	struct pd	 *link;
	_Atomic unsigned  lock;
	_Atomic uint32_t  gen;
	int		  fd, epfd;
	bool		  merge;	/* every edge is a read edge: weft_wait_fd */
	bool		  ready[2];	/* an edge came while nobody waited */
	_Atomic bool	  ask;		/* the end is there, an error, or urgent data */
	bool		  drained;	/* the last read took all, unless ask: the reader's */
	_Atomic bool	  closed;	/* set under lock; read too early without it, it
					   is seen by the pd_wait that follows */
	struct waitq	  q[2];		/* at most one waiter each: callers take turns */
};

/* 0, or -errno: -EPERM for files that cannot be polled.  fd -1: only pd_edge has news. */
int	pd_open(int fd, uint32_t events, bool merge, struct pd **out);
void	pd_close(struct pd *pd);	/* wakes both sides; nobody may come after them */
void	pd_free(struct pd *pd);		/* before its fd is closed */
void	pd_edge(struct pd *pd, enum dir dir);	/* as if a descriptor had one */
/* Waits for an edge: 0, -ECANCELED, -ETIMEDOUT, or -EBADF once closed. */
int	pd_wait(struct pd *pd, enum dir dir, weft_ctx *ctx, enum reason why, const void *pc);
/* What poll(2) would report, without waiting: events, 0, or -errno (wait_fd.c). */
int	poll_now(int fd, short events);

#endif
