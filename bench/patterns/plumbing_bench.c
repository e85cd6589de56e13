/*
 * plumbing_bench.c - values through the stages
 *
 * The twin of ../go/patterns/plumbing_test.go, which has each stage as one would write it in
 * Go: there is no library for them.  One operation is a value that comes out at the end.
 * All have a context that could be cancelled, and channels for 16 values.
 */
#include <stdlib.h>

#include "patterns/batch.h"
#include "patterns/bridge.h"
#include "patterns/broadcast.h"
#include "patterns/fan.h"
#include "patterns/generator.h"
#include "patterns/or_done.h"
#include "patterns/pmap.h"
#include "patterns/tee.h"
#include "weft/sync.h"
#include "weft/testing.h"

enum { CAP = 16, WAYS = 4 };

static bool count_down(int64_t *left, int64_t *out)
{
	*out = *left;
	return (*left)-- > 0;
}

static void read_all(weft_chan(int64_t) c)
{
	while (weft_recv(c, NULL))
		;
}

/* What the benchmarks of stages with one input and one output share. */
#define THROUGH(start)							\
	int64_t left = weft_loops(b);					\
	weft_ctx *ctx = weft_with_cancel(NULL);				\
	weft_chan(int64_t) in = weft_make(int64_t, CAP);		\
	weft_chan(int64_t) out = weft_make(int64_t, CAP);		\
									\
	weft_generator(ctx, in, count_down, &left);			\
	start;								\
	read_all(out);							\
	weft_free(in);							\
	weft_free(out);							\
	weft_ctx_free(ctx)

BENCH(Generator)
{
	int64_t left = weft_loops(b);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int64_t) out = weft_make(int64_t, CAP);

	weft_generator(ctx, out, count_down, &left);
	read_all(out);
	weft_free(out);
	weft_ctx_free(ctx);
}

BENCH(OrDone)
{
	THROUGH(weft_or_done(ctx, in, out));
}

/* The same without a goroutine. */
BENCH(OrDoneRecv)
{
	int64_t left = weft_loops(b), x;
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int64_t) in = weft_make(int64_t, CAP);

	weft_generator(ctx, in, count_down, &left);
	while (weft_or_done_recv(ctx, in, &x))
		;
	weft_free(in);
	weft_ctx_free(ctx);
}

BENCH(Tee)
{
	int64_t left = weft_loops(b);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int64_t) in = weft_make(int64_t, CAP), outs[2];
	weft_waitgroup wg = {0};

	for (int i = 0; i < 2; i++)
		outs[i] = weft_make(int64_t, CAP);
	weft_generator(ctx, in, count_down, &left);
	weft_tee(ctx, in, outs, 2);
	for (int i = 0; i < 2; i++)
		weft_waitgroup_go(&wg, read_all, outs[i]);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 2; i++)
		weft_free(outs[i]);
	weft_free(in);
	weft_ctx_free(ctx);
}

/* Out to four and in again. */
static void fan(weft_b *b, bool ordered)
{
	weft_chan(int64_t) ways[WAYS];

	for (int i = 0; i < WAYS; i++)
		ways[i] = weft_make(int64_t, CAP);
	THROUGH(weft_fan_out(ctx, in, ways, WAYS, .ordered = ordered);
	    weft_fan_in(ctx, ways, WAYS, out, .ordered = ordered));
	for (int i = 0; i < WAYS; i++)
		weft_free(ways[i]);
}

BENCH(FanOutIn)
{
	fan(b, false);
}

BENCH(FanOutInOrdered)
{
	fan(b, true);
}

static bool less(int64_t *x, int64_t *y)
{
	return *x < *y;
}

BENCH(FanMerge)
{
	int64_t n = weft_loops(b), left[WAYS];
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int64_t) ins[WAYS], out = weft_make(int64_t, CAP);

	for (int i = 0; i < WAYS; i++) {
		left[i] = n / WAYS;
		ins[i] = weft_make(int64_t, CAP);
		weft_generator(ctx, ins[i], count_down, &left[i]);
	}
	weft_fan_merge(ctx, ins, WAYS, out, less);
	read_all(out);
	for (int i = 0; i < WAYS; i++)
		weft_free(ins[i]);
	weft_free(out);
	weft_ctx_free(ctx);
}

struct parts { int64_t left; weft_ctx *ctx; };

static bool next_part(struct parts *p, weft_chan(int64_t) *out)
{
	if (p->left <= 0)
		return false;
	*out = weft_make(int64_t, 100);
	for (int i = 0; i < 100; i++)
		weft_send(*out, p->left--);
	weft_close(*out);
	return true;
}

/* Of channels with a hundred values each. */
BENCH(Bridge)
{
	weft_ctx *ctx = weft_with_cancel(NULL);
	struct parts p = { weft_loops(b), ctx };
	weft_chan(weft_chan(int64_t)) in = weft_make(weft_chan(int64_t), CAP);
	weft_chan(int64_t) out = weft_make(int64_t, CAP);

	weft_generator(ctx, in, next_part, &p);
	weft_bridge(ctx, in, out);
	read_all(out);
	weft_free(in);
	weft_free(out);
	weft_ctx_free(ctx);
}

struct numbers { size_t n; int64_t v[]; };

/* By a hundred, or a second. */
BENCH(Batch)
{
	int64_t left = weft_loops(b);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int64_t) in = weft_make(int64_t, CAP);
	weft_chan(struct numbers *) out = weft_make(struct numbers *, 1);

	weft_generator(ctx, in, count_down, &left);
	weft_batch(ctx, in, out, 100, .within = WEFT_SECOND);
	for (struct numbers *n; weft_recv(out, &n); )
		free(n);
	weft_free(in);
	weft_free(out);
	weft_ctx_free(ctx);
}

static bool square(void *arg, int64_t *in, int64_t *out)
{
	(void)arg;
	*out = *in * *in;
	return true;
}

BENCH(Pmap8)
{
	THROUGH(weft_pmap(ctx, in, out, square, NULL, .workers = 8));
}

BENCH(Pmap8Ordered)
{
	THROUGH(weft_pmap(ctx, in, out, square, NULL, .workers = 8, .ordered = true));
}

/* One operation: a value to eight, each of which receives it. */
BENCH(Broadcast8)
{
	weft_broadcast(int64_t) br = weft_broadcast_new(int64_t);
	weft_ctx *ctx = weft_with_cancel(NULL);
	weft_chan(int64_t) c[8];
	weft_subscriber *s[8];
	weft_waitgroup wg = {0};

	for (int i = 0; i < 8; i++) {
		c[i] = weft_make(int64_t, CAP);
		s[i] = weft_broadcast_join(br, c[i]);
		weft_waitgroup_go(&wg, read_all, c[i]);
	}
	for (int64_t n = weft_loops(b); n > 0; n--)
		weft_broadcast_send(ctx, br, n);
	weft_broadcast_close(br);
	weft_waitgroup_wait(&wg);
	for (int i = 0; i < 8; i++) {
		weft_broadcast_leave(s[i]);
		weft_free(c[i]);
	}
	weft_broadcast_free(br);
	weft_ctx_free(ctx);
}
