/* race_test.c - selects against sends, closes, timeouts and each other, counted exactly */
#include <pthread.h>

#include "../base/rand.h"
#include "child_test.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

struct account {
	weft_chan(int) a, b, quit;
	_Atomic int64_t sent, received, nsent, nreceived;
	_Atomic int timed_out;
};

/* Sends on either channel until told to stop; counts what went out. */
static void random_sender(struct account *k, int seed, int n)
{
	struct rand r;

	rand_seed(&r, (uint64_t)seed);
	for (int i = 0; i < n; i++) {
		int x = (int)rand_below(&r, 1000);

		weft_select(weft_on_send(k->a, x), weft_on_send(k->b, x));
		k->sent += x;
		k->nsent++;
	}
}

static void random_receiver(struct account *k)
{
	for (int x; ; ) {
		if (weft_select(weft_on_recv(k->a, &x), weft_on_recv(k->b, &x),
		    weft_on_recv(k->quit, NULL)) == 2)
			return;
		k->received += x;
		k->nreceived++;
	}
}

static void account_both(size_t cap, int n)
{
	struct account k = { .a = weft_make(int, cap), .b = weft_make(int, cap),
	    .quit = weft_make(int, 0) };
	weft_waitgroup senders = {0}, receivers = {0};
	int x;

	for (int i = 0; i < 4; i++) {
		weft_waitgroup_go(&senders, random_sender, &k, i, n);
		weft_waitgroup_go(&receivers, random_receiver, &k);
	}
	weft_waitgroup_wait(&senders);
	weft_close(k.quit);
	weft_waitgroup_wait(&receivers);
	while (weft_poll(weft_on_recv(k.a, &x), weft_on_recv(k.b, &x)) >= 0) {
		k.received += x;
		k.nreceived++;
	}
	CHECK_EQ(k.nsent, 4 * n);
	CHECK_EQ(k.nreceived, k.nsent);
	CHECK_EQ(k.received, k.sent);
	weft_free(k.a);
	weft_free(k.b);
	weft_free(k.quit);
}

TEST(SelectsAgainstSelectsLoseNothing)
{
	int n = weft_short() ? 250 : 5000;

	account_both(0, n);
	account_both(1, n);
	account_both(16, n);
}

/* Two selects, each ready to send on one channel and receive on the other. */
static void cross(weft_chan(int) out, weft_chan(int) in, int n, int64_t *balance)
{
	for (int x, i = 1; i <= n; i++)
		if (weft_select(weft_on_send(out, i), weft_on_recv(in, &x)) == 0)
			*balance -= i;
		else
			*balance += x;
}

TEST(CrossedSelectsLoseNothing)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int64_t balance[2] = {0};

	weft_waitgroup_go(&wg, cross, a, b, 20000, &balance[0]);
	weft_waitgroup_go(&wg, cross, b, a, 20000, &balance[1]);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(balance[0] + balance[1], 0);
	weft_free(a);
	weft_free(b);
}

static void selfish_select(weft_chan(int) c, weft_chan(int) d, int n)
{
	int x;

	while (n--)
		switch (weft_select(weft_on_recv(c, &x), weft_on_recv(d, &x),
		    weft_on_send(c, 1), weft_on_send(d, 2))) {
		case 0:
			CHECK_EQ(x, 1);
			break;
		case 1:
			CHECK_EQ(x, 2);
			break;
		}
}

/* Every operation of one pairs with one of another; an even number all complete. */
TEST(FourWaySelfSelect)
{
	weft_chan(int) c = weft_make(int, 0), d = weft_make(int, 0);
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, selfish_select, c, d, 5000);
	weft_waitgroup_go(&wg, selfish_select, d, c, 0);
	weft_waitgroup_go(&wg, selfish_select, c, d, 5000);
	weft_waitgroup_wait(&wg);
	weft_free(c);
	weft_free(d);
}

struct cancelled {
	weft_chan(int) data;
	_Atomic int64_t sent, received;
	_Atomic int gave_up;
};

static void cancelled_receiver(struct cancelled *k, weft_ctx *ctx)
{
	int x;

	if (weft_select(weft_on_recv(k->data, &x), weft_on_done(ctx)) == 0)
		k->received += x;
	else
		k->gave_up++;
}

static void cancelled_sender(struct cancelled *k, weft_ctx *ctx, int x)
{
	if (weft_select(weft_on_send(k->data, x), weft_on_done(ctx)) == 0)
		k->sent += x;
	else
		k->gave_up++;
}

static void cancel_it(weft_ctx *ctx)
{
	weft_cancel(ctx);
}

