/* sched_test.c - scheduling: many, turns, stuck workers, errno, looking at it, threads */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "child_test.h"
#include "debug.h"
#include "sanitize.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

/* ---- many ---- */

static void count_down(_Atomic int *n)
{
	--*n;
}

TEST(HundredThousandGoroutines, .real = true)
{
	weft_waitgroup wg = {0};
	_Atomic int n = 100000;

	for (int i = 0; i < 100000; i++)
		weft_waitgroup_go(&wg, count_down, &n);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(n, 0);
}

static void spawn_tree(int depth, _Atomic int *n)
{
	if (!depth) {
		++*n;
		return;
	}
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, spawn_tree, depth - 1, n);
	weft_waitgroup_go(&wg, spawn_tree, depth - 1, n);
	weft_waitgroup_wait(&wg);
}

TEST(GoroutinesStartGoroutines, .real = true)
{
	_Atomic int n = 0;

	spawn_tree(12, &n);
	CHECK_EQ(n, 4096);
}

static void end_at_once(void)
{
}

/* More than a queue holds, over and over, while another worker steals: the global
   queue is taken from and overflowed into all the time. */
TEST(BatchesLargerThanTheQueue)
{
	weft_waitgroup wg = {0};

	for (int round = weft_short() ? 20 : 1000; round > 0; round--) {
		for (int i = 0; i < 1000; i++)
			weft_waitgroup_go(&wg, end_at_once);
		weft_waitgroup_wait(&wg);
	}
}

static void park_one(weft_chan(int) c, _Atomic int64_t *sum)
{
	int x;

	weft_recv(c, &x);
	*sum += x;
}

/* In a process of its own: the stacks stay open. */
CHILD(MillionParked)
{
	enum { N = 1000000 };
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	_Atomic int64_t sum = 0;

	for (int i = 0; i < N; i++)
		weft_waitgroup_go(&wg, park_one, c, &sum);
	for (int i = 0; i < N; i++)
		weft_send(c, i);
	weft_waitgroup_wait(&wg);
	weft_free(c);
	return sum != (int64_t)N * (N - 1) / 2;
}

TEST(MillionParkedGoroutines)
{
	if (weft_short() || SANITIZED)
		weft_skip("needs 5 GB of memory");
	if (sysconf(_SC_AVPHYS_PAGES) < (8L << 30) / sysconf(_SC_PAGESIZE))
		weft_skip("needs 8 GB of free memory");
	CHECK_EXITS("MillionParked");
}

/* ---- turns ---- */

static void take_turns(_Atomic int *turn, int me, int n)
{
	for (int i = 0; i < 50; i++) {
		while (*turn % n != me)
			weft_yield();
		++*turn;
	}
}

TEST(YieldLetsTheOthersRun)
{
	_Atomic int turn = 0;
	weft_waitgroup wg = {0};

	for (int i = 0; i < 8; i++)
		weft_waitgroup_go(&wg, take_turns, &turn, i, 8);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(turn, 400);
}

static void ping(weft_chan(int) a, weft_chan(int) b, _Atomic int *left)
{
	while (*left) {
		weft_send(a, 1);
		weft_recv(b, NULL);
	}
	weft_close(a);
}

static void pong(weft_chan(int) a, weft_chan(int) b)
{
	while (weft_recv(a, NULL))
		weft_send(b, 1);
}

/* Two that always wake each other do not keep others from running. */
TEST(PingPongDoesNotStarveOthers, .real = true)
{
	weft_chan(int) c[8];
	weft_waitgroup wg = {0};
	_Atomic int left = 20;

	for (int i = 0; i < 8; i += 2) {
		c[i] = weft_make(int, 0);
		c[i + 1] = weft_make(int, 0);
		weft_waitgroup_go(&wg, ping, c[i], c[i + 1], &left);
		weft_waitgroup_go(&wg, pong, c[i], c[i + 1]);
	}
	for (int i = 0; i < 20; i++)
		weft_waitgroup_go(&wg, count_down, &left);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 8; i++)
		weft_free(c[i]);
}

