/* select_test.c - select and poll: choosing, fairness, cancelling, accounting */
#include <pthread.h>
#include <string.h>

#include "../base/rand.h"
#include "child_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

TEST(PollNeverWaits, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 1), full = weft_make(int, 1);
	int x;

	weft_send(full, 1);
	CHECK_EQ(weft_poll(weft_on_recv(c, &x)), -1);
	CHECK_EQ(weft_poll(weft_on_recv(c, &x), weft_on_send(full, 2)), -1);
	CHECK_EQ(weft_poll(weft_on_send(c, 3)), 0);
	CHECK_EQ(weft_poll(weft_on_send(c, 4)), -1);
	CHECK_EQ(weft_poll(weft_on_recv(c, &x)), 0);
	CHECK_EQ(x, 3);
	weft_free(c);
	weft_free(full);
}

TEST(SelectTakesTheReadyCase, .parallel = true)
{
	weft_chan(int) a = weft_make(int, 1), b = weft_make(int, 1), null = NULL;
	int x = 0;

	weft_send(b, 5);
	CHECK_EQ(weft_select(weft_on_recv(a, &x), weft_on_recv(b, &x)), 1);
	CHECK_EQ(x, 5);
	weft_send(a, 6);
	CHECK_EQ(weft_select(weft_on_send(a, 7), weft_on_recv(null, &x),
	    weft_on_send(b, 8)), 2);
	CHECK_EQ(weft_len(b), 1);
	weft_free(a);
	weft_free(b);
}

TEST(SelectNamesPlaces, .parallel = true)
{
	enum { QUIT = 3, JOB = 1 };
	weft_chan(int) job = weft_make(int, 1), quit = weft_make(int, 1);
	int x;

	/* places 0 and 2 are all zero, and so never ready */
	weft_send(quit, 1);
	CHECK_EQ(weft_select([QUIT] = weft_on_recv(quit, &x), [JOB] = weft_on_recv(job, &x)),
	    QUIT);
	weft_send(job, 1);
	CHECK_EQ(weft_select([QUIT] = weft_on_recv(quit, &x), [JOB] = weft_on_recv(job, &x)),
	    JOB);
	weft_free(job);
	weft_free(quit);
}

TEST(SelectTellsClosed, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 1);
	bool ok = false;
	int x = 0;

	weft_send(c, 4);
	weft_close(c);
	CHECK_EQ(weft_select(weft_on_recv(c, &x, .ok = &ok)), 0);
	CHECK(ok);
	CHECK_EQ(x, 4);
	CHECK_EQ(weft_select(weft_on_recv(c, &x, .ok = &ok)), 0);
	CHECK(!ok);
	CHECK_EQ(x, 0);
	weft_free(c);
}

static void select_receive(weft_chan(int) a, weft_chan(int) b, int *x, bool *ok, int *which)
{
	*which = weft_select(weft_on_recv(a, x, .ok = ok), weft_on_recv(b, x, .ok = ok));
}

static void select_send(weft_chan(int) a, weft_chan(int) b, int *which)
{
	*which = weft_select(weft_on_send(a, 1), weft_on_send(b, 2));
}

TEST(SelectIsWokenBySender)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int x = 0, which = -1;
	bool ok = false;

	weft_waitgroup_go(&wg, select_receive, a, b, &x, &ok, &which);
	settle(select_receive, WAIT_SELECT, 1);
	weft_send(b, 12);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(which, 1);
	CHECK_EQ(x, 12);
	CHECK(ok);
	CHECK_EQ(weft_poll(weft_on_send(a, 1)), -1);	/* it left the other queue */
	weft_free(a);
	weft_free(b);
}

TEST(SelectIsWokenByReceiver)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int x = 0, which = -1;

	weft_waitgroup_go(&wg, select_send, a, b, &which);
	settle(select_send, WAIT_SELECT, 1);
	CHECK(weft_recv(b, &x));
	CHECK_EQ(x, 2);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(which, 1);
	CHECK_EQ(weft_poll(weft_on_recv(a, &x)), -1);
	weft_free(a);
	weft_free(b);
}

TEST(SelectIsWokenByClose)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int x = 9, which = -1;
	bool ok = true;

	weft_waitgroup_go(&wg, select_receive, a, b, &x, &ok, &which);
	settle(select_receive, WAIT_SELECT, 1);
	weft_close(a);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(which, 0);
	CHECK(!ok);
	CHECK_EQ(x, 0);
	weft_free(a);
	weft_free(b);
}

