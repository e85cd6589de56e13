/*
 * budget.h - one number of bytes for everything in flight, reserved before it is read
 *
 * take waits until the bytes fit, first come first served, so that a big request is not
 * overtaken for ever; one that is bigger than the limit goes alone.  What turns out to need more
 * than was reserved is charged without waiting, and the next take waits for it: the limit
 * is passed by no more than what is being worked on at that moment.
 */
#ifndef WEFT_PIPELINE_BUDGET_H
#define WEFT_PIPELINE_BUDGET_H

#include <stddef.h>

#include "base/list.h"
#include "weft/sync.h"
#include "weft/weft.h"

struct budget {
	/* lock protects the rest, and is never held across a wait but of changed */
	weft_mutex	 lock;
	weft_cond	 changed;
	size_t		 limit, used, peak;
	struct list	 waiting;		/* those who take, first come first; see init */
	uint64_t	 waits;			/* so often it was full */
};

void	budget_init(struct budget *b, size_t limit);
/* 0, or -ECANCELED, -ETIMEDOUT with nothing taken. */
int	budget_take(weft_ctx *ctx, struct budget *b, size_t n);
void	budget_charge(struct budget *b, ptrdiff_t n);	/* more, or less than 0: given back */
size_t	budget_used(struct budget *b);
bool	budget_fits(struct budget *b, size_t n);	/* now, if nobody were waiting */
bool	budget_wanted(struct budget *b);	/* somebody waits for it */
void	budget_set(struct budget *b, size_t limit);

#endif
