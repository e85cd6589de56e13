/*
 * memnet.h - private: the network inside a bubble
 *
 * It stands where the system calls stand: net.c's turns, contexts and waiting are the
 * same.  A call that would wait returns -EAGAIN, and the end's pd gets an edge when it
 * need not wait any more.  Everything runs with the bubble's turn or in its timers, so
 * there are no locks.
 */
#ifndef WEFT_MEMNET_H
#define WEFT_MEMNET_H

#include <sys/uio.h>

#include "bubble.h"
#include "poll.h"

struct mem;			/* a socket in memory */

/* All return 0 or more, or -errno. */
int	mem_bind(const char *addr, int type, struct mem **out);	/* SOCK_STREAM listens */
int	mem_dial(const char *addr, struct mem **out);		/* begins to connect  */
int	mem_connected(struct mem *m);				/* 1: it is, 0: not yet */
int	mem_accept(struct mem *m, struct mem **out);
ssize_t	mem_recv(struct mem *m, void *buf, size_t n, char *from);
ssize_t	mem_send(struct mem *m, const struct iovec *iov, size_t n, const char *to);
int	mem_shutdown(struct mem *m, enum dir dir);
void	mem_close(struct mem *m);
void	mem_attach(struct mem *m, struct pd *pd);		/* whom edges go to */
const char *mem_local(const struct mem *m);
const char *mem_remote(const struct mem *m);

/* What goes wrong, from now on; see testing.h. */
struct mem_faults {
	int64_t	latency_min, latency_max;	/* ns, one way */
	int64_t	bytes_per_second;		/* of one connection and direction; 0: any */
	double	loss;			/* of datagrams; in a stream it costs time */
	double	reset;			/* of connections, by what is sent */
};
void	memnet_faults(struct bubble *b, const struct mem_faults *f);
void	memnet_cut(struct bubble *b, const char *addr, bool cut);
void	memnet_reset(struct bubble *b, const char *addr);
void	memnet_finish(struct bubble *b);	/* at the end of the bubble */

#endif