static void set(_Atomic bool *flag)
{
	*flag = true;
}

/* ---- stuck workers ---- */

static void spin_until(_Atomic bool *flag)
{
	while (!*flag)
		;
}

TEST(BusyLoopsDoNotStopTheOthers, .real = true)
{
	weft_waitgroup wg = {0};
	_Atomic bool flag = false;

	for (int i = 0; i < weft_procs() + 2; i++)
		weft_waitgroup_go(&wg, spin_until, &flag);
	for (int i = 0; i < 3; i++)
		weft_sleep(WEFT_MS);	/* we come back, too */
	weft_go(set, &flag);
	weft_waitgroup_wait(&wg);
}

static void block_thread(int fd)
{
	char x;

	CHECK_EQ(read(fd, &x, 1), 1);
}

static void write_one(int fd)
{
	CHECK_EQ(write(fd, "x", 1), 1);
}

TEST(BlockingCallsDoNotStopTheOthers, .real = true)
{
	weft_waitgroup wg = {0};
	int fd[2], n = weft_procs() + 2;

	REQUIRE(pipe(fd) == 0);
	for (int i = 0; i < n; i++)
		weft_waitgroup_go(&wg, block_thread, fd[0]);
	weft_sleep(WEFT_MS);
	for (int i = 0; i < n; i++)
		weft_waitgroup_go(&wg, write_one, fd[1]);
	weft_waitgroup_wait(&wg);
	close(fd[0]);
	close(fd[1]);
}

static void block_politely(int fd)
{
	ssize_t n;
	char x;

	weft_enter_blocking();
	n = read(fd, &x, 1);
	weft_leave_blocking();
	CHECK_EQ(n, 1);
}

TEST(EnterBlockingFreesTheWorker, .real = true)
{
	weft_waitgroup wg = {0};
	int fd[2], n = weft_procs() + 4;

	REQUIRE(pipe(fd) == 0);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < n; i++)
			weft_waitgroup_go(&wg, block_politely, fd[0]);
		for (int i = 0; i < n; i++)
			weft_waitgroup_go(&wg, write_one, fd[1]);
		weft_waitgroup_wait(&wg);
	}
	close(fd[0]);
	close(fd[1]);
}

static void sleep_in_c(_Atomic int *n)
{
	usleep(30000);
	++*n;
}

/* Workers come and go; what they had in hand goes on elsewhere. */
TEST(RelievedWorkersLoseNothing, .real = true)
{
	weft_waitgroup wg = {0}, adders = {0};
	_Atomic int slept = 0, n = 20000;

	for (int i = 0; i < 3 * weft_procs(); i++)
		weft_waitgroup_go(&wg, sleep_in_c, &slept);
	for (int i = 0; i < 20000; i++)
		weft_waitgroup_go(&adders, count_down, &n);
	weft_waitgroup_wait(&adders);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(n, 0);
	CHECK_EQ(slept, 3 * weft_procs());
}

static void yield_until(_Atomic bool *flag)
{
	while (!*flag)
		weft_yield();
}

/* Nobody is ever idle enough to steal what the stuck one has queued. */
TEST(StuckWorkersStarveNobody, .real = true)
{
	weft_waitgroup wg = {0}, counters = {0};
	_Atomic bool flag = false;
	_Atomic int n = 200;

	for (int i = 0; i < weft_procs(); i++)
		weft_waitgroup_go(&wg, yield_until, &flag);
	for (int i = 0; i < 200; i++) {
		weft_waitgroup_go(&counters, count_down, &n);
		if (i % 50 == 0)
			weft_waitgroup_go(&wg, spin_until, &flag);
	}
	weft_waitgroup_wait(&counters);
	flag = true;
	weft_waitgroup_wait(&wg);
	CHECK_EQ(n, 0);
}

