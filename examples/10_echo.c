/*
 * A TCP server with a goroutine per connection, and a client.  Calls look as if they
 * block; only the goroutine waits, never its thread.
 */
#include <stdio.h>
#include <string.h>
#include <weft/net.h>
#include <weft/sync.h>

static void echo(weft_conn *c)
{
	char buf[512];

	for (ssize_t n; (n = weft_read(NULL, c, buf, sizeof buf)) > 0; )
		if (weft_write(NULL, c, buf, (size_t)n) < 0)
			break;
	weft_conn_close(c);
}

static void serve(weft_ctx *ctx, weft_listener *l)
{
	weft_waitgroup wg = {0};

	for (weft_conn *c; weft_accept(ctx, l, &c) == 0; )
		weft_waitgroup_go(&wg, echo, c);
	weft_waitgroup_wait(&wg);
}

static int talk(weft_ctx *ctx, const char *addr, const char *text)
{
	char answer[64] = "";
	weft_conn *c;
	ssize_t n = weft_dial(ctx, addr, &c);

	if (n < 0)
		return (int)n;
	if ((n = weft_write(ctx, c, text, strlen(text))) >= 0)
		n = weft_read(ctx, c, answer, sizeof answer - 1);
	weft_conn_close(c);
	printf("sent %s, received %s\n", text, n < 0 ? strerror((int)-n) : answer);
	return n < 0 ? (int)n : 0;
}

int weft_main(int argc, char **argv)
{
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	weft_waitgroup wg = {0};
	weft_listener *l;
	int err = weft_listen(ctx, argc > 1 ? argv[1] : "tcp://127.0.0.1:0", &l);

	if (!err) {
		weft_waitgroup_go(&wg, serve, ctx, l);
		err = talk(ctx, weft_listener_addr(l), "hello");
		weft_cancel(ctx);
		weft_waitgroup_wait(&wg);
		weft_listener_close(l);
	}
	weft_ctx_free(ctx);
	return err != 0;
}
