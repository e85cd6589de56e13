/* pair_test.h - for tests: both ends of a connection */
#ifndef WEFT_PAIR_TEST_H
#define WEFT_PAIR_TEST_H

#include "net.h"
#include "testing.h"

static inline void pair_at(const char *addr, weft_conn **a, weft_conn **b)
{
	weft_listener *l;

	REQUIRE(weft_listen(NULL, addr, &l) == 0);
	REQUIRE(weft_dial(NULL, weft_listener_addr(l), a) == 0);
	REQUIRE(weft_accept(NULL, l, b) == 0);
	weft_listener_close(l);
}

static inline void pair(weft_conn **a, weft_conn **b)
{
	pair_at("tcp://127.0.0.1:0", a, b);
}

#endif
