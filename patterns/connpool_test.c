/* connpool_test.c - who gets which connection, when they go, and that none is lost */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/net.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "connpool.h"

/* Connections are numbers from 1; what happens to them is counted. */
struct side {
	_Atomic int made, alive, most, failing, bad;
	_Atomic int64_t takes, checks_take;
	_Atomic int checks, destroyed;
	_Atomic int last_destroyed;
};

static int make(weft_ctx *ctx, void **conn, void *arg)
{
	struct side *s = arg;
	int n, most;

	if (s->takes && weft_sleep_ctx(ctx, s->takes))
		return weft_err(ctx);
	if (s->failing)
		return -ECONNREFUSED;
	n = ++s->alive;
	for (most = s->most; n > most && !atomic_compare_exchange_weak(&s->most, &most, n); )
		;
	*conn = (void *)(intptr_t)++s->made;
	return 0;
}

static void destroy(void *conn, void *arg)
{
	struct side *s = arg;

	weft_yield();			/* no lock is held */
	s->alive--;
	s->destroyed++;
	s->last_destroyed = (int)(intptr_t)conn;
}

static int check(weft_ctx *ctx, void *conn, void *arg)
{
	struct side *s = arg;

	s->checks++;
	if (s->checks_take && weft_sleep_ctx(ctx, s->checks_take))
		return weft_err(ctx);
	return (intptr_t)conn == s->bad ? -EIO : 0;
}

static weft_connpool *pool(struct side *s, weft_connpool_options o)
{
	o.make = make;
	o.destroy = destroy;
	o.arg = s;
	return weft_connpool_new(o);
}

static int conn(weft_connpool_lease *l)
{
	return (int)(intptr_t)weft_connpool_conn(l);
}

static weft_connpool_lease *acquire(weft_connpool *p)
{
	weft_connpool_lease *l = NULL;

	CHECK_EQ(weft_connpool_acquire(NULL, p, &l), 0);
	return l;
}

static weft_connpool_stats stats(weft_connpool *p)
{
	weft_connpool_stats s;

	weft_connpool_get_stats(p, &s);
	return s;
}

static int acquire_for(weft_connpool *p, int64_t ns)
{
	weft_ctx *ctx = weft_with_timeout(NULL, ns);
	weft_connpool_lease *l;
	int err = weft_connpool_acquire(ctx, p, &l);

	if (!err)
		weft_connpool_release(l);
	weft_ctx_free(ctx);
	return err;
}

/* ---- acquire and release ---- */

TEST(ConnpoolMakesOnDemandUpToMax, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 2 });
	weft_connpool_lease *a, *b;

	weft_settle();
	CHECK_EQ(s.made, 0);
	a = acquire(p);
	b = acquire(p);
	CHECK(conn(a) != conn(b));
	CHECK_EQ(acquire_for(p, WEFT_SECOND), -ETIMEDOUT);
	CHECK_EQ(s.made, 2);
	weft_connpool_release(a);
	CHECK_EQ(acquire_for(p, WEFT_SECOND), 0);
	weft_connpool_release(b);
	weft_connpool_free(p);
	CHECK_EQ(s.alive, 0);
	weft_connpool_free(NULL);
}

TEST(ConnpoolLastInFirstOut, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 3 });
	weft_connpool_lease *l[3];

	for (int i = 0; i < 3; i++)
		l[i] = acquire(p);
	weft_connpool_release(l[1]);
	weft_connpool_release(l[0]);
	weft_connpool_release(l[2]);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(conn(l[i] = acquire(p)), ((int[]){ 3, 1, 2 })[i]);
	for (int i = 0; i < 3; i++)
		weft_connpool_release(l[i]);
	weft_connpool_free(p);
}

