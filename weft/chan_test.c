/* chan_test.c - channels: values, order, waiting, closing, misuse */
#include <string.h>

#include "chan.h"
#include "child_test.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

static void send_one(weft_chan(int) c, int x)
{
	weft_send(c, x);
}

static void receive_one(weft_chan(int) c, int *x, bool *ok)
{
	*ok = weft_recv(c, x);
}

TEST(SendMeetsReceive, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 0);
	int x = 0;

	weft_go(send_one, c, 7);
	CHECK(weft_recv(c, &x));
	CHECK_EQ(x, 7);
	CHECK_EQ(weft_len(c), 0);
	CHECK_EQ(weft_cap(c), 0);
	weft_free(c);
}

TEST(UnbufferedSendWaitsForReceiver)
{
	weft_chan(int) c = weft_make(int, 0);
	int x = 0;

	weft_go(send_one, c, 3);
	settle(send_one, WAIT_CHAN_SEND, 1);
	CHECK_EQ(weft_len(c), 0);
	CHECK(weft_recv(c, &x));
	CHECK_EQ(x, 3);
	weft_free(c);
}

TEST(ReceiveWaitsForSender)
{
	weft_chan(int) c = weft_make(int, 4);
	weft_waitgroup wg = {0};
	int x = 0;
	bool ok = false;

	weft_waitgroup_go(&wg, receive_one, c, &x, &ok);
	settle(receive_one, WAIT_CHAN_RECV, 1);
	weft_send(c, 9);
	CHECK_EQ(weft_len(c), 0);	/* handed over, not buffered */
	weft_waitgroup_wait(&wg);
	CHECK(ok);
	CHECK_EQ(x, 9);
	weft_free(c);
}

TEST(BufferKeepsOrder, .parallel = true)
{
	enum { CAP = 7 };
	weft_chan(int) c = weft_make(int, CAP);
	int next = 0, x;

	/* several laps, at every place of the ring */
	for (int lap = 0; lap < 20; lap++) {
		int n = lap % CAP + 1;

		for (int i = 0; i < n; i++) {
			weft_send(c, next + i);
			CHECK_EQ(weft_len(c), i + 1);
		}
		for (int i = 0; i < n; i++) {
			CHECK(weft_recv(c, &x));
			CHECK_EQ(x, next++);
		}
	}
	CHECK_EQ(weft_cap(c), CAP);
	weft_free(c);
}

TEST(FullBufferMakesSendersWaitInOrder)
{
	weft_chan(int) c = weft_make(int, 2);
	int x;

	weft_send(c, 0);
	weft_send(c, 1);
	for (int i = 2; i < 6; i++) {
		weft_go(send_one, c, i);
		settle(send_one, WAIT_CHAN_SEND, i - 1);
	}
	CHECK_EQ(weft_len(c), 2);
	for (int i = 0; i < 6; i++) {
		CHECK(weft_recv(c, &x));
		CHECK_EQ(x, i);
	}
	CHECK_EQ(weft_len(c), 0);
	weft_free(c);
}

static void receive_in_turn(weft_chan(int) c, weft_chan(int) order, int me)
{
	int x;

	weft_recv(c, &x);
	weft_send(order, me * 100 + x);
}

TEST(ReceiversAreServedInOrderOfArrival)
{
	weft_chan(int) c = weft_make(int, 0), order = weft_make(int, 8);
	int got[8], sum = 0;

	for (int i = 0; i < 8; i++) {
		weft_go(receive_in_turn, c, order, i);
		settle(receive_in_turn, WAIT_CHAN_RECV, i + 1);
	}
	for (int i = 0; i < 8; i++)
		weft_send(c, i);
	for (int i = 0; i < 8; i++) {
		weft_recv(order, &got[i]);
		CHECK_EQ(got[i] / 100, got[i] % 100);
		sum += got[i];
	}
	CHECK_EQ(sum, 28 * 101);
	weft_free(c);
	weft_free(order);
}

