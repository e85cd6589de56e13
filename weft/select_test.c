/* select_test.c - select and poll: choosing, waiting, fairness, misuse */
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

TEST(SelectServesBusySendersAlike, .real = true)
{
	weft_chan(int) a = weft_make(int, 0), b = weft_make(int, 0), stop = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int n[2] = {0}, x;

	weft_waitgroup_go(&wg, feed, a, stop);
	weft_waitgroup_go(&wg, feed, b, stop);
	/* it ends: the one whose worker has lost its processor comes again */
	while (n[0] < 1000 || n[1] < 1000)
		n[weft_select(weft_on_recv(a, &x), weft_on_recv(b, &x))]++;
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
	int seen[MANY] = {0}, n = weft_short() ? 150 : MANY;

	for (int i = 0; i < n; i++) {
		c[i] = weft_make(int, 0);
		cases[i] = weft_on_recv(c[i], &x[i]);
	}
	weft_go(send_to_all, c, n);
	for (int i = 0; i < n; i++) {
		int k = weft_select_array(cases, n);

		seen[k]++;
		CHECK_EQ((x[k] * 7) % n, k);
	}
	CHECK_EQ(weft_poll_array(cases, n), -1);
	for (int i = 0; i < n; i++) {
		CHECK_EQ(seen[i], 1);
		weft_free(c[i]);
	}
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
