/* profile_heap_test.c - the heap profile: what is counted, and for whom */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "child_test.h"
#include "pprof_test.h"
#include "profile.h"
#include "sync.h"

static struct pprof_read prof;
static void *_Atomic sink;	/* so that nothing is left out as useless */

enum { OBJECTS, SPACE, INUSE_OBJECTS, INUSE_SPACE };

/* Figures of one function, of which earlier runs of a test have left some. */
struct figures { int64_t at[4]; };

static struct figures figures(const char *func)
{
	struct figures f;
	char path[256];

	CHECK_EQ(weft_profile_heap(pprof_file(path, sizeof path, "heap.pb")), 0);
	pprof_load(&prof, path);
	for (int i = 0; i < 4; i++)
		f.at[i] = pprof_total(&prof, func, i);
	free(prof.data);
	return f;
}

static void check_grew(const char *func, const struct figures *before, struct figures by,
    int line)
{
	struct figures now = figures(func);

	for (int i = 0; i < 4; i++)
		weft_check_eq_(now.at[i] - before->at[i], by.at[i], func,
		    ((const char *[]){ "objects", "space", "objects in use", "space in use" })[i],
		    __FILE__, line);
}
#define CHECK_GREW(func, before, ...) \
	check_grew(func, before, (struct figures){ { __VA_ARGS__ } }, __LINE__)

static void start(int64_t rate)
{
	int err = weft_profile_allocs(rate);

	if (err == -ENOTSUP)
		weft_skip("the allocator is a sanitizer's");
	REQUIRE(err == 0);
}

__attribute__((noinline)) static void take_here(void **p, int n, size_t size)
{
	for (int i = 0; i < n; i++)
		sink = p[i] = malloc(size);
}

static void give_back(void **p, int n)
{
	for (int i = 0; i < n; i++)
		free(p[i]);
}

TEST(HeapCountsEachAtRateOne, .real = true)
{
	void *p[100];
	struct figures before;

	start(1);
	before = figures("take_here");
	take_here(p, 100, 1000);
	CHECK_GREW("take_here", &before, 100, 100000, 100, 100000);
	give_back(p, 60);
	CHECK_GREW("take_here", &before, 100, 100000, 40, 40000);
	weft_profile_allocs(0);
	take_here(p, 10, 1000);		/* not counted; what was, is when freed */
	CHECK_GREW("take_here", &before, 100, 100000, 40, 40000);
	give_back(p, 10);
	give_back(p + 60, 40);
	CHECK_GREW("take_here", &before, 100, 100000, 0, 0);
}

__attribute__((noinline)) static void take_every_way(void **p)
{
	p[0] = malloc(100);
	p[1] = calloc(10, 10);
	p[2] = realloc(NULL, 100);
	p[3] = aligned_alloc(64, 128);
	p[4] = memalign(256, 100);
	if (posix_memalign(&p[5], 4096, 100))
		p[5] = NULL;
	CHECK_EQ((uintptr_t)p[3] % 64, 0);
	CHECK_EQ((uintptr_t)p[4] % 256, 0);
	CHECK_EQ((uintptr_t)p[5] % 4096, 0);
	sink = &p[5];
}

TEST(HeapKnowsEveryWayToAllocate, .real = true)
{
	void *p[6], *bad = NULL;
	volatile size_t odd = 24, much = SIZE_MAX / 2;
	struct figures before;

	start(1);
	before = figures("take_every_way");
	take_every_way(p);
	CHECK_EQ(posix_memalign(&bad, odd, 100), EINVAL);
	CHECK_EQ(posix_memalign(&bad, 64, much), ENOMEM);
	CHECK(!bad);
	CHECK_GREW("take_every_way", &before, 6, 628, 6, 628);
	give_back(p, 6);
	weft_profile_allocs(0);
	CHECK_GREW("take_every_way", &before, 6, 628, 0, 0);
}

__attribute__((noinline)) static void *grow(void *p, size_t n)
{
	p = realloc(p, n);
	sink = p;
	return p;
}

TEST(HeapFollowsRealloc, .real = true)
{
	volatile size_t much = SIZE_MAX / 2;
	struct figures before;
	void *p, *q;

	start(1);
	before = figures("grow");
	p = grow(NULL, 100);
	p = grow(p, 100000);
	CHECK_GREW("grow", &before, 2, 100100, 1, 100000);
	q = grow(p, much);		/* fails, and leaves p */
	CHECK(!q);
	CHECK_GREW("grow", &before, 2, 100100, 1, 100000);
	q = realloc(p, 0);		/* frees it */
	CHECK(!q);
	weft_profile_allocs(0);
	CHECK_GREW("grow", &before, 2, 100100, 0, 0);
}

