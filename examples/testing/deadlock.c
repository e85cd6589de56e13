/*
 * deadlock.c - two who wait for each other while a third one works
 *
 * Each holds one fork and wants the other.  The verdict comes at once, not after a
 * timeout, and names who holds what.
 */
#include <weft/sync.h>
#include <weft/testing.h>

static void eat(weft_mutex *left, weft_mutex *right)
{
	weft_mutex_lock(left);
	weft_sleep(WEFT_MS);
	weft_mutex_lock(right);
	weft_mutex_unlock(right);
	weft_mutex_unlock(left);
}

TEST(PhilosophersEat, .bubble = true)
{
	weft_mutex fork[2] = {0};
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, eat, &fork[0], &fork[1]);
	weft_waitgroup_go(&wg, eat, &fork[1], &fork[0]);
	weft_waitgroup_wait(&wg);
}
