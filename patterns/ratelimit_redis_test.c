/*
 * ratelimit_redis_test.c - one limit for many, whatever becomes of the server
 *
 * In bubbles against a server of a few lines, which counts the way the script does and goes wrong
 * as the test wants it; then against a real one.
 */
#include <hiredis/hiredis.h>
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "ratelimit_redis.h"
#include "redis_server_test.h"

typedef struct weft_ratelimit_reservation reservation;

static int allowed(weft_ratelimit *l, int most)
{
	int n = 0;

	while (n < most && weft_ratelimit_allow(l, 1))
		n++;
	return n;
}

/* ---- a server in the bubble ---- */

enum mood { GOOD, SILENT, RUDE, LOCKED, HANGS_UP };

struct fake {
	weft_ctx	*ctx;
	weft_listener	*l;
	weft_waitgroup	 wg;
	_Atomic enum mood mood;
	_Atomic int	 asked;		/* questions so far */
	weft_mutex	 lock;
	int64_t		 paid;		/* in ns */
};

/* The script in C, for rates that go evenly into a second. */
static void grant(struct fake *f, redisReply **arg, char *answer, size_t size)
{
	int64_t step = atoll(arg[5]->str) * WEFT_US / atoll(arg[4]->str), now = weft_now();
	int64_t burst = atoll(arg[6]->str), need = atoll(arg[7]->str), want = atoll(arg[8]->str);
	int64_t zero, room;

	if (f->paid < now)
		f->paid = now;
	zero = f->paid - now - burst * step;
	room = -zero / step;
	if (arg[9]->str[0] == '0')
		want = room < need ? 0 : room < want ? room : want;
	f->paid += want * step;
	snprintf(answer, size, "*2\r\n:%lld\r\n:%lld\r\n", (long long)want,
	    (long long)(zero / WEFT_US * atoll(arg[4]->str)));
}

static bool answer(struct fake *f, weft_conn *c, redisReply *q)
{
	char text[128] = "-ERR of a kind\r\n";

	f->asked++;
	if (f->mood == SILENT)
		return true;
	if (f->mood == HANGS_UP)
		return false;
	if (f->mood == LOCKED)
		snprintf(text, sizeof text, "-NOAUTH Authentication required.\r\n");
	else if (strcmp(q->element[0]->str, "AUTH") == 0)
		snprintf(text, sizeof text, "%s\r\n",
		    strcmp(q->element[1]->str, "sesame") ? "-WRONGPASS no" : "+OK");
	else if (f->mood == GOOD) {
		weft_mutex_lock(&f->lock);
		grant(f, q->element, text, sizeof text);
		weft_mutex_unlock(&f->lock);
	}
	return weft_write(f->ctx, c, text, strlen(text)) > 0;
}

static void talk(struct fake *f, weft_conn *c)
{
	redisReader *r = redisReaderCreate();
	char buf[4096];
	ssize_t n;

	while ((n = weft_read(f->ctx, c, buf, sizeof buf)) > 0) {
		void *q = NULL;
		bool go_on = true;

		redisReaderFeed(r, buf, (size_t)n);
		if (redisReaderGetReply(r, &q) == REDIS_OK && q) {
			go_on = answer(f, c, q);
			freeReplyObject(q);
		}
		if (!go_on)
			break;
	}
	redisReaderFree(r);
	weft_conn_close(c);
}

static void serve(struct fake *f)
{
	weft_conn *c;

	while (weft_accept(f->ctx, f->l, &c) == 0)
		weft_waitgroup_go(&f->wg, talk, f, c);
}

static void fake_start(struct fake *f)
{
	f->ctx = weft_with_cancel(NULL);
	REQUIRE(weft_listen(NULL, "tcp://redis:6379", &f->l) == 0);
	weft_waitgroup_go(&f->wg, serve, f);
}

static void fake_stop(struct fake *f)
{
	weft_cancel(f->ctx);
	weft_waitgroup_wait(&f->wg);
	weft_listener_close(f->l);
	weft_ctx_free(f->ctx);
}

static weft_ratelimit *limiter(int64_t rate, int burst, bool open)
{
	return weft_ratelimit_redis_new((struct weft_ratelimit_redis){
	    .addr = "tcp://redis:6379", .rate = rate, .per = WEFT_SECOND, .burst = burst,
	    .open = open });
}

