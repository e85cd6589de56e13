/* barrier_test.c - all or nobody, round after round, and what breaks it */
#include <stdatomic.h>

#include "../weft/child_test.h"
#include "../weft/sync.h"
#include "../weft/testing.h"
#include "../weft/time.h"
#include "barrier.h"
#include "semaphore.h"

struct round { weft_barrier *b; _Atomic int come, acted, places; };

static void come(struct round *r, int64_t after)
{
	int place;

	weft_sleep(after);
	r->come++;
	place = weft_barrier_wait(NULL, r->b);
	CHECK_EQ(r->come, 3);
	r->places += 1 << 4 * place;
}

TEST(BarrierHoldsUntilAllHaveCome, .bubble = true)
{
	struct round r = { weft_barrier_new(3, NULL, NULL), 0, 0, 0 };

	weft_go(come, &r, WEFT_SECOND);
	weft_go(come, &r, 2 * WEFT_SECOND);
	weft_sleep(3 * WEFT_SECOND);
	weft_settle();
	CHECK_EQ(weft_barrier_waiting(r.b), 2);
	CHECK_EQ(r.places, 0);
	come(&r, 0);
	weft_settle();
	CHECK_EQ(r.places, 0x111);	/* each place once */
	CHECK_EQ(weft_barrier_waiting(r.b), 0);
	weft_barrier_free(r.b);
	weft_barrier_free(NULL);
}

static void come_at(weft_barrier *b, int64_t after, int *place)
{
	weft_sleep(after);
	*place = weft_barrier_wait(NULL, b);
}

TEST(BarrierPlacesAreInOrderOfArrival, .bubble = true)
{
	weft_barrier *b = weft_barrier_new(3, NULL, NULL);
	int place[3];

	for (int i = 0; i < 3; i++)
		weft_go(come_at, b, (3 - i) * WEFT_SECOND, &place[i]);
	weft_sleep(4 * WEFT_SECOND);
	weft_settle();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(place[i], i);
	weft_barrier_free(b);
}

TEST(BarrierOfOneNeverWaits)
{
	weft_barrier *b = weft_barrier_new(1, NULL, NULL);

	CHECK_EQ(weft_barrier_wait(NULL, b), 0);
	CHECK_EQ(weft_barrier_wait(NULL, b), 0);
	weft_barrier_free(b);
}

/* ---- rounds, and the action ---- */

/* at and rounds are guarded by the barrier alone. */
struct race { weft_barrier *b; int at[3], rounds; };

static void all_alike(void *arg)
{
	struct race *r = arg;

	r->rounds++;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(r->at[i], (r->rounds + 1) / 2);
}

/* Every other round only keeps the slow ones' reading from the quick ones' writing. */
static void run(struct race *r, int me, int rounds)
{
	for (int i = 1; i <= rounds; i++) {
		r->at[me]++;
		CHECK(weft_barrier_wait(NULL, r->b) >= 0);
		CHECK_EQ(r->rounds, 2 * i - 1);
		for (int k = 0; k < 3; k++)
			CHECK_EQ(r->at[k], i);
		CHECK(weft_barrier_wait(NULL, r->b) >= 0);
	}
}

static void race(int rounds)
{
	struct race r = { .rounds = 0 };
	weft_waitgroup wg = { 0 };

	r.b = weft_barrier_new(3, all_alike, &r);
	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, run, &r, i, rounds);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(r.rounds, 2 * rounds);
	weft_barrier_free(r.b);
}

TEST(BarrierNobodyIsARoundAhead, .explore = 200)
{
	race(3);
}

TEST(BarrierStress)
{
	race(3000);
}

/* ---- broken ---- */

static void wait_for_all(weft_ctx *ctx, weft_barrier *b, int *got)
{
	*got = weft_barrier_wait(ctx, b);
}

TEST(BarrierCancelledWaiterBreaksItForTheOthers, .bubble = true)
{
	weft_barrier *b = weft_barrier_new(4, NULL, NULL);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND);
	int64_t start = weft_now();
	int got[2] = { 0 };

	weft_go(wait_for_all, NULL, b, &got[0]);
	weft_go(wait_for_all, NULL, b, &got[1]);
	CHECK_EQ(weft_barrier_wait(ctx, b), -ETIMEDOUT);
	CHECK_EQ(weft_now() - start, WEFT_SECOND);
	weft_settle();
	CHECK_EQ(got[0], -EPIPE);
	CHECK_EQ(got[1], -EPIPE);
	CHECK(weft_barrier_broken(b));
	CHECK_EQ(weft_barrier_waiting(b), 0);
	CHECK_EQ(weft_barrier_wait(NULL, b), -EPIPE);	/* and who comes later */
	weft_ctx_free(ctx);
	weft_barrier_free(b);
}

