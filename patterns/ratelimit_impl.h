/*
 * ratelimit_impl.h - what a kind of rate limiter has to do; to use one, include ratelimit.h
 *
 * The queue, the deadlines and the sleeping are the same for all kinds and are in
 * ratelimit.c.  A kind begins with a struct weft_ratelimit and knows when tokens are good.
 */
#ifndef PATTERNS_RATELIMIT_IMPL_H
#define PATTERNS_RATELIMIT_IMPL_H

#include "../weft/sync.h"
#include "ratelimit.h"

enum weft_ratelimit_mode {
	WEFT_RATELIMIT_NOW,		/* takes them if they are good now */
	WEFT_RATELIMIT_WAIT,		/* the same, for one who will come again */
	WEFT_RATELIMIT_FIRST,		/* who has, maybe late, and was not refused before */
	WEFT_RATELIMIT_RESERVE,		/* takes them in any case     */
};

struct weft_ratelimit_ops {
	/* 0: taken, good from r->at; -EAGAIN: not before r->at; or an error.  n is 0 or above. */
	int	(*take)(weft_ratelimit *l, int n, enum weft_ratelimit_mode mode,
		    struct weft_ratelimit_reservation *r);
	/* When n would be good that come after ahead others, at the earliest; or an error. */
	int64_t	(*when)(weft_ratelimit *l, int n, int64_t ahead);
	void	(*cancel)(weft_ratelimit *l, const struct weft_ratelimit_reservation *r);
	/* rate or burst below 0: as it was.  The values are sound. */
	void	(*set)(weft_ratelimit *l, int64_t rate, int64_t per, int burst);
	void	(*free)(weft_ratelimit *l);
};

struct weft_ratelimit {
	const struct weft_ratelimit_ops *ops;
	int64_t		 waiting;	/* tokens that those in line want; atomic      */
	weft_mutex	 turn;		/* held, also asleep, by the first in line     */
	weft_chan(char)	 kick;		/* tells it that its time may have changed     */
};

void	weft_ratelimit_init_(weft_ratelimit *l, const struct weft_ratelimit_ops *ops);
void	weft_ratelimit_finish_(weft_ratelimit *l);
/* Stops the program, in the name of what, if the values are not sound. */
void	weft_ratelimit_check_(const char *what, int64_t rate, int64_t per, int burst);
/* rate/per in lowest terms; not for an infinite rate. */
void	weft_ratelimit_reduce_(int64_t *rate, int64_t *per);

#endif