TEST(RedisLimitIsExact, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *l = limiter(1000, 5, false);
	int64_t begun = weft_now();
	int asked;

	fake_start(&f);
	CHECK_EQ(allowed(l, 10), 5);
	asked = f.asked;
	CHECK_EQ(allowed(l, 1), 0);		/* known from the last answer */
	CHECK_EQ(f.asked, asked);
	for (int i = 1; i <= 1000; i++) {
		CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), 0);
		CHECK_EQ(weft_now() - begun, i * WEFT_MS);
	}
	CHECK(f.asked < 1000 / 10 + 30);	/* ten at a time, after a start */
	weft_sleep(WEFT_SECOND);
	CHECK_EQ(allowed(l, 10), 5);
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 6), -ERANGE);
	weft_ratelimit_free(l);
	fake_stop(&f);
}

TEST(RedisLimitTakesSeveral, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *l = limiter(1000, 7, false);
	int64_t begun = weft_now();

	fake_start(&f);
	for (int i = 0; i < 300; i++)
		CHECK_EQ(weft_ratelimit_wait(NULL, l, 1 + i % 7), 0);
	/* 1,195 of them, 7 of which were there; leftovers are used, not lost */
	CHECK(weft_now() - begun >= 1188 * WEFT_MS);
	CHECK(weft_now() - begun <= 1200 * WEFT_MS);
	weft_ratelimit_free(l);
	fake_stop(&f);
}

static void wait_until(weft_ratelimit *l, int64_t until, int *got)
{
	while (weft_now() < until)
		*got += weft_ratelimit_wait(NULL, l, 1) == 0;
}

/* All that is granted is used, and no more than that. */
TEST(RedisLimitIsShared, .explore = 20)
{
	struct fake f = {0};
	weft_ratelimit *l[3];
	weft_waitgroup wg = {0};
	int64_t begun = weft_now();
	int got[3] = {0}, sum;

	fake_start(&f);
	for (int i = 0; i < 3; i++)
		l[i] = limiter(1000, 5, false);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, wait_until, l[i], begun + 300 * WEFT_MS, &got[i]);
	weft_waitgroup_wait(&wg);
	sum = got[0] + got[1] + got[2];
	CHECK(sum <= (weft_now() - begun) / WEFT_MS + 5);
	CHECK(sum >= 300 - 3 * 10);		/* at the end leases are left over */
	for (int i = 0; i < 3; i++) {
		CHECK(got[i] > 50);
		weft_ratelimit_free(l[i]);
	}
	fake_stop(&f);
}

/* Who uses few leases few, so that the others get the rest. */
TEST(RedisLimitLeavesToOthers, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *slow = limiter(1000, 5, false), *fast = limiter(1000, 5, false);
	int64_t begun = weft_now();
	weft_waitgroup wg = {0};
	int got = 0;

	fake_start(&f);
	weft_waitgroup_go(&wg, wait_until, fast, begun + 3 * WEFT_SECOND, &got);
	for (int i = 0; i < 60; i++) {		/* 20 a second */
		CHECK_EQ(weft_ratelimit_wait(NULL, slow, 1), 0);
		weft_sleep(50 * WEFT_MS);
	}
	weft_waitgroup_wait(&wg);
	CHECK(got > 2850);
	weft_ratelimit_free(slow);
	weft_ratelimit_free(fast);
	fake_stop(&f);
}

TEST(RedisLimitReservesAndCancels, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *l = limiter(10, 2, false);
	int64_t begun = weft_now();
	reservation a, b, c;

	fake_start(&f);
	CHECK_EQ(allowed(l, 10), 2);
	CHECK_EQ(weft_ratelimit_reserve(l, 1, &a), 0);
	CHECK_EQ(a.at, begun + 100 * WEFT_MS);
	CHECK_EQ(weft_ratelimit_reserve(l, 2, &b), 0);
	CHECK_EQ(b.at, begun + 300 * WEFT_MS);
	weft_ratelimit_cancel(l, &a);		/* b has come after it */
	weft_ratelimit_cancel(l, &b);
	weft_ratelimit_cancel(l, &b);
	CHECK_EQ(weft_ratelimit_reserve(l, 1, &c), 0);
	CHECK_EQ(c.at, begun + 200 * WEFT_MS);
	CHECK_EQ(weft_ratelimit_reserve(l, 1, &c), 0);
	CHECK_EQ(c.at, begun + 300 * WEFT_MS);
	weft_ratelimit_free(l);
	fake_stop(&f);
}

