/* A price, and who wants to know: one wants each, one only the latest, one leaves early. */
#include <stdio.h>
#include <patterns/broadcast.h>
#include <weft/sync.h>

static void count(weft_broadcast(int) prices, weft_chan(int) c, int wanted, int *sum)
{
	weft_subscriber *s = weft_broadcast_join(prices, c);

	for (int x; wanted-- > 0 && weft_recv(c, &x); )
		*sum += x;
	weft_broadcast_leave(s);
	weft_free(c);
}

int weft_main(int argc, char **argv)
{
	weft_broadcast(int) prices = weft_broadcast_new(int);
	weft_chan(int) latest = weft_make(int, 1);
	weft_subscriber *s = weft_broadcast_join(prices, latest, .slow = WEFT_DROP_OLDEST);
	weft_chan(int) each = weft_make(int, 4), few = weft_make(int, 0);
	weft_subscriber *joined = weft_broadcast_join(prices, each);
	weft_waitgroup wg = {0};
	int sum = 0, x = 0, all = 0;

	(void)argc, (void)argv;
	weft_waitgroup_go(&wg, count, prices, few, 2, &sum);
	for (int price = 1; price <= 100; price++) {
		weft_broadcast_send(NULL, prices, price);
		weft_recv(each, &x);
		all += x;
	}
	weft_broadcast_close(prices);
	weft_waitgroup_wait(&wg);
	weft_recv(latest, &x);
	printf("each: %d, the latest: %d, lost: %d\n", all, x, (int)weft_broadcast_leave(s));
	printf("two of them: %s\n", sum <= 199 ? "yes" : "no");
	weft_broadcast_leave(joined);
	weft_free(latest);
	weft_free(each);
	weft_broadcast_free(prices);
	return 0;
}