TEST(ConnpoolTryAcquire, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){0});
	weft_connpool_lease *l;

	CHECK_EQ(weft_connpool_try_acquire(p, &l), -EAGAIN);
	weft_connpool_release(acquire(p));
	CHECK_EQ(weft_connpool_try_acquire(p, &l), 0);
	CHECK_EQ(conn(l), 1);
	weft_connpool_release(l);
	weft_connpool_close(NULL, p);
	CHECK_EQ(weft_connpool_try_acquire(p, &l), -ESHUTDOWN);
	weft_connpool_free(p);
}

static void note_turn(weft_connpool *p, weft_chan(int) order, int me)
{
	weft_connpool_lease *l = acquire(p);

	weft_send(order, me);
	weft_connpool_release(l);
}

TEST(ConnpoolServesInOrderOfArrival, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 1 });
	weft_connpool_lease *l = acquire(p);
	weft_chan(int) order = weft_make(int, 5);
	int got;

	for (int i = 0; i < 5; i++) {
		weft_go(note_turn, p, order, i);
		weft_settle();
	}
	weft_connpool_release(l);
	for (int i = 0; i < 5; i++) {
		weft_recv(order, &got);
		CHECK_EQ(got, i);
	}
	weft_connpool_free(p);
	weft_free(order);
}

/* ---- making ---- */

TEST(ConnpoolAcquireGetsTheErrorOfMaking, .bubble = true)
{
	struct side s = { .takes = WEFT_SECOND, .failing = 1 };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 1 });
	weft_connpool_lease *l;
	int64_t start = weft_now();

	CHECK_EQ(weft_connpool_acquire(NULL, p, &l), -ECONNREFUSED);
	CHECK_EQ(weft_now() - start, WEFT_SECOND);
	CHECK_EQ(stats(p).total, 0);
	s.failing = 0;
	weft_connpool_release(acquire(p));	/* the place is free again */
	CHECK_EQ(stats(p).failed, 1);
	weft_connpool_free(p);
}

TEST(ConnpoolMakingOutlivesAnImpatientAcquire, .bubble = true)
{
	struct side s = { .takes = 3 * WEFT_SECOND };
	weft_connpool *p = pool(&s, (weft_connpool_options){0});

	CHECK_EQ(acquire_for(p, WEFT_SECOND), -ETIMEDOUT);
	CHECK_EQ(acquire_for(p, WEFT_SECOND), -ETIMEDOUT);
	CHECK_EQ(acquire_for(p, WEFT_SECOND + 1), 0);	/* the one begun by the first */
	CHECK_EQ(stats(p).cancelled, 2);
	CHECK_EQ(acquire_for(p, 0), 0);		/* idle: success wins */
	weft_connpool_free(p);
	CHECK_EQ(s.made, 1);
}

TEST(ConnpoolMakesNothingForOneWhoIsGone, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){0});

	CHECK_EQ(acquire_for(p, 0), -ETIMEDOUT);
	weft_settle();
	CHECK_EQ(s.made, 0);
	weft_connpool_free(p);
}

static void acquire_into(weft_connpool *p, weft_chan(int) out)
{
	weft_connpool_lease *l;
	int err = weft_connpool_acquire(NULL, p, &l);

	if (!err)
		weft_connpool_release(l);
	weft_send(out, err);
}

TEST(ConnpoolErrorIsNotForWhoCameLater, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 2 });
	weft_connpool_lease *a = acquire(p), *b;
	weft_chan(int) out = weft_make(int, 2);
	int err;

	s.takes = 10 * WEFT_SECOND;
	s.failing = 1;
	weft_go(acquire_into, p, out);		/* begins to make one */
	weft_settle();
	weft_connpool_release(a);		/* and has this one instead */
	weft_recv(out, &err);
	CHECK_EQ(err, 0);
	b = acquire(p);
	weft_go(acquire_into, p, out);		/* waits for a place: there is none */
	weft_sleep(5 * WEFT_SECOND);
	CHECK_EQ(stats(p).making, 1);
	s.takes = 0;
	s.failing = 0;
	weft_recv(out, &err);			/* another was begun for it, or the same worked */
	CHECK_EQ(err, 0);
	weft_connpool_release(b);
	weft_connpool_free(p);
	weft_free(out);
}

