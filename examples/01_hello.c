#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

static void square(weft_chan(int) in, weft_chan(int) out)
{
	for (int x; weft_recv(in, &x); )
		weft_send(out, x * x);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) in = weft_make(int, 0), out = weft_make(int, 0);
	int n = argc > 1 ? atoi(argv[1]) : 3, y;

	weft_go(square, in, out);
	for (int i = 1; i <= n; i++) {
		weft_send(in, i);
		weft_recv(out, &y);
		printf("%d squared is %d\n", i, y);
	}
	if (weft_select(weft_on_recv(out, &y), weft_on_timeout(100 * WEFT_MS)) == 1)
		puts("nothing more for 100 ms");
	return 0;
}