TEST(RedisLimitFailsAtOnceBeforeTheDeadline, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *l = limiter(10, 1, false);
	weft_ctx *ctx = weft_with_timeout(NULL, 99 * WEFT_MS);
	int64_t begun = weft_now();
	int asked;

	fake_start(&f);
	CHECK(weft_ratelimit_allow(l, 1));
	CHECK_EQ(weft_ratelimit_wait(ctx, l, 1), -ETIMEDOUT);
	CHECK_EQ(weft_now(), begun);
	CHECK(!weft_ratelimit_allow(l, 1));
	asked = f.asked;
	CHECK(!weft_ratelimit_allow(l, 1));	/* known, without asking */
	CHECK_EQ(f.asked, asked);
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), 0);	/* what it would have had is still there */
	CHECK_EQ(weft_now() - begun, 100 * WEFT_MS);
	weft_ctx_free(ctx);
	weft_ratelimit_free(l);
	fake_stop(&f);
}

TEST(RedisLimitChanges, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *l = limiter(1, 1, false);
	int64_t begun = weft_now();
	int asked;

	fake_start(&f);
	CHECK(weft_ratelimit_allow(l, 1));
	weft_sleep(2 * WEFT_SECOND);
	weft_ratelimit_set_limit(l, 100, WEFT_SECOND);
	weft_ratelimit_set_burst(l, 3);
	CHECK_EQ(allowed(l, 10), 3);
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), 0);
	CHECK_EQ(weft_now() - begun, 2 * WEFT_SECOND + 10 * WEFT_MS);
	weft_ratelimit_set_limit(l, 1000, WEFT_SECOND);
	for (int i = 0; i < 20; i++)
		weft_ratelimit_wait(NULL, l, 1);
	weft_ratelimit_set_limit(l, 1, 3600 * WEFT_SECOND);
	asked = f.asked;
	CHECK(weft_ratelimit_allow(l, 1));
	CHECK_EQ(f.asked, asked + 1);		/* none is left of the old lease */
	weft_ratelimit_set_limit(l, 0, 1);
	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), -ERANGE);
	weft_ratelimit_set_limit(l, WEFT_RATELIMIT_INF, 1);
	CHECK_EQ(allowed(l, 1000), 1000);
	weft_ratelimit_free(l);
	fake_stop(&f);
}

TEST(RedisLimitCancelAfterAChange, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *l = limiter(1, 1, false);
	reservation r;
	int asked;

	fake_start(&f);
	CHECK(weft_ratelimit_allow(l, 1));
	CHECK_EQ(weft_ratelimit_reserve(l, 1, &r), 0);
	weft_ratelimit_set_limit(l, 1, INT64_C(3000000000) * WEFT_SECOND);
	weft_ratelimit_cancel(l, &r);
	asked = f.asked;
	CHECK(!weft_ratelimit_allow(l, 1));
	CHECK_EQ(f.asked, asked + 1);		/* it has not come back as one of the new rate */
	weft_ratelimit_free(l);
	fake_stop(&f);
}

TEST(RedisLimitLeasesAtOddRates, .bubble = true)
{
	struct fake f = {0};
	weft_ratelimit *l = limiter(1, 40, false);

	fake_start(&f);
	weft_ratelimit_set_limit(l, INT64_C(1000000000000001), 100000000 * WEFT_SECOND);
	CHECK_EQ(allowed(l, 20), 20);		/* the server here is not so exact */
	CHECK(f.asked < 15);
	weft_ratelimit_free(l);
	fake_stop(&f);
}

static void check_fails(weft_ratelimit *l, int err, const char *why)
{
	char text[128];

	CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), err);
	weft_ratelimit_redis_error(l, text, sizeof text);
	CHECK_STR(text, why);
}

