/*
 * A pipeline: every stage is a goroutine that reads one channel and writes the next.
 * Closing the first channel ends the stages one after the other, and the end of the
 * last channel tells us that all of them are done, so the channels may be freed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

static void count(int n, weft_chan(int) out)
{
	for (int i = 1; i <= n; i++)
		weft_send(out, i);
	weft_close(out);
}

static void square(weft_chan(int) in, weft_chan(int) out)
{
	for (int x; weft_recv(in, &x); )
		weft_send(out, x * x);
	weft_close(out);
}

static void keep_odd(weft_chan(int) in, weft_chan(int) out)
{
	for (int x; weft_recv(in, &x); )
		if (x % 2)
			weft_send(out, x);
	weft_close(out);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) numbers = weft_make(int, 16);
	weft_chan(int) squares = weft_make(int, 16);
	weft_chan(int) odd = weft_make(int, 16);

	weft_go(count, argc > 1 ? atoi(argv[1]) : 9, numbers);
	weft_go(square, numbers, squares);
	weft_go(keep_odd, squares, odd);
	for (int x; weft_recv(odd, &x); )
		printf("%d\n", x);
	weft_free(numbers);
	weft_free(squares);
	weft_free(odd);
	return 0;
}
