/* step_rdns.h - for tests: who is asked for the name of an address */
#ifndef WEFT_PIPELINE_STEP_RDNS_H
#define WEFT_PIPELINE_STEP_RDNS_H

#include <sys/socket.h>

#define RDNS_NAME 1025			/* bytes of the longest name, and its NUL: NI_MAXHOST */

/* What getnameinfo gives: 0, EAI_NONAME, or another of its errors.  It may take its time. */
typedef int rdns_ask_fn(const struct sockaddr *addr, socklen_t len, char *name, size_t room);
extern rdns_ask_fn *rdns_ask;		/* before a step is made */

#endif
