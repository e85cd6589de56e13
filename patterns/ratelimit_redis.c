/*
 * ratelimit_redis.c - permits leased from a server
 *
 * The script grants a row of permits.  Permit i of them, from 1, is due
 * (zero + i * per) / rate us after the answer was made, where zero may be below 0; that is
 * exact, and counted from when the answer was read it is never early.  used counts
 * those that are gone; what was left of the lease before is due with the first of the
 * new one and has the places up to 0.
 *
 * hiredis writes and reads the protocol; the connection is ours, and so waits in the
 * netpoller, and in a bubble is virtual.
 */
#include "ratelimit_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "../base/die.h"
#include "../weft/net.h"
#include "../weft/time.h"
#include "ratelimit_impl.h"

enum {
	MOST = 1000000,			/* permits in a lease                */
	KEEP = 100,			/* ms: a permit due so long ago lapses */
	AGAIN = 100,			/* ms: until a server that failed is tried again */
};

struct lease { int64_t read, zero; int used, end; };

struct shared {
	weft_ratelimit	 l;
	struct weft_ratelimit_redis o;	/* with strings of our own           */
	weft_mutex	 lock;		/* protects what follows; held while the server is asked */
	int64_t		 rate, per;	/* a permit is per units, an us rate units */
	int		 burst;
	struct lease	 lease;
	int		 want;		/* permits to lease: about what is used while they last */
	int		 since, lapsed;	/* used, and let go, since the last lease */
	uint64_t	 mark;		/* changes when permits are taken or leased */
	int64_t		 refused, refused_zero;	/* when the server had none due, and its zero */
	int64_t		 down;		/* not to be asked before; 0: it answers */
	int		 err;		/* why it is down                    */
	char		 why[128];
	weft_conn	*conn;		/* NULL: not connected               */
	redisReader	*reader;
};

#define SHARED(limiter)	container_of(limiter, struct shared, l)

/*
 * KEYS: the permits' name.  ARGV: rate, per, burst, how many are needed, how many are
 * wanted, and whether they may be due later than now.  The answer: how many, and zero.
 * The value is the time when all permits granted are paid for, in us and a rest of
 * 1/rate us; when that is past there is none, for it means the same.
 */
static const char script[] =
    "local rate, per, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local need, want, ahead = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'\n"
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000000 + t[2]\n"
    "local paid, rest = string.match(redis.call('GET', KEYS[1]) or '0 0', '^(%d+) (%d+)$')\n"
    "if not paid then return redis.error_reply('ERR the key is in use for something else') end\n"
    "paid, rest = tonumber(paid), tonumber(rest)\n"
    "if paid < now then paid, rest = now, 0 end\n"
    "if rest >= rate then rest = 0 end\n"
    "local zero = (paid - now) * rate + rest - burst * per\n"
    "local due = math.floor(-zero / per)\n"
    "if not ahead and due < need then return {0, zero} end\n"
    "if not ahead then want = math.min(want, due) end\n"
    "rest = rest + want * per\n"
    "paid = paid + math.floor(rest / rate)\n"
    "redis.call('SET', KEYS[1], string.format('%.0f %.0f', paid, rest % rate),\n"
    "    'PX', math.floor((paid - now) / 1000) + 2)\n"
    "return {want, zero}\n";

/* ---- the server ---- */

static void disconnect(struct shared *s)
{
	weft_conn_close(s->conn);
	if (s->reader)
		redisReaderFree(s->reader);
	s->conn = NULL;
	s->reader = NULL;
}

static int send_command(weft_ctx *ctx, struct shared *s, int argc, const char **argv)
{
	char *text;
	ssize_t n = redisFormatCommandArgv(&text, argc, argv, NULL);

	if (n < 0)
		die("weft_ratelimit: a command of %d words cannot be written", argc);
	n = weft_write(ctx, s->conn, text, (size_t)n);
	redisFreeCommand(text);
	return n < 0 ? (int)n : 0;
}