TEST(RedisLimitWithoutServer, .bubble = true)
{
	weft_ratelimit *closed = limiter(1000, 5, false), *open = limiter(1000, 5, true);
	struct fake f = {0};

	check_fails(closed, -ECONNREFUSED, "redis at tcp://redis:6379: Connection refused");
	CHECK(!weft_ratelimit_allow(closed, 1));
	check_fails(open, 0, "redis at tcp://redis:6379: Connection refused");
	CHECK_EQ(allowed(open, 1000), 1000);
	fake_start(&f);
	CHECK(!weft_ratelimit_allow(closed, 1));	/* not yet */
	weft_sleep(100 * WEFT_MS);
	check_fails(closed, 0, "");
	weft_sleep(5 * WEFT_MS);
	CHECK_EQ(allowed(open, 1000), 5);
	weft_ratelimit_free(open);
	weft_ratelimit_free(closed);
	fake_stop(&f);
}

TEST(RedisLimitOfServersInAllMoods, .bubble = true)
{
	weft_ratelimit *l = limiter(1000, 5, false);
	struct fake f = { .mood = SILENT };
	int64_t begun = weft_now();

	fake_start(&f);
	check_fails(l, -EHOSTDOWN, "redis at tcp://redis:6379: no answer in time");
	CHECK_EQ(weft_now() - begun, 100 * WEFT_MS);
	CHECK(!weft_ratelimit_allow(l, 1));		/* at once */
	CHECK_EQ(weft_now() - begun, 100 * WEFT_MS);
	weft_sleep(100 * WEFT_MS);
	f.mood = RUDE;
	check_fails(l, -EPROTO, "redis at tcp://redis:6379: ERR of a kind");
	weft_sleep(100 * WEFT_MS);
	f.mood = LOCKED;
	check_fails(l, -EACCES, "redis at tcp://redis:6379: NOAUTH Authentication required.");
	weft_sleep(100 * WEFT_MS);
	f.mood = HANGS_UP;
	check_fails(l, -ECONNRESET, "redis at tcp://redis:6379: Connection reset by peer");
	weft_sleep(100 * WEFT_MS);
	f.mood = GOOD;
	check_fails(l, 0, "");
	weft_ratelimit_free(l);
	fake_stop(&f);
}

TEST(RedisLimitPassword, .bubble = true)
{
	struct weft_ratelimit_redis o = { .addr = "tcp://redis:6379", .password = "sesame",
	    .rate = 1, .per = WEFT_SECOND, .burst = 1 };
	weft_ratelimit *right = weft_ratelimit_redis_new(o), *wrong;
	struct fake f = {0};

	o.password = "barley";
	wrong = weft_ratelimit_redis_new(o);
	fake_start(&f);
	CHECK(weft_ratelimit_allow(right, 1));
	check_fails(wrong, -EACCES, "redis at tcp://redis:6379: WRONGPASS no");
	weft_ratelimit_free(right);
	weft_ratelimit_free(wrong);
	fake_stop(&f);
}

CHILD(RedisLimitOfTheWrongKind)
{
	char text[8];

	weft_ratelimit_redis_error(weft_ratelimit_new(1, 1, 1), text, sizeof text);
	return 0;
}

CHILD(RedisLimitAtATime)
{
	weft_ratelimit_allow_at(limiter(1, 1, true), 0, 1);
	return 0;
}

TEST(RedisLimitMisuse)
{
	CHECK_DIES("RedisLimitOfTheWrongKind", "not a limiter of weft_ratelimit_redis_new");
	CHECK_DIES("RedisLimitAtATime", "a shared limiter has a clock of its own");
}

/* ---- a real server ---- */

static void start(struct redis_server *s, const char *dir)
{
	if (!redis_server_start(s, dir))
		weft_skip("there is no redis-server: install redis-tools");
}

static weft_ratelimit *real(struct redis_server *s, int64_t rate, int64_t per, int burst)
{
	return weft_ratelimit_redis_new((struct weft_ratelimit_redis){
	    .addr = s->addr, .rate = rate, .per = per, .burst = burst, .lease = 100,
	    .timeout = 60 * WEFT_SECOND });
}

