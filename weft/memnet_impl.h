/*
 * memnet_impl.h - private: what memnet.c, which makes and ends sockets in memory, and
 * memnet_io.c, which carries what they send, know of each other
 */
#ifndef WEFT_MEMNET_IMPL_H
#define WEFT_MEMNET_IMPL_H

#include "addr.h"
#include "memnet.h"

enum what { DATA, CONNECT, ACCEPTED, END };	/* on a wire; the last but one comes back */

struct parcel {
	struct list	 entry;		/* on a wire, in an inbox, net.flying or net.lost */
	struct timer	 timer;		/* a datagram's */
	struct mem	*from, *to;	/* a datagram's; each a reference, to may be NULL */
	enum what	 what;
	int64_t		 when;
	size_t		 len, off;	/* off: read already */
	char		 data[];
};

struct mem {
	struct list	 entry;		/* in net.all or net.dead */
	struct net	*net;
	struct pd	*pd;
	int		 type, refs, err;	/* err: what calls fail with from now on */
	bool		 listens, connected, closed, carried;	/* carried: the timer runs */
	bool		 at_end, no_read, no_write;	/* the peer sends no more; shut down */
	struct mem	*peer;		/* a reference */
	struct list	 inbox;		/* parcels; of a listener: mems that wait, by queue */
	struct list	 queue;
	size_t		 inboxed;	/* parcels or waiting connections */
	struct list	 wire;		/* not arrived yet */
	struct timer	 timer;		/* for the first of wire */
	int64_t		 busy;		/* the wire is, so long */
	size_t		 unread;	/* sent, and not yet read by the peer */
	char		 local[WEFT_ADDR_MAX], remote[WEFT_ADDR_MAX];
};

struct cut { struct cut *next; char addr[]; };

struct net {
	struct bubble	*bubble;
	struct list	 all, dead;	/* ends */
	struct list	 flying, lost;	/* datagrams */
	struct mem_faults faults;
	struct cut	*cuts;
	struct rand	 rand;
	int		 ports;		/* handed out */
};

/* memnet.c */
struct mem *mem_new(struct net *n, int type);
void	mem_put(struct mem *m);			/* a reference */
void	memnet_sweep(struct net *n);		/* frees what is dead */
struct mem *mem_find(struct net *n, int type, const char *addr);
int	mem_name(struct net *n, const char *addr, int type, bool listens, char *out);
bool	mem_is_cut(const struct mem *m);
void	mem_edges(struct mem *m);
void	mem_fail(struct mem *m, int err);
void	mem_reset(struct mem *m);		/* and its peer */

/* memnet_io.c */
int64_t	mem_carry(struct timer *t, int64_t now);
void	mem_push(struct mem *m, enum what what, const void *data, size_t len);
ssize_t	mem_do_send(struct mem *m, const struct iovec *iov, size_t n, const char *to);
ssize_t	mem_do_recv(struct mem *m, void *buf, size_t n, char *from);
ssize_t	mem_recv_datagram(struct mem *m, void *buf, size_t n, char *from);

#endif