/* ---- errno ---- */

/* The error is that of the call just made, whichever thread this is now. */
static void fail_often(int i, _Atomic int *wrong)
{
	char x;

	for (int k = 0; k < 500; k++) {
		weft_yield();
		if (i % 2 ? read(-1, &x, 1) == -1 && errno != EBADF :
		    access("/nonexistent", F_OK) == -1 && errno != ENOENT)
			++*wrong;
		weft_yield();
		errno = 0;
		*wrong += errno != 0;
	}
}

TEST(ErrnoIsThatOfTheLastCall)
{
	weft_waitgroup wg = {0};
	_Atomic int wrong = 0;

	for (int i = 0; i < 20; i++)
		weft_waitgroup_go(&wg, fail_often, i, &wrong);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(wrong, 0);
}

/* ---- looking at it ---- */

static void wait_for(weft_chan(int) c)
{
	weft_recv(c, NULL);
}

TEST(GoroutinesAreListedWithReasons)
{
	static struct weft_goroutine all[4096];
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	size_t n, mine = 0;

	for (int i = 0; i < 5; i++)
		weft_waitgroup_go(&wg, wait_for, c);
	settle(wait_for, WAIT_CHAN_RECV, 5);
	n = weft_goroutines(all, 4096);
	REQUIRE(n <= 4096);
	for (size_t i = 0; i < n; i++)
		if (all[i].object == (const void *)c) {
			CHECK_STR(all[i].state, "chan receive");
			CHECK_STR(all[i].func, "wait_for");
			CHECK(strstr(all[i].file, "sched_test.c") && all[i].line > 0);
			mine++;
		}
	CHECK_EQ(mine, 5);
	CHECK(weft_num_goroutine() >= 6);
	CHECK(weft_goroutines(all, 1) >= 6);
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

static void own_id(weft_chan(long) c)
{
	weft_send(c, weft_goid());
}

TEST(GoroutinesHaveNumbers)
{
	weft_chan(long) c = weft_make(long, 0);
	long a, b;

	weft_go(own_id, c);
	weft_go(own_id, c);
	weft_recv(c, &a);
	weft_recv(c, &b);
	CHECK(a > 0 && b > 0 && a != b && a != weft_goid());
	CHECK(weft_goid() > 0);
	weft_free(c);
}

TEST(StatsCount)
{
	struct weft_stats before, after;
	weft_waitgroup wg = {0};
	_Atomic int n = 1000;

	weft_stats(&before);
	for (int i = 0; i < 1000; i++)
		weft_waitgroup_go(&wg, count_down, &n);
	weft_waitgroup_wait(&wg);
	weft_stats(&after);
	CHECK_EQ(after.spawned - before.spawned, 1000);
	CHECK(after.switches - before.switches >= 1000);
	CHECK_EQ(after.workers, weft_procs());
	CHECK(after.threads >= after.workers);
	CHECK(after.goroutines >= 1);
}

/* ---- plain threads ---- */

struct from_thread { weft_waitgroup wg; _Atomic int n; int64_t goid; };

static void *spawn_from_thread(void *arg)
{
	struct from_thread *f = arg;

	f->goid = weft_goid();
	for (int i = 0; i < 1000; i++)
		weft_waitgroup_go(&f->wg, count_down, &f->n);
	weft_waitgroup_wait(&f->wg);
	weft_yield();
	weft_sleep(WEFT_MS);
	return f->n ? NULL : f;
}

TEST(PlainThreadsStartGoroutines)
{
	struct from_thread f[3] = { { .n = 1000 }, { .n = 1000 }, { .n = 1000 } };
	pthread_t thread[3];
	void *good;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, spawn_from_thread, &f[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], &good);
		CHECK(good == &f[i]);
		CHECK_EQ(f[i].goid, 0);
	}
}