TEST(ConnpoolAnotherIsMadeWhenTheOneAwaitedFails, .bubble = true)
{
	struct side s = { .takes = WEFT_SECOND, .failing = 1 };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .min = 1, .max = 1 });
	int64_t start = weft_now();
	weft_connpool_lease *l;

	weft_settle();				/* the keeper has begun one, that will fail */
	CHECK_EQ(weft_connpool_acquire(NULL, p, &l), -ECONNREFUSED);
	CHECK_EQ(weft_now() - start, 2 * WEFT_SECOND);	/* the error of the second */
	weft_connpool_free(p);
}

TEST(ConnpoolMakingHasATimeout, .bubble = true)
{
	struct side s = { .takes = 3600 * WEFT_SECOND };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .make_timeout = 2 * WEFT_SECOND });
	int64_t start = weft_now();
	weft_connpool_lease *l;

	CHECK_EQ(weft_connpool_acquire(NULL, p, &l), -ETIMEDOUT);
	CHECK_EQ(weft_now() - start, 2 * WEFT_SECOND);
	weft_connpool_free(p);
}

/* ---- destroy and hijack ---- */

TEST(ConnpoolDestroyFreesThePlace, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 1 });
	weft_connpool_lease *l = acquire(p);
	weft_chan(int) out = weft_make(int, 1);
	int err;

	weft_go(acquire_into, p, out);
	weft_settle();
	weft_connpool_destroy(l);
	weft_recv(out, &err);
	CHECK_EQ(err, 0);
	CHECK_EQ(s.made, 2);
	CHECK_EQ(s.most, 1);
	weft_connpool_free(p);
	CHECK_EQ(s.destroyed, 2);
	weft_free(out);
}

TEST(ConnpoolHijackFreesThePlace, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 1 });

	CHECK_EQ((intptr_t)weft_connpool_hijack(acquire(p)), 1);
	CHECK_EQ(stats(p).total, 0);
	weft_connpool_release(acquire(p));
	CHECK_EQ(s.made, 2);
	weft_connpool_free(p);
	CHECK_EQ(s.destroyed, 1);		/* the first is ours */
	CHECK_EQ(s.last_destroyed, 2);
}

/* ---- upkeep ---- */

TEST(ConnpoolKeepsMin, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .min = 2, .max = 4 });
	weft_connpool_lease *l;

	weft_settle();
	CHECK_EQ(stats(p).idle, 2);
	l = acquire(p);
	weft_connpool_destroy(l);
	weft_settle();
	CHECK_EQ(stats(p).idle, 2);		/* at once */
	weft_sleep(7000 * WEFT_SECOND);
	CHECK_EQ(stats(p).idle, 2);		/* new ones, after an hour; none is too idle */
	CHECK_EQ(stats(p).too_idle, 0);
	CHECK(stats(p).too_old >= 2);
	weft_connpool_free(p);
}

TEST(ConnpoolMinIsTriedOncePerRound, .bubble = true)
{
	struct side s = { .failing = 1 };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .min = 1 });

	weft_sleep(600 * WEFT_SECOND + 1);
	CHECK_EQ(stats(p).failed, 11);
	s.failing = 0;
	weft_sleep(60 * WEFT_SECOND);
	CHECK_EQ(stats(p).idle, 1);
	weft_connpool_free(p);
}

