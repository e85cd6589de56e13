/* net_test.c - sockets: bytes and ends, datagrams, running out of descriptors */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_test.h"
#include "net.h"
#include "pair_test.h"
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

/* ---- streams ---- */

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

/* ---- reads that stop early: one edge is all that a sleeping reader gets ---- */

static void expect_text(weft_conn *c, const char *want)
{
	char got[64];

	read_all(c, got, strlen(want));
	CHECK(!memcmp(got, want, strlen(want)));
}

TEST(ReadGoesOnAfterUrgentData, .real = true)
{
	for (int i = 0; i < 10; i++) {
		weft_waitgroup wg = {0};
		weft_conn *a, *b;

		pair(&a, &b);
		weft_waitgroup_go(&wg, expect_text, b, "abcdef");
		settle(expect_text, WAIT_READ, 1);
		send(weft_conn_fd(a), "abc", 3, 0);
		send(weft_conn_fd(a), "!", 1, MSG_OOB);
		send(weft_conn_fd(a), "def", 3, 0);
		weft_waitgroup_wait(&wg);
		weft_conn_close(a);
		weft_conn_close(b);
	}
}

static void send_descriptor(int fd, const char *text, int passed)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } u = {0};
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u,
		.msg_controllen = sizeof u };

	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.h), &passed, sizeof passed);
	CHECK_EQ(sendmsg(fd, &m, 0), strlen(text));
}

TEST(ReadGoesOnAfterPassedDescriptors, .real = true)
{
	char addr[64];

	snprintf(addr, sizeof addr, "unix:@weft-test-%d", (int)getpid());
	for (int i = 0; i < 10; i++) {
		weft_waitgroup wg = {0};
		weft_conn *a, *b;

		pair_at(addr, &a, &b);
		weft_waitgroup_go(&wg, expect_text, b, "onetwo");
		settle(expect_text, WAIT_READ, 1);
		send_descriptor(weft_conn_fd(a), "one", weft_conn_fd(a));
		send(weft_conn_fd(a), "two", 3, 0);
		weft_waitgroup_wait(&wg);
		weft_conn_close(a);
		weft_conn_close(b);
	}
}

static void read_then_recvfrom(weft_conn *c, weft_waitgroup *first)
{
	char buf[8], from[WEFT_ADDR_MAX];

	CHECK_EQ(weft_read(NULL, c, buf, 8), 2);	/* all there was */
	weft_waitgroup_done(first);
	CHECK_EQ(weft_recvfrom(NULL, c, buf, 1, from), 1);
	CHECK_STR(from, "");
	CHECK_EQ(weft_read(NULL, c, buf, 8), 2);
}

TEST(ReadGoesOnAfterRecvfrom, .real = true)
{
	weft_waitgroup wg = {0}, first = {0};
	weft_conn *a, *b;

	pair(&a, &b);
	weft_waitgroup_add(&first, 1);
	weft_waitgroup_go(&wg, read_then_recvfrom, b, &first);
	settle(read_then_recvfrom, WAIT_READ, 1);
	CHECK_EQ(weft_write(NULL, a, "ab", 2), 2);
	weft_waitgroup_wait(&first);
	settle(read_then_recvfrom, WAIT_READ, 1);
	CHECK_EQ(weft_write(NULL, a, "xyz", 3), 3);
	weft_waitgroup_wait(&wg);
	weft_conn_close(a);
	weft_conn_close(b);
}

/* ---- names of the ends ---- */

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
