/* profile_wall_test.c - the wall profile: who waits, runs, sleeps, and for how long */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

#include "child_test.h"
#include "pprof_test.h"
#include "profile.h"
#include "sync.h"
#include "time.h"

static struct pprof_read prof;
static _Atomic uint64_t sink;	/* so that the functions below are there */

static void wait_for_word(weft_chan(int) c)
{
	weft_recv(c, NULL);
	sink++;
}

static void wait_for_lock(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
	sink++;
}

static void run_on(_Atomic bool *stop)
{
	while (!atomic_load_explicit(stop, memory_order_relaxed))
		sink++;
}

/* Poll is a call that any signal ends. */
__attribute__((noinline)) static int poll_inside(struct pollfd *p)
{
	int n = poll(p, 1, -1);

	sink++;
	return n;
}

static void block_thread(int fd, int *result)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	*result = poll_inside(&p);
	sink++;
}

/* Of a profile: it took no less and no more. */
struct took { int64_t begun, least, most; };

static struct took begin(char *path, size_t n, int hz)
{
	struct took t = { .begun = weft_now() };

	CHECK_EQ(weft_profile_wall_start(pprof_file(path, n, "wall.pb"), hz), 0);
	t.least = weft_now();
	return t;
}

static void end(const char *path, struct took *t)
{
	t->least = weft_now() - t->least;
	CHECK_EQ(weft_profile_wall_stop(), 0);
	t->most = weft_now() - t->begun;
	pprof_load(&prof, path);
}

/* So many of func all the time, but for what was missed. */
static bool saw(const char *func, int n, const struct took *t, double off)
{
	double got = (double)pprof_total(&prof, func, 1);
	bool ok = got >= n * (double)t->least * (1 - off) && got <= n * (double)t->most * (1 + off);

	if (!ok)
		weft_logf("%s: %.0f ns of %d in %jd to %jd", func, got, n,
		    (intmax_t)t->least, (intmax_t)t->most);
	return ok;
}

TEST(WallSeesThoseThatWait, .real = true)
{
	static const char *const ours[] = { "weft_chan_recv_", "recv_slow", "sched_park", "park",
	    "switch_away" };
	weft_chan(int) c = weft_make(int, 0);
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	char path[256];
	struct took took;

	weft_mutex_lock(&m);
	for (int i = 0; i < 7; i++) {
		weft_waitgroup_go(&wg, wait_for_word, c);
		weft_waitgroup_go(&wg, wait_for_lock, &m);
	}
	took = begin(path, sizeof path, 500);
	weft_sleep(40 * WEFT_MS);	/* which is what is measured */
	end(path, &took);
	CHECK(saw("wait_for_word", 7, &took, 0.3));
	CHECK(saw("wait_for_lock", 7, &took, 0.3));
	CHECK(pprof_labelled(&prof, "wait_for_word", 1, "state", "chan receive") >=
	    pprof_total(&prof, "wait_for_word", 1) / 2);
	CHECK(pprof_labelled(&prof, "wait_for_lock", 1, "state", "mutex") > 0);
	CHECK(pprof_labelled(&prof, "wait_for_lock", 1, "goroutine", "wait_for_lock") > 0);
	/* from the call that they wait in, without what that does */
	for (int i = 0; i < 5; i++)
		CHECK_EQ(pprof_labelled(&prof, ours[i], 0, "state", "chan receive"), 0);
	free(prof.data);
	weft_close(c);
	weft_mutex_unlock(&m);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

/* More than it looks at. */
TEST(WallScalesManyGoroutines, .real = true)
{
	enum { MANY = 3000 };
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	char path[256];
	struct took took;

	for (int i = 0; i < MANY; i++)
		weft_waitgroup_go(&wg, wait_for_word, c);
	took = begin(path, sizeof path, 500);
	weft_sleep(100 * WEFT_MS);
	end(path, &took);
	CHECK(saw("wait_for_word", MANY, &took, 0.4));
	free(prof.data);
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

TEST(WallSeesThoseThatRun, .real = true)
{
	weft_waitgroup wg = {0};
	_Atomic bool stop = false;
	char path[256];
	struct took took;

	weft_waitgroup_go(&wg, run_on, &stop);
	took = begin(path, sizeof path, 200);
	weft_sleep(60 * WEFT_MS);
	end(path, &took);
	atomic_store(&stop, true);
	CHECK(saw("run_on", 1, &took, 0.5));
	CHECK(pprof_labelled(&prof, "run_on", 1, "state", "running") > 0);
	free(prof.data);
	weft_waitgroup_wait(&wg);
}

TEST(WallDoesNotDisturbSystemCalls, .real = true)
{
	weft_waitgroup wg = {0};
	int fd[2], result = 0;
	struct took took;
	char path[256];
	bool seen = false;

	if (getenv("WEFT_EMULATED") || access("/proc/self/syscall", R_OK))
		weft_skip("nobody tells who is in a system call");
	REQUIRE(!pipe2(fd, O_CLOEXEC));
	weft_waitgroup_go(&wg, block_thread, fd[0], &result);
	while (!seen) {			/* it may not have begun */
		took = begin(path, sizeof path, 1000);
		weft_sleep(10 * WEFT_MS);
		end(path, &took);
		seen = pprof_labelled(&prof, "block_thread", 0, "state", "system call") > 0;
#if defined(__x86_64__)
		CHECK(!seen || pprof_total(&prof, "poll_inside", 0) > 0);
#endif
		free(prof.data);
	}
	CHECK_EQ(write(fd[1], "x", 1), 1);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(result, 1);		/* no signal has */
	close(fd[0]);
	close(fd[1]);
}

/* Nobody else is there: neither the workers' threads nor the one that looks. */
CHILD(WallOfOne)
{
	int64_t begun = weft_now(), least, most, got;
	char path[] = "/tmp/weft_wall_XXXXXX", data[65536];
	struct pprof_read p = { .data = data };
	int fd = mkstemp(path);

	if (fd < 0 || weft_profile_wall_start(path, 500))
		return 1;
	weft_sleep(50 * WEFT_MS);
	least = weft_now() - begun;
	if (weft_profile_wall_stop())
		return 1;
	most = weft_now() - begun;
	p.len = (size_t)pread(fd, data, sizeof data, 0);
	close(fd);
	unlink(path);
	got = pprof_total(&p, NULL, 1);
	fprintf(stderr, "%jd ns of %jd to %jd\n", (intmax_t)got, (intmax_t)least, (intmax_t)most);
	return got >= least / 2 && got <= most * 3 / 2 ? 0 : 3;
}

TEST(WallCountsGoroutinesOnly, .real = true)
{
	CHECK_EXITS("WallOfOne");
}

/* The thread that looks is not one that could wake somebody. */
CHILD(WallDeadlock)
{
	weft_profile_wall_start("/dev/null", 0);
	weft_recv(weft_make(int, 0), NULL);
	return 0;
}

TEST(WallDoesNotHideDeadlocks, .real = true)
{
	CHECK_DIES("WallDeadlock", "all goroutines are asleep");
}

TEST(WallRefuses)
{
	CHECK_EQ(weft_profile_wall_stop(), -EINVAL);
	CHECK_EQ(weft_profile_wall_start("/nonexistent/x", 0), 0);
	CHECK_EQ(weft_profile_wall_start("elsewhere", 0), -EBUSY);
	CHECK_EQ(weft_profile_wall_stop(), -ENOENT);
	CHECK_EQ(weft_profile_wall_start("/dev/full", 0), 0);
	CHECK_EQ(weft_profile_wall_stop(), -EIO);
}
