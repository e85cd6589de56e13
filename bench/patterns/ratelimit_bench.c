/*
 * ratelimit_bench.c - what a limiter costs, and how well it keeps to its rate
 *
 * The twin of ../go/patterns/ratelimit_test.go.
 */
#include "patterns/ratelimit.h"
#include "weft/sync.h"
#include "weft/testing.h"
#include "weft/time.h"

enum { CROWD = 8, PLENTY = 1000000000 };

static void allow(weft_ratelimit *l, int64_t n)
{
	while (n-- > 0)
		weft_ratelimit_allow(l, 1);
}

static void wait_for(weft_ratelimit *l, int64_t n)
{
	while (n-- > 0)
		weft_ratelimit_wait(NULL, l, 1);
}

static void alone(weft_b *b, void (*use)(weft_ratelimit *, int64_t), int64_t rate, int burst)
{
	weft_ratelimit *l = weft_ratelimit_new(rate, WEFT_SECOND, burst);

	use(l, weft_loops(b));
	weft_ratelimit_free(l);
}

static void crowd(weft_b *b, void (*use)(weft_ratelimit *, int64_t), int64_t rate, int burst)
{
	weft_ratelimit *l = weft_ratelimit_new(rate, WEFT_SECOND, burst);
	int64_t n = weft_loops(b);
	weft_waitgroup wg = {0};

	for (int i = 0; i < CROWD; i++)
		weft_waitgroup_go(&wg, use, l, n / CROWD + (i < n % CROWD));
	weft_waitgroup_wait(&wg);
	weft_ratelimit_free(l);
}

/* One operation: a token asked for; there are enough, or none. */
BENCH(RatelimitAllow) { alone(b, allow, PLENTY, PLENTY); }
BENCH(RatelimitDeny) { alone(b, allow, 1, 1); }
BENCH(RatelimitWait) { alone(b, wait_for, PLENTY, PLENTY); }
BENCH(RatelimitAllow8) { crowd(b, allow, PLENTY, PLENTY); }
BENCH(RatelimitDeny8) { crowd(b, allow, 1, 1); }
BENCH(RatelimitWait8) { crowd(b, wait_for, PLENTY, PLENTY); }

/*
 * One operation: an event at so many a second, which are waited for by one goroutine.
 * "%-off": how far the mean rate was from that.  "over": by how many events the worst window
 * of all had more than rate * t + burst; at most one is allowed.
 */
static void accuracy(weft_b *b, int rate, int burst)
{
	weft_ratelimit *l = weft_ratelimit_new(rate, WEFT_SECOND, burst);
	double begun, now = 0, f, least = 0, over = 0, off;
	int64_t n;

	wait_for(l, burst);
	n = weft_loops(b);
	begun = (double)weft_now() / 1e9;
	for (int64_t i = 1; i <= n; i++) {
		weft_ratelimit_wait(NULL, l, 1);
		now = (double)weft_now() / 1e9 - begun;
		f = (double)i - rate * now;
		least = i == 1 || f < least ? f : least;
		over = f - least + 1 - burst > over ? f - least + 1 - burst : over;
	}
	off = 100 * ((double)n / now / rate - 1);
	weft_metric(b, off < 0 ? -off : off, "%-off");
	weft_metric(b, over, "over");
	weft_ratelimit_free(l);
}

BENCH(RatelimitAt10) { accuracy(b, 10, 10); }
BENCH(RatelimitAt100) { accuracy(b, 100, 10); }
BENCH(RatelimitAt1000) { accuracy(b, 1000, 10); }
BENCH(RatelimitAt5000) { accuracy(b, 5000, 10); }
BENCH(RatelimitAt5000Burst1) { accuracy(b, 5000, 1); }
