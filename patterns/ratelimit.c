/*
 * ratelimit.c - waiting in line for tokens, and a bucket of them
 *
 * Those who wait queue for turn, a mutex.  Who holds it sleeps until its tokens are
 * there and takes them only then, so one that gives up has nothing to give back, and
 * those behind need not know.  waiting counts what is wanted in line: nobody else
 * gets past it, and a newcomer knows how long it would take.
 *
 * A bucket counts in units: a token has per of them, and a nanosecond brings rate, in lowest
 * terms.  That is exact, and so many bits that nothing overflows: burst * per, elapsed * rate
 * and level all stay below 2^127.  Below 0 the level is what reservations owe.
 */
#include "ratelimit.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "../base/die.h"
#include "../weft/time.h"
#include "ratelimit_impl.h"

#define WAITING(l)	((_Atomic int64_t *)&(l)->waiting)

/* ---- the line ---- */

void weft_ratelimit_init_(weft_ratelimit *l, const struct weft_ratelimit_ops *ops)
{
	*l = (weft_ratelimit){ .ops = ops, .kick = weft_make(char, 1) };
}

void weft_ratelimit_finish_(weft_ratelimit *l)
{
	if (atomic_load(WAITING(l)))
		die("weft_ratelimit_free: somebody waits");
	weft_free(l->kick);
}

void weft_ratelimit_check_(const char *what, int64_t rate, int64_t per, int burst)
{
	if (rate < 0 || per <= 0 || burst < 0)
		die("%s: %lld in %lld ns, burst %d", what, (long long)rate, (long long)per, burst);
}

void weft_ratelimit_reduce_(int64_t *rate, int64_t *per)
{
	int64_t a = *per, b = *rate;

	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	*rate /= a;
	*per /= a;
}

static void kick(weft_ratelimit *l)
{
	weft_poll(weft_on_send(l->kick, 0));	/* a second one would say the same */
}

static inline void check_n(const char *what, int n)
{
	if (unlikely(n < 0))
		die("%s: %d tokens", what, n);
}

bool weft_ratelimit_allow(weft_ratelimit *l, int n)
{
	struct weft_ratelimit_reservation r;

	check_n("weft_ratelimit_allow", n);
	/* relaxed: who joins the line at this moment may as well have come after us */
	return !atomic_load_explicit(WAITING(l), memory_order_relaxed) &&
	    l->ops->take(l, n, WEFT_RATELIMIT_NOW, &r) == 0;
}

static bool too_late(weft_ctx *ctx, int64_t at)
{
	int64_t when;

	return weft_deadline(ctx, &when) && when < at;
}

/* Until at, or a kick; 0 or the context's error. */
static int sleep_until(weft_ctx *ctx, weft_ratelimit *l, int64_t at)
{
	switch (weft_select(weft_on_recv(l->kick, NULL), weft_on_timeout(at - weft_now()),
	    weft_on_done(ctx))) {
	case 2:
		return weft_err(ctx);
	default:
		return 0;
	}
}

static int first_in_line(weft_ctx *ctx, weft_ratelimit *l, int n)
{
	struct weft_ratelimit_reservation r;
	int err = 0;

	for (;;) {			/* also after an error: when both are ready, success wins */
		int got = l->ops->take(l, n, WEFT_RATELIMIT_FIRST, &r);

		if (got != -EAGAIN || err)
			return got == -EAGAIN ? err : got;
		err = too_late(ctx, r.at) ? -ETIMEDOUT : sleep_until(ctx, l, r.at);
	}
}

static int wait_in_line(weft_ctx *ctx, weft_ratelimit *l, int n)
{
	int64_t when = l->ops->when(l, n, atomic_load(WAITING(l)));
	int err;

	if (when < 0)
		return (int)when;
	if (too_late(ctx, when))
		return -ETIMEDOUT;
	/* only now: one that fails at once must not make another one fail, too */
	atomic_fetch_add(WAITING(l), n);
	err = weft_mutex_lock_ctx(ctx, &l->turn);
	if (!err) {
		err = first_in_line(ctx, l, n);
		weft_mutex_unlock(&l->turn);
	}
	atomic_fetch_sub(WAITING(l), n);
	return err;
}

