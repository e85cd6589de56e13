/* addr.c - addresses as text; see addr.h */
#include "addr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "sync.h"

static int parse_unix(const char *path, struct addr *a)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&a->sa;
	size_t n = strlen(path);

	if (!n || n >= sizeof un->sun_path)
		return n ? -ENAMETOOLONG : -EINVAL;
	memset(un, 0, sizeof *un);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (path[0] == '@')
		un->sun_path[0] = '\0';		/* the abstract space: no file */
	else
		a->len++;
	a->type = SOCK_STREAM;
	return 1;
}

/* "[::1]:53" or "host:53" into its two halves. */
static int split(const char *text, char *host, size_t room, const char **port)
{
	const char *colon = strrchr(text, ':'), *end = colon;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -EINVAL;
	if (text[0] == '[') {
		if (end == text || end[-1] != ']')
			return -EINVAL;
		text++;
		end--;
	} else if (memchr(text, ':', (size_t)(colon - text)))
		return -EINVAL;
	if ((size_t)(end - text) >= room)
		return -EINVAL;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	*port = colon + 1;
	return strlen(*port) > 5 ? -EINVAL : 0;
}

int (*addr_getaddrinfo)(const char *, const char *, const struct addrinfo *,
    struct addrinfo **) = getaddrinfo;

/* How many of them there was room for. */
static int take(struct addrinfo *list, struct addr *out, int room)
{
	int n = 0;

	for (struct addrinfo *i = list; i && n < room; i = i->ai_next, n++) {
		memcpy(&out[n].sa, i->ai_addr, i->ai_addrlen);
		out[n].len = i->ai_addrlen;
		out[n].type = i->ai_socktype;
	}
	freeaddrinfo(list);
	return n;
}

static int error_of(int eai)
{
	switch (eai) {
	case 0:
		return 0;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return -errno;
	default:
		return -EHOSTUNREACH;
	}
}

struct lookup {
	const char	*host, *port;
	struct addrinfo	 hints, *list;
	int		 err;
	weft_waitgroup	 end;
};

static void look_up(struct lookup *l)
{
	l->err = error_of(addr_getaddrinfo(l->host, l->port, &l->hints, &l->list));
}

static void look_up_and_tell(struct lookup *l)
{
	weft_enter_blocking();
	look_up(l);
	weft_leave_blocking();
	weft_waitgroup_done(&l->end);
}

/* Name services come as modules, written for the stacks that threads have. */
enum { LOOKUP_STACK = 256 << 10 };

static void look_up_name(struct lookup *l)
{
	weft_waitgroup_add(&l->end, 1);
	weft_go_stack(LOOKUP_STACK, look_up_and_tell, l);
	weft_waitgroup_wait(&l->end);
}

/* A number needs no module and no waiting. */
static int look_up_host(const char *host, const char *port, int type, struct addr *out, int room)
{
	struct lookup l = { .host = *host ? host : NULL, .port = port };

	l.hints.ai_socktype = type;
	l.hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | (*host ? 0 : AI_PASSIVE);
	look_up(&l);
	if (l.err) {
		l.hints.ai_flags &= ~AI_NUMERICHOST;
		look_up_name(&l);
	}
	return l.err ? l.err : take(l.list, out, room);
}

/* "tcp://" and "udp://"; 256 bytes for the host. */
static int parse(const char *text, int type, int *scheme, char *host, const char **port)
{
	*scheme = !strncmp(text, "tcp://", 6) ? SOCK_STREAM :
	    !strncmp(text, "udp://", 6) ? SOCK_DGRAM : 0;
	if (!*scheme || (type && type != *scheme))
		return -EINVAL;
	if (split(text + 6, host, 256, port) || strtol(*port, NULL, 10) > 65535)
		return -EINVAL;
	return 0;
}

int addr_check(const char *text, int type)
{
	struct addr a;
	char host[256];
	const char *port;
	int scheme, n;

	if (strncmp(text, "unix:", 5))
		return parse(text, type, &scheme, host, &port);
	n = type == SOCK_DGRAM ? -EINVAL : parse_unix(text + 5, &a);
	return n < 0 ? n : 0;
}

int addr_resolve(weft_ctx *ctx, const char *text, int type, struct addr *out, int room)
{
	char host[256];
	const char *port;
	int scheme, n, err = weft_err(ctx);

	if (err)
		return err;
	if (!strncmp(text, "unix:", 5))
		return type == SOCK_DGRAM ? -EINVAL : parse_unix(text + 5, out);
	err = parse(text, type, &scheme, host, &port);
	if (err)
		return err;
	n = look_up_host(host, port, scheme, out, room);
	err = weft_err(ctx);
	return n > 0 && err ? err : n;
}

void addr_format(const struct sockaddr *sa, socklen_t len, int type, char *out)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_un *un = (const struct sockaddr_un *)sa;
	const char *scheme = type == SOCK_DGRAM ? "udp" : "tcp";
	char host[INET6_ADDRSTRLEN], scope[12] = "";
	int n;

	out[0] = '\0';
	switch (sa->sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		snprintf(out, WEFT_ADDR_MAX, "%s://%s:%u", scheme, host,
		    ntohs(in->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
		/* a number: the interface's name would cost a system call */
		if (in6->sin6_scope_id)
			snprintf(scope, sizeof scope, "%%%u", in6->sin6_scope_id);
		snprintf(out, WEFT_ADDR_MAX, "%s://[%s%s]:%u", scheme, host, scope,
		    ntohs(in6->sin6_port));
		break;
	case AF_UNIX:
		n = (int)len - (int)offsetof(struct sockaddr_un, sun_path);
		if (n > 0 && !un->sun_path[0])
			snprintf(out, WEFT_ADDR_MAX, "unix:@%.*s", n - 1, un->sun_path + 1);
		else if (n > 0)
			snprintf(out, WEFT_ADDR_MAX, "unix:%.*s", n, un->sun_path);
		break;
	}
}

void addr_format_local(int fd, int type, char *out)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	out[0] = '\0';
	if (!getsockname(fd, (struct sockaddr *)&sa, &len))
		addr_format((struct sockaddr *)&sa, len, type, out);
}

void addr_format_remote(int fd, int type, char *out)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	out[0] = '\0';
	if (!getpeername(fd, (struct sockaddr *)&sa, &len))
		addr_format((struct sockaddr *)&sa, len, type, out);
}
