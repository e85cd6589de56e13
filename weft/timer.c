/*
 * timer.c - one heap of timers per worker; sleep, timers, tickers
 *
 * A timer goes into the heap of the worker that adds it and stays there; any
 * worker may run another's heap, under its lock, when it is due.  fire runs under
 * that lock, so that timer_del, once it returns, knows that fire is not running:
 * it only readies a goroutine, puts a tick into a channel or starts a goroutine.
 *
 * Deadlines are rounded up so that neighbours share a wake-up: to 1 us below a
 * millisecond, 100 us below ten, 1 ms above.
 */
#include <stdlib.h>
#include <time.h>

#include "bubble.h"
#include "chan.h"
#include "futex.h"
#include "sanitize.h"
#include "worker.h"

int64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * WEFT_SECOND + ts.tv_nsec;
}

int64_t now_here(void)
{
	struct bubble *b = bubble_current();

	return b ? b->now : clock_now();
}

int64_t weft_now(void)
{
	STEP("looks at the clock");	/* who waits for it awake is found out */
	return now_here();
}

int64_t timer_bucket(int64_t now, int64_t when)
{
	if (bubble_current())
		return when;		/* nobody has to wake up for it */
	int64_t left = when - now;
	int64_t grain = left < WEFT_MS ? WEFT_US : left < 10 * WEFT_MS ?
	    100 * WEFT_US : WEFT_MS;

	if (when > INT64_MAX - grain)
		return when;
	return (when + grain - 1) / grain * grain;
}

/* Under the lock. */
static void publish(struct timers *in)
{
	/* seq_cst: a worker about to sleep in the netpoller sees this, or we see
	   when it means to wake */
	atomic_store(&in->next, in->heap.n ? in->heap.at[0].key : INT64_MAX);
}

static struct timers *home(void)
{
	struct g *g = self();

	if (g->kind == KIND_BUBBLED)
		return &g->bubble->timers;
	if (g->w)
		return &g->w->timers;
	sched_die_unless_running("timer");
	return &sched.worker[0]->timers;
}

void timer_add(struct timer *t, int64_t when)
{
	struct timers *in = home();
	bool first;

	lock(&in->lock);
	t->in = in;
	t->when = when;
	san_ignore_begin();
	heap_push(&in->heap, &t->heap, when);
	san_ignore_end();
	first = in->heap.at[0].node == &t->heap;
	if (first)
		publish(in);
	unlock(&in->lock);
	if (first && !in->bubble && when < atomic_load(&sched.poll_until) &&
	    atomic_load(&sched.pollster))
		poll_kick();
}

bool timer_del(struct timer *t)
{
	struct timers *in = t->in;
	bool there;

	if (!in)
		return false;
	lock(&in->lock);
	there = t->heap.place;
	if (there) {
		bool first = t->heap.place == 1;

		heap_remove(&in->heap, &t->heap);
		if (first)
			publish(in);
	}
	unlock(&in->lock);
	return there;
}

/*
 * Not all of very many at once: what is woken runs while it is in the caches, and the
 * rest is still due when the caller comes again.
 */
enum { BURST = 128 };

