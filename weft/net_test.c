/* net_test.c - sockets and descriptors: bytes, ends, errors, cancelling, running out */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "child_test.h"
#include "net.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

static void echo(weft_conn *c)
{
	char buf[4096];
	ssize_t n;

	while ((n = weft_read(NULL, c, buf, sizeof buf)) > 0)
		if (weft_write(NULL, c, buf, (size_t)n) != n)
			break;
	weft_conn_close(c);
}

/* Between two accepts a closed listener would be gone: the context ends this. */
static void serve(weft_ctx *ctx, weft_listener *l)
{
	for (weft_conn *c; weft_accept(ctx, l, &c) == 0; )
		weft_go(echo, c);
}

static void read_all(weft_conn *c, char *buf, size_t n)
{
	ssize_t got;

	for (size_t at = 0; at < n; at += (size_t)got) {
		got = weft_read(NULL, c, buf + at, n - at);
		REQUIRE(got > 0);
	}
}

static void say_and_hear(const char *addr, int i)
{
	weft_conn *c;
	char out[64], in[64];
	int n = snprintf(out, sizeof out, "message %d", i), err = weft_dial(NULL, addr, &c);

	if (!CHECK_EQ(err, 0))
		return;
	CHECK_EQ(weft_write(NULL, c, out, (size_t)n), n);
	read_all(c, in, (size_t)n);
	CHECK(!memcmp(in, out, (size_t)n));
	CHECK_EQ(weft_close_write(c), 0);
	CHECK_EQ(weft_read(NULL, c, in, sizeof in), 0);
	weft_conn_close(c);
}

static void echo_clients(const char *addr, int n)
{
	weft_listener *l;
	weft_waitgroup server = {0}, clients = {0};
	weft_ctx *ctx = weft_with_cancel(NULL);

	REQUIRE(weft_listen(NULL, addr, &l) == 0);
	weft_waitgroup_go(&server, serve, ctx, l);
	for (int i = 0; i < n; i++)
		weft_waitgroup_go(&clients, say_and_hear, weft_listener_addr(l), i);
	weft_waitgroup_wait(&clients);
	weft_cancel(ctx);
	weft_waitgroup_wait(&server);
	weft_listener_close(l);
	weft_ctx_free(ctx);
}

TEST(TcpEcho)
{
	echo_clients("tcp://127.0.0.1:0", 1);
}

TEST(TcpEchoOverIpv6)
{
	weft_listener *l;

	if (weft_listen(NULL, "tcp://[::1]:0", &l))
		weft_skip("no IPv6 here");
	CHECK(!strncmp(weft_listener_addr(l), "tcp://[::1]:", 12));
	weft_listener_close(l);
	echo_clients("tcp://[::1]:0", 3);
}

TEST(HundredConnections)
{
	echo_clients("tcp://127.0.0.1:0", 100);
}

TEST(UnixEcho)
{
	char addr[256], path[200];

	snprintf(path, sizeof path, "%s/socket", weft_tempdir());
	snprintf(addr, sizeof addr, "unix:%s", path);
	echo_clients(addr, 10);
	CHECK(access(path, F_OK) < 0);		/* the listener removed it */
}

TEST(AbstractUnixEcho)
{
	char addr[64];

	snprintf(addr, sizeof addr, "unix:@weft-test-%d", (int)getpid());
	echo_clients(addr, 10);
}

/* What a process that died has left. */
TEST(StaleUnixSocketIsReplaced)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	weft_listener *l, *second;
	char addr[128];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s/stale", weft_tempdir());
	snprintf(addr, sizeof addr, "unix:%s", un.sun_path);
	REQUIRE(bind(fd, (struct sockaddr *)&un, sizeof un) == 0);
	close(fd);
	REQUIRE(weft_listen(NULL, addr, &l) == 0);
	CHECK_EQ(weft_listen(NULL, addr, &second), -EADDRINUSE);	/* this one lives */
	weft_listener_close(l);
}

/* ---- streams ---- */

static void pair(weft_conn **a, weft_conn **b)
{
	weft_listener *l;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	REQUIRE(weft_dial(NULL, weft_listener_addr(l), a) == 0);
	REQUIRE(weft_accept(NULL, l, b) == 0);
	weft_listener_close(l);
}

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