int weft_ratelimit_wait(weft_ctx *ctx, weft_ratelimit *l, int n)
{
	struct weft_ratelimit_reservation r;
	int err = ctx ? weft_err(ctx) : 0;

	check_n("weft_ratelimit_wait", n);
	if (err)
		return err;
	if (!atomic_load_explicit(WAITING(l), memory_order_relaxed)) {
		err = l->ops->take(l, n, WEFT_RATELIMIT_WAIT, &r);
		if (err != -EAGAIN)
			return err;
	}
	return wait_in_line(ctx, l, n);
}

int weft_ratelimit_reserve(weft_ratelimit *l, int n, struct weft_ratelimit_reservation *r)
{
	check_n("weft_ratelimit_reserve", n);
	*r = (struct weft_ratelimit_reservation){ .n = n };
	return l->ops->take(l, n, WEFT_RATELIMIT_RESERVE, r);
}

void weft_ratelimit_cancel(weft_ratelimit *l, struct weft_ratelimit_reservation *r)
{
	if (r->n && r->at >= weft_now()) {
		l->ops->cancel(l, r);
		kick(l);
	}
	r->n = 0;
}

void weft_ratelimit_set_limit(weft_ratelimit *l, int64_t rate, int64_t per)
{
	weft_ratelimit_check_("weft_ratelimit_set_limit", rate, per, 0);
	l->ops->set(l, rate, per, -1);
	kick(l);
}

void weft_ratelimit_set_burst(weft_ratelimit *l, int burst)
{
	weft_ratelimit_check_("weft_ratelimit_set_burst", 0, 1, burst);
	l->ops->set(l, -1, 1, burst);
	kick(l);
}

void weft_ratelimit_free(weft_ratelimit *l)
{
	if (l)
		l->ops->free(l);
}

/* ---- the bucket ---- */

struct bucket {
	weft_ratelimit	 l;
	weft_mutex	 lock;		/* protects what follows */
	int64_t		 rate, per;
	int		 burst;
	__int128	 level;
	int64_t		 last;		/* when level was right        */
	int64_t		 promised;	/* the latest reservation's at */
};

#define BUCKET(limiter)	container_of(limiter, struct bucket, l)

/*
 * Fills b up to now, to extra tokens above the burst.  The clock was read before the lock was
 * taken, and so may be behind: time that comes again brings nothing again.
 */
static void fill(struct bucket *b, int64_t now, int extra)
{
	__int128 full = (__int128)b->per * ((int64_t)b->burst + extra);

	if (b->rate == WEFT_RATELIMIT_INF)
		b->level = full;
	else if (now > b->last)
		b->level += ((__int128)now - b->last) * b->rate;
	if (b->level > full)
		b->level = full;
	if (now > b->last)
		b->last = now;
}

/* When the level will be 0 that is level now. */
static int64_t zero_at(const struct bucket *b, __int128 level)
{
	__int128 ns;

	if (level >= 0)
		return b->last;
	if (b->rate == 0)
		return INT64_MAX;
	ns = (b->rate - 1 - level) / b->rate;
	return b->last + ns > INT64_MAX ? INT64_MAX : (int64_t)(b->last + ns);
}

static int take(struct bucket *b, int64_t now, int n, enum weft_ratelimit_mode mode,
    struct weft_ratelimit_reservation *r)
{
	__int128 left;

	/* what the first in line came too late for is its own; the bucket went on filling */
	fill(b, now, mode == WEFT_RATELIMIT_FIRST ? n : 0);
	r->at = now;
	r->mark_ = false;
	if (b->rate == WEFT_RATELIMIT_INF)
		return 0;
	left = b->level - (__int128)b->per * n;
	if (left < 0) {
		r->at = zero_at(b, left);
		if (mode != WEFT_RATELIMIT_FIRST && (n > b->burst || r->at == INT64_MAX))
			return -ERANGE;
		if (mode != WEFT_RATELIMIT_RESERVE)
			return -EAGAIN;
		b->promised = r->at;
	}
	b->level = left;
	r->mark_ = true;		/* taken, and so can be given back */
	return 0;
}

