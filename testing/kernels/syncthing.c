/*
 * syncthing.c - bugs of the Syncthing file synchronizer, by the numbers of their reports
 */
#include "kernel.h"

/* Who clears addresses tells so with the lock held that telling takes to read. */
struct s4829 { weft_rwmutex lock; int addresses; };

static void s4829_notify(struct s4829 *m)
{
	weft_rwmutex_rlock(&m->lock);
	CHECK_EQ(m->addresses, 0);
	weft_rwmutex_runlock(&m->lock);
}

static void s4829_clear_addresses(struct s4829 *m)
{
	weft_rwmutex_lock(&m->lock);
	m->addresses = 0;
	if (fixed)
		weft_rwmutex_unlock(&m->lock);
	s4829_notify(m);
	if (!fixed)
		weft_rwmutex_unlock(&m->lock);
}

KERNEL(Syncthing4829, leak)
{
	weft_go(s4829_clear_addresses, NEW(struct s4829, .addresses = 1));
}

/* A message makes the dispatcher close its connection, which waits for the dispatcher. */
struct s5795 { weft_chan(int) inbox; weft_chan(bool) closed, stopped; };

static void s5795_close(struct s5795 *c)
{
	weft_close(c->closed);
	if (!fixed)
		weft_recv(c->stopped, NULL);
}

static void s5795_dispatch(struct s5795 *c)
{
	while (weft_select(weft_on_recv(c->inbox, NULL), weft_on_recv(c->closed, NULL)) == 0)
		s5795_close(c);
	weft_close(c->stopped);
}

KERNEL(Syncthing5795, deadlock)
{
	struct s5795 *c = NEW(struct s5795, .inbox = MAKE(int, 0),
	    .closed = MAKE(bool, 0), .stopped = MAKE(bool, 0));

	weft_go(s5795_dispatch, c);
	weft_send(c->inbox, 1);
	weft_recv(c->stopped, NULL);
}
