/*
 * addr.h - private: addresses as text ("tcp://127.0.0.1:80", "unix:/run/x")
 */
#ifndef WEFT_ADDR_H
#define WEFT_ADDR_H

#include <sys/socket.h>

#include "net.h"

struct addr {
	struct sockaddr_storage sa;
	socklen_t	 len;
	int		 type;		/* SOCK_STREAM or SOCK_DGRAM */
};

enum { ADDR_MANY = 16 };		/* so many addresses of a name are tried */

/*
 * type is what the caller can use; 0: either.  How many addresses out got, the best
 * first and at most room of them.  May ask a name server, in a goroutine with a larger
 * stack.  -EINVAL: not an address of that type; -EHOSTUNREACH: no such host; -EAGAIN,
 * -ENOMEM: nobody could tell; or ctx's error.
 */
int	addr_resolve(weft_ctx *ctx, const char *text, int type, struct addr *out, int room);
int	addr_check(const char *text, int type);	/* 0 or -EINVAL; asks nobody */
/* Into WEFT_ADDR_MAX bytes; "" for what has no name. */
void	addr_format(const struct sockaddr *sa, socklen_t len, int type, char *out);
void	addr_format_local(int fd, int type, char *out);
void	addr_format_remote(int fd, int type, char *out);

/* getaddrinfo, or a test's own. */
struct addrinfo;
extern int (*addr_getaddrinfo)(const char *host, const char *port,
    const struct addrinfo *hints, struct addrinfo **out);

#endif