static int read_reply(weft_ctx *ctx, struct shared *s, redisReply **reply)
{
	char part[4096];
	ssize_t n;

	for (*reply = NULL;;) {
		void *whole = NULL;

		if (redisReaderGetReply(s->reader, &whole) != REDIS_OK)
			return -EPROTO;
		if ((*reply = whole))
			return 0;
		n = weft_read(ctx, s->conn, part, sizeof part);
		if (n <= 0)
			return n ? (int)n : -ECONNRESET;
		if (redisReaderFeed(s->reader, part, (size_t)n) != REDIS_OK)
			return -EPROTO;
	}
}

static int ask(weft_ctx *ctx, struct shared *s, int argc, const char **argv, redisReply **reply)
{
	int err = send_command(ctx, s, argc, argv);

	return err ? err : read_reply(ctx, s, reply);
}

/* err, with the words that the server has for it. */
static int refused(struct shared *s, const redisReply *reply, int err)
{
	snprintf(s->why, sizeof s->why, "redis at %s: %s", s->o.addr,
	    reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of another kind");
	return err;
}

static int log_in(weft_ctx *ctx, struct shared *s)
{
	const char *argv[] = { "AUTH", s->o.password };
	redisReply *reply;
	int err = ask(ctx, s, 2, argv, &reply);

	if (!err && reply->type == REDIS_REPLY_ERROR)
		err = refused(s, reply, -EACCES);
	if (reply)
		freeReplyObject(reply);
	return err;
}

static int connect_to(weft_ctx *ctx, struct shared *s)
{
	int err = weft_dial(ctx, s->o.addr, &s->conn);

	if (err) {
		s->conn = NULL;
		return err;
	}
	s->reader = redisReaderCreate();
	return s->o.password ? log_in(ctx, s) : 0;
}

/* {how many, zero}; the reply is freed. */
static int understand(struct shared *s, redisReply *reply, int *n, int64_t *zero)
{
	int err = 0;

	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	    reply->element[0]->type == REDIS_REPLY_INTEGER &&
	    reply->element[1]->type == REDIS_REPLY_INTEGER) {
		*n = (int)reply->element[0]->integer;
		*zero = reply->element[1]->integer;
	} else {
		err = refused(s, reply, reply->type == REDIS_REPLY_ERROR &&
		    strncmp(reply->str, "NOAUTH", 6) == 0 ? -EACCES : -EPROTO);
	}
	freeReplyObject(reply);
	return err;
}

static int run_script(weft_ctx *ctx, struct shared *s, int need, int want, bool ahead,
    redisReply **reply)
{
	char num[5][24];
	const char *argv[] = { "EVAL", script, "1", s->o.key, num[0], num[1], num[2], num[3],
	    num[4], ahead ? "1" : "0" };
	bool fresh = !s->conn;
	int err = fresh ? connect_to(ctx, s) : 0;

	snprintf(num[0], sizeof num[0], "%lld", (long long)s->rate);
	snprintf(num[1], sizeof num[1], "%lld", (long long)s->per);
	snprintf(num[2], sizeof num[2], "%d", s->burst);
	snprintf(num[3], sizeof num[3], "%d", need);
	snprintf(num[4], sizeof num[4], "%d", want);
	if (!err)
		err = ask(ctx, s, 10, argv, reply);
	if (!err || fresh || weft_err(ctx))
		return err;
	/* the server may have been started again since: that is no failure */
	disconnect(s);
	err = connect_to(ctx, s);
	return err ? err : ask(ctx, s, 10, argv, reply);
}

static int failed(struct shared *s, int err)
{
	disconnect(s);
	if (err == -ETIMEDOUT || err == -ECANCELED)
		err = -EHOSTDOWN;
	if (!s->why[0])
		snprintf(s->why, sizeof s->why, "redis at %s: %s", s->o.addr,
		    err == -EHOSTDOWN ? "no answer in time" : strerror(-err));
	s->down = weft_now() + AGAIN * WEFT_MS;
	return s->err = err;
}

static int lease(struct shared *s, int need, int want, bool ahead, int *n, int64_t *zero)
{
	redisReply *reply = NULL;
	weft_ctx *ctx;
	int err;

	if (s->down > weft_now())
		return s->err;
	s->down = 0;
	s->why[0] = '\0';
	ctx = weft_with_timeout(NULL, s->o.timeout);
	err = run_script(ctx, s, need, want, ahead, &reply);
	weft_ctx_free(ctx);
	if (!err)
		err = understand(s, reply, n, zero);
	return err ? failed(s, err) : 0;
}

