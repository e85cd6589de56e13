/* network_test.c - the network inside a bubble, and what a test can do to it */
#include <string.h>

#include "../weft/net.h"
#include "../weft/sync.h"
#include "harness.h"

#define SERVER "tcp://10.0.0.1:80"

static void echo(weft_conn *c)
{
	char buf[512];
	ssize_t n;

	while ((n = weft_read(NULL, c, buf, sizeof buf)) > 0)
		if (weft_write(NULL, c, buf, (size_t)n) < 0)
			break;
	weft_conn_close(c);
}

static void serve(weft_ctx *ctx, weft_listener *l)
{
	weft_conn *c;

	while (weft_accept(ctx, l, &c) == 0)
		weft_go(echo, c);
	weft_listener_close(l);
}

/* A server that ends with ctx. */
static weft_ctx *start(const char *addr)
{
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_listener *l;

	REQUIRE(weft_listen(NULL, addr, &l) == 0);
	weft_go(serve, ctx, l);
	return ctx;
}

static void stop(weft_ctx *ctx)
{
	weft_cancel(ctx);
	weft_settle();
	weft_ctx_free(ctx);
}

static void ask(weft_conn *c, const char *text)
{
	char buf[64];
	size_t got = 0, n = strlen(text);
	ssize_t k;

	CHECK_EQ(weft_write(NULL, c, text, n), n);
	while (got < n && (k = weft_read(NULL, c, buf + got, sizeof buf - got)) > 0)
		got += (size_t)k;
	REQUIRE(got == n);
	CHECK(memcmp(buf, text, n) == 0);
}

TEST(MemoryNetworkEchoes, .explore = 30)
{
	weft_ctx *ctx = start(SERVER);
	weft_conn *c;

	REQUIRE(weft_dial(NULL, SERVER, &c) == 0);
	CHECK_STR(weft_conn_remote(c), SERVER);
	ask(c, "hello");
	ask(c, "and again");
	weft_conn_close(c);
	stop(ctx);
}

TEST(MemoryNetworkLatencyIsExact, .bubble = true)
{
	weft_ctx *ctx = start(SERVER);
	int64_t begun = weft_now();
	weft_conn *c;

	weft_net_faults((struct weft_net_faults){ .latency_min = 10 * WEFT_MS, .latency_max = 10 * WEFT_MS });
	REQUIRE(weft_dial(NULL, SERVER, &c) == 0);
	CHECK_EQ(weft_now() - begun, 20 * WEFT_MS);
	ask(c, "x");
	CHECK_EQ(weft_now() - begun, 40 * WEFT_MS);
	weft_conn_close(c);
	weft_sleep(WEFT_SECOND);
	stop(ctx);
}

TEST(MemoryNetworkBandwidthIsExact, .bubble = true)
{
	static char big[100000];
	weft_ctx *ctx = start(SERVER);
	size_t got = 0;
	int64_t begun;
	weft_conn *c;
	ssize_t n;

	weft_net_faults((struct weft_net_faults){ .bytes_per_second = 100000 });
	REQUIRE(weft_dial(NULL, SERVER, &c) == 0);
	begun = weft_now();
	CHECK_EQ(weft_write(NULL, c, big, sizeof big), sizeof big);
	while (got < sizeof big && (n = weft_read(NULL, c, big, sizeof big)) > 0)
		got += (size_t)n;
	/* there at that rate; back in pieces of 512, all of which have arrived by then */
	CHECK_EQ(weft_now() - begun, 2 * WEFT_SECOND);
	weft_conn_close(c);
	stop(ctx);
}

TEST(MemoryNetworkRefusesAndTimesOut, .bubble = true)
{
	weft_ctx *soon = weft_with_timeout(NULL, WEFT_SECOND), *ctx = start(SERVER);
	weft_listener *l;
	weft_conn *c;

	CHECK_EQ(weft_dial(NULL, "tcp://10.0.0.2:80", &c), -ECONNREFUSED);
	CHECK_EQ(weft_dial(NULL, "tcp://nonsense", &c), -EINVAL);
	CHECK_EQ(weft_listen(NULL, SERVER, &l), -EADDRINUSE);
	weft_net_cut("tcp://10.0.0.1");
	CHECK_EQ(weft_dial(soon, SERVER, &c), -ETIMEDOUT);
	weft_net_heal("tcp://10.0.0.1");
	CHECK_EQ(weft_dial(NULL, SERVER, &c), 0);
	weft_conn_close(c);
	weft_settle();
	stop(ctx);
	weft_ctx_free(soon);
}

static void heal_later(void)
{
	weft_sleep(10 * WEFT_SECOND);
	weft_net_heal(SERVER);
}

TEST(MemoryNetworkCutStreamsGoOnWhenHealed, .bubble = true)
{
	weft_ctx *ctx = start(SERVER);
	int64_t begun = weft_now();
	weft_conn *c;

	REQUIRE(weft_dial(NULL, SERVER, &c) == 0);
	weft_net_cut(SERVER);
	weft_go(heal_later);
	ask(c, "patience");
	CHECK(weft_now() - begun >= 10 * WEFT_SECOND);
	CHECK(weft_now() - begun < 11 * WEFT_SECOND);
	weft_conn_close(c);
	stop(ctx);
}

