/*
 * Pitfall: a function that locks calls another one that locks.
 * Go: waits for ever, silently if other goroutines are alive.
 * Weft: the same; when nothing can go on the report says that the goroutine waits
 * for itself.
 */
#include <weft/sync.h>
#include <weft/weft.h>

static weft_mutex lock;
static int n;

static void increment(void)
{
	weft_mutex_lock(&lock);
	n++;
	weft_mutex_unlock(&lock);
}

int weft_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	weft_mutex_lock(&lock);
	increment();
	weft_mutex_unlock(&lock);
	return 0;
}
