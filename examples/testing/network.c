/*
 * network.c - a client that must not give up, on a network that does
 *
 * Inside a bubble sockets are in memory, and the test decides what goes wrong.
 */
#include <string.h>

#include <weft/net.h>
#include <weft/testing.h>
#include <weft/time.h>

#define SERVER "tcp://10.1.2.3:7000"

/* What we test: asks until there is an answer, waiting longer each time. */
static int ask(weft_ctx *ctx, char answer[3])
{
	int64_t wait = 10 * WEFT_MS;
	weft_conn *c;

	for (;; wait *= 2) {
		int err = weft_dial(ctx, SERVER, &c);

		if (!err) {
			bool ok = weft_write(ctx, c, "how are you?", 12) == 12 &&
			    weft_read(ctx, c, answer, 1) == 1 &&
			    weft_read(ctx, c, answer + 1, 1) == 1;
			weft_conn_close(c);
			if (ok)
				return 0;
		}
		if ((err = weft_sleep_ctx(ctx, wait)))
			return err;
	}
}

static void answer_one(weft_conn *c)
{
	char question[12];
	size_t got = 0;
	ssize_t n;

	while (got < sizeof question &&
	    (n = weft_read(NULL, c, question + got, sizeof question - got)) > 0)
		got += (size_t)n;
	if (got == sizeof question)
		weft_write(NULL, c, "ok", 2);
	weft_conn_close(c);
}

static void serve(weft_ctx *ctx, weft_listener *l)
{
	weft_conn *c;

	while (weft_accept(ctx, l, &c) == 0)
		weft_go(answer_one, c);
	weft_listener_close(l);
}

TEST(AskGetsThrough, .explore = 200)
{
	weft_ctx *ctx = weft_with_cancel(NULL);
	char answer[3] = "";
	weft_listener *l;

	REQUIRE(weft_listen(NULL, SERVER, &l) == 0);
	weft_go(serve, ctx, l);
	weft_net_faults((struct weft_net_faults){ .latency_min = WEFT_MS, .latency_max = 30 * WEFT_MS,
	    .reset = 0.2 });
	CHECK_EQ(ask(ctx, answer), 0);
	CHECK_STR(answer, "ok");
	weft_net_faults((struct weft_net_faults){0});
	weft_sleep(WEFT_SECOND);		/* what is under way arrives */
	weft_cancel(ctx);
	weft_settle();
	weft_ctx_free(ctx);
}

TEST(AskObeysItsDeadline, .bubble = true)
{
	weft_ctx *ctx = weft_with_timeout(NULL, 60 * WEFT_SECOND);
	int64_t begun = weft_now();
	char answer[3];

	weft_net_cut("tcp://10.1.2.3");
	CHECK_EQ(ask(ctx, answer), -ETIMEDOUT);
	CHECK_EQ(weft_now() - begun, 60 * WEFT_SECOND);
	weft_ctx_free(ctx);
}
