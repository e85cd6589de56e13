/*
 * ratelimit_redis_bench.c - four processes and a Redis server, a thousand a second
 *
 * Go has no such library that is known as x/time/rate is; there is no twin.
 */
#include <stdio.h>

#include "patterns/ratelimit_redis.h"
#include "patterns/redis_server_test.h"
#include "weft/child_test.h"
#include "weft/time.h"

enum { PROCESSES = 4, RATE = 1000 };

static weft_ratelimit *limiter(const char *addr)
{
	return weft_ratelimit_redis_new((struct weft_ratelimit_redis){
	    .addr = addr, .rate = RATE, .per = WEFT_SECOND, .burst = 10,
	    .timeout = 10 * WEFT_SECOND });
}

/* Counts what it gets from BEGIN to END; before and after, it takes part all the same. */
CHILD(RatelimitRedis)
{
	weft_ratelimit *l = limiter(getenv("REDIS"));
	int64_t begin = atoll(getenv("BEGIN")), end = atoll(getenv("END")), now;
	int n = 0;

	while ((now = weft_now()) < end + WEFT_SECOND / 5) {
		int err = weft_ratelimit_wait(NULL, l, 1);

		now = weft_now();
		if (err)
			return 1;
		n += now >= begin && now < end;
	}
	weft_ratelimit_free(l);
	fprintf(stderr, "%d\n", n);
	return 0;
}

static void set_time(const char *name, int64_t t)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)t);
	setenv(name, text, 1);
}

/* How many all of them got in ns; or -1. */
static int four(const char *addr, int64_t ns)
{
	struct child c = { .len = 0 };
	int64_t begin = weft_now() + WEFT_SECOND / 2;
	pid_t pid[PROCESSES];
	int fd[2], status, sum = 0, n = 0, got, at = 0;

	setenv("REDIS", addr, 1);
	set_time("BEGIN", begin);
	set_time("END", begin + ns);
	if (pipe2(fd, O_CLOEXEC))
		return -1;
	for (int i = 0; i < PROCESSES; i++)
		pid[i] = child_spawn_("RatelimitRedis", fd[1]);
	close(fd[1]);
	weft_enter_blocking();
	child_read_(&c, fd[0]);
	for (int i = 0; i < PROCESSES; i++)
		waitpid(pid[i], &status, 0);
	weft_leave_blocking();
	close(fd[0]);
	for (; sscanf(c.err + at, "%d%n", &got, &n) == 1; at += n)
		sum += got;
	return sum;
}

static void with_server(weft_b *b, void (*f)(weft_b *, const char *))
{
	char dir[] = "/tmp/weft-bench-XXXXXX", command[64];
	struct redis_server s;

	if (!mkdtemp(dir) || !redis_server_start(&s, dir))
		weft_skip("there is no redis-server: install redis-tools");
	f(b, s.addr);
	redis_server_stop(&s);
	snprintf(command, sizeof command, "rm -r %s", dir);
	if (system(command))
		weft_logf("%s stays", dir);
}

static void measure(weft_b *b, const char *addr)
{
	int64_t ns = weft_short() ? WEFT_SECOND : 10 * WEFT_SECOND;
	double off;

	for (int64_t n = weft_loops(b); n > 0; n--) {
		off = 100 * ((double)four(addr, ns) * 1e9 / (double)ns / RATE - 1);
		weft_metric(b, off < 0 ? -off : off, "%-off");
	}
}

static void allow(weft_b *b, const char *addr)
{
	weft_ratelimit *l = limiter(addr);

	while (weft_loop(b))
		weft_ratelimit_allow(l, 1);
	weft_ratelimit_free(l);
}

/* "%-off": how far the mean rate of all was from a thousand a second, in ten seconds. */
BENCH(RatelimitRedis4x1000) { with_server(b, measure); }
/* One operation: a permit, or mostly the news that there is none, known from the last answer. */
BENCH(RatelimitRedisAllow) { with_server(b, allow); }