TEST(CloseDrainsThenGivesZero, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 3);
	int x = -1;

	weft_send(c, 1);
	weft_send(c, 2);
	weft_close(c);
	CHECK_EQ(weft_len(c), 2);
	CHECK(weft_recv(c, &x));
	CHECK_EQ(x, 1);
	CHECK(weft_recv(c, &x));
	CHECK_EQ(x, 2);
	for (int i = 0; i < 3; i++) {
		x = -1;
		CHECK(!weft_recv(c, &x));
		CHECK_EQ(x, 0);
	}
	weft_free(c);
}

static void expect_closed(weft_chan(int) c)
{
	int x = 5;

	CHECK(!weft_recv(c, &x));
	CHECK_EQ(x, 0);
}

TEST(CloseWakesReceivers)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};

	for (int i = 0; i < 20; i++)
		weft_waitgroup_go(&wg, expect_closed, c);
	settle(expect_closed, WAIT_CHAN_RECV, 20);
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

TEST(ReceiveMayDropTheValue, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 1);

	weft_send(c, 1);
	CHECK(weft_recv(c, NULL));
	weft_go(send_one, c, 2);
	CHECK(weft_recv(c, NULL));
	weft_close(c);
	CHECK(!weft_recv(c, NULL));
	weft_free(c);
}

TEST(NullChannelHasNothing, .parallel = true)
{
	weft_chan(int) c = NULL;

	CHECK_EQ(weft_len(c), 0);
	CHECK_EQ(weft_cap(c), 0);
	weft_free(c);
}

static void receive_null(weft_chan(int) c)
{
	weft_recv(c, NULL);
}

static void send_null(weft_chan(int) c)
{
	weft_send(c, 1);
}

TEST(NullChannelWaitsForEver, .leaks = true)
{
	weft_go(receive_null, NULL);
	weft_go(send_null, NULL);
	settle(receive_null, WAIT_CHAN_NULL, 1);
	settle(send_null, WAIT_CHAN_NULL, 1);
}

struct big { long a[125]; };

static void send_big(weft_chan(struct big) c, int n)
{
	struct big b;

	for (int i = 0; i < n; i++) {
		for (int k = 0; k < 125; k++)
			b.a[k] = i * 1000L + k;
		weft_send(c, b);
		memset(&b, 0xff, sizeof b);	/* it has been copied */
	}
	weft_close(c);
}

static void big_values(int cap)
{
	weft_chan(struct big) c = weft_make(struct big, (size_t)cap);
	struct big b;
	int n = 0, wrong = 0;

	weft_go(send_big, c, 100);
	for (; weft_recv(c, &b); n++)
		for (int k = 0; k < 125; k++)
			wrong += b.a[k] != n * 1000L + k;
	CHECK_EQ(n, 100);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(b.a[0] | b.a[124], 0);
	weft_free(c);
}

TEST(BigValuesArriveWhole, .parallel = true)
{
	big_values(0);
	big_values(1);
	big_values(7);
}

struct nothing { };

static void send_nothings(weft_chan(struct nothing) c, int n)
{
	while (n--)
		weft_send(c, (struct nothing){ });
	weft_close(c);
}

TEST(ValuesMayBeEmpty, .parallel = true)
{
	weft_chan(struct nothing) c = weft_make(struct nothing, 3);
	struct nothing x;
	int n = 0;

	weft_go(send_nothings, c, 50);
	while (weft_recv(c, &x))
		n++;
	CHECK_EQ(n, 50);
	weft_free(c);
}

struct odd { char c[3]; };

TEST(ValuesOfEverySize, .parallel = true)
{
	weft_chan(char) a = weft_make(char, 2);
	weft_chan(short) b = weft_make(short, 2);
	weft_chan(struct odd) c = weft_make(struct odd, 2);
	weft_chan(double) d = weft_make(double, 2);
	weft_chan(const char *) s = weft_make(const char *, 2);
	char x;
	short y;
	struct odd z;
	double w;
	const char *text;

	weft_send(a, 'a');
	weft_send(b, -2);
	weft_send(c, (struct odd){ "xy" });
	weft_send(d, 1.5);
	weft_send(s, "text");
	CHECK(weft_recv(a, &x) && x == 'a');
	CHECK(weft_recv(b, &y) && y == -2);
	CHECK(weft_recv(c, &z) && !strcmp(z.c, "xy"));
	CHECK(weft_recv(d, &w) && w == 1.5);
	CHECK(weft_recv(s, &text) && !strcmp(text, "text"));
	weft_free(a);
	weft_free(b);
	weft_free(c);
	weft_free(d);
	weft_free(s);
}

