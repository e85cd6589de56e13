/* profile_wait.h - private: sched_park's side of the block and mutex profiles */
#ifndef WEFT_PROFILE_WAIT_H
#define WEFT_PROFILE_WAIT_H

#include "worker.h"

extern _Atomic int profile_rate;	/* 0: off */

int64_t	profile_wait_begins(struct g *g);	/* 0: this one is not counted */
void	profile_wait_ended(struct g *g, enum reason why, int64_t begun);

#endif