TEST(ConnpoolIdleOnesGo, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .min = 1, .max = 3,
	    .idle = 90 * WEFT_SECOND, .period = 10 * WEFT_SECOND });
	weft_connpool_lease *l[3];

	for (int i = 0; i < 3; i++)
		l[i] = acquire(p);
	weft_sleep(5 * WEFT_SECOND);
	for (int i = 0; i < 3; i++)
		weft_connpool_release(l[i]);
	for (int i = 0; i < 9; i++) {		/* one of them is used */
		weft_sleep(10 * WEFT_SECOND);
		weft_connpool_release(acquire(p));
	}
	CHECK_EQ(stats(p).idle, 3);		/* 90 s later, and no round since */
	weft_sleep(5 * WEFT_SECOND + 1);
	CHECK_EQ(stats(p).idle, 1);
	CHECK_EQ(stats(p).too_idle, 2);
	CHECK(s.last_destroyed != 3);
	weft_sleep(200 * WEFT_SECOND);
	CHECK_EQ(stats(p).idle, 1);		/* the min stays */
	weft_connpool_free(p);
}

TEST(ConnpoolLifetimeEndsWithJitter, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 50, .period = WEFT_SECOND,
	    .lifetime = 100 * WEFT_SECOND, .jitter = 50 * WEFT_SECOND });
	weft_connpool_lease *l[50];
	int at_125;

	for (int i = 0; i < 50; i++)
		l[i] = acquire(p);
	for (int i = 0; i < 50; i++)
		weft_connpool_release(l[i]);
	weft_sleep(100 * WEFT_SECOND - 1);
	CHECK_EQ(stats(p).idle, 50);
	weft_sleep(25 * WEFT_SECOND);
	at_125 = stats(p).idle;
	CHECK(at_125 > 5 && at_125 < 45);	/* not all together */
	weft_sleep(26 * WEFT_SECOND);
	CHECK_EQ(stats(p).idle, 0);
	CHECK_EQ(stats(p).too_old, 50);
	weft_connpool_free(p);
}

TEST(ConnpoolLifetimeWithoutEnd, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .lifetime = INT64_MAX,
	    .jitter = WEFT_SECOND, .idle = INT64_MAX });

	for (int i = 0; i < 3; i++) {
		weft_connpool_release(acquire(p));
		weft_sleep(100 * WEFT_SECOND);
	}
	CHECK_EQ(s.made, 1);
	CHECK_EQ(stats(p).too_old, 0);
	weft_connpool_free(p);
}

TEST(ConnpoolLifetimeOfOneThatIsOut, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .lifetime = 10 * WEFT_SECOND });
	weft_connpool_lease *l = acquire(p);

	weft_sleep(100 * WEFT_SECOND);
	CHECK_EQ(s.alive, 1);
	weft_connpool_release(l);
	CHECK_EQ(s.alive, 0);
	l = acquire(p);				/* nor is one given out that is too old */
	weft_connpool_release(l);
	weft_sleep(10 * WEFT_SECOND);
	l = acquire(p);
	CHECK_EQ(conn(l), 3);
	weft_connpool_release(l);
	weft_connpool_free(p);
}

/* ---- health ---- */

TEST(ConnpoolAcquireChecksWhatLayIdle, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .check = check });
	weft_connpool_lease *l;

	weft_connpool_release(acquire(p));
	weft_sleep(WEFT_SECOND - 1);
	weft_connpool_release(acquire(p));
	CHECK_EQ(s.checks, 0);
	weft_sleep(WEFT_SECOND);
	s.bad = 1;
	l = acquire(p);
	CHECK_EQ(s.checks, 1);
	CHECK_EQ(conn(l), 2);
	CHECK_EQ(stats(p).unhealthy, 1);
	weft_connpool_release(l);
	weft_connpool_free(p);
}

TEST(ConnpoolCheckHasItsOwnTimeout, .bubble = true)
{
	struct side s = { .checks_take = 3600 * WEFT_SECOND };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .check = check,
	    .check_timeout = 3 * WEFT_SECOND });
	int64_t start;

	weft_connpool_release(acquire(p));
	weft_sleep(2 * WEFT_SECOND);
	start = weft_now();
	weft_connpool_release(acquire(p));
	CHECK_EQ(weft_now() - start, 3 * WEFT_SECOND);
	CHECK_EQ(s.made, 2);
	weft_sleep(2 * WEFT_SECOND);
	CHECK_EQ(acquire_for(p, WEFT_SECOND), -ETIMEDOUT);	/* the shorter of both */
	CHECK_EQ(stats(p).total, 0);
	CHECK_EQ(stats(p).unhealthy, 1);	/* of the second nobody knows */
	weft_connpool_free(p);
}