enum { BIG = 8 << 20 };		/* more than sockets buffer */

static void send_big(weft_conn *c)
{
	unsigned char *p = malloc(BIG);

	for (size_t i = 0; i < BIG; i++)
		p[i] = byte_at(i);
	CHECK_EQ(weft_write(NULL, c, p, BIG), BIG);
	CHECK_EQ(weft_close_write(c), 0);
	free(p);
}

static void receive_big(weft_conn *c)
{
	unsigned char *p = malloc(65536);
	size_t at = 0, wrong = 0;
	ssize_t n;

	while ((n = weft_read(NULL, c, p, 65536)) > 0)
		for (ssize_t i = 0; i < n; i++)
			wrong += p[i] != byte_at(at++);
	CHECK_EQ(n, 0);
	CHECK_EQ(at, BIG);
	CHECK_EQ(wrong, 0);
	free(p);
}

/* Both ways at once: a reader and a writer on each end. */
TEST(BigTransfersArriveWhole)
{
	weft_conn *a, *b;
	weft_waitgroup wg = {0};

	pair(&a, &b);
	weft_waitgroup_go(&wg, send_big, a);
	weft_waitgroup_go(&wg, send_big, b);
	weft_waitgroup_go(&wg, receive_big, a);
	weft_waitgroup_go(&wg, receive_big, b);
	weft_waitgroup_wait(&wg);
	weft_conn_close(a);
	weft_conn_close(b);
}

TEST(WritevSendsAllParts)
{
	struct iovec iov[200];
	char text[200], got[20000];
	weft_conn *a, *b;
	size_t total = 0;

	pair(&a, &b);
	memset(text, 'x', sizeof text);
	for (int i = 0; i < 200; i++) {
		iov[i] = (struct iovec){ text, (size_t)i };
		total += (size_t)i;
	}
	CHECK_EQ(weft_writev(NULL, a, iov, 200), total);
	read_all(b, got, total);
	for (size_t i = 0; i < total; i++)
		REQUIRE(got[i] == 'x');
	CHECK_EQ(weft_writev(NULL, a, iov, 0), 0);
	CHECK_EQ(weft_write(NULL, a, "", 0), 0);
	weft_conn_close(a);
	weft_conn_close(b);
}

static void write_line(weft_conn *c, int i)
{
	char line[1000];

	memset(line, 'a' + i, sizeof line);
	for (int k = 0; k < 50; k++)
		CHECK_EQ(weft_write(NULL, c, line, sizeof line), sizeof line);
}

/* A write is one piece, however many write at the same time. */
TEST(WritersTakeTurns)
{
	weft_conn *a, *b;
	weft_waitgroup wg = {0};
	char line[1000];

	pair(&a, &b);
	for (int i = 0; i < 5; i++)
		weft_waitgroup_go(&wg, write_line, a, i);
	for (int i = 0; i < 250; i++) {
		read_all(b, line, sizeof line);
		for (size_t k = 1; k < sizeof line; k++)
			REQUIRE(line[k] == line[0]);
	}
	weft_waitgroup_wait(&wg);
	weft_conn_close(a);
	weft_conn_close(b);
}

TEST(HalfClose)
{
	weft_conn *a, *b;
	char buf[8];

	pair(&a, &b);
	CHECK_EQ(weft_write(NULL, a, "last", 4), 4);
	CHECK_EQ(weft_close_write(a), 0);
	read_all(b, buf, 4);
	CHECK_EQ(weft_read(NULL, b, buf, 8), 0);
	CHECK_EQ(weft_read(NULL, b, buf, 8), 0);
	CHECK_EQ(weft_write(NULL, b, "still", 5), 5);
	read_all(a, buf, 5);
	CHECK_EQ(weft_write(NULL, a, "x", 1), -EPIPE);	/* and no SIGPIPE */
	CHECK_EQ(weft_close_read(a), 0);
	CHECK_EQ(weft_read(NULL, a, buf, 8), 0);
	weft_conn_close(a);
	weft_conn_close(b);
}

TEST(AddressesOfBothEndsMatch)
{
	weft_conn *a, *b;

	pair(&a, &b);
	CHECK_STR(weft_conn_local(a), weft_conn_remote(b));
	CHECK_STR(weft_conn_remote(a), weft_conn_local(b));
	CHECK(!strncmp(weft_conn_local(a), "tcp://127.0.0.1:", 16));
	CHECK(fcntl(weft_conn_fd(a), F_GETFL) & O_NONBLOCK);
	weft_conn_close(a);
	weft_conn_close(b);
}