int timer_run(struct timers *in, int64_t now)
{
	int ran = 0;

	if (!trylock(&in->lock))
		return 0;		/* somebody is at it */
	while (in->heap.n && in->heap.at[0].key <= now && ran < BURST) {
		struct timer *t = container_of(in->heap.at[0].node, struct timer, heap);
		int64_t again;

		/* before it leaves the heap: pairs with the acquires in timer_armed */
		atomic_store_explicit(&t->firing, true, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
		heap_remove(&in->heap, &t->heap);
		if (in->heap.n)		/* likely to be next, and cold */
			__builtin_prefetch(in->heap.at[0].node, 1);
		again = t->fire(t, now);
		if (again) {
			t->when = again;
			heap_push(&in->heap, &t->heap, again);
		}
		atomic_store_explicit(&t->firing, false, memory_order_release);
		ran++;
	}
	publish(in);
	unlock(&in->lock);
	self()->w->stats.timers += ran;
	return ran;
}

/* ---- a goroutine's own timer: sleep, and select's timeout ---- */

static int64_t fire_g(struct timer *t, int64_t now)
{
	struct g *g = container_of(t, struct g, timer);

	(void)now;
	if (park_claim(&g->park, g->timer_gen)) {
		g->woken = NULL;
		sched_ready(self()->w, g);
	}
	return 0;
}

void	timer_arm_g(struct g *g, uint32_t gen, int64_t when);
void	timer_disarm_g(struct g *g);

void timer_arm_g(struct g *g, uint32_t gen, int64_t when)
{
	if (g->kind == KIND_THREAD) {
		g->timer.when = when;	/* its futex has a timeout of its own */
		return;
	}
	g->timer.fire = fire_g;
	g->timer_gen = gen;
	timer_add(&g->timer, timer_bucket(now_here(), when));
}

void timer_disarm_g(struct g *g)
{
	if (g->kind == KIND_THREAD)
		g->timer.when = 0;
	else
		timer_del(&g->timer);
}

int64_t deadline_after(int64_t now, int64_t ns)
{
	return ns < 0 ? now : ns > INT64_MAX - now ? INT64_MAX : now + ns;
}

void weft_sleep(int64_t ns)
{
	struct g *g = self();

	if (ns <= 0) {
		weft_yield();
		return;
	}
	if (g->kind == KIND_THREAD) {
		struct timespec ts = { ns / WEFT_SECOND, ns % WEFT_SECOND };

		while (nanosleep(&ts, &ts))
			;
		return;
	}
	timer_arm_g(g, park_begin(&g->park), deadline_after(now_here(), ns));
	sched_park(g, WAIT_SLEEP, NULL, CALLER);
}

int weft_sleep_ctx(weft_ctx *ctx, int64_t ns)
{
	if (weft_err(ctx))
		return weft_err(ctx);
	if (ns <= 0) {
		weft_yield();
		return weft_err(ctx);
	}
	struct weft_case k[] = { weft_on_timeout(ns), weft_on_done(ctx) };
	return select_wait(k, 2, WAIT_SLEEP, CALLER) ? weft_err(ctx) : 0;
}

/* ---- timers and tickers ---- */

/* lock: nobody starts it while another stops it. */
struct weft_timer {
	struct timer	  t;
	_Atomic unsigned  lock;
	weft_chan(int64_t) c;		/* NULL: runs f     */
	int64_t		  period;	/* 0: fires once    */
	void		(*f)(void *);
	void		 *arg;
	struct group	 *group;	/* that f belongs to */
	struct track	  track;
};

struct weft_ticker { struct weft_timer t; };

static int64_t fire_timer(struct timer *t, int64_t now)
{
	weft_timer *wt = container_of(t, weft_timer, t);
	struct weft_chan *c = (struct weft_chan *)wt->c;

	if (wt->f) {
		san_acquire(wt);	/* what was done before it was started */
		static const struct weft_site site = { "weft_after", "timer.c", 0 };

		sched_spawn((weft_entry_ *)wt->f, (intptr_t[6]){ (intptr_t)wt->arg }, &site,
		    (struct home){ wt->group, t->in->bubble, 0 }, NULL);
		return 0;
	}
	lock(&c->lock);
	if (!c->closed && (c->count < c->cap || !waitq_empty(&c->recvq))) {
		unlock(&c->lock);
		chan_try_send(c, &now);
	} else {
		unlock(&c->lock);
		if (t->in->bubble)
			t->in->bubble->vain++;
	}
	if (!wt->period)
		return 0;
	/* the next point of the grid that lies ahead */
	return deadline_after(t->when + (now - t->when) / wt->period * wt->period, wt->period);
}

static weft_timer *timer_new(size_t size, const struct weft_site *site, const void *pc)
{
	weft_timer *t = xcalloc(1, size);

	t->t.fire = fire_timer;
	track_add(&t->track, TRACK_TIMER, site, pc);
	return t;
}

static weft_chan(int64_t) tick_chan(void)
{
	struct weft_chan *c = xmalloc(sizeof *c + sizeof(int64_t));

	chan_init(c, sizeof(int64_t), 1);
	return (weft_chan(int64_t))c;
}

static void start(weft_timer *t, int64_t ns)
{
	int64_t now = now_here();
	int64_t when = deadline_after(now, ns);

	san_release(t);
	timer_add(&t->t, ns < WEFT_MS ? when : timer_bucket(now, when));
}

/* A tick that nobody took is taken back. */
static bool stop(weft_timer *t)
{
	bool pending = timer_del(&t->t), dropped = false;

	if (t->c)
		dropped = weft_poll(weft_on_recv(t->c, NULL)) == 0;
	return pending || dropped;
}

static bool timer_stop(weft_timer *t)
{
	bool pending;

	lock(&t->lock);
	pending = stop(t);
	unlock(&t->lock);
	return pending;
}

static void timer_free(weft_timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	track_del(&t->track);
	weft_free(t->c);
	free(t);
}

static bool timer_reset(weft_timer *t, int64_t ns)
{
	bool pending;

	lock(&t->lock);
	pending = stop(t);
	start(t, ns);
	unlock(&t->lock);
	return pending;
}

/* It would change clocks, and outlive the one that it is on. */
static void check_home(const weft_timer *t)
{
	if (t->t.in->bubble == bubble_current())
		return;
	bubble_refuse("a timer from outside", true);
	die("timer %p is reset outside of the bubble that it was made in", (const void *)t);
}

weft_timer *weft_timer_new(int64_t ns)
{
	weft_timer *t = timer_new(sizeof *t, NULL, CALLER);

	t->c = tick_chan();
	start(t, ns);
	return t;
}

weft_timer *weft_after(int64_t ns, void (*f)(void *), void *arg)
{
	weft_timer *t = timer_new(sizeof *t, NULL, CALLER);

	t->f = f;
	t->arg = arg;
	t->group = self()->group;
	start(t, ns);
	return t;
}

weft_chan(int64_t) weft_timer_chan(weft_timer *t)
{
	return t->c;
}

bool weft_timer_stop(weft_timer *t)
{
	STEP("stops a timer");
	return timer_stop(t);
}

bool weft_timer_reset(weft_timer *t, int64_t ns)
{
	STEP("resets a timer");
	check_home(t);
	return timer_reset(t, ns);
}

void weft_timer_free(weft_timer *t)
{
	timer_free(t);
}

static void check_period(const char *call, int64_t ns)
{
	if (ns <= 0)
		die("%s: the period must be above zero, not %jd ns", call, (intmax_t)ns);
}

weft_ticker *weft_ticker_new(int64_t ns)
{
	weft_ticker *t;

	check_period("weft_ticker_new", ns);
	t = container_of(timer_new(sizeof *t, NULL, CALLER), weft_ticker, t);
	t->t.c = tick_chan();
	t->t.period = ns;
	start(&t->t, ns);
	return t;
}

weft_chan(int64_t) weft_ticker_chan(weft_ticker *t)
{
	return t->t.c;
}

void weft_ticker_stop(weft_ticker *t)
{
	timer_stop(&t->t);
}

void weft_ticker_reset(weft_ticker *t, int64_t ns)
{
	check_period("weft_ticker_reset", ns);
	check_home(&t->t);
	lock(&t->t.lock);
	stop(&t->t);
	t->t.period = ns;
	start(&t->t, ns);
	unlock(&t->t.lock);
}

void weft_ticker_free(weft_ticker *t)
{
	if (t)
		timer_free(&t->t);
}

bool track_timer_armed(struct track *track);
bool track_timer_armed(struct track *track)
{
	return timer_armed(&container_of(track, weft_timer, track)->t);
}

void track_timer_cancel(struct track *track);
void track_timer_cancel(struct track *track)
{
	timer_del(&container_of(track, weft_timer, track)->t);
}
