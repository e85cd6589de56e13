/* cancel_test.c - every call that a context can end */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "net.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

/* f waits in one _ctx call and sends what it returned. */
struct blocked {
	weft_ctx *ctx;
	weft_chan(long) result;
	weft_mutex m;
	weft_rwmutex rw;
	weft_waitgroup wg;
	weft_cond cond;
	weft_listener *l;
	weft_conn *conn;
	int fd;
	char buf[64];
};

static void in_mutex(struct blocked *b)
{
	weft_send(b->result, weft_mutex_lock_ctx(b->ctx, &b->m));
}

static void in_rlock(struct blocked *b)
{
	weft_send(b->result, weft_rwmutex_rlock_ctx(b->ctx, &b->rw));
}

static void in_wlock(struct blocked *b)
{
	weft_send(b->result, weft_rwmutex_lock_ctx(b->ctx, &b->rw));
}

static void in_group(struct blocked *b)
{
	weft_send(b->result, weft_waitgroup_wait_ctx(b->ctx, &b->wg));
}

static void in_sleep(struct blocked *b)
{
	weft_send(b->result, weft_sleep_ctx(b->ctx, 1000 * WEFT_SECOND));
}

static void in_accept(struct blocked *b)
{
	weft_conn *c;

	weft_send(b->result, weft_accept(b->ctx, b->l, &c));
}

static void in_read(struct blocked *b)
{
	weft_send(b->result, weft_read(b->ctx, b->conn, b->buf, sizeof b->buf));
}

static void in_write(struct blocked *b)
{
	static char big[1 << 20];
	long n;

	do
		n = weft_write(b->ctx, b->conn, big, sizeof big);
	while (n > 0);
	weft_send(b->result, n);
}

static void in_wait_fd(struct blocked *b)
{
	weft_send(b->result, weft_wait_fd(b->ctx, b->fd, POLLIN));
}

/* The mutex is free again when it waits and held when it returns. */
static void in_cond(struct blocked *b)
{
	weft_mutex m = {0};
	long err;

	weft_mutex_lock(&m);
	err = weft_cond_wait_ctx(b->ctx, &b->cond, &m);
	CHECK(!weft_mutex_trylock(&m));
	weft_mutex_unlock(&m);
	weft_send(b->result, err);
}

static const struct { const char *name; void (*f)(struct blocked *); enum reason why; } calls[] = {
	{ "mutex", in_mutex, WAIT_MUTEX }, { "rlock", in_rlock, WAIT_RWMUTEX_R },
	{ "wlock", in_wlock, WAIT_RWMUTEX_W }, { "waitgroup", in_group, WAIT_GROUP },
	{ "cond", in_cond, WAIT_COND }, { "sleep", in_sleep, WAIT_SLEEP },
	{ "accept", in_accept, WAIT_READ }, { "read", in_read, WAIT_READ },
	{ "write", in_write, WAIT_WRITE }, { "wait_fd", in_wait_fd, WAIT_FD },
};
enum { CALLS = sizeof calls / sizeof *calls };

static void blocked_begin(struct blocked *b, int pipe_fds[2], weft_conn **peer)
{
	b->result = weft_make(long, 0);
	weft_mutex_lock(&b->m);
	weft_rwmutex_lock(&b->rw);
	weft_waitgroup_add(&b->wg, 1);
	REQUIRE(weft_listen(NULL, "tcp://127.0.0.1:0", &b->l) == 0);
	REQUIRE(weft_dial(NULL, weft_listener_addr(b->l), &b->conn) == 0);
	REQUIRE(weft_accept(NULL, b->l, peer) == 0);
	REQUIRE(pipe2(pipe_fds, O_CLOEXEC) == 0);
	b->fd = pipe_fds[0];
}

static void blocked_end(struct blocked *b, int pipe_fds[2], weft_conn *peer)
{
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	weft_conn_close(peer);
	weft_conn_close(b->conn);
	weft_listener_close(b->l);
	weft_waitgroup_done(&b->wg);
	weft_rwmutex_unlock(&b->rw);
	weft_mutex_unlock(&b->m);
	weft_free(b->result);
}