/* ---- closing ---- */

static void expect_read(weft_conn *c, int want)
{
	char buf[8];

	CHECK_EQ(weft_read(NULL, c, buf, sizeof buf), want);
}

static void expect_accept(weft_listener *l, int want)
{
	weft_conn *c;

	CHECK_EQ(weft_accept(NULL, l, &c), want);
}

static void expect_full(weft_conn *c, int want)
{
	static char big[1 << 20];
	ssize_t n;

	while ((n = weft_write(NULL, c, big, sizeof big)) > 0)
		;
	CHECK_EQ(n, want);
}

TEST(CloseWakesReaderAndWriter)
{
	weft_conn *a, *b;
	weft_waitgroup wg = {0};

	pair(&a, &b);
	weft_waitgroup_go(&wg, expect_read, a, -EBADF);
	weft_waitgroup_go(&wg, expect_full, a, -EBADF);
	settle(expect_read, WAIT_READ, 1);
	settle(expect_full, WAIT_WRITE, 1);
	weft_conn_close(a);
	weft_waitgroup_wait(&wg);
	weft_conn_close(b);
}

/* All that wait for their turn, too. */
TEST(CloseWakesEveryReader)
{
	weft_conn *a, *b;
	weft_waitgroup wg = {0};

	pair(&a, &b);
	for (int i = 0; i < 5; i++)
		weft_waitgroup_go(&wg, expect_read, a, -EBADF);
	settle(expect_read, WAIT_READ, 1);
	settle(expect_read, WAIT_MUTEX, 4);
	weft_conn_close(a);
	weft_waitgroup_wait(&wg);
	weft_conn_close(b);
}

TEST(CloseWakesAccept)
{
	weft_listener *l;
	weft_waitgroup wg = {0};

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, expect_accept, l, -EBADF);
	settle(expect_accept, WAIT_READ, 1);
	settle(expect_accept, WAIT_MUTEX, 2);
	weft_listener_close(l);
	weft_waitgroup_wait(&wg);
	weft_listener_close(NULL);
	weft_conn_close(NULL);
}

static void close_conn(weft_conn *c)
{
	weft_conn_close(c);
}

static void read_to_end(weft_conn *c, weft_waitgroup *ready)
{
	char buf[64];
	ssize_t n;

	weft_waitgroup_done(ready);
	while ((n = weft_read(NULL, c, buf, sizeof buf)) > 0)
		;
	CHECK(n == 0 || n == -EBADF || n == -ECONNRESET);
}

TEST(CloseRacesWithReads)
{
	for (int i = 0; i < 100; i++) {
		weft_conn *a, *b;
		weft_waitgroup wg = {0}, ready = {0};

		pair(&a, &b);
		weft_waitgroup_add(&ready, 1);
		/* it is inside before the close begins, or will be after */
		weft_waitgroup_go(&wg, read_to_end, b, &ready);
		weft_waitgroup_wait(&ready);
		if (i % 2) {
			weft_write(NULL, a, "x", 1);
			weft_waitgroup_go(&wg, close_conn, a);
			weft_waitgroup_wait(&wg);
			weft_conn_close(b);
		} else {
			/* it gets nothing, so this is its last call */
			settle(read_to_end, WAIT_READ, 1);
			weft_conn_close(b);
			weft_waitgroup_wait(&wg);
			weft_conn_close(a);
		}
	}
}

/* ---- errors ---- */

TEST(DialRefused)
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

/* ---- datagrams ---- */

TEST(UdpBothWays)
{
	weft_conn *server, *client;
	char buf[64], from[WEFT_ADDR_MAX];

	REQUIRE(weft_listen_udp(NULL, "udp://127.0.0.1:0", &server) == 0);
	REQUIRE(weft_dial(NULL, weft_conn_local(server), &client) == 0);
	CHECK_EQ(weft_write(NULL, client, "ping", 4), 4);
	CHECK_EQ(weft_recvfrom(NULL, server, buf, sizeof buf, from), 4);
	CHECK_STR(from, weft_conn_local(client));
	CHECK_EQ(weft_sendto(NULL, server, "pong!", 5, from), 5);
	CHECK_EQ(weft_read(NULL, client, buf, sizeof buf), 5);
	CHECK(!memcmp(buf, "pong!", 5));
	CHECK_EQ(weft_write(NULL, client, "", 0), 0);	/* an empty one is one */
	CHECK_EQ(weft_recvfrom(NULL, server, buf, sizeof buf, NULL), 0);
	weft_conn_close(server);
	weft_conn_close(client);
}