TEST(SelectTimesOut, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 0), null = NULL;
	int64_t begun = weft_now();
	int x = 8;

	CHECK_EQ(weft_select(weft_on_recv(c, &x), weft_on_timeout(2 * WEFT_MS)), 1);
	CHECK(weft_now() - begun >= 2 * WEFT_MS);
	CHECK_EQ(x, 8);
	CHECK_EQ(weft_select(weft_on_recv(null, &x), weft_on_send(null, 1),
	    weft_on_timeout(WEFT_MS)), 2);
	CHECK_EQ(weft_select(weft_on_timeout(0), weft_on_recv(c, &x)), 0);
	CHECK_EQ(weft_select(weft_on_timeout(-1), weft_on_recv(c, &x)), 0);
	CHECK_EQ(weft_select(weft_on_timeout(WEFT_SECOND * 1000), weft_on_timeout(WEFT_MS)), 1);
	weft_free(c);
}

TEST(ReadyCaseBeatsTimeoutOfZero, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 1);
	int x;

	for (int i = 0; i < 100; i++) {
		weft_send(c, i);
		CHECK_EQ(weft_select(weft_on_timeout(0), weft_on_recv(c, &x)), 1);
	}
	weft_free(c);
}

static void select_nothing(weft_chan(int) null)
{
	struct weft_case none[1];

	if (null)
		weft_select(weft_on_recv(null, NULL));
	weft_select_array(none, 0);
}

static void select_null(weft_chan(int) null)
{
	weft_select(weft_on_recv(null, NULL), weft_on_send(null, 1));
}

TEST(SelectWithoutReadyCasesWaitsForEver, .leaks = true)
{
	weft_go(select_nothing, NULL);
	weft_go(select_null, NULL);
	settle(select_nothing, WAIT_SELECT_EMPTY, 1);
	settle(select_null, WAIT_SELECT, 1);
}

/* Each of n ready cases gets its share: a fair coin would miss the bounds never. */
static void fair_share(int n, int rounds)
{
	weft_chan(int) c[8];
	struct weft_case cases[8];
	int got[8] = {0}, x;

	for (int i = 0; i < n; i++) {
		c[i] = weft_make(int, 1);
		weft_send(c[i], i);
		cases[i] = weft_on_recv(c[i], &x);
	}
	for (int i = 0; i < rounds; i++) {
		int k = weft_select_array(cases, (size_t)n);

		CHECK_EQ(x, k);
		got[k]++;
		weft_send(c[k], k);
	}
	for (int i = 0; i < n; i++) {
		CHECK(got[i] > rounds / n / 2);
		CHECK(got[i] < rounds / n * 2);
		weft_free(c[i]);
	}
}

TEST(SelectIsFair, .parallel = true)
{
	fair_share(2, 4000);
	fair_share(3, 6000);
	fair_share(8, 16000);
}

/* As is one that has to wait each time. */
static void feed(weft_chan(int) c, weft_chan(int) stop)
{
	while (weft_select(weft_on_send(c, 1), weft_on_recv(stop, NULL)) == 0)
		;
}

TEST(SelectServesBusySendersAlike)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0), stop = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int n[2] = {0}, x;

	weft_waitgroup_go(&wg, feed, a, stop);
	weft_waitgroup_go(&wg, feed, b, stop);
	for (int i = 0; i < 20000; i++)
		n[weft_select(weft_on_recv(a, &x), weft_on_recv(b, &x))]++;
	CHECK(n[0] > 1000 && n[1] > 1000);
	weft_close(stop);
	weft_waitgroup_wait(&wg);
	weft_free(a);
	weft_free(b);
	weft_free(stop);
}

static void both_ways(weft_chan(int) c, int n, _Atomic int *sent, _Atomic int *received)
{
	for (int x; n--; )
		if (weft_select(weft_on_send(c, 1), weft_on_recv(c, &x)) == 0)
			++*sent;
		else
			++*received;
}

/* A select never serves itself, and each send meets one receive. */
TEST(SendAndReceiveOnTheSameChannel)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	_Atomic int sent = 0, received = 0;
	int x;

	CHECK_EQ(weft_poll(weft_on_send(c, 1), weft_on_recv(c, &x)), -1);
	CHECK_EQ(weft_select(weft_on_send(c, 1), weft_on_recv(c, &x),
	    weft_on_timeout(WEFT_MS)), 2);
	weft_waitgroup_go(&wg, both_ways, c, 10000, &sent, &received);
	weft_waitgroup_go(&wg, both_ways, c, 10000, &sent, &received);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(sent, 10000);
	CHECK_EQ(received, 10000);
	weft_free(c);
}

