/*
 * A goroutine that serves requests until it is told to stop: the loop around a
 * select with named cases.  break leaves the switch, return the goroutine.
 */
#include <stdio.h>
#include <weft/sync.h>
#include <weft/weft.h>

struct account { weft_chan(int) deposit, balance; };

static void serve(weft_ctx *ctx, const struct account *a)
{
	enum { DEPOSIT, BALANCE, QUIT };
	int total = 0, amount;

	for (;;) {
		switch (weft_select([DEPOSIT] = weft_on_recv(a->deposit, &amount),
		    [BALANCE] = weft_on_send(a->balance, total),
		    [QUIT] = weft_on_done(ctx))) {
		case DEPOSIT:
			total += amount;
			break;
		case BALANCE:
			break;
		case QUIT:
			printf("served until %s\n", weft_err(ctx) == -ECANCELED ?
			    "cancelled" : "timed out");
			return;
		}
	}
}

int weft_main(int argc, char **argv)
{
	struct account a = { weft_make(int, 0), weft_make(int, 0) };
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_waitgroup wg = {0};
	int balance;

	(void)argc, (void)argv;
	weft_waitgroup_go(&wg, serve, ctx, &a);
	weft_send(a.deposit, 30);
	weft_send(a.deposit, 12);
	weft_recv(a.balance, &balance);
	printf("balance %d\n", balance);
	weft_cancel(ctx);
	weft_waitgroup_wait(&wg);
	weft_ctx_free(ctx);
	weft_free(a.deposit);
	weft_free(a.balance);
	return 0;
}
