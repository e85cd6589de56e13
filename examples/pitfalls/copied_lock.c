/*
 * Pitfall: a struct is copied together with the lock in it, which is locked.
 * Go: the copy can never be locked; go vet warns about some such copies.
 * Weft: a locked mutex knows where it is, and using a copy stops the program.
 */
#include <weft/sync.h>
#include <weft/weft.h>

struct counter { weft_mutex lock; long n; };

static long snapshot(struct counter c)
{
	weft_mutex_lock(&c.lock);
	weft_mutex_unlock(&c.lock);
	return c.n;
}

int weft_main(int argc, char **argv)
{
	struct counter c = {0};

	(void)argc, (void)argv;
	weft_mutex_lock(&c.lock);
	c.n++;
	return (int)snapshot(c);
}