TEST(SameChannelTwice, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 1);
	int n[2] = {0}, x, y;

	for (int i = 0; i < 2000; i++) {
		weft_send(c, i);
		n[weft_select(weft_on_recv(c, &x), weft_on_recv(c, &y))]++;
	}
	CHECK(n[0] > 500 && n[1] > 500);
	CHECK_EQ(weft_select(weft_on_recv(c, &x), weft_on_recv(c, &y),
	    weft_on_timeout(WEFT_MS)), 2);
	CHECK_EQ(weft_select(weft_on_send(c, 1), weft_on_send(c, 2)) & ~1, 0);
	CHECK_EQ(weft_len(c), 1);
	weft_free(c);
}

static void wait_twice(weft_chan(int) c, int *got)
{
	int x = 0, y = 0, k = weft_select(weft_on_recv(c, &x), weft_on_recv(c, &y));

	*got = k == 0 ? x - y : y - x;
}

TEST(SameChannelTwiceIsServedOnce)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int got = 0;

	weft_waitgroup_go(&wg, wait_twice, c, &got);
	settle(wait_twice, WAIT_SELECT, 1);
	weft_send(c, 11);
	CHECK_EQ(weft_poll(weft_on_send(c, 12)), -1);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(got, 11);
	weft_free(c);
}

enum { MANY = 1000 };

static void send_to_all(weft_chan(int) *c, int n)
{
	for (int i = 0; i < n; i++)
		weft_send(c[(i * 7) % n], i);
}

TEST(SelectOverManyChannels)
{
	static weft_chan(int) c[MANY];
	static struct weft_case cases[MANY];
	static int x[MANY];
	int seen[MANY] = {0};

	for (int i = 0; i < MANY; i++) {
		c[i] = weft_make(int, 0);
		cases[i] = weft_on_recv(c[i], &x[i]);
	}
	weft_go(send_to_all, c, MANY);
	for (int i = 0; i < MANY; i++) {
		int k = weft_select_array(cases, MANY);

		seen[k]++;
		CHECK_EQ((x[k] * 7) % MANY, k);
	}
	CHECK_EQ(weft_poll_array(cases, MANY), -1);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(seen[i], 1);
		weft_free(c[i]);
	}
}

/* ---- races, counted to the last value ---- */

struct account {
	weft_chan(int) a, b, quit;
	_Atomic int64_t sent, received, nsent, nreceived;
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
	account_both(0, 5000);
	account_both(1, 5000);
	account_both(16, 5000);
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

	CHECK_EQ(weft_select(weft_on_recv(k->quit, NULL), weft_on_timeout(WEFT_MS)), 1);
	CHECK(weft_now() - begun >= WEFT_MS);
	random_receiver(k);
	return NULL;
}

/* CHECK needs a group, which a plain thread does not have unless it fails. */
TEST(PlainThreadsSelect)
{
	struct account k = { .a = weft_make(int, 0), .b = weft_make(int, 2),
	    .quit = weft_make(int, 0) };
	pthread_t thread[2];
	int x;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, thread_select, &k);
	random_sender(&k, 1, 2000);
	weft_close(k.quit);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
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

/* ---- what stops the program ---- */

CHILD(SelectSendOnClosed)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);

	weft_close(a);
	weft_select(weft_on_send(a, 1), weft_on_recv(b, NULL));
	return 0;
}

static void close_one(weft_chan(int) c)
{
	weft_close(c);
}

CHILD(CloseUnderSelect)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0);

	weft_go(close_one, a);
	weft_select(weft_on_send(a, 1), weft_on_recv(b, NULL));
	return 0;
}

CHILD(TooManyCases)
{
	static struct weft_case cases[1001];

	return weft_poll_array(cases, 1001);
}

TEST(SelectMisuseStopsTheProgram)
{
	CHECK_DIES("SelectSendOnClosed", "weft: send on closed channel");
	CHECK_DIES("CloseUnderSelect", "weft: send on closed channel");
	CHECK_DIES("TooManyCases", "1001 cases, 1000 are the most");
}