TEST(BarrierCanBeResetAndUsedAgain, .bubble = true)
{
	weft_barrier *b = weft_barrier_new(2, NULL, NULL);
	weft_ctx *ctx = weft_with_cancel(NULL);
	int got = 1;

	weft_cancel(ctx);
	CHECK_EQ(weft_barrier_wait(ctx, b), -ECANCELED);
	weft_barrier_reset(b);
	CHECK(!weft_barrier_broken(b));
	weft_go(wait_for_all, NULL, b, &got);
	weft_settle();
	weft_barrier_reset(b);		/* with one who waits */
	weft_settle();
	CHECK_EQ(got, -EPIPE);
	CHECK(!weft_barrier_broken(b));
	weft_go(wait_for_all, NULL, b, &got);
	weft_settle();
	CHECK_EQ(weft_barrier_wait(ctx, b), 0);	/* the last does not wait, so it is not too late */
	weft_settle();
	CHECK_EQ(got, 1);
	weft_ctx_free(ctx);
	weft_barrier_free(b);
}

static void cancel(weft_ctx *ctx)
{
	weft_cancel(ctx);
}

TEST(BarrierIsBrokenForAllOrForNobody, .explore = 1000)
{
	weft_barrier *b = weft_barrier_new(3, NULL, NULL);
	weft_ctx *ctx = weft_with_cancel(NULL);
	int got[2] = { 9, 9 }, mine;

	weft_go(wait_for_all, NULL, b, &got[0]);
	weft_go(wait_for_all, ctx, b, &got[1]);
	weft_go(cancel, ctx);
	mine = weft_barrier_wait(NULL, b);
	weft_settle();
	SOMETIMES(mine >= 0 && weft_err(ctx), "cancelled, and complete");
	SOMETIMES(mine == -EPIPE, "cancelled first");
	if (mine >= 0) {
		CHECK_EQ(mine + got[0] + got[1], 3);
	} else {
		CHECK_EQ(mine, -EPIPE);
		CHECK_EQ(got[0], -EPIPE);
		CHECK_EQ(got[1], -ECANCELED);
	}
	CHECK_EQ(weft_barrier_broken(b), mine < 0);
	weft_ctx_free(ctx);
	weft_barrier_free(b);
}

/* ---- while the action runs ---- */

static void sleep_a_second(void *arg)
{
	(void)arg;
	weft_sleep(WEFT_SECOND);
}

TEST(BarrierCompleteRoundCannotBeBroken, .bubble = true)
{
	weft_barrier *b = weft_barrier_new(2, sleep_a_second, NULL);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND / 2);
	int64_t start = weft_now();
	int first = 9, last = 9;

	weft_go(wait_for_all, ctx, b, &first);
	weft_settle();
	weft_go(wait_for_all, NULL, b, &last);
	weft_settle();			/* the action runs */
	weft_barrier_reset(b);
	CHECK_EQ(weft_barrier_wait(ctx, b), -ETIMEDOUT);	/* of the next round */
	CHECK_EQ(weft_now() - start, WEFT_SECOND / 2);
	CHECK(weft_barrier_broken(b));
	weft_sleep(WEFT_SECOND);
	weft_settle();
	CHECK_EQ(first, 1);
	CHECK_EQ(last, 0);
	weft_ctx_free(ctx);
	weft_barrier_free(b);
}

TEST(BarrierNextRoundWaitsForTheAction, .bubble = true)
{
	weft_barrier *b = weft_barrier_new(2, sleep_a_second, NULL);
	weft_waitgroup wg = { 0 };
	int64_t start = weft_now();
	int got[4], sum = 0;

	for (int i = 0; i < 4; i++)
		weft_waitgroup_go(&wg, wait_for_all, NULL, b, &got[i]);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(weft_now() - start, 2 * WEFT_SECOND);
	for (int i = 0; i < 4; i++)
		sum += got[i];
	CHECK_EQ(sum, 2);
	weft_barrier_free(b);
}

