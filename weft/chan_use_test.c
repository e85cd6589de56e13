/* chan_use_test.c - channels at work: chains, crowds, tokens, sieves, answers, threads */
#include <pthread.h>
#include <string.h>

#include "sync.h"
#include "testing.h"

static void send_one(weft_chan(int) c, int x)
{
	weft_send(c, x);
}

/* Sends first..first + n - 1. */
static void send_run(weft_chan(int) c, int first, int n)
{
	for (int i = 0; i < n; i++)
		weft_send(c, first + i);
}

static void pass_on(weft_chan(int) in, weft_chan(int) out)
{
	for (int x; weft_recv(in, &x); )
		weft_send(out, x + 1);
	weft_close(out);
}

/* A chain of 100 goroutines. */
TEST(DaisyChain, .parallel = true)
{
	weft_chan(int) c[101];
	int x, sum = 0;

	for (int i = 0; i <= 100; i++)
		c[i] = weft_make(int, (size_t)(i % 3));
	for (int i = 0; i < 100; i++)
		weft_go(pass_on, c[i], c[i + 1]);
	weft_go(send_run, c[0], 0, 0);
	for (int i = 0; i < 50; i++) {
		weft_go(send_one, c[0], i);
		weft_recv(c[100], &x);
		CHECK_EQ(x, i + 100);
		sum += x;
	}
	CHECK_EQ(sum, 49 * 25 + 5000);
	weft_close(c[0]);
	CHECK(!weft_recv(c[100], &x));
	for (int i = 0; i <= 100; i++)
		weft_free(c[i]);
}

enum { PRODUCERS = 8, CONSUMERS = 5, EACH = 5000 };

struct tally {
	weft_chan(int) c;
	_Atomic int64_t sum;
	_Atomic int n, disorder;
};

/* Values of one producer must arrive at each consumer in the order they were sent. */
static void consume(struct tally *t)
{
	int last[PRODUCERS], x;

	memset(last, 0xff, sizeof last);
	while (weft_recv(t->c, &x)) {
		t->n++;
		t->sum += x;
		t->disorder += x % EACH <= last[x / EACH];
		last[x / EACH] = x % EACH;
	}
}

static void many_to_many(size_t cap)
{
	struct tally t = { .c = weft_make(int, cap) };
	weft_waitgroup producers = {0}, consumers = {0};
	int each = weft_short() ? 250 : EACH;
	int64_t n = PRODUCERS * each;

	for (int i = 0; i < CONSUMERS; i++)
		weft_waitgroup_go(&consumers, consume, &t);
	for (int i = 0; i < PRODUCERS; i++)
		weft_waitgroup_go(&producers, send_run, t.c, i * EACH, each);
	weft_waitgroup_wait(&producers);
	weft_close(t.c);
	weft_waitgroup_wait(&consumers);
	CHECK_EQ(t.n, n);
	CHECK_EQ(t.sum, PRODUCERS * (int64_t)each * (each - 1) / 2 +
	    (int64_t)EACH * each * PRODUCERS * (PRODUCERS - 1) / 2);
	CHECK_EQ(t.disorder, 0);
	weft_free(t.c);
}

TEST(ManyToManyUnbuffered)
{
	many_to_many(0);
}

TEST(ManyToManyBuffered)
{
	many_to_many(1);
	many_to_many(10);
	many_to_many(1000);
}

/* Only one value is under way: who receives it may send. */
static void pass_token(weft_chan(int) c, int rounds, int *shared)
{
	int x;

	while (rounds--) {
		weft_recv(c, &x);
		++*shared;	/* no lock: the token is one */
		weft_send(c, x);
	}
}

TEST(ChannelAsLock, .parallel = true)
{
	weft_chan(int) c = weft_make(int, 1);
	weft_waitgroup wg = {0};
	int shared = 0;

	weft_send(c, 0);
	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, pass_token, c, 1000, &shared);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(shared, 8000);
	weft_free(c);
}

/* The prime sieve of every book on the subject. */
static void filter(weft_chan(int) in, weft_chan(int) out, int prime)
{
	for (int x; weft_recv(in, &x); )
		if (x % prime)
			weft_send(out, x);
	weft_close(out);
}

static void count_from_2(weft_chan(int) out, int to)
{
	for (int i = 2; i <= to; i++)
		weft_send(out, i);
	weft_close(out);
}

TEST(PrimeSieve, .parallel = true)
{
	static const int primes[] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 };
	weft_chan(int) c[20];
	int n = 0, x;

	c[0] = weft_make(int, 0);
	weft_go(count_from_2, c[0], 50);
	for (; weft_recv(c[n], &x); n++) {
		REQUIRE(n < 15);
		CHECK_EQ(x, primes[n]);
		c[n + 1] = weft_make(int, 0);
		weft_go(filter, c[n], c[n + 1], x);
	}
	CHECK_EQ(n, 15);
	for (; n >= 0; n--)
		weft_free(c[n]);
}

/* Channels of channels: the answer comes on one that travels with the question. */
struct question { int x; weft_chan(int) answer; };

static void answer_all(weft_chan(struct question) in)
{
	for (struct question q; weft_recv(in, &q); )
		weft_send(q.answer, q.x * q.x);
}

static void ask(weft_chan(struct question) out, int x)
{
	struct question q = { x, weft_make(int, 0) };
	int y;

	weft_send(out, q);
	weft_recv(q.answer, &y);
	CHECK_EQ(y, x * x);
	weft_free(q.answer);		/* at once: the answerer is done with it */
}

TEST(ChannelsTravel, .parallel = true)
{
	weft_chan(struct question) c = weft_make(struct question, 0);
	weft_waitgroup servers = {0}, clients = {0};

	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&servers, answer_all, c);
	for (int i = 0; i < 500; i++)
		weft_waitgroup_go(&clients, ask, c, i);
	weft_waitgroup_wait(&clients);
	weft_close(c);
	weft_waitgroup_wait(&servers);
	weft_free(c);
}

static void *thread_echo(void *arg)
{
	weft_chan(int) *c = arg;

	for (int x; weft_recv(c[0], &x); )
		weft_send(c[1], x * 2);
	weft_close(c[1]);
	return NULL;
}

TEST(PlainThreadsUseChannels)
{
	weft_chan(int) c[2] = { weft_make(int, 0), weft_make(int, 3) };
	pthread_t thread;
	int x, sum = 0;

	pthread_create(&thread, NULL, thread_echo, c);
	for (int i = 0; i < 300; i++) {
		weft_send(c[0], i);
		CHECK(weft_recv(c[1], &x));
		sum += x;
	}
	weft_close(c[0]);
	CHECK(!weft_recv(c[1], &x));
	pthread_join(thread, NULL);
	CHECK_EQ(sum, 300 * 299);
	weft_free(c[0]);
	weft_free(c[1]);
}