/* 64 MiB, in pieces of three sizes around the rate: some 1,000 samples. */
TEST(HeapScalesWhatItDraws, .real = true)
{
	enum { RATE = 64 << 10, TOTAL = 64 << 20 };
	static const size_t sizes[] = { 100, 5000, 200000 };

	start(INT64_MAX);	/* a rate that draws nothing, and leaves nothing behind */
	start(RATE);
	for (int i = 0; i < 3; i++) {
		int n = TOTAL / (int)sizes[i];
		void **p = malloc((size_t)n * sizeof *p);
		struct figures before = figures("take_here"), now;

		take_here(p, n, sizes[i]);
		now = figures("take_here");
		/* five times what chance makes of it, and more */
		for (int k = OBJECTS; k <= INUSE_SPACE; k++) {
			double want = k % 2 ? TOTAL : n, got = (double)(now.at[k] - before.at[k]);

			if (!weft_check_(got > want * 0.8 && got < want * 1.2, "about so many",
			    __FILE__, __LINE__))
				weft_logf("size %zu, value %d: %.0f, not %.0f", sizes[i], k, got, want);
		}
		give_back(p, n);
		now = figures("take_here");
		CHECK_EQ(now.at[INUSE_SPACE], before.at[INUSE_SPACE]);
		free(p);
	}
	weft_profile_allocs(0);
}

static void *take_on_a_thread(void *p)
{
	take_here(p, 10, 100);
	return NULL;
}

static void take_in_a_goroutine(void **p)
{
	take_here(p, 10, 100);
	sink = p;
}

/* Threads of the program's own have no labels. */
TEST(HeapKnowsWhoAllocated, .real = true)
{
	void *p[20];
	weft_waitgroup wg = {0};
	pthread_t thread;
	struct figures before;
	char path[256];
	int64_t mine;

	start(1);
	before = figures("take_here");
	weft_waitgroup_go(&wg, take_in_a_goroutine, p);
	weft_waitgroup_wait(&wg);
	REQUIRE(!pthread_create(&thread, NULL, take_on_a_thread, p + 10));
	pthread_join(thread, NULL);
	CHECK_GREW("take_here", &before, 20, 2000, 20, 2000);
	weft_profile_heap(pprof_file(path, sizeof path, "heap.pb"));
	pprof_load(&prof, path);
	mine = pprof_labelled(&prof, "take_here", INUSE_OBJECTS, "goroutine", "take_in_a_goroutine");
	free(prof.data);
	CHECK_EQ(mine, 10);
	weft_profile_allocs(0);
	give_back(p, 20);
	CHECK_GREW("take_here", &before, 20, 2000, 0, 0);
}

enum { ROUNDS = 300, AT_A_TIME = 20 };

__attribute__((noinline)) static void *take_one(size_t n)
{
	void *p = malloc(n);

	sink = p;
	return p;
}

/* Sends what it takes, so that others free it. */
static void take_and_send(weft_chan(void *) c)
{
	for (int i = 0; i < ROUNDS * AT_A_TIME; i++)
		weft_send(c, take_one((size_t)(16 + i % 500)));
}

static void free_what_comes(weft_chan(void *) c)
{
	for (void *p; weft_recv(c, &p); )
		free(grow(p, 300));
}

static void *take_and_free(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		void *p[AT_A_TIME];

		for (int k = 0; k < AT_A_TIME; k++)
			p[k] = take_one((size_t)(8 + k * 100));
		give_back(p, AT_A_TIME);
	}
	return arg;
}

TEST(HeapIsRightWhenManyAllocate, .real = true)
{
	weft_chan(void *) c;
	weft_waitgroup takers = {0}, others = {0};
	struct figures before, now;
	pthread_t thread;

	start(1);
	c = weft_make(void *, 16);
	before = figures("take_one");
	REQUIRE(!pthread_create(&thread, NULL, take_and_free, NULL));
	for (int i = 0; i < 3; i++) {
		weft_waitgroup_go(&takers, take_and_send, c);
		weft_waitgroup_go(&others, free_what_comes, c);
	}
	weft_waitgroup_wait(&takers);
	weft_close(c);
	weft_waitgroup_wait(&others);
	pthread_join(thread, NULL);
	weft_profile_allocs(0);
	now = figures("take_one");
	CHECK_EQ(now.at[OBJECTS] - before.at[OBJECTS], 4 * ROUNDS * AT_A_TIME);
	CHECK_EQ(now.at[INUSE_OBJECTS], before.at[INUSE_OBJECTS]);
	CHECK_EQ(now.at[INUSE_SPACE], before.at[INUSE_SPACE]);
	CHECK_EQ(figures("grow").at[INUSE_OBJECTS], 0);
	weft_free(c);
}

static _Atomic bool stop;

static void *allocate_on(void *arg)
{
	while (!stop)
		free(take_one(100));
	return arg;
}

/* Who holds a lock of ours when a child is made is not there to give it back. */
CHILD(HeapFork)
{
	enum { THREADS = 3 };
	pthread_t thread[THREADS];
	int status = 0;

	if (weft_profile_allocs(1))
		return 0;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, allocate_on, NULL))
			return 1;
	for (int i = 0; i < 200 && !status; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			for (int k = 0; k < 100; k++)
				free(take_one(100));
			_exit(0);
		}
		waitpid(pid, &status, 0);
	}
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return status != 0;
}

TEST(HeapDoesNotStopChildren, .real = true)
{
	CHECK_EXITS("HeapFork");
}

TEST(HeapSaysWhereItCannotWrite)
{
	CHECK_EQ(weft_profile_heap("/nonexistent/x"), -ENOENT);
	CHECK_EQ(weft_profile_heap("/dev/full"), -EIO);
}
