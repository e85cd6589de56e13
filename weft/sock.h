/*
 * sock.h - private: what listeners and connections share
 *
 * Each direction has a mutex, so that callers take turns.  The object is freed with its
 * last user, which may be a call that was under way when it was closed.
 */
#ifndef WEFT_SOCK_H
#define WEFT_SOCK_H

#include "net.h"
#include "poll.h"

struct sock {
	int		 fd;		/* -1: in memory */
	struct mem	*mem;		/* inside a bubble, else NULL */
	struct pd	*pd;
	bool		 tcp;		/* a connection by TCP */
	_Atomic int	 refs;		/* the owner's, and one per call under way */
	weft_mutex	 turn[2];	/* by direction */
	struct track	 track;
	char		 local[WEFT_ADDR_MAX], remote[WEFT_ADDR_MAX];
	char		*path;		/* of a unix listener, to be removed; or NULL */
};

struct weft_listener { struct sock s; };
struct weft_conn { struct sock s; };

/* A turn in one direction.  0, or -ECANCELED, -ETIMEDOUT, -EBADF and no turn. */
int	sock_turn_begin(struct sock *s, enum dir dir, weft_ctx *ctx);
void	sock_turn_end(struct sock *s, enum dir dir);
/* With the turn, after a system call that failed with err: 0 to try again, or the error. */
int	sock_again(struct sock *s, enum dir dir, weft_ctx *ctx, int err, const void *pc);

/* What a system call returned; negative: why it failed. */
static inline ssize_t or_errno(ssize_t n)
{
	return n < 0 ? -errno : n;
}

#endif
