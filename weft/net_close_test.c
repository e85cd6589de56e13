/* net_close_test.c - closing a socket that others are using */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "pair_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

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
	CHECK_EQ(weft_write(NULL, b, "late", 4), 4);	/* for none of them */
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

/* The copy stands for a child process that was started with it. */
TEST(CloseLeavesInheritedConnection, .real = true)
{
	weft_conn *a, *b;
	weft_waitgroup wg = {0};
	char buf[8];
	int copy;

	pair(&a, &b);
	copy = fcntl(weft_conn_fd(a), F_DUPFD_CLOEXEC, 0);
	weft_waitgroup_go(&wg, expect_read, a, -EBADF);
	settle(expect_read, WAIT_READ, 1);
	weft_conn_close(a);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(write(copy, "child", 5), 5);
	CHECK_EQ(weft_read(NULL, b, buf, sizeof buf), 5);
	close(copy);
	CHECK_EQ(weft_read(NULL, b, buf, sizeof buf), 0);
	weft_conn_close(b);
}

TEST(CloseLeavesInheritedListener)
{
	weft_listener *l;
	weft_conn *c;
	weft_waitgroup wg = {0};
	char addr[WEFT_ADDR_MAX];
	int copy;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	strcpy(addr, weft_listener_addr(l));
	copy = fcntl(weft_conn_fd((weft_conn *)l), F_DUPFD_CLOEXEC, 0);
	weft_waitgroup_go(&wg, expect_accept, l, -EBADF);
	settle(expect_accept, WAIT_READ, 1);
	weft_listener_close(l);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(weft_dial(NULL, addr, &c), 0);
	weft_conn_close(c);
	close(copy);
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