TEST(RedisLimitOfARealServer, .real = true)
{
	struct redis_server s;
	weft_ratelimit *a, *b;
	reservation r[3];

	start(&s, weft_tempdir());
	a = real(&s, 3, 3600 * WEFT_SECOND, 8);
	b = real(&s, 3, 3600 * WEFT_SECOND, 8);
	CHECK_EQ(allowed(a, 7), 7);
	CHECK_EQ(allowed(b, 100) + allowed(a, 100), 1);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_ratelimit_reserve(i % 2 ? a : b, 1, &r[i]), 0);
	CHECK(r[0].at - weft_now() > 3500 * WEFT_SECOND / 3);
	CHECK(r[0].at - weft_now() <= 3600 * WEFT_SECOND / 3);
	CHECK(r[2].at - r[0].at > 2 * 3500 * WEFT_SECOND / 3);
	CHECK(r[2].at - weft_now() <= 3600 * WEFT_SECOND);
	weft_ratelimit_free(a);
	weft_ratelimit_free(b);
	redis_server_stop(&s);
}

static void tell(struct redis_server *s, const char *command)
{
	weft_conn *c;
	char text[64];

	REQUIRE(weft_dial(NULL, s->addr, &c) == 0);
	CHECK_EQ(weft_write(NULL, c, command, strlen(command)), (ssize_t)strlen(command));
	CHECK(weft_read(NULL, c, text, sizeof text) > 0 && text[0] != '-');
	weft_conn_close(c);
}

TEST(RedisLimitLeavesForeignKeysAlone, .real = true)
{
	struct redis_server s;
	weft_ratelimit *l;
	char text[256];

	start(&s, weft_tempdir());
	for (int i = 0; i < 2; i++) {
		tell(&s, i ? "RPUSH weft:ratelimit a\r\n" : "SET weft:ratelimit a\r\n");
		l = real(&s, 1, WEFT_SECOND, 1);
		CHECK_EQ(weft_ratelimit_wait(NULL, l, 1), -EPROTO);
		weft_ratelimit_redis_error(l, text, sizeof text);
		CHECK(strstr(text, i ? "WRONGTYPE" : "the key is in use for something else"));
		weft_ratelimit_free(l);
		tell(&s, "DEL weft:ratelimit\r\n");
	}
	redis_server_stop(&s);
}

TEST(RedisLimitOutlivesTheServer, .real = true)
{
	const char *dir = weft_tempdir();
	struct redis_server s;
	weft_ratelimit *l;
	char text[256], want[512];

	start(&s, dir);
	l = real(&s, 1, 3600 * WEFT_SECOND, 2);
	CHECK_EQ(allowed(l, 10), 2);
	redis_server_stop(&s);
	start(&s, dir);				/* it knows nothing of what was */
	weft_ratelimit_set_burst(l, 3);
	CHECK_EQ(allowed(l, 10), 3);
	redis_server_stop(&s);
	weft_ratelimit_set_burst(l, 3);
	CHECK(weft_ratelimit_wait(NULL, l, 1) < 0);
	weft_ratelimit_redis_error(l, text, sizeof text);
	snprintf(want, sizeof want, "redis at %s: Connection refused", s.addr);
	CHECK_STR(text, want);
	weft_ratelimit_free(l);
}

static void wait_some(weft_ratelimit *l, int n, _Atomic int *got)
{
	while (n-- > 0)
		if (weft_ratelimit_wait(NULL, l, 1) == 0)
			++*got;
}

/* Eight on each of three limiters: each gets what it waited for, never sooner than it may. */
TEST(RedisLimitStress, .real = true)
{
	struct redis_server s;
	weft_ratelimit *l[3];
	weft_waitgroup wg = {0};
	_Atomic int got = 0;
	int64_t begun;

	start(&s, weft_tempdir());
	for (int i = 0; i < 3; i++)
		l[i] = real(&s, 20000, WEFT_SECOND, 20);
	begun = weft_now();
	for (int i = 0; i < 24; i++)
		weft_waitgroup_go(&wg, wait_some, l[i % 3], 100, &got);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(got, 2400);
	CHECK(got <= 20000 * (weft_now() - begun) / WEFT_SECOND + 21);
	for (int i = 0; i < 3; i++)
		weft_ratelimit_free(l[i]);
	redis_server_stop(&s);
}
