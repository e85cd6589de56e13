/* notify_test.c - what a service manager is told */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"
#include "testfiles.h"
#include "weft/sync.h"

static int
listen_at(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + strlen(name);

	memcpy(addr.sun_path, name, strlen(name));
	if (*name == '@')
		addr.sun_path[0] = '\0';
	REQUIRE(bind(fd, (struct sockaddr *)&addr, len) == 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
hears(int fd, const char *want)
{
	char text[256];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	REQUIRE(n > 0);
	text[n] = '\0';
	if (strncmp(text, want, strlen(want)) != 0)
		CHECK_STR(text, want);
}

TEST(NobodyIsToldWhoDidNotAsk)
{
	unsetenv("NOTIFY_SOCKET");
	CHECK_EQ(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	CHECK_EQ(notify_send("READY=1"), 0);
	unsetenv("NOTIFY_SOCKET");
}

TEST(ManagerIsToldAtAPathAndAtAName)
{
	char path[512], name[64];
	int fd = listen_at(path_of(path, "n"));

	CHECK_EQ(notify_send("READY=1\nSTATUS=reading"), 0);
	hears(fd, "READY=1\nSTATUS=reading");
	CHECK_EQ(notify_reloading(), 0);
	hears(fd, "RELOADING=1\nMONOTONIC_USEC=");
	close(fd);
	CHECK_EQ(notify_send("READY=1"), -ECONNREFUSED);
	snprintf(name, sizeof(name), "@weft-notify-%d", getpid());
	fd = listen_at(name);
	CHECK_EQ(notify_send("STOPPING=1"), 0);
	hears(fd, "STOPPING=1");
	close(fd);
	unsetenv("NOTIFY_SOCKET");
}

TEST(WatchdogIsFedUntilTheEnd)
{
	char path[512];
	weft_ctx *life = weft_with_cancel(NULL);
	weft_waitgroup watching = { 0 };
	weft_pipeline *p = weft_pipeline_new(&(struct weft_pipeline_options){ 0 });
	int fd = listen_at(path_of(path, "n"));

	setenv("WATCHDOG_USEC", "2000", 1);
	weft_waitgroup_go(&watching, notify_watch, life, p);
	hears(fd, "WATCHDOG=1");
	hears(fd, "WATCHDOG=1");
	weft_cancel(life);
	weft_waitgroup_wait(&watching);
	setenv("WATCHDOG_PID", "1", 1);
	notify_watch(NULL, p);		/* not for us: returns */
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	close(fd);
	weft_ctx_free(life);
	weft_pipeline_free(p);
}