/* Both ends may be cancelled at any moment; a value sent is a value received. */
TEST(TenThousandCancelledSelects)
{
	struct cancelled k = { .data = weft_make(int, 0) };

	for (int i = 0; i < 2500; i++) {
		weft_ctx *ctx = weft_with_cancel(NULL);
		weft_waitgroup wg = {0};

		weft_waitgroup_go(&wg, cancelled_receiver, &k, ctx);
		weft_waitgroup_go(&wg, cancelled_sender, &k, ctx, i + 1);
		weft_waitgroup_go(&wg, cancelled_receiver, &k, ctx);
		if (i % 2)
			weft_waitgroup_go(&wg, cancel_it, ctx);
		weft_waitgroup_go(&wg, cancelled_sender, &k, ctx, 100000 + i);
		if (i % 2 == 0)
			weft_cancel(ctx);
		weft_waitgroup_wait(&wg);
		weft_ctx_free(ctx);
	}
	CHECK_EQ(k.sent, k.received);
	CHECK(k.gave_up % 2 == 0);
	CHECK_EQ(weft_poll(weft_on_recv(k.data, NULL)), -1);
	weft_free(k.data);
}

static void select_receive(weft_chan(int) a, weft_chan(int) b, int *x, bool *ok, int *which)
{
	*which = weft_select(weft_on_recv(a, x, .ok = ok), weft_on_recv(b, x, .ok = ok));
}

static void close_both(weft_chan(int) a, weft_chan(int) b)
{
	weft_close(a);
	weft_close(b);
}

TEST(SelectsRacingCloses)
{
	for (int i = 0; i < 2000; i++) {
		weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);
		weft_waitgroup wg = {0};
		int x = 3, which = -1;
		bool ok = true;

		weft_waitgroup_go(&wg, select_receive, a, b, &x, &ok, &which);
		weft_waitgroup_go(&wg, close_both, b, a);
		weft_waitgroup_wait(&wg);
		CHECK(which == 0 || which == 1);
		CHECK(!ok && x == 0);
		weft_free(a);
		weft_free(b);
	}
}

static void time_out(struct account *k, int n)
{
	for (int x; n--; )
		if (weft_select(weft_on_recv(k->a, &x), weft_on_timeout(n % 50 * WEFT_US)) == 0) {
			k->received += x;
			k->nreceived++;
		}
}

static void send_within(struct account *k, int n)
{
	while (n--)
		if (weft_select(weft_on_timeout(n % 40 * WEFT_US), weft_on_send(k->a, n))) {
			k->sent += n;
			k->nsent++;
		}
}

TEST(TimeoutsRacingSends)
{
	struct account k = { .a = weft_make(int, 0) };
	weft_waitgroup wg = {0};

	for (int i = 0; i < 4; i++) {
		weft_waitgroup_go(&wg, time_out, &k, 500);
		weft_waitgroup_go(&wg, send_within, &k, 500);
	}
	weft_waitgroup_wait(&wg);
	CHECK_EQ(k.nsent, k.nreceived);
	CHECK_EQ(k.sent, k.received);
	weft_free(k.a);
}

static void *thread_select(void *arg)
{
	struct account *k = arg;
	int64_t begun = weft_now();
	int which = weft_select(weft_on_recv(k->quit, NULL), weft_on_timeout(WEFT_MS));
	bool good = which == 1 && weft_now() - begun >= WEFT_MS;

	k->timed_out++;
	random_receiver(k);
	return good ? k : NULL;
}

TEST(PlainThreadsSelect)
{
	struct account k = { .a = weft_make(int, 0), .b = weft_make(int, 2),
	    .quit = weft_make(int, 0) };
	pthread_t thread[2];
	void *good;
	int x;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, thread_select, &k);
	random_sender(&k, 1, 2000);
	while (k.timed_out < 2)
		weft_yield();
	weft_close(k.quit);
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &good);
		CHECK(good == &k);
	}
	while (weft_poll(weft_on_recv(k.b, &x)) >= 0) {
		k.received += x;
		k.nreceived++;
	}
	CHECK_EQ(k.nreceived, 2000);
	CHECK_EQ(k.received, k.sent);
	weft_free(k.a);
	weft_free(k.b);
	weft_free(k.quit);
}

/*
 * Two goroutines that run one after the other on one worker are not ordered by that, nor
 * by the stack of the second being made when the first has ended.
 */
static void touch(int *shared, weft_chan(int) done)
{
	++*shared;
	weft_send(done, 1);
}

CHILD(SiblingsOnOneWorker)
{
	weft_chan(int) done = weft_make(int, 2);
	static int shared;

	weft_go(touch, &shared, done);
	weft_go(touch, &shared, done);
	weft_recv(done, NULL);
	weft_recv(done, NULL);
	weft_free(done);
	return 0;
}

TEST(RaceDetectorSeesSiblings)
{
	struct child *c;

#ifndef WEFT_TSAN
	weft_skip("only the race build can tell");
#endif
	setenv("WEFT_PROCS", "1", 1);
	c = child_run("SiblingsOnOneWorker");
	unsetenv("WEFT_PROCS");
	CHECK(strstr(c->err, "WARNING: ThreadSanitizer: data race"));
	CHECK(strstr(c->err, " touch "));
}
