/* choices_test.c - that the explore build stops goroutines in the middle of operations */
#include "bubble.h"
#include "chan.h"
#include "sync.h"
#include "testing.h"

static void send_some(weft_chan(int) c, int n)
{
	while (n--)
		weft_send(c, n);
}

/* Whoever looks at a channel finds it locked by another only if that one was stopped there. */
TEST(ChoicesWithLocksHeld, .explore = 100)
{
	weft_waitgroup wg = {0};
	bool held = false;

	if (!CHOICES_AT_ATOMICS)
		weft_skip("not the explore build");

	weft_chan(int) c = weft_make(int, 20);
	struct weft_chan *raw = (struct weft_chan *)c;

	for (int i = 0; i < 2; i++)
		weft_waitgroup_go(&wg, send_some, c, 10);
	for (int i = 0; i < 20; i++) {
		weft_recv(c, NULL);
		held |= atomic_load(&raw->lock);
	}
	SOMETIMES(held, "a sender was stopped with the channel locked");
	weft_waitgroup_wait(&wg);
	weft_free(c);
}
