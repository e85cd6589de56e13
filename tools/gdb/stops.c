/* stops.c - a program in three states, for tools/check-gdb; it ends by SIGTRAP */
#include <signal.h>

#include <weft/sync.h>
#include <weft/weft.h>

static void sender(weft_chan(int) c)
{
	weft_send(c, 7);
}

static void locker(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_mutex m = {0};

	(void)argc;
	(void)argv;
	weft_mutex_lock(&m);
	weft_go(sender, c);
	weft_go(locker, &m);
	weft_sleep(20 * WEFT_MS);
	raise(SIGTRAP);
	return 0;
}
