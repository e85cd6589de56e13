/*
 * A limit for all processes, or for this one if there is no server to share it by.
 *
 *	redis-server --port 0 --unixsocket /tmp/limit.sock &
 *	for i in 1 2 3; do build/plain/examples/patterns/ratelimit_redis unix:/tmp/limit.sock & done
 *
 * Together the three send ten, and then ten a second; without an argument, one alone does.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <patterns/ratelimit_redis.h>
#include <weft/time.h>

static weft_ratelimit *limiter(const char *addr)
{
	if (!addr)
		return weft_ratelimit_new(10, WEFT_SECOND, 10);
	return weft_ratelimit_redis_new((struct weft_ratelimit_redis){
	    .addr = addr, .key = "limit:example", .rate = 10, .per = WEFT_SECOND, .burst = 10 });
}

int weft_main(int argc, char **argv)
{
	weft_ratelimit *l = limiter(argv[1]);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int sent = 0, err;
	char why[256];

	while (!(err = weft_ratelimit_wait(ctx, l, 1)))
		sent++;
	if (err == -ETIMEDOUT) {
		printf("%d: sent %d\n", argc > 1 ? (int)getpid() : 0, sent);
	} else {
		weft_ratelimit_redis_error(l, why, sizeof why);
		fprintf(stderr, "%s\n", why);
	}
	weft_ctx_free(ctx);
	weft_ratelimit_free(l);
	return err == -ETIMEDOUT ? 0 : 1;
}