static int take_at(struct bucket *b, int64_t now, int n, enum weft_ratelimit_mode mode,
    struct weft_ratelimit_reservation *r)
{
	int err;

	weft_mutex_lock(&b->lock);
	err = take(b, now, n, mode, r);
	weft_mutex_unlock(&b->lock);
	return err;
}

static int bucket_take(weft_ratelimit *l, int n, enum weft_ratelimit_mode mode,
    struct weft_ratelimit_reservation *r)
{
	return take_at(BUCKET(l), weft_now(), n, mode, r);
}

static int64_t bucket_when(weft_ratelimit *l, int n, int64_t ahead)
{
	struct bucket *b = BUCKET(l);
	int64_t at;

	weft_mutex_lock(&b->lock);
	at = zero_at(b, b->level - (__int128)b->per * (ahead + n));
	if (b->rate == WEFT_RATELIMIT_INF)
		at = b->last;
	else if (n > b->burst || at == INT64_MAX)
		at = -ERANGE;
	weft_mutex_unlock(&b->lock);
	return at;
}

/*
 * The tokens of those that were promised later are not there to be given: they come at
 * their time, which they have been told.  Times are rounded up, by less than one ns.
 */
static void bucket_cancel(weft_ratelimit *l, const struct weft_ratelimit_reservation *r)
{
	struct bucket *b = BUCKET(l);
	__int128 back;

	weft_mutex_lock(&b->lock);
	back = (__int128)b->per * r->n;
	if (b->promised > r->at)
		back -= (__int128)(b->promised - r->at) * b->rate + b->rate - 1;
	if (r->mark_ && back > 0) {
		b->level += back;
		if (b->promised == r->at)
			b->promised = zero_at(b, b->level);
	}
	weft_mutex_unlock(&b->lock);
}

static void bucket_set(weft_ratelimit *l, int64_t rate, int64_t per, int burst)
{
	struct bucket *b = BUCKET(l);
	int64_t now = weft_now();

	weft_mutex_lock(&b->lock);
	fill(b, now, 0);
	if (burst >= 0)
		b->burst = burst;
	if (rate >= 0) {
		if (rate != WEFT_RATELIMIT_INF)
			weft_ratelimit_reduce_(&rate, &per);
		b->level = b->level / b->per * per + b->level % b->per * per / b->per;
		b->rate = rate;
		b->per = per;
	}
	fill(b, now, 0);
	weft_mutex_unlock(&b->lock);
}

static void bucket_free(weft_ratelimit *l)
{
	weft_ratelimit_finish_(l);
	free(BUCKET(l));
}

static const struct weft_ratelimit_ops bucket_ops = {
	bucket_take, bucket_when, bucket_cancel, bucket_set, bucket_free
};

bool weft_ratelimit_allow_at(weft_ratelimit *l, int64_t now, int n)
{
	struct weft_ratelimit_reservation r;

	check_n("weft_ratelimit_allow_at", n);
	if (l->ops != &bucket_ops)
		die("weft_ratelimit_allow_at: a shared limiter has a clock of its own");
	return take_at(BUCKET(l), now, n, WEFT_RATELIMIT_NOW, &r) == 0;
}

weft_ratelimit *weft_ratelimit_new(int64_t rate, int64_t per, int burst)
{
	struct bucket *b = xcalloc(1, sizeof *b);

	weft_ratelimit_check_("weft_ratelimit_new", rate, per, burst);
	if (rate != WEFT_RATELIMIT_INF)
		weft_ratelimit_reduce_(&rate, &per);
	weft_ratelimit_init_(&b->l, &bucket_ops);
	b->rate = rate;
	b->per = per;
	b->burst = burst;
	b->level = (__int128)per * burst;
	b->last = INT64_MIN / 2;	/* before any clock's time */
	return &b->l;
}
