/* net_dial_test.c - addresses, listening and dialling, and what goes wrong there */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr.h"
#include "net.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

/* ---- paths ---- */

static void path_in_tempdir(const char *name, struct sockaddr_un *un, char addr[128])
{
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof un->sun_path, "%s/%s", weft_tempdir(), name);
	snprintf(addr, 128, "unix:%s", un->sun_path);
}

/* What a process that died has left. */
TEST(StaleUnixSocketIsReplaced)
{
	struct sockaddr_un un;
	weft_listener *l, *second;
	char addr[128];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	path_in_tempdir("stale", &un, addr);
	REQUIRE(bind(fd, (struct sockaddr *)&un, sizeof un) == 0);
	close(fd);
	REQUIRE(weft_listen(NULL, addr, &l) == 0);
	CHECK_EQ(weft_listen(NULL, addr, &second), -EADDRINUSE);	/* this one lives */
	weft_listener_close(l);
}

TEST(ListenLeavesOtherFiles, .real = true)
{
	struct sockaddr_un un;
	weft_listener *l;
	char addr[128];
	int fd;

	path_in_tempdir("file", &un, addr);
	fd = open(un.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	CHECK_EQ(weft_listen(NULL, addr, &l), -EADDRINUSE);
	CHECK_EQ(access(un.sun_path, F_OK), 0);
	path_in_tempdir("link", &un, addr);
	REQUIRE(symlink("nothing", un.sun_path) == 0);
	CHECK_EQ(weft_listen(NULL, addr, &l), -EADDRINUSE);
}

/* A server too busy to accept is still there, and not to be waited for. */
TEST(ListenBesideFullQueue, .real = true)
{
	struct sockaddr_un un;
	weft_listener *l;
	weft_conn *c[8];
	char addr[128];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n = 0;

	path_in_tempdir("busy", &un, addr);
	REQUIRE(bind(fd, (struct sockaddr *)&un, sizeof un) == 0 && listen(fd, 0) == 0);
	while (n < 8 && weft_dial(NULL, addr, &c[n]) == 0)
		n++;
	CHECK(n < 8);
	CHECK_EQ(weft_listen(NULL, addr, &l), -EADDRINUSE);
	CHECK_EQ(access(un.sun_path, F_OK), 0);
	while (n)
		weft_conn_close(c[--n]);
	close(fd);
}

/* ---- addresses ---- */

TEST(DialRefused, .real = true)
{
	weft_listener *l;
	weft_conn *c;
	char addr[WEFT_ADDR_MAX];

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	strcpy(addr, weft_listener_addr(l));
	weft_listener_close(l);
	CHECK_EQ(weft_dial(NULL, addr, &c), -ECONNREFUSED);
	CHECK_EQ(weft_dial(NULL, "unix:@weft-nobody-listens", &c), -ECONNREFUSED);
	CHECK_EQ(weft_dial(NULL, "unix:/nonexistent/socket", &c), -ENOENT);
}

TEST(BadAddressesAreRefused)
{
	static const char *const bad[] = { "", "127.0.0.1:80", "tcp://", "tcp://127.0.0.1",
		"tcp://127.0.0.1:", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:http8x",
		"tcp://[::1:80", "ftp://127.0.0.1:80", "unix:", "tcp:127.0.0.1:80" };
	weft_listener *l;
	weft_conn *c;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (!CHECK_EQ(weft_dial(NULL, bad[i], &c), -EINVAL) ||
		    !CHECK_EQ(weft_listen(NULL, bad[i], &l), -EINVAL))
			weft_logf("for \"%s\"", bad[i]);
	}
	CHECK_EQ(weft_listen_udp(NULL, "tcp://127.0.0.1:0", &c), -EINVAL);
	CHECK_EQ(weft_listen(NULL, "udp://127.0.0.1:0", &l), -EINVAL);
}

TEST(AddressInUse)
{
	weft_listener *l, *second;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	CHECK_EQ(weft_listen(NULL, weft_listener_addr(l), &second), -EADDRINUSE);
	weft_listener_close(l);
}

TEST(UdpAddressInUse)
{
	weft_conn *c, *second;

	REQUIRE(weft_listen_udp(NULL, "udp://127.0.0.1:0", &c) == 0);
	CHECK_EQ(weft_listen_udp(NULL, weft_conn_local(c), &second), -EADDRINUSE);
	weft_conn_close(c);
}