/* ---- the lease ---- */

static int64_t due(const struct shared *s, int64_t read, int64_t zero, int64_t i)
{
	__int128 units = (zero + (__int128)s->per * i) * 1000;
	__int128 ns = units <= 0 ? 0 : (units + s->rate - 1) / s->rate;

	return ns > INT64_MAX - read ? INT64_MAX : read + (int64_t)ns;
}

/* The n-th from now on. */
static int64_t lease_due(const struct shared *s, int64_t n)
{
	int64_t i = s->lease.used + n;

	return due(s, s->lease.read, s->lease.zero, i > 0 ? i : 1);
}

static int left(const struct shared *s)
{
	return s->lease.end - s->lease.used;
}

static void let_lapse(struct shared *s, int64_t now)
{
	while (left(s) && lease_due(s, 1) < now - KEEP * WEFT_MS) {
		s->lease.used++;
		s->lapsed++;
	}
}

/* As many as were used while the last lease was good; a few more, while all of them are. */
static int wanted(struct shared *s, int need)
{
	int64_t most = s->o.lease, waiting = __atomic_load_n(&s->l.waiting, __ATOMIC_RELAXED);
	__int128 in_10_ms = (__int128)10000 * s->rate / s->per;

	if (!most)
		most = in_10_ms < MOST ? (int64_t)in_10_ms : MOST;
	s->want = s->lapsed ? s->since : s->want + s->want / 4 + 1;
	if (s->want < waiting)
		s->want = waiting < MOST ? (int)waiting : MOST;
	if (s->want > most)
		s->want = (int)most;
	return s->want > need ? s->want : need;
}

/* Makes the lease last for n; 0, -EAGAIN: the server has not so many due, or its error. */
static int extend(struct shared *s, int n, int64_t now, enum weft_ratelimit_mode mode,
    struct weft_ratelimit_reservation *r)
{
	int need = n - left(s), got = 0, err;
	bool ahead = mode != WEFT_RATELIMIT_NOW;
	int64_t zero = 0;

	/* what was not due then will not be earlier: the others can only have taken more */
	r->at = s->refused ? due(s, s->refused, s->refused_zero, need) : 0;
	if (!ahead && r->at > now)
		return -EAGAIN;
	err = lease(s, need, mode == WEFT_RATELIMIT_RESERVE ? need : wanted(s, need), ahead,
	    &got, &zero);
	if (err)
		return err;
	now = weft_now();
	if (!got) {
		s->refused = now;
		s->refused_zero = zero;
		r->at = due(s, now, zero, need);
		return -EAGAIN;
	}
	s->refused = 0;
	s->mark++;
	s->since = s->lapsed = 0;
	s->lease = (struct lease){ now, zero, -left(s), got };
	return 0;
}

static int take(struct shared *s, int n, enum weft_ratelimit_mode mode,
    struct weft_ratelimit_reservation *r)
{
	int64_t now = weft_now();
	int err;

	let_lapse(s, now);
	if (left(s) < n && (err = extend(s, n, now, mode, r)))
		return err;
	r->at = lease_due(s, n);
	if (mode != WEFT_RATELIMIT_RESERVE && r->at > weft_now())
		return -EAGAIN;
	r->mark_ = ++s->mark;
	s->lease.used += n;
	s->since += n;
	return 0;
}

static int shared_take(weft_ratelimit *l, int n, enum weft_ratelimit_mode mode,
    struct weft_ratelimit_reservation *r)
{
	struct shared *s = SHARED(l);
	int err = 0;

	r->at = weft_now();
	r->mark_ = 0;
	weft_mutex_lock(&s->lock);
	if (s->rate == 0 || (n > s->burst && s->rate != WEFT_RATELIMIT_INF))
		err = -ERANGE;
	else if (n && s->rate != WEFT_RATELIMIT_INF)
		err = take(s, n, mode, r);
	if (s->o.open && err && err != -EAGAIN && err != -ERANGE) {
		r->at = weft_now();
		r->mark_ = 0;
		err = 0;
	}
	weft_mutex_unlock(&s->lock);
	return err;
}

