/*
 * far.h - servers that take lines into a file, go away, and come back
 *
 * One that goes ends its side first and reads what the other still sends, as a server does
 * that is stopped in good order.  Only whole lines are kept.
 */
#ifndef WEFT_PIPELINE_FAULTS_FAR_H
#define WEFT_PIPELINE_FAULTS_FAR_H

#include "faults.h"
#include "weft/net.h"

struct far {
	struct lab	*lab;
	const char	*name;		/* of the file */
	bool		 http;
	bool		 deaf;		/* it reads nothing, but stays */
	int		 status;	/* http: the answer; 0: 200 */
	/* far.c's */
	char		 addr[100];	/* host:port, the same all the time */
	weft_listener	*l;
	weft_ctx	*ctx;
	weft_waitgroup	 running;
	weft_mutex	 lock;		/* the file */
	int		 fd;
	_Atomic uint64_t lines;
};
void	far_come(struct far *f);
void	far_go(struct far *f);		/* no-op if it has gone */
void	far_finish(struct far *f);

#endif