TEST(CancelledDial)
{
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_listener *l;
	weft_conn *c;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	weft_cancel(ctx);
	CHECK_EQ(weft_dial(ctx, weft_listener_addr(l), &c), -ECANCELED);
	weft_listener_close(l);
	weft_ctx_free(ctx);
}

/* A listener whose queue is full: the next connection hangs. */
TEST(DialTimesOut)
{
	weft_ctx *ctx = weft_with_timeout(NULL, 20 * WEFT_MS);
	weft_conn *c[8];
	weft_listener *l;
	int n = 0, err = 0;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	/* asked for the least, the system keeps one or two */
	REQUIRE(listen(weft_conn_fd((weft_conn *)l), 0) == 0);
	while (n < 8 && (err = weft_dial(ctx, weft_listener_addr(l), &c[n])) == 0)
		n++;
	CHECK_EQ(err, -ETIMEDOUT);
	CHECK(n < 8);
	while (n)
		weft_conn_close(c[--n]);
	weft_listener_close(l);
	weft_ctx_free(ctx);
}

/* Without its scope a sender on the same link could not be answered. */
TEST(AddressesKeepTheirScope)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(53),
		.sin6_scope_id = 1234 };
	struct addr a;
	char text[WEFT_ADDR_MAX];

	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	addr_format((struct sockaddr *)&in6, sizeof in6, SOCK_DGRAM, text);
	CHECK_STR(text, "udp://[fe80::1%1234]:53");
	if (CHECK_EQ(addr_resolve(NULL, text, 0, &a, 1), 1))
		CHECK(!memcmp(&a.sa, &in6, sizeof in6));
}

/* ---- names, from a resolver of our own ---- */

static const struct { const char *name, *first, *second; int err; } hosts[] = {
	{ "second-answers.test", "127.0.0.2", "127.0.0.1", 0 },
	{ "nobody-answers.test", "127.0.0.2", "255.255.255.255", 0 },
	{ "try-again.test", NULL, NULL, EAI_AGAIN },
	{ "too-much.test", NULL, NULL, EAI_MEMORY },
};

/* As a module for name services might. */
static void use_200_kib_of_stack(void)
{
	volatile char page[50][4096];

	for (int i = 0; i < 50; i++)
		page[i][0] = 0;
	(void)page[0][0];
}

static int resolve(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **out)
{
	struct addrinfo numeric = *hints;

	if (hints->ai_flags & AI_NUMERICHOST)
		return getaddrinfo(host, port, hints, out);
	if (!strcmp(host, "deep.test"))
		use_200_kib_of_stack();
	numeric.ai_flags |= AI_NUMERICHOST;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		if (!strcmp(host, hosts[i].name))
			return hosts[i].err ? hosts[i].err :
			    getaddrinfo(hosts[i].first, port, &numeric, out) ||
			    getaddrinfo(hosts[i].second, port, &numeric, &(*out)->ai_next);
	return EAI_NONAME;
}

static int dial_name(const char *name, const char *port, weft_conn **out)
{
	char addr[64];
	int err;

	snprintf(addr, sizeof addr, "tcp://%s%s", name, port);
	addr_getaddrinfo = resolve;
	err = weft_dial(NULL, addr, out);
	addr_getaddrinfo = getaddrinfo;
	return err;
}

TEST(DialTriesEveryAddress, .real = true)
{
	weft_listener *l;
	weft_conn *c;
	const char *port;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	port = strrchr(weft_listener_addr(l), ':');
	if (CHECK_EQ(dial_name("second-answers.test", port, &c), 0)) {
		CHECK_STR(weft_conn_remote(c), weft_listener_addr(l));
		weft_conn_close(c);
	}
	CHECK_EQ(dial_name("nobody-answers.test", port, &c), -ECONNREFUSED);
	weft_listener_close(l);
}

TEST(FailedLookupsTellWhy, .real = true)
{
	weft_conn *c;

	CHECK_EQ(dial_name("no-such-host.test", ":1", &c), -EHOSTUNREACH);
	CHECK_EQ(dial_name("try-again.test", ":1", &c), -EAGAIN);
	CHECK_EQ(dial_name("too-much.test", ":1", &c), -ENOMEM);
}

static void look_deep(void)
{
	weft_conn *c;

	CHECK_EQ(dial_name("deep.test", ":1", &c), -EHOSTUNREACH);
}

TEST(LookupHasStackEnough, .real = true)
{
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, look_deep);
	weft_waitgroup_wait(&wg);
}
