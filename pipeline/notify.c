/* notify.c - telling the service manager how we are; see notify.h */
#include "notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A path, or a name with @ in front, which stands for a NUL; 0: there is none. */
static socklen_t
manager(struct sockaddr_un *addr)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name ? strlen(name) : 0;

	if (len == 0 || len >= sizeof(addr->sun_path) || (*name != '/' && *name != '@'))
		return 0;
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(addr->sun_path, name, len);
	if (*name == '@')
		addr->sun_path[0] = '\0';
	return offsetof(struct sockaddr_un, sun_path) + len;
}

int
notify_send(const char *state)
{
	struct sockaddr_un addr;
	socklen_t len = manager(&addr);
	int fd, err = 0;

	if (!len)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (struct sockaddr *)&addr, len) < 0)
		err = -errno;
	close(fd);
	return err;
}

int
notify_reloading(void)
{
	struct timespec now;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    now.tv_sec * 1000000LL + now.tv_nsec / 1000);
	return notify_send(text);
}

/* Twice as often as it must be; 0: there is no watchdog, or it watches another process. */
static int64_t
interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || !getenv("NOTIFY_SOCKET") || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	return strtoll(usec, NULL, 10) * WEFT_US / 2;
}

void
notify_watch(weft_ctx *life, weft_pipeline *p)
{
	int64_t every = interval();
	struct weft_pipeline_counts c;

	while (every > 0 && weft_sleep_ctx(life, every) == 0) {
		weft_pipeline_balanced(p);	/* takes most locks that there are */
		weft_pipeline_counts(p, &c);
		notify_send("WATCHDOG=1");
	}
}