static void end_each_call(struct blocked *b, weft_ctx *(*make)(void), void (*end)(weft_ctx *),
    int want)
{
	for (int i = 0; i < CALLS; i++) {
		long err;

		b->ctx = make();
		weft_go(calls[i].f, b);
		if (end) {
			settle(calls[i].f, calls[i].why, 1);
			end(b->ctx);
		}
		weft_recv(b->result, &err);
		if (!CHECK_EQ(err, want))
			weft_logf("in %s", calls[i].name);
		weft_ctx_free(b->ctx);
	}
}

static weft_ctx *live_ctx(void)
{
	return weft_with_cancel(NULL);
}

static weft_ctx *ended_ctx(void)
{
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_cancel(ctx);
	return ctx;
}

static weft_ctx *short_ctx(void)
{
	return weft_with_timeout(NULL, WEFT_MS);
}

static void with_blocked(weft_ctx *(*make)(void), void (*end)(weft_ctx *), int want)
{
	struct blocked b = {0};
	int fds[2];
	weft_conn *peer;

	blocked_begin(&b, fds, &peer);
	end_each_call(&b, make, end, want);
	blocked_end(&b, fds, peer);
}

TEST(CancelEndsEveryCall)
{
	with_blocked(live_ctx, weft_cancel, -ECANCELED);
}

TEST(TimeoutEndsEveryCall)
{
	with_blocked(short_ctx, NULL, -ETIMEDOUT);
}

TEST(CancelledContextEndsEveryCallAtOnce)
{
	with_blocked(ended_ctx, NULL, -ECANCELED);
}

/* When the lock is free and the context has ended, the lock is taken. */
TEST(SuccessWinsOverCancellation, .parallel = true)
{
	weft_ctx *ctx = ended_ctx();
	weft_mutex m = {0};
	weft_rwmutex rw = {0};
	weft_waitgroup wg = {0};

	CHECK_EQ(weft_mutex_lock_ctx(ctx, &m), 0);
	weft_mutex_unlock(&m);
	CHECK_EQ(weft_rwmutex_rlock_ctx(ctx, &rw), 0);
	weft_rwmutex_runlock(&rw);
	CHECK_EQ(weft_rwmutex_lock_ctx(ctx, &rw), 0);
	weft_rwmutex_unlock(&rw);
	CHECK_EQ(weft_waitgroup_wait_ctx(ctx, &wg), 0);
	weft_ctx_free(ctx);
}

TEST(SleepCtxSleepsItsTime, .parallel = true)
{
	weft_ctx *ctx = weft_with_cancel(NULL);
	int64_t begun = weft_now();

	CHECK_EQ(weft_sleep_ctx(ctx, WEFT_MS), 0);
	CHECK_EQ(weft_sleep_ctx(NULL, WEFT_MS), 0);
	CHECK(weft_now() - begun >= 2 * WEFT_MS);
	CHECK_EQ(weft_sleep_ctx(ctx, 0), 0);
	weft_cancel(ctx);
	CHECK_EQ(weft_sleep_ctx(ctx, 0), -ECANCELED);
	weft_ctx_free(ctx);
}

enum { RACES = 3000 };

static void scribble(void)		/* over what the call before has left behind */
{
	volatile char below[1024];

	for (size_t i = 0; i < sizeof below; i++)
		below[i] = (char)0xff;
}

static void lock_or_give_up(weft_ctx *ctx, weft_mutex *m)
{
	int err = weft_mutex_lock_ctx(ctx, m);

	scribble();
	if (!err)
		weft_mutex_unlock(m);
}

/* Both may find the waiter; the one that comes second must not touch its stack. */
TEST(UnlockRacesCancel)
{
	for (int i = 0; i < RACES; i++) {
		weft_ctx *ctx = weft_with_cancel(NULL);
		weft_waitgroup wg = {0};
		weft_mutex m = {0};

		weft_mutex_lock(&m);
		weft_waitgroup_go(&wg, lock_or_give_up, ctx, &m);
		weft_yield();
		weft_waitgroup_go(&wg, weft_cancel, ctx);
		if (i % 2)
			weft_yield();
		weft_mutex_unlock(&m);
		weft_waitgroup_wait(&wg);
		CHECK(weft_mutex_trylock(&m));
		weft_ctx_free(ctx);
	}
}