TEST(BarrierNextRoundIsBrokenAtOnce, .bubble = true)
{
	weft_barrier *b = weft_barrier_new(2, sleep_a_second, NULL);
	weft_ctx *ctx = weft_with_timeout(NULL, WEFT_SECOND / 2);
	int64_t start = weft_now();
	int got[3] = { 9, 9, 9 };

	for (int i = 0; i < 3; i++) {
		weft_go(wait_for_all, NULL, b, &got[i]);	/* 2 is of the next round */
		weft_settle();
	}
	weft_barrier_reset(b);
	weft_settle();
	CHECK_EQ(got[2], -EPIPE);
	got[2] = 9;
	weft_go(wait_for_all, NULL, b, &got[2]);
	weft_settle();
	CHECK_EQ(got[2], 9);
	CHECK_EQ(weft_barrier_wait(ctx, b), -ETIMEDOUT);
	weft_settle();
	CHECK_EQ(got[2], -EPIPE);
	CHECK_EQ(weft_barrier_wait(NULL, b), -EPIPE);
	CHECK_EQ(weft_now() - start, WEFT_SECOND / 2);
	CHECK_EQ(got[0], 9);		/* the action still runs: theirs is complete */
	weft_sleep(WEFT_SECOND);
	weft_settle();
	CHECK_EQ(got[0] + got[1], 1);
	weft_ctx_free(ctx);
	weft_barrier_free(b);
}

/* ---- cars of four, all of one party or two and two ---- */

enum { RIDERS = 8 };

struct station {
	weft_mutex	m;		/* protects waiting; who fills a car holds it until it leaves */
	int		waiting[2];
	weft_semaphore	*seat[2];
	weft_barrier	*car;
	int		aboard[2], cars, unfair;
};

static void take_seats(struct station *s, int party, int n)
{
	s->waiting[party] -= n;
	weft_semaphore_release(s->seat[party], n);
}

static void ride(struct station *s, int party)
{
	bool last = true;

	weft_mutex_lock(&s->m);
	s->waiting[party]++;
	if (s->waiting[party] == 4) {
		take_seats(s, party, 4);
	} else if (s->waiting[party] >= 2 && s->waiting[!party] >= 2) {
		take_seats(s, 0, 2);
		take_seats(s, 1, 2);
	} else {
		last = false;
		weft_mutex_unlock(&s->m);
	}
	weft_semaphore_acquire(NULL, s->seat[party], 1);
	__atomic_fetch_add(&s->aboard[party], 1, __ATOMIC_RELAXED);
	CHECK(weft_barrier_wait(NULL, s->car) >= 0);
	if (!last)
		return;
	s->cars++;
	s->unfair += s->aboard[0] % 2;
	CHECK_EQ(s->aboard[0] + s->aboard[1], 4 * s->cars);
	weft_mutex_unlock(&s->m);
}

TEST(BarrierSeatsRidersFairly, .explore = 500)
{
	struct station s = { .car = weft_barrier_new(4, NULL, NULL) };
	weft_waitgroup wg = { 0 };
	int blue = 2 * weft_choose(RIDERS / 2 + 1);	/* of each an even number: all find a seat */

	for (int p = 0; p < 2; p++) {
		s.seat[p] = weft_semaphore_new(RIDERS);
		weft_semaphore_acquire(NULL, s.seat[p], RIDERS);
	}
	for (int i = 0; i < RIDERS; i++)
		weft_waitgroup_go(&wg, ride, &s, i < blue);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(s.cars, RIDERS / 4);
	CHECK_EQ(s.unfair, 0);
	for (int p = 0; p < 2; p++)
		weft_semaphore_free(s.seat[p]);
	weft_barrier_free(s.car);
}

/* ---- misuse ---- */

CHILD(BarrierOfNobody)
{
	weft_barrier_new(0, NULL, NULL);
	return 0;
}

CHILD(BarrierFreedInUse)
{
	weft_barrier *b = weft_barrier_new(2, NULL, NULL);
	int got;

	weft_go(wait_for_all, NULL, b, &got);
	while (!weft_barrier_waiting(b))
		weft_yield();
	weft_barrier_free(b);
	return 0;
}

TEST(BarrierMisuseStopsTheProgram)
{
	CHECK_DIES("BarrierOfNobody", "weft_barrier_new: 0 parties");
	CHECK_DIES("BarrierFreedInUse", "weft_barrier_free: 1 wait for");
}