static void expect_recvfrom(weft_conn *c)
{
	char buf[8];

	CHECK_EQ(weft_recvfrom(NULL, c, buf, sizeof buf, NULL), -EBADF);
}

TEST(CloseWakesRecvfrom)
{
	weft_conn *c;
	weft_waitgroup wg = {0};

	REQUIRE(weft_listen_udp(NULL, "udp://127.0.0.1:0", &c) == 0);
	weft_waitgroup_go(&wg, expect_recvfrom, c);
	settle(expect_recvfrom, WAIT_READ, 1);
	weft_conn_close(c);
	weft_waitgroup_wait(&wg);
}

/* ---- any descriptor ---- */

static void wait_fd(int fd, int events, int want)
{
	CHECK_EQ(weft_wait_fd(NULL, fd, (short)events), want);
}

TEST(WaitForAPipe)
{
	weft_waitgroup wg = {0};
	int fd[2];
	char x;

	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	CHECK_EQ(weft_wait_fd(NULL, fd[1], POLLOUT), POLLOUT);
	for (int i = 0; i < 3; i++) {
		weft_waitgroup_go(&wg, wait_fd, fd[0], POLLIN, POLLIN);
		settle(wait_fd, WAIT_FD, 1);
		CHECK_EQ(write(fd[1], "x", 1), 1);
		weft_waitgroup_wait(&wg);
		CHECK_EQ(read(fd[0], &x, 1), 1);
	}
	weft_waitgroup_go(&wg, wait_fd, fd[0], POLLIN, POLLHUP);
	settle(wait_fd, WAIT_FD, 1);
	close(fd[1]);
	weft_waitgroup_wait(&wg);
	close(fd[0]);
}

TEST(ManyWaitForOneDescriptor)
{
	weft_waitgroup wg = {0};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t one = 1;

	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&wg, wait_fd, fd, POLLIN, POLLIN);
	settle(wait_fd, WAIT_FD, 10);
	CHECK_EQ(write(fd, &one, sizeof one), sizeof one);
	weft_waitgroup_wait(&wg);
	close(fd);
}

TEST(RegularFilesAreReady)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK_EQ(weft_wait_fd(NULL, fd, POLLIN), POLLIN);
	CHECK_EQ(weft_wait_fd(NULL, fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	close(fd);
	CHECK_EQ(weft_wait_fd(NULL, fd, POLLIN), -EBADF);
}

/* ---- out of descriptors ---- */

static int open_all(int *fds, int room)
{
	int n = 0;

	while (n < room && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	return n;
}

/* Each call says so, and works again when there are some. */
CHILD(OutOfDescriptors)
{
	struct rlimit few = { 40, 40 };
	weft_listener *l, *other;
	weft_conn *a = NULL, *b = NULL;
	int fds[64], n, bad = 0;

	if (weft_listen(NULL, "tcp://127.0.0.1:0", &l))
		return 3;
	setrlimit(RLIMIT_NOFILE, &few);
	n = open_all(fds, 64);
	bad |= weft_dial(NULL, weft_listener_addr(l), &a) != -EMFILE;
	bad |= weft_listen(NULL, "tcp://127.0.0.1:0", &other) != -EMFILE;
	close(fds[--n]);
	bad |= weft_dial(NULL, weft_listener_addr(l), &a) != 0;
	bad |= weft_accept(NULL, l, &b) != -EMFILE;
	close(fds[--n]);
	bad |= weft_accept(NULL, l, &b) != 0;
	bad |= weft_write(NULL, a, "x", 1) != 1;
	weft_conn_close(a);
	weft_conn_close(b);
	weft_listener_close(l);
	return bad;
}

TEST(OutOfDescriptorsIsAnError)
{
	CHECK_EXITS("OutOfDescriptors");
}
