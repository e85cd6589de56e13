/* profile_test.c - CPU, goroutine, block and mutex profiles, and what all have in common */
#include "profile.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pprof_test.h"
#include "settle_test.h"
#include "sync.h"
#include "time.h"

static _Atomic uint64_t sink;	/* so that the functions below are there */

__attribute__((noinline)) static void work_hard(int64_t until)
{
	while (weft_now() < until)
		for (int i = 0; i < 10000; i++)
			atomic_store_explicit(&sink, (uint64_t)i, memory_order_relaxed);
}

static void work_hard_and_end(int64_t until)
{
	work_hard(until);
	sink++;
}

static struct pprof_read prof;

TEST(ProfileCpu, .real = true)
{
	weft_waitgroup wg = {0};
	char path[256];
	int64_t until = weft_now() + 300 * WEFT_MS;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	weft_skip("a sanitizer's own handlers are in the way");
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
	weft_skip("a sanitizer's own handlers are in the way");
#endif
#endif
	CHECK_EQ(weft_profile_stop(), -EINVAL);
	CHECK_EQ(weft_profile_start(pprof_file(path, sizeof path, "cpu.pb"), 1000), 0);
	CHECK_EQ(weft_profile_start("elsewhere", 0), -EBUSY);
	weft_waitgroup_go(&wg, work_hard_and_end, until);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(weft_profile_stop(), 0);
	pprof_load(&prof, path);
	CHECK(pprof_total(&prof, NULL, 0) > 10);
	CHECK(pprof_total(&prof, "work_hard", 1) > pprof_total(&prof, NULL, 1) / 2);
	CHECK_EQ(pprof_total(&prof, NULL, 1), pprof_total(&prof, NULL, 0) * WEFT_MS);
	free(prof.data);
}

static void wait_here(weft_chan(int) c)
{
	weft_recv(c, NULL);
	sink++;
}

TEST(ProfileGoroutines, .real = true)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	char path[256];

	for (int i = 0; i < 37; i++)
		weft_waitgroup_go(&wg, wait_here, c);
	for (;;) {			/* until they all wait */
		weft_yield();
		CHECK_EQ(weft_profile_goroutines(pprof_file(path, sizeof path, "g.pb")), 0);
		pprof_load(&prof, path);
		if (pprof_total(&prof, "wait_here", 0) == 37)
			break;
		free(prof.data);
	}
	CHECK(pprof_total(&prof, NULL, 0) > 37);
	CHECK(memmem(prof.data, prof.len, "goroutine", 9) != NULL);
	CHECK(memmem(prof.data, prof.len, "profile_test.c:", 15) != NULL);
	free(prof.data);
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

static int wait_and_compare(const void *c, const void *other)
{
	(void)other;
	weft_recv(*(weft_chan(int) *)c, NULL);
	return 0;
}

/* The library's own functions are on its stack. */
static void wait_in_a_library(weft_chan(int) c)
{
	weft_chan(int) both[2] = { c, c };

	qsort(both, 2, sizeof *both, wait_and_compare);
	sink++;
}

struct mapped { uint64_t lo, hi, file, build; };

/* Every place lies in the mapping that it says, of which there are several. */
static void check_mappings(const struct pprof_read *p)
{
	struct pprof_cursor c = { (unsigned char *)p->data, (unsigned char *)p->data + p->len }, in;
	struct mapped m[64] = {0};
	size_t nm = 0, places = 0;
	char exe[4096] = "";
	uint64_t v;
	int n;

	while ((n = pprof_next(&c, &v, &in))) {
		uint64_t id = pprof_field(in, n == 4 ? 2 : 1, NULL), addr = pprof_field(in, 3, NULL);

		if (n == 3 && nm < 63) {
			CHECK_EQ(id, ++nm);
			m[nm] = (struct mapped){ pprof_field(in, 2, NULL), addr,
			    pprof_field(in, 5, NULL), pprof_field(in, 6, NULL) };
		} else if (n == 4) {
			REQUIRE(id >= 1 && id <= nm);
			CHECK(addr >= m[id].lo && addr < m[id].hi);
			places++;
		}
	}
	CHECK(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
	CHECK(pprof_is(p, m[1].file, exe));
	CHECK(m[1].build < p->nstrings && p->length[m[1].build] % 2 == 0);
	CHECK(places > 3);
}

TEST(ProfileNamesLibraries, .real = true)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	char path[256];

	weft_waitgroup_go(&wg, wait_in_a_library, c);
	for (;;) {
		weft_yield();
		CHECK_EQ(weft_profile_goroutines(pprof_file(path, sizeof path, "g.pb")), 0);
		pprof_load(&prof, path);
		if (pprof_total(&prof, "wait_and_compare", 0))
			break;
		free(prof.data);
	}
	CHECK(memmem(prof.data, prof.len, "qsort", 5) != NULL);	/* or how it calls it */
	CHECK_EQ(pprof_total(&prof, "?", 0), 0);
	check_mappings(&prof);
	free(prof.data);
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_free(c);
}

static void wait_for_lock(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
	sink++;
}

TEST(ProfileWaits, .real = true)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	int64_t counted, waited;	/* by earlier runs of this test */
	char path[256];

	CHECK_EQ(weft_profile_block(pprof_file(path, sizeof path, "block.pb")), 0);
	pprof_load(&prof, path);
	counted = pprof_total(&prof, "wait_here", 0);
	waited = pprof_total(&prof, "wait_here", 1);
	free(prof.data);
	weft_profile_waits(1);
	weft_mutex_lock(&m);
	for (int i = 0; i < 5; i++) {
		weft_waitgroup_go(&wg, wait_here, c);
		weft_waitgroup_go(&wg, wait_for_lock, &m);
	}
	settle(wait_here, WAIT_CHAN_RECV, 5);
	settle(wait_for_lock, WAIT_MUTEX, 5);
	weft_sleep(20 * WEFT_MS);	/* what they wait for */
	weft_mutex_unlock(&m);
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_profile_waits(0);
	CHECK_EQ(weft_profile_block(pprof_file(path, sizeof path, "block.pb")), 0);
	pprof_load(&prof, path);
	CHECK_EQ(pprof_total(&prof, "wait_here", 0) - counted, 5);
	CHECK(pprof_total(&prof, "wait_here", 1) - waited >= 5 * 15 * WEFT_MS);
	CHECK_EQ(pprof_total(&prof, "wait_for_lock", 0), 0);
	free(prof.data);
	CHECK_EQ(weft_profile_mutex(pprof_file(path, sizeof path, "mutex.pb")), 0);
	pprof_load(&prof, path);
	CHECK(pprof_total(&prof, "wait_for_lock", 0) >= 5);
	CHECK(pprof_total(&prof, "wait_for_lock", 1) >= 5 * 15 * WEFT_MS);
	CHECK_EQ(pprof_total(&prof, "wait_here", 0), 0);
	free(prof.data);
	weft_free(c);
}

TEST(ProfileSaysWhereItCannotWrite)
{
	CHECK_EQ(weft_profile_goroutines("/nonexistent/x"), -ENOENT);
	CHECK_EQ(weft_profile_block("/dev/full"), -EIO);
}
