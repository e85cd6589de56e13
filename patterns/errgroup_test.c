/* errgroup_test.c - the first error wins, the others are told, nobody is left behind */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "errgroup.h"

static int give(int err)
{
	return err;
}

static int give_later(int64_t ns, int err)
{
	weft_sleep(ns);
	return err;
}

static int until_cancelled(weft_ctx *ctx)
{
	weft_recv(weft_done(ctx), NULL);
	return weft_err(ctx);
}

TEST(ErrgroupWithoutErrors, .explore = 200)
{
	weft_errgroup g = {0};		/* all-zero will do */

	for (int i = 0; i < 4; i++)
		weft_errgroup_go(&g, give, 0);
	CHECK_EQ(weft_errgroup_wait(&g), 0);
}

TEST(ErrgroupOfNobody)
{
	weft_errgroup g = {0};

	CHECK_EQ(weft_errgroup_wait(&g), 0);
}

TEST(ErrgroupFirstErrorWins, .bubble = true)
{
	weft_errgroup g = {0};

	weft_errgroup_go(&g, give_later, 3 * WEFT_SECOND, -EIO);
	weft_errgroup_go(&g, give_later, 1 * WEFT_SECOND, -ENOENT);
	weft_errgroup_go(&g, give_later, 2 * WEFT_SECOND, -EPERM);
	CHECK_EQ(weft_errgroup_wait(&g), -ENOENT);
}

TEST(ErrgroupFirstErrorCancelsTheOthers, .explore = 200)
{
	weft_errgroup g;

	weft_errgroup_init(&g, NULL);
	for (int i = 0; i < 3; i++)
		weft_errgroup_go(&g, until_cancelled, g.ctx);
	weft_errgroup_go(&g, give, -ENOENT);
	CHECK_EQ(weft_errgroup_wait(&g), -ENOENT);
	CHECK_EQ(weft_err(g.ctx), -ECANCELED);
	CHECK_EQ(weft_cause(g.ctx), -ENOENT);
	weft_errgroup_finish(&g);
}

TEST(ErrgroupWaitEndsTheContext)
{
	weft_errgroup g;

	weft_errgroup_init(&g, NULL);
	weft_errgroup_go(&g, give, 0);
	CHECK_EQ(weft_errgroup_wait(&g), 0);
	CHECK_EQ(weft_err(g.ctx), -ECANCELED);
	weft_errgroup_finish(&g);
}

TEST(ErrgroupObeysItsParent, .bubble = true)
{
	weft_ctx *parent = weft_with_timeout(NULL, WEFT_SECOND);
	weft_errgroup g;

	weft_errgroup_init(&g, parent);
	weft_errgroup_go(&g, until_cancelled, g.ctx);
	CHECK_EQ(weft_errgroup_wait(&g), -ETIMEDOUT);
	weft_errgroup_finish(&g);
	weft_ctx_free(parent);
}

/* ---- limit ---- */

struct crowd { _Atomic int now, most, total; };

static int enter_and_leave(struct crowd *c, int64_t ns)
{
	int n = ++c->now, most = c->most;

	while (n > most && !atomic_compare_exchange_weak(&c->most, &most, n))
		;
	weft_sleep(ns);
	c->total++;
	c->now--;
	return 0;
}

TEST(ErrgroupLimit, .explore = 200)
{
	struct crowd c = {0};
	weft_errgroup g = {0};

	weft_errgroup_set_limit(&g, 3);
	for (int i = 0; i < 10; i++)
		weft_errgroup_go(&g, enter_and_leave, &c, i % 4);
	CHECK_EQ(weft_errgroup_wait(&g), 0);
	CHECK_EQ(c.total, 10);
	CHECK(c.most <= 3);
	SOMETIMES(c.most == 3, "the limit was reached");
	weft_errgroup_finish(&g);
}

TEST(ErrgroupTryGo, .bubble = true)
{
	weft_errgroup g = {0};

	weft_errgroup_set_limit(&g, 1);
	CHECK(weft_errgroup_try_go(&g, give_later, WEFT_SECOND, -EIO));
	CHECK(!weft_errgroup_try_go(&g, give, 0));
	weft_sleep(2 * WEFT_SECOND);
	CHECK(weft_errgroup_try_go(&g, give, 0));
	CHECK_EQ(weft_errgroup_wait(&g), -EIO);
	weft_errgroup_set_limit(&g, 0);
	CHECK(!weft_errgroup_try_go(&g, give, 0));
	weft_errgroup_set_limit(&g, -1);
	CHECK(weft_errgroup_try_go(&g, give, 0));
	weft_errgroup_wait(&g);
	weft_errgroup_finish(&g);
}

CHILD(ErrgroupLimitWhileRunning)
{
	weft_errgroup g;

	weft_errgroup_init(&g, NULL);
	weft_errgroup_set_limit(&g, 2);
	weft_errgroup_go(&g, until_cancelled, g.ctx);
	weft_errgroup_set_limit(&g, 3);
	return 0;
}

CHILD(ErrgroupFirstLimitWhileRunning)
{
	weft_errgroup g;

	weft_errgroup_init(&g, NULL);
	weft_errgroup_go(&g, until_cancelled, g.ctx);	/* has no slot to give back */
	weft_errgroup_set_limit(&g, 3);
	return 0;
}

TEST(ErrgroupLimitIsNotChangedWhileRunning)
{
	const char *says = "weft_errgroup_set_limit: members are running";

	CHECK_DIES("ErrgroupLimitWhileRunning", says);
	CHECK_DIES("ErrgroupFirstLimitWhileRunning", says);
}

TEST(ErrgroupKeepsItsError)
{
	weft_errgroup g = {0};

	weft_errgroup_go(&g, give, -EIO);
	CHECK_EQ(weft_errgroup_wait(&g), -EIO);
	weft_errgroup_go(&g, give, 0);
	CHECK_EQ(weft_errgroup_wait(&g), -EIO);
}

/* ---- arguments, and a crowd ---- */

static int sum_of(int64_t *to, int a, long b, const char *s, void *p, unsigned c)
{
	*to = a + b + (s == NULL) + (p == NULL) + c;
	return 0;
}

TEST(ErrgroupPassesSixArguments)
{
	weft_errgroup g = {0};
	int64_t sum = 0;

	weft_errgroup_go(&g, sum_of, &sum, -1, 20, NULL, NULL, 300);
	weft_errgroup_wait(&g);
	CHECK_EQ(sum, 321);
}

static int count(_Atomic int64_t *n, int i)
{
	*n += i;
	return i == 700 ? -EIO : 0;
}

TEST(ErrgroupStress, .real = true)
{
	_Atomic int64_t n = 0;
	weft_errgroup g;
	int rounds = weft_short() ? 5 : 100;

	weft_errgroup_init(&g, NULL);
	for (int round = 0; round < rounds; round++) {
		weft_errgroup_set_limit(&g, round % 10 ? round % 10 : -1);
		for (int i = 0; i < 1000; i++)
			weft_errgroup_go(&g, count, &n, i);
		CHECK_EQ(weft_errgroup_wait(&g), -EIO);
	}
	CHECK_EQ(n, rounds * INT64_C(499500));
	weft_errgroup_finish(&g);
}
