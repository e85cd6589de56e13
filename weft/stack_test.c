/*
 * stack_test.c - that stacks give their memory back
 */
#include <stdio.h>
#include <sys/mman.h>

#include "settle_test.h"
#include "worker.h"
#include "testing.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED_TEST 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED_TEST 1
#endif

enum { MANY = 300, PAGE = 4096 };

/* How many bytes of the stacks of that size are in memory. */
static size_t resident(size_t stack)
{
	size_t n = (size_t)1 << arena.region_shift >> 12 > (1 << 16) ? (1 << 16) :
	    (size_t)1 << arena.region_shift >> 12, bytes = 0;
	uintptr_t base = arena.base + ((uintptr_t)stack_class(stack) << arena.region_shift);
	static unsigned char in[1 << 16];

	CHECK_EQ(mincore((void *)base, n * PAGE, in), 0);
	for (size_t i = 0; i < n; i++)
		bytes += in[i] & 1 ? PAGE : 0;
	return bytes;
}

static void use(size_t bytes, weft_chan(int) go_on)
{
	volatile char deep[bytes];

	for (size_t i = 0; i < bytes; i += PAGE / 2)
		deep[i] = 1;
	weft_recv(go_on, NULL);
	(void)deep[0];
}

static void use_and_tell(size_t bytes, weft_chan(int) go_on, weft_waitgroup *wg)
{
	use(bytes, go_on);
	weft_waitgroup_done(wg);
}

static void check_gives_back(size_t stack, size_t deep)
{
	weft_chan(int) go_on = weft_make(int, 0);
	weft_waitgroup wg = {0};
	size_t before, most, after;

	before = resident(stack);
	for (int i = 0; i < MANY; i++) {
		weft_waitgroup_add(&wg, 1);
		weft_go_stack(stack, use_and_tell, deep, go_on, &wg);
	}
	settle(use_and_tell, WAIT_CHAN_RECV, MANY);
	most = resident(stack);
	weft_close(go_on);
	weft_waitgroup_wait(&wg);
	while (stack_trim(INT64_MAX))
		;
	after = resident(stack);
	weft_logf("%zu KiB before, %zu with %d stacks, %zu afterwards", before >> 10,
	    most >> 10, MANY, after >> 10);
	CHECK(most >= MANY * deep);
	/* but for what a worker keeps hot, and the top page of each */
	CHECK(after < before + MANY * deep / 2);
	weft_free(go_on);
}

TEST(ColdStacksGiveTheirMemoryBack)
{
#ifdef SANITIZED_TEST
	weft_skip("stacks are not trimmed under a sanitizer");
#endif
	check_gives_back((size_t)40 << 10, (size_t)40 << 10);
	check_gives_back((size_t)200 << 10, (size_t)200 << 10);
}