TEST(ConnpoolChecksNothingForOneWhoIsGone, .bubble = true)
{
	struct side s = { .checks_take = 1 };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .check = check });

	weft_connpool_release(acquire(p));
	weft_sleep(2 * WEFT_SECOND);
	CHECK_EQ(acquire_for(p, 0), -ETIMEDOUT);
	CHECK_EQ(stats(p).cancelled, 1);
	CHECK_EQ(s.checks, 0);
	CHECK_EQ(stats(p).idle, 1);		/* and it is as good as it was */
	CHECK_EQ(acquire_for(p, WEFT_SECOND), 0);
	CHECK_EQ(s.made, 1);
	weft_connpool_free(p);
}

TEST(ConnpoolKeeperReplacesTheUnhealthy, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .check = check, .min = 3 });

	weft_settle();
	s.bad = 2;
	weft_sleep(61 * WEFT_SECOND);
	CHECK_EQ(s.last_destroyed, 2);
	CHECK_EQ(stats(p).idle, 3);
	CHECK_EQ(s.made, 4);
	weft_sleep(60 * WEFT_SECOND);
	CHECK_EQ(s.checks, 3 + 3);		/* each once a round */
	weft_connpool_free(p);
}

TEST(ConnpoolKeeperGivesWhatItCheckedToWhoWaits, .bubble = true)
{
	struct side s = { .checks_take = 2 * WEFT_SECOND };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .check = check, .min = 1, .max = 1 });

	weft_sleep(61 * WEFT_SECOND);		/* the keeper has it */
	CHECK_EQ(stats(p).idle, 0);
	CHECK_EQ(acquire_for(p, WEFT_SECOND / 2), -ETIMEDOUT);
	CHECK_EQ(acquire_for(p, WEFT_SECOND), 0);
	CHECK_EQ(s.made, 1);
	weft_connpool_free(p);
}

TEST(ConnpoolKeeperKeepsTheOrder, .bubble = true)
{
	struct side s = { .checks_take = 2 * WEFT_SECOND };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 3, .check = check,
	    .check_after = -1 });
	weft_connpool_lease *l[3];

	for (int i = 0; i < 3; i++)
		l[i] = acquire(p);
	for (int i = 0; i < 3; i++) {
		weft_sleep(WEFT_SECOND);
		weft_connpool_release(l[(i + 1) % 3]);
	}
	weft_sleep(60 * WEFT_SECOND);		/* 2 was looked at, 3 is out for it */
	CHECK_EQ(conn(l[0] = acquire(p)), 1);
	CHECK_EQ(conn(l[1] = acquire(p)), 2);
	weft_connpool_release(l[0]);
	weft_sleep(1);
	weft_connpool_release(l[1]);
	weft_sleep(10 * WEFT_SECOND);		/* 3 is the one used least */
	for (int i = 0; i < 3; i++)
		CHECK_EQ(conn(l[i] = acquire(p)), ((int[]){ 2, 1, 3 })[i]);
	for (int i = 0; i < 3; i++)
		weft_connpool_release(l[i]);
	weft_connpool_free(p);
}

/* ---- close ---- */

TEST(ConnpoolCloseWaitsForWhatIsOut, .bubble = true)
{
	struct side s = {0};
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 2 });
	weft_connpool_lease *a = acquire(p), *b = acquire(p);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	weft_chan(int) out = weft_make(int, 1);
	int err;

	weft_go(acquire_into, p, out);
	weft_settle();
	weft_connpool_release(a);
	weft_recv(out, &err);
	CHECK_EQ(err, 0);
	CHECK_EQ(weft_connpool_close(ctx, p), -ETIMEDOUT);
	CHECK_EQ(s.alive, 1);			/* the idle one is gone */
	CHECK_EQ(weft_connpool_acquire(NULL, p, &a), -ESHUTDOWN);
	weft_connpool_release(b);
	CHECK_EQ(s.alive, 0);
	CHECK_EQ(weft_connpool_close(NULL, p), 0);
	weft_connpool_free(p);
	weft_ctx_free(ctx);
	weft_free(out);
}

