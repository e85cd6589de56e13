/*
 * A pipeline of stages: numbers, of which eight workers find the primes, in order; in pairs,
 * and added up on the side.  The reader stops when it has seen enough, and nothing is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <patterns/batch.h>
#include <patterns/generator.h>
#include <patterns/pmap.h>
#include <patterns/tee.h>

struct pair { size_t n; int v[]; };

static bool next(int *last, int *out)
{
	*out = ++*last;
	return true;			/* for ever, or until ctx is cancelled */
}

static bool keep_prime(const int *least, int *in, int *out)
{
	*out = *in;
	for (int d = 2; d * d <= *in; d++)
		if (*in % d == 0)
			return false;
	return *in >= *least;
}

static void free_pair(void *v) { free(*(struct pair **)v); }

int weft_main(int argc, char **argv)
{
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int) numbers = weft_make(int, 8), primes = weft_make(int, 8);
	weft_chan(int) both[] = { weft_make(int, 8), weft_make(int, 99) };
	weft_chan(struct pair *) pairs = weft_make(struct pair *, 0);
	int last = 0, least = 2, seen = 0, sum, x;

	(void)argc, (void)argv;
	weft_generator(ctx, numbers, next, &last);
	weft_pmap(ctx, numbers, primes, keep_prime, &least, .workers = 8, .ordered = true);
	weft_tee(ctx, primes, both, 2, .slow = (enum weft_slow[]){ WEFT_BLOCK, WEFT_DROP_NEWEST });
	weft_batch(ctx, both[0], pairs, 2);
	for (struct pair *p; seen < 6 && weft_recv(pairs, &p); seen++, free(p))
		printf("%d %d\n", p->v[0], p->v[1]);
	weft_cancel(ctx);
	weft_drain(pairs, free_pair);
	weft_drain(primes, NULL);
	weft_drain(numbers, NULL);
	weft_drain(both[0], NULL);
	for (sum = 0; weft_recv(both[1], &x) && x <= 37; )
		sum += x;
	printf("sum, on the side: %d\n", sum);
	weft_drain(both[1], NULL);
	weft_free(numbers), weft_free(primes), weft_free(pairs);
	weft_free(both[0]), weft_free(both[1]);
	weft_ctx_free(ctx);
	return 0;
}
