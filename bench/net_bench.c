/*
 * net_bench.c - TCP: a hundred clients and their server in one process
 *
 * The twin of go/net_test.go.
 */
#include <stdlib.h>

#include "bench/bench.h"
#include "weft/net.h"
#include "weft/sync.h"
#include "weft/testing.h"
#include "weft/time.h"

enum { CONNS = 100, MESSAGE = 64 };

struct echo {
	weft_listener	*l;
	weft_conn	*conns[CONNS];
	weft_waitgroup	 servers;
};

static void serve(weft_conn *c)
{
	char buf[1024];
	ssize_t n;

	while ((n = weft_read(NULL, c, buf, sizeof(buf))) > 0)
		if (weft_write(NULL, c, buf, (size_t)n) < 0)
			break;
	weft_conn_close(c);
}

static void accept_all(struct echo *e)
{
	for (int i = 0; i < CONNS; i++) {
		weft_conn *c;

		REQUIRE(weft_accept(NULL, e->l, &c) == 0);
		weft_waitgroup_go(&e->servers, serve, c);
	}
}

static void echo_start(struct echo *e)
{
	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &e->l) == 0);
	weft_waitgroup_go(&e->servers, accept_all, e);
	for (int i = 0; i < CONNS; i++)
		REQUIRE(weft_dial(NULL, weft_listener_addr(e->l), &e->conns[i]) == 0);
}

static void echo_end(struct echo *e)
{
	for (int i = 0; i < CONNS; i++)
		weft_conn_close(e->conns[i]);
	weft_waitgroup_wait(&e->servers);
	weft_listener_close(e->l);
}

static bool read_full(weft_conn *c, char *buf, size_t len)
{
	for (size_t have = 0; have < len; ) {
		ssize_t n = weft_read(NULL, c, buf + have, len - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

/* Sends n messages, each after the answer to the one before; notes the times. */
static void client(weft_conn *c, int64_t *took, int64_t n)
{
	char buf[MESSAGE] = "hello";

	for (int64_t i = 0; i < n; i++) {
		int64_t start = weft_now();

		REQUIRE(weft_write(NULL, c, buf, MESSAGE) == MESSAGE);
		REQUIRE(read_full(c, buf, MESSAGE));
		took[i] = weft_now() - start;
	}
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* n messages over all connections.  Returns how long it took. */
static int64_t echo_run(struct echo *e, int64_t *took, int64_t n)
{
	weft_waitgroup clients = { 0 };
	int64_t start = weft_now();

	for (int i = 0; i < CONNS; i++) {
		int64_t mine = share(n, i, CONNS);

		weft_waitgroup_go(&clients, client, e->conns[i], took, mine);
		took += mine;
	}
	weft_waitgroup_wait(&clients);
	return weft_now() - start;
}

/* One operation: 64 bytes there and back, on one of a hundred connections. */
BENCH(Echo100)
{
	struct echo e = { 0 };
	int64_t n, elapsed, *took;

	echo_start(&e);
	n = weft_loops(b);
	weft_stop_timer(b);
	took = calloc((size_t)n, sizeof(*took));
	REQUIRE(took != NULL);
	weft_start_timer(b);
	elapsed = echo_run(&e, took, n);
	weft_stop_timer(b);
	qsort(took, (size_t)n, sizeof(*took), by_value);
	weft_metric(b, (double)n * WEFT_SECOND / (double)elapsed, "req/s");
	weft_metric(b, (double)took[n * 99 / 100] / WEFT_US, "p99-us");
	free(took);
	echo_end(&e);
}