TEST(ConnpoolNothingIsGivenOutAfterClose, .bubble = true)
{
	struct side s = { .checks_take = 2 * WEFT_SECOND };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .check = check });
	weft_chan(int) out = weft_make(int, 1);
	int err;

	weft_connpool_release(acquire(p));
	weft_sleep(WEFT_SECOND);
	weft_go(acquire_into, p, out);
	weft_settle();				/* it checks the one that there is */
	weft_connpool_free(p);			/* and free waits for it */
	CHECK_EQ(s.alive, 0);
	weft_recv(out, &err);
	CHECK_EQ(err, -ESHUTDOWN);
	weft_free(out);
}

TEST(ConnpoolCloseEndsWaitingAndMaking, .bubble = true)
{
	struct side s = { .takes = 100 * WEFT_SECOND };
	weft_connpool *p = pool(&s, (weft_connpool_options){ .max = 1 });
	weft_chan(int) out = weft_make(int, 2);
	int64_t start = weft_now();
	int err;

	weft_go(acquire_into, p, out);
	weft_go(acquire_into, p, out);
	weft_settle();
	weft_connpool_free(p);
	CHECK_EQ(weft_now(), start);
	for (int i = 0; i < 2; i++) {
		weft_recv(out, &err);
		CHECK_EQ(err, -ESHUTDOWN);
	}
	weft_free(out);
}

/* ---- crowds ---- */

struct crowd { weft_connpool *p; struct side s; _Atomic int got, gave_up, failed, taken; };

static void end(struct crowd *c, weft_connpool_lease *l, int how)
{
	switch (how) {
	case 0:
		c->taken++;
		c->s.alive--;
		CHECK(weft_connpool_hijack(l) != NULL);
		break;
	case 1:
	case 2:
		weft_connpool_destroy(l);
		break;
	default:
		weft_connpool_release(l);
	}
}

static void user(struct crowd *c, int rounds)
{
	while (rounds--) {
		weft_ctx *ctx = weft_with_timeout(NULL, 1 + (int64_t)(weft_random() % 4));
		weft_connpool_lease *l;

		switch (weft_connpool_acquire(ctx, c->p, &l)) {
		case 0:
			c->got++;
			weft_sleep((int64_t)(weft_random() % 3));
			end(c, l, (int)(weft_random() % 8));
			break;
		case -ETIMEDOUT:
			c->gave_up++;
			break;
		case -ECONNREFUSED:
			c->failed++;
			break;
		default:
			CHECK(!"another error");
		}
		weft_ctx_free(ctx);
		c->s.failing = weft_random() % 4 == 0;
	}
}

static void everybody(struct crowd *c, int users, int rounds)
{
	weft_waitgroup wg = {0};
	weft_connpool_stats s;

	for (int i = 0; i < users; i++)
		weft_waitgroup_go(&wg, user, c, rounds);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(c->got + c->gave_up + c->failed, users * rounds);
	weft_connpool_close(NULL, c->p);
	s = stats(c->p);
	CHECK_EQ(s.idle + s.out + s.making + s.total, 0);
	CHECK_EQ(s.acquired, c->got);
	CHECK_EQ(s.cancelled, c->gave_up);
	CHECK_EQ(s.made, c->s.made);
	CHECK_EQ(c->s.made, c->s.destroyed + c->taken);
	CHECK_EQ(c->s.alive, 0);
	weft_connpool_free(c->p);
}

