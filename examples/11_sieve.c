/*
 * The prime sieve: a chain of goroutines that grows by one for each prime found.
 * Each filter frees the channel it reads, for it is the last to use it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

static void numbers(int limit, weft_chan(int) out)
{
	for (int i = 2; i < limit; i++)
		weft_send(out, i);
	weft_close(out);
}

static void filter(int prime, weft_chan(int) in, weft_chan(int) out)
{
	for (int i; weft_recv(in, &i); )
		if (i % prime)
			weft_send(out, i);
	weft_close(out);
	weft_free(in);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 0);
	int n = 0, last = 0;

	weft_go(numbers, argc > 1 ? atoi(argv[1]) : 2000, c);
	for (int prime; weft_recv(c, &prime); n++) {
		weft_chan(int) next = weft_make(int, 0);

		weft_go(filter, prime, c, next);
		c = next;
		last = prime;
	}
	weft_free(c);
	printf("%d primes, the last is %d\n", n, last);
	return 0;
}