TEST(MemoryNetworkResetsBothEnds, .bubble = true)
{
	weft_listener *l;
	weft_conn *a, *b;
	char x;

	REQUIRE(weft_listen(NULL, SERVER, &l) == 0);
	REQUIRE(weft_dial(NULL, SERVER, &a) == 0);
	REQUIRE(weft_accept(NULL, l, &b) == 0);
	weft_net_reset(SERVER);
	CHECK_EQ(weft_read(NULL, a, &x, 1), -ECONNRESET);
	CHECK_EQ(weft_write(NULL, b, "x", 1), -ECONNRESET);
	weft_conn_close(a);
	weft_conn_close(b);
	weft_listener_close(l);
}

TEST(MemoryNetworkEndsOfStreams, .explore = 30)
{
	weft_listener *l;
	weft_conn *a, *b;
	char x = 0;

	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &l) == 0);
	REQUIRE(weft_dial(NULL, weft_listener_addr(l), &a) == 0);
	REQUIRE(weft_accept(NULL, l, &b) == 0);
	CHECK_STR(weft_conn_local(a), weft_conn_remote(b));
	CHECK_EQ(weft_write(NULL, a, "x", 1), 1);
	CHECK_EQ(weft_close_write(a), 0);
	CHECK_EQ(weft_read(NULL, b, &x, 1), 1);
	CHECK_EQ(x, 'x');
	CHECK_EQ(weft_read(NULL, b, &x, 1), 0);
	CHECK_EQ(weft_write(NULL, b, "y", 1), 1);	/* the other half is open */
	CHECK_EQ(weft_read(NULL, a, &x, 1), 1);
	weft_conn_close(b);
	CHECK_EQ(weft_read(NULL, a, &x, 1), 0);
	CHECK(weft_write(NULL, a, "z", 1) < 0);
	weft_conn_close(a);
	weft_listener_close(l);
}

static void pour(weft_conn *c, size_t n)
{
	static const char buf[4096];

	for (; n; n -= sizeof buf)
		CHECK_EQ(weft_write(NULL, c, buf, sizeof buf), sizeof buf);
	weft_conn_close(c);
}

/* The writer waits while the reader does not read, and nothing is lost. */
TEST(MemoryNetworkBoundsWhatIsUnderWay, .explore = 10)
{
	enum { MUCH = 1 << 20 };
	weft_listener *l;
	weft_conn *a, *b;
	char buf[10000];
	size_t got = 0;
	ssize_t n;

	REQUIRE(weft_listen(NULL, "unix:@pour", &l) == 0);
	REQUIRE(weft_dial(NULL, "unix:@pour", &a) == 0);
	REQUIRE(weft_accept(NULL, l, &b) == 0);
	weft_go(pour, a, MUCH);
	weft_settle();
	while ((n = weft_read(NULL, b, buf, sizeof buf)) > 0)
		got += (size_t)n;
	CHECK_EQ(n, 0);
	CHECK_EQ(got, MUCH);
	weft_conn_close(b);
	weft_listener_close(l);
}

TEST(MemoryNetworkDatagrams, .explore = 50)
{
	weft_ctx *soon = weft_with_timeout(NULL, 10 * WEFT_SECOND);
	weft_conn *a, *b;
	char buf[16], from[WEFT_ADDR_MAX];
	int arrived = 0, last = -1;
	bool swapped = false;

	REQUIRE(weft_listen_udp(NULL, "udp://10.0.0.1:53", &b) == 0);
	REQUIRE(weft_dial(NULL, "udp://10.0.0.1:53", &a) == 0);
	CHECK_EQ(weft_write(NULL, a, "ping", 4), 4);
	CHECK_EQ(weft_recvfrom(NULL, b, buf, sizeof buf, from), 4);
	CHECK_STR(from, weft_conn_local(a));
	weft_net_faults((struct weft_net_faults){ .latency_max = WEFT_SECOND, .loss = 0.3 });
	for (char i = 0; i < 20; i++)
		CHECK_EQ(weft_sendto(NULL, b, &i, 1, from), 1);
	while (weft_read(soon, a, buf, sizeof buf) == 1) {
		arrived++;
		swapped |= *buf < last;
		last = *buf;
	}
	CHECK(arrived <= 20);
	SOMETIMES(arrived < 20, "a datagram was lost");
	SOMETIMES(swapped, "a datagram overtook another");
	weft_conn_close(a);
	weft_conn_close(b);
	weft_ctx_free(soon);
}

static void try_to_ask(_Atomic int *resets)
{
	weft_conn *c;
	char buf[8];

	if (weft_dial(NULL, SERVER, &c))
		return;
	for (int i = 0; i < 10; i++)
		if (weft_write(NULL, c, "ping", 4) < 0 || weft_read(NULL, c, buf, 4) <= 0) {
			++*resets;
			break;
		}
	weft_conn_close(c);
}

TEST(MemoryNetworkResetsByChance, .explore = 30)
{
	weft_ctx *ctx = start(SERVER);
	weft_waitgroup wg = {0};
	_Atomic int resets = 0;

	weft_net_faults((struct weft_net_faults){ .reset = 0.02, .latency_max = WEFT_MS });
	for (int i = 0; i < 4; i++)
		weft_waitgroup_go(&wg, try_to_ask, &resets);
	weft_waitgroup_wait(&wg);
	SOMETIMES(resets == 0, "all went well");
	SOMETIMES(resets > 0, "a connection was reset");
	weft_sleep(WEFT_SECOND);	/* the ends of the streams arrive */
	stop(ctx);
}