TEST(ConnpoolCrowd, .explore = 200)
{
	struct crowd c = { .s = { .takes = 1 } };

	c.p = pool(&c.s, (weft_connpool_options){ .min = 1, .max = 2, .period = 3, .idle = 4,
	    .check = check, .check_after = 1, .check_timeout = 1 });
	everybody(&c, 3, 4);
	CHECK(c.s.most <= 2);
	SOMETIMES(c.gave_up, "one gave up");
	SOMETIMES(c.failed, "one could not be made");
	SOMETIMES(c.got == 12, "all had one");
}

TEST(ConnpoolStress)
{
	struct crowd c = {0};

	c.p = pool(&c.s, (weft_connpool_options){ .min = 1, .max = 3, .period = 10 * WEFT_US,
	    .idle = 30 * WEFT_US, .check = check, .check_after = 1 });
	everybody(&c, 8, 500);
}

/* ---- a real network ---- */

static void echo(weft_conn *c)
{
	char b[16];
	ssize_t n;

	while ((n = weft_read(NULL, c, b, sizeof b)) > 0)
		weft_write(NULL, c, b, (size_t)n);
	weft_conn_close(c);
}

static void serve(weft_ctx *ctx, weft_listener *l, weft_waitgroup *wg)
{
	for (weft_conn *c; !weft_accept(ctx, l, &c); )
		weft_waitgroup_go(wg, echo, c);
}

static int dial(weft_ctx *ctx, void **out, void *arg)
{
	return weft_dial(ctx, arg, (weft_conn **)out);
}

static void hang_up(void *c, void *arg)
{
	(void)arg;
	weft_conn_close(c);
}

static void ask(weft_connpool *p, _Atomic int *answers, int n)
{
	while (n--) {
		weft_connpool_lease *l = acquire(p);
		char b = 0;

		CHECK_EQ(weft_write(NULL, weft_connpool_conn(l), "x", 1), 1);
		CHECK_EQ(weft_read(NULL, weft_connpool_conn(l), &b, 1), 1);
		*answers += b == 'x';
		weft_connpool_release(l);
	}
}

TEST(ConnpoolOverTcp, .real = true)
{
	weft_ctx *ctx = weft_with_cancel(NULL);
	_Atomic int answers = 0;
	weft_waitgroup wg = {0}, users = {0};
	weft_listener *l;
	weft_connpool *p;

	REQUIRE(weft_listen(ctx, "tcp://127.0.0.1:0", &l) == 0);
	weft_waitgroup_go(&wg, serve, ctx, l, &wg);
	p = weft_connpool_new((weft_connpool_options){ .make = dial, .destroy = hang_up,
	    .arg = (void *)weft_listener_addr(l), .max = 2 });
	for (int i = 0; i < 6; i++)
		weft_waitgroup_go(&users, ask, p, &answers, 20);
	weft_waitgroup_wait(&users);
	CHECK_EQ(answers, 120);
	CHECK(stats(p).made <= 2);
	weft_connpool_free(p);
	weft_cancel(ctx);
	weft_waitgroup_wait(&wg);
	weft_listener_close(l);
	weft_ctx_free(ctx);
}

/* ---- misuse ---- */

CHILD(ConnpoolReleaseTwice)
{
	struct side s = {0};
	weft_connpool_lease *l = acquire(pool(&s, (weft_connpool_options){0}));

	weft_connpool_release(l);
	weft_connpool_release(l);
	return 0;
}

CHILD(ConnpoolWithoutMake)
{
	weft_connpool_new((weft_connpool_options){0});
	return 0;
}

/* Its keeper would never rest. */
CHILD(ConnpoolPeriodBelowZero)
{
	weft_connpool_new((weft_connpool_options){ .make = make, .period = -1 });
	return 0;
}

TEST(ConnpoolMisuse)
{
	CHECK_DIES("ConnpoolReleaseTwice", "has ended already");
	CHECK_DIES("ConnpoolWithoutMake", "weft_connpool_new: make is");
	CHECK_DIES("ConnpoolPeriodBelowZero", "weft_connpool_new: a time is negative");
}
