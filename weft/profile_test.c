/* profile_test.c - profiles, read back with a reader of our own */
#include "profile.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync.h"
#include "testing.h"
#include "time.h"

/* What a profile says, as far as these tests ask. */
struct profile {
	char		*data;
	size_t		 len;
	const char	*string[4096];
	size_t		 length[4096], nstrings;
	uint64_t	 function[4096];	/* of a place: its function's number */
	uint64_t	 name[4096];		/* of a function: its string's */
};

struct cursor { const unsigned char *p, *end; };

static uint64_t varint(struct cursor *c)
{
	uint64_t v = 0;

	for (int shift = 0; c->p < c->end; shift += 7) {
		v |= (uint64_t)(*c->p & 127) << shift;
		if (!(*c->p++ & 128))
			break;
	}
	return v;
}

/* The next field: its number, and its value or what it contains.  0: no more. */
static int next(struct cursor *c, uint64_t *v, struct cursor *in)
{
	uint64_t key;

	if (c->p >= c->end)
		return 0;
	key = varint(c);
	*v = varint(c);
	if ((key & 7) == 2) {
		*in = (struct cursor){ c->p, c->p + *v };
		c->p += *v;
	}
	return (int)(key >> 3);
}

static uint64_t field(struct cursor c, int number, struct cursor *in)
{
	struct cursor ignored;
	uint64_t v;
	int n;

	while ((n = next(&c, &v, in ? in : &ignored)))
		if (n == number)
			return v;
	return 0;
}

static void load(struct profile *p, const char *path)
{
	struct cursor c, in;
	uint64_t v;
	size_t room = 0;
	FILE *f = fopen(path, "r");
	int n;

	memset(p, 0, sizeof *p);
	REQUIRE(f != NULL);
	p->data = malloc(room = 4 << 20);
	p->len = fread(p->data, 1, room, f);
	fclose(f);
	c = (struct cursor){ (unsigned char *)p->data, (unsigned char *)p->data + p->len };
	while ((n = next(&c, &v, &in))) {
		struct cursor line;

		if (n == 6 && p->nstrings < 4096) {
			p->string[p->nstrings] = (const char *)in.p;
			p->length[p->nstrings++] = (size_t)v;
		} else if (n == 4 && field(in, 1, NULL) < 4096) {
			field(in, 4, &line);
			p->function[field(in, 1, NULL)] = field(line, 1, NULL);
		} else if (n == 5 && field(in, 1, NULL) < 4096)
			p->name[field(in, 1, NULL)] = field(in, 2, NULL);
	}
}

static bool is(const struct profile *p, uint64_t string, const char *text)
{
	return string < p->nstrings && p->length[string] == strlen(text) &&
	    memcmp(p->string[string], text, strlen(text)) == 0;
}

/* The values at place which of all samples that func is in (NULL: all). */
static int64_t total(const struct profile *p, const char *func, int which)
{
	struct cursor c = { (unsigned char *)p->data, (unsigned char *)p->data + p->len }, in,
	    places, values;
	int64_t sum = 0;
	uint64_t v;
	int n;

	while ((n = next(&c, &v, &in))) {
		bool there = !func;

		if (n != 2)
			continue;
		field(in, 1, &places);
		field(in, 2, &values);
		while (places.p < places.end && !there)
			there = is(p, p->name[p->function[varint(&places)]], func);
		for (int i = 0; i < which; i++)
			varint(&values);
		if (there)
			sum += (int64_t)varint(&values);
	}
	return sum;
}

static const char *file(char *path, size_t n, const char *name)
{
	snprintf(path, n, "%s/%s", weft_tempdir(), name);
	return path;
}

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

static struct profile prof;

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
	CHECK_EQ(weft_profile_start(file(path, sizeof path, "cpu.pb"), 1000), 0);
	CHECK_EQ(weft_profile_start("elsewhere", 0), -EBUSY);
	weft_waitgroup_go(&wg, work_hard_and_end, until);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(weft_profile_stop(), 0);
	load(&prof, path);
	CHECK(total(&prof, NULL, 0) > 10);
	CHECK(total(&prof, "work_hard", 1) > total(&prof, NULL, 1) / 2);
	CHECK_EQ(total(&prof, NULL, 1), total(&prof, NULL, 0) * WEFT_MS);
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
		CHECK_EQ(weft_profile_goroutines(file(path, sizeof path, "g.pb")), 0);
		load(&prof, path);
		if (total(&prof, "wait_here", 0) == 37)
			break;
		free(prof.data);
	}
	CHECK(total(&prof, NULL, 0) > 37);
	CHECK(memmem(prof.data, prof.len, "goroutine", 9) != NULL);
	CHECK(memmem(prof.data, prof.len, "profile_test.c:", 15) != NULL);
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

	CHECK_EQ(weft_profile_block(file(path, sizeof path, "block.pb")), 0);
	load(&prof, path);
	counted = total(&prof, "wait_here", 0);
	waited = total(&prof, "wait_here", 1);
	free(prof.data);
	weft_profile_waits(1);
	weft_mutex_lock(&m);
	for (int i = 0; i < 5; i++) {
		weft_waitgroup_go(&wg, wait_here, c);
		weft_waitgroup_go(&wg, wait_for_lock, &m);
	}
	weft_sleep(20 * WEFT_MS);	/* what they wait for */
	weft_mutex_unlock(&m);
	weft_close(c);
	weft_waitgroup_wait(&wg);
	weft_profile_waits(0);
	CHECK_EQ(weft_profile_block(file(path, sizeof path, "block.pb")), 0);
	load(&prof, path);
	CHECK_EQ(total(&prof, "wait_here", 0) - counted, 5);
	CHECK(total(&prof, "wait_here", 1) - waited >= 5 * 15 * WEFT_MS);
	CHECK_EQ(total(&prof, "wait_for_lock", 0), 0);
	free(prof.data);
	CHECK_EQ(weft_profile_mutex(file(path, sizeof path, "mutex.pb")), 0);
	load(&prof, path);
	CHECK(total(&prof, "wait_for_lock", 0) >= 5);
	CHECK(total(&prof, "wait_for_lock", 1) >= 5 * 15 * WEFT_MS);
	CHECK_EQ(total(&prof, "wait_here", 0), 0);
	free(prof.data);
	weft_free(c);
}

TEST(ProfileSaysWhereItCannotWrite)
{
	CHECK_EQ(weft_profile_goroutines("/nonexistent/x"), -ENOENT);
	CHECK_EQ(weft_profile_block("/dev/full"), -EIO);
}
