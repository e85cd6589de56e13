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

enum { MANY = 2000, PAGE = 4096 };

static struct g *used[MANY];
static _Atomic int nused;

/* How many bytes of the stacks in used are in memory. */
static size_t resident(void)
{
	size_t bytes = 0;

	for (int i = 0; i < nused; i++) {
		char *top = (char *)((uintptr_t)used[i] & ~(uintptr_t)(PAGE - 1)) + PAGE;
		size_t n = (size_t)(top - (char *)used[i]->stack_lo) / PAGE;
		unsigned char in[n];

		CHECK_EQ(mincore(used[i]->stack_lo, n * PAGE, in), 0);
		for (size_t k = 0; k < n; k++)
			bytes += in[k] & 1 ? PAGE : 0;
	}
	return bytes;
}

static void use(size_t bytes, weft_chan(int) go_on)
{
	volatile char deep[bytes];

	for (size_t i = 0; i < bytes; i += PAGE / 2)
		deep[i] = 1;
	used[nused++] = self();
	weft_recv(go_on, NULL);
	(void)deep[0];
}

static void use_and_tell(size_t bytes, weft_chan(int) go_on, weft_waitgroup *wg)
{
	use(bytes, go_on);
	weft_waitgroup_done(wg);
}

static void check_gives_back(size_t stack, size_t deep, int many)
{
	weft_chan(int) go_on = weft_make(int, 0);
	weft_waitgroup wg = {0};
	size_t most, after;
	int patience = 1000;

	nused = 0;
	for (int i = 0; i < many; i++) {
		weft_waitgroup_add(&wg, 1);
		weft_go_stack(stack, use_and_tell, deep, go_on, &wg);
	}
	settle(use_and_tell, WAIT_CHAN_RECV, many);
	most = resident();
	weft_close(go_on);
	weft_waitgroup_wait(&wg);
	/* the monitor does the same, and may have some in hand just now */
	do
		while (stack_trim(INT64_MAX))
			;
	while ((after = resident()) > most / 2 && --patience);
	weft_logf("%d stacks: %zu KiB, %zu afterwards", many, most >> 10, after >> 10);
	CHECK(most >= (size_t)many * deep);
	/* but for what a worker keeps hot, and the top page of each */
	CHECK(after < most / 2);
	weft_free(go_on);
}

TEST(ColdStacksGiveTheirMemoryBack, .real = true)
{
#ifdef SANITIZED_TEST
	weft_skip("stacks are not trimmed under a sanitizer");
#endif
	check_gives_back((size_t)40 << 10, (size_t)40 << 10, MANY);
	check_gives_back((size_t)200 << 10, (size_t)200 << 10, MANY / 4);
}
