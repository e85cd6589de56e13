/*
 * Pitfall: two goroutines take two locks, in opposite order.
 * Go: "all goroutines are asleep", with stacks; which lock belongs to whom is up to
 * the reader.
 * Weft: the report begins with the cycle: who waits for a lock that who has.
 */
#include <weft/sync.h>
#include <weft/weft.h>

static void transfer(weft_mutex *from, weft_mutex *to)
{
	weft_mutex_lock(from);
	weft_sleep(20 * WEFT_MS);
	weft_mutex_lock(to);
	weft_mutex_unlock(to);
	weft_mutex_unlock(from);
}

int weft_main(int argc, char **argv)
{
	weft_mutex a = {0}, b = {0};
	weft_waitgroup wg = {0};

	(void)argc, (void)argv;
	weft_waitgroup_go(&wg, transfer, &a, &b);
	weft_waitgroup_go(&wg, transfer, &b, &a);
	weft_waitgroup_wait(&wg);
	return 0;
}
