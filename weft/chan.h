/* chan.h - private: what a channel is; see chan.c */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include <string.h>

#include "runtime.h"

enum { CHAN_LIVE = 0x77656674, CHAN_FREED = 0x64656164 };

/* Debug builds keep freed channels for a while, so that a late use is noticed. */
#ifdef WEFT_DEBUG
enum { CHAN_KEEPS_FREED = 1 };
#else
enum { CHAN_KEEPS_FREED = 0 };
#endif

/*
 * lock protects everything that changes.  Under it: no parking, no waking, no
 * user code, and no other channel's lock.
 */
struct weft_chan {
	_Atomic unsigned lock;
	uint32_t	 magic;		/* CHAN_LIVE; tells a freed channel  */
	uint32_t	 elem;		/* size of a value                   */
	_Atomic bool	 closed;
	size_t		 cap;
	_Atomic size_t	 count;		/* values in buf                     */
	size_t		 head;		/* the oldest                        */
	struct waitq	 recvq, sendq;
	struct track	 track;
	char		 buf[] __attribute__((aligned(16)));
};

static inline void copy_value(void *dst, const void *src, size_t n)
{
	if (n == 8)
		memcpy(dst, src, 8);
	else if (n == 4)
		memcpy(dst, src, 4);
	else
		memcpy(dst, src, n);
}

void	chan_init(struct weft_chan *c, size_t elem, size_t cap);
/* What a receiver gets from a closed channel, which must be there until it returns. */
void	chan_zero(struct weft_chan *c, void *v, const char *call);
/* False, and nothing done: it is closed already. */
bool	chan_close(struct weft_chan *c);
/* Neither waits. */
bool	chan_try_send(struct weft_chan *c, const void *v);
bool	chan_try_recv(struct weft_chan *c, void *v, bool *ok);

/* select.c: the rest of weft_select, when no case was ready at a look */
int	select_wait(struct weft_case *k, size_t n, enum reason why, const void *pc);

/* waitq.c, wait.c: the steps of waitq_wait, for locks that do something in between */
void	waitq_push_front(struct waitq *q, struct node *n);
void	waitq_join(struct waitq *q, struct node *n, weft_ctx *ctx, bool front);
int	waitq_sleep(struct node *n, _Atomic unsigned *l, weft_ctx *ctx, enum reason why,
	    const void *object, const void *pc);

#endif