/* ---- what stops the program ---- */

CHILD(SendOnClosed)
{
	weft_chan(int) c = weft_make(int, 1);

	weft_close(c);
	weft_send(c, 1);
	return 0;
}

static void close_it(weft_chan(int) c)
{
	weft_close(c);
}

CHILD(CloseUnderSender)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(close_it, c);
	weft_send(c, 1);
	return 0;
}

CHILD(CloseTwice)
{
	weft_chan(int) c = weft_make(int, 1);

	weft_close(c);
	weft_close(c);
	return 0;
}

CHILD(CloseNull)
{
	weft_chan(int) c = NULL;

	weft_close(c);
	return 0;
}

static void receive_it(weft_chan(int) c)
{
	weft_recv(c, NULL);
}

CHILD(FreeUnderReceiver)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(receive_it, c);
	settle(receive_it, WAIT_CHAN_RECV, 1);
	weft_free(c);
	return 0;
}

CHILD(TooBig)
{
	weft_make(struct big, SIZE_MAX / 100);
	return 0;
}

TEST(ChannelMisuseStopsTheProgram)
{
	CHECK_DIES("SendOnClosed", "weft: send on closed channel");
	CHECK_DIES("CloseUnderSender", "weft: send on closed channel");
	CHECK_DIES("CloseTwice", "weft: close of closed channel");
	CHECK_DIES("CloseNull", "weft: weft_close: the channel is NULL");
	CHECK_DIES("FreeUnderReceiver", "has goroutines waiting on it");
	CHECK_DIES("TooBig", "do not fit into memory");
}

/* ---- late uses, which debug builds notice ---- */

/* Others have been made since, which might have got its memory. */
__attribute__((noinline)) static weft_chan(int) freed_one(void)
{
	weft_chan(int) c = weft_make(int, 1);

	weft_free(c);
	for (int i = 0; i < 100; i++)
		weft_make(int, 1);
	return c;
}

CHILD(SendOnFreed)
{
	weft_send(freed_one(), 1);
	return 0;
}

CHILD(ReceiveOnFreed)
{
	weft_recv(freed_one(), NULL);
	return 0;
}

CHILD(SelectOnFreed)
{
	weft_chan(int) c = freed_one(), live = weft_make(int, 0);
	int x;

	return weft_select(weft_on_recv(live, &x), weft_on_recv(c, &x));
}

CHILD(CloseFreed)
{
	weft_close(freed_one());
	return 0;
}

CHILD(FreeFreed)
{
	weft_free(freed_one());
	return 0;
}

CHILD(LenOfFreed)
{
	return (int)weft_len(freed_one());
}

static void check_late(const char *child, const char *call)
{
	struct child *c = child_run(child);

	CHECK_EQ(c->status, 2);
	CHECK(!strncmp(c->err, call, strlen(call)));
	if (!CHECK(strstr(c->err, " is freed already, by freed_one ")))
		weft_logf("%s: %.3000s", child, c->err);
}

TEST(LateUsesNameTheChannel)
{
	if (!CHAN_KEEPS_FREED)
		weft_skip("only debug builds keep what is freed");
	check_late("SendOnFreed", "weft: weft_send: channel 0x");
	check_late("ReceiveOnFreed", "weft: weft_recv: channel 0x");
	check_late("SelectOnFreed", "weft: weft_select: channel 0x");
	check_late("CloseFreed", "weft: weft_close: channel 0x");
	check_late("FreeFreed", "weft: weft_free: channel 0x");
	check_late("LenOfFreed", "weft: weft_len: channel 0x");
}
