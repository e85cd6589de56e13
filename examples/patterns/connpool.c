/* Six clients of a server that allows two connections: they share them, over real TCP. */
#include <stdio.h>
#include <patterns/connpool.h>
#include <weft/net.h>
#include <weft/sync.h>

static void echo(weft_conn *c)
{
	char b;

	while (weft_read(NULL, c, &b, 1) == 1 && weft_write(NULL, c, &b, 1) == 1)
		;
	weft_conn_close(c);
}

static void serve(weft_listener *l, _Atomic int *served)
{
	for (weft_conn *c; !weft_accept(NULL, l, &c); ++*served)
		weft_go(echo, c);
}

static int dial(weft_ctx *ctx, void **conn, void *addr)
{
	return weft_dial(ctx, addr, (weft_conn **)conn);
}

static void hang_up(void *conn, void *addr) { (void)addr, weft_conn_close(conn); }

static void client(weft_connpool *p, _Atomic int *echoes)
{
	weft_connpool_lease *l;
	char b = 0;

	if (weft_connpool_acquire(NULL, p, &l))
		return;
	weft_write(NULL, weft_connpool_conn(l), "!", 1);
	*echoes += weft_read(NULL, weft_connpool_conn(l), &b, 1) == 1 && b == '!';
	weft_connpool_release(l);
}

int weft_main(int argc, char **argv)
{
	static _Atomic int served, echoes;
	weft_waitgroup wg = {0};
	weft_listener *l;
	weft_connpool *p;

	(void)argc, (void)argv;
	if (weft_listen(NULL, "tcp://127.0.0.1:0", &l))
		return 1;
	weft_go(serve, l, &served);
	p = weft_connpool_new((weft_connpool_options){ .make = dial, .destroy = hang_up,
	    .arg = (void *)weft_listener_addr(l), .max = 2 });
	for (int i = 0; i < 6; i++)
		weft_waitgroup_go(&wg, client, p, &echoes);
	weft_waitgroup_wait(&wg);
	weft_connpool_free(p);
	printf("%d echoes over at most 2 connections: %s\n", echoes, served <= 2 ? "yes" : "no");
	return 0;
}
