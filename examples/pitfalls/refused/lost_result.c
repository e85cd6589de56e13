/*
 * Pitfall: a goroutine's result is thrown away.
 * Go: go f() drops what f returns.
 * Weft: the function must return void; results travel through channels.
 */
#include <weft/weft.h>

static int save(int n)
{
	return n > 0 ? 0 : -EINVAL;
}

int weft_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	weft_go(save, 1);
	return 0;
}