static int64_t shared_when(weft_ratelimit *l, int n, int64_t ahead)
{
	struct shared *s = SHARED(l);
	int64_t at;

	weft_mutex_lock(&s->lock);
	if (s->rate == WEFT_RATELIMIT_INF)
		at = 0;
	else if (s->rate == 0 || n > s->burst)
		at = -ERANGE;
	else
		at = lease_due(s, ahead + n);
	weft_mutex_unlock(&s->lock);
	return at;
}

/* Back to the lease, if nobody has come since; the server has made promises to others. */
static void shared_cancel(weft_ratelimit *l, const struct weft_ratelimit_reservation *r)
{
	struct shared *s = SHARED(l);

	weft_mutex_lock(&s->lock);
	if (r->mark_ && r->mark_ == s->mark) {
		s->lease.used -= r->n;
		s->since -= r->n;
		s->mark++;
	}
	weft_mutex_unlock(&s->lock);
}

static void set(struct shared *s, int64_t rate, int64_t per, int burst)
{
	if (burst >= 0)
		s->burst = burst;
	if (rate > 0 && rate != WEFT_RATELIMIT_INF) {
		weft_ratelimit_reduce_(&rate, &per);
		/* per is in ns, and what we count in is us */
		if (rate > INT64_MAX / 1000)
			die("weft_ratelimit_redis: a rate of %lld", (long long)rate);
		rate *= 1000;
		weft_ratelimit_reduce_(&rate, &per);
	}
	if (rate >= 0) {
		s->rate = rate;
		s->per = per;
	}
	/* the server counts in doubles */
	if (s->rate && s->rate != WEFT_RATELIMIT_INF && (__int128)s->per * s->burst >> 52)
		die("weft_ratelimit_redis: a burst of %d at this rate cannot be counted", s->burst);
	s->lease = (struct lease){ 0 };
	s->mark++;			/* what is cancelled later does not come into another */
	s->refused = 0;
}

static void shared_set(weft_ratelimit *l, int64_t rate, int64_t per, int burst)
{
	struct shared *s = SHARED(l);

	weft_mutex_lock(&s->lock);
	set(s, rate, per, burst);
	weft_mutex_unlock(&s->lock);
}

static void shared_free(weft_ratelimit *l)
{
	struct shared *s = SHARED(l);

	weft_ratelimit_finish_(l);
	disconnect(s);
	free((char *)s->o.addr);
	free((char *)s->o.password);
	free((char *)s->o.key);
	free(s);
}

static const struct weft_ratelimit_ops shared_ops = {
	shared_take, shared_when, shared_cancel, shared_set, shared_free
};

weft_ratelimit *weft_ratelimit_redis_new(struct weft_ratelimit_redis o)
{
	struct shared *s = xcalloc(1, sizeof *s);

	weft_ratelimit_check_("weft_ratelimit_redis_new", o.rate, o.per, o.burst);
	if (!o.addr || o.lease < 0 || o.timeout < 0)
		die("weft_ratelimit_redis_new: no addr, or a lease or timeout below 0");
	weft_ratelimit_init_(&s->l, &shared_ops);
	s->o = o;
	s->o.addr = xstrdup(o.addr);
	s->o.key = xstrdup(o.key ? o.key : "weft:ratelimit");
	s->o.password = o.password ? xstrdup(o.password) : NULL;
	s->o.timeout = o.timeout ? o.timeout : 100 * WEFT_MS;
	set(s, o.rate, o.per, o.burst);
	return &s->l;
}

void weft_ratelimit_redis_error(weft_ratelimit *l, char *text, size_t size)
{
	struct shared *s = SHARED(l);

	if (l->ops != &shared_ops)
		die("weft_ratelimit_redis_error: not a limiter of weft_ratelimit_redis_new");
	weft_mutex_lock(&s->lock);
	snprintf(text, size, "%s", s->why);
	weft_mutex_unlock(&s->lock);
}
