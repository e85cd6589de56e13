/*
 * model_test.c - park.h, runq.h and the idle protocol in every order of their steps
 *
 * The two headers are compiled here as they are, against model.h's atomics.  What
 * the scheduler does around them is transcribed; the comments name the originals.  Every
 * scenario is explored to the end (-short: the beginning), with and without store
 * buffers.  The last tests break one line each and want the checker to notice.
 */
#include "model.h"

#define RUNQ_SIZE 4
#include "park.h"
#include "runq.h"
#include "testing.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static struct explored run(struct scenario s, bool tso)
{
	struct explored e;

	s.tso = tso;
	s.limit = weft_short() ? 20000 : 0;
	e = explore(&s);
	weft_logf("%s%s: %ld executions (and %ld cut short), %s", s.name,
	    tso ? ", store buffers" : "", e.executions, e.redundant,
	    e.violation ? e.violation : e.complete ? "complete" : "stopped here");
	return e;
}

static void show_trace(const struct explored *e)
{
	weft_logf("violated: %s (line %d)", e->violation, e->line);
	for (char *line = strtok(m.trace, "\n"); line; line = strtok(NULL, "\n"))
		weft_logf("%s", line);
}

static void holds(struct scenario s)
{
	if (SANITIZED)
		weft_skip("the sanitizer does not know the model's stacks");
	for (int tso = 0; tso < 2; tso++) {
		struct explored e = run(s, tso);

		if (e.violation)
			show_trace(&e);
		CHECK(!e.violation);
	}
}

static void is_broken(struct scenario s, bool tso)
{
	if (SANITIZED)
		weft_skip("the sanitizer does not know the model's stacks");
	CHECK(run(s, tso).violation != NULL);
}

/* ---- park.h ---- */

/* One sleeper.  node and regs are its memory, shown the queue where it is found. */
static struct {
	struct park	 park;
	_Atomic uint32_t shown[3];	/* the generation, per sleep from 1 on */
	_Atomic uint32_t handed;	/* woken and in a run queue, not yet run */
	char		 node, regs;
	int		 claims[3], runs[3], cancels;
} p;

static bool (*commit)(struct park *), (*wake)(struct park *);
static bool (*claim)(struct park *, uint32_t gen);

static void park_reset(void)
{
	memset(&p, 0, sizeof p);
	commit = park_commit;
	wake = park_wake;
	claim = park_claim;
}

static void show(int sleep)
{
	uint32_t gen = park_begin(&p.park);

	model_write(&p.node);
	atomic_store_explicit(&p.shown[sleep], gen, memory_order_release);
}

/* sched_park, after_park: the worker saves the registers, then commits. */
static void sleep_until_run(void)
{
	model_write(&p.regs);
	if (commit(&p.park)) {
		model_wait(&p.handed);
		atomic_fetch_sub_explicit(&p.handed, 1, memory_order_relaxed);
	}
	model_read(&p.regs);
	model_read(&p.node);
	p.runs[park_gen(p.park.word)]++;
	park_end(&p.park);
}

/* sched_ready */
static void ready(void)
{
	if (!wake(&p.park))
		return;
	model_read(&p.regs);
	atomic_fetch_add_explicit(&p.handed, 1, memory_order_release);
}

static void claim_and_wake(uint32_t gen)
{
	if (!claim(&p.park, gen))
		return;
	p.claims[gen]++;
	model_write(&p.node);
	ready();
}

static void sleeper(void)
{
	show(1);
	sleep_until_run();
}

static void sleeper_twice(void)
{
	show(1);
	sleep_until_run();
	show(2);
	sleep_until_run();
}

static void sole_waker(void)		/* was handed the sleeper alone */
{
	model_wait(&p.shown[1]);
	model_write(&p.node);
	ready();
}

static void claimer(void) { claim_and_wake((uint32_t)model_wait(&p.shown[1])); }
static void claimer_2(void) { claim_and_wake((uint32_t)model_wait(&p.shown[2])); }
static void claimer_twice(void)
{
	claimer();
	claimer_2();
}

static void ran_once(void)
{
	VERIFY(p.runs[1] == 1);
	VERIFY(p.handed == 0);
	VERIFY(p.park.word == (uint64_t)1 << 32);
}

static void ran_once_by_one(void)
{
	ran_once();
	VERIFY(p.claims[1] == 1);
}

static void ran_twice(void)
{
	VERIFY(p.runs[1] == 1 && p.runs[2] == 1);
	VERIFY(p.claims[1] == 1 && p.claims[2] == 1);
	VERIFY(p.handed == 0);
}

#define SCENARIO(what, start, check, ...) ((struct scenario){ .name = (what), \
	.reset = (start), .end = (check), .thread = { __VA_ARGS__ } })

TEST(ModelParkAndWake)
{
	holds(SCENARIO("a sleeper and its waker", park_reset, ran_once, sleeper, sole_waker));
}

TEST(ModelParkTwoWakersOneWins)
{
	holds(SCENARIO("two wakers", park_reset, ran_once_by_one, sleeper, claimer, claimer));
}

TEST(ModelParkLateWakerMissesTheNextSleep)
{
	holds(SCENARIO("a late waker of the first of two sleeps", park_reset, ran_twice,
	    sleeper_twice, claimer_twice, claimer));
}

static void canceller(void)
{
	show(1);
	if (park_cancel(&p.park)) {
		p.cancels++;
		model_write(&p.node);
		park_end(&p.park);
	} else {
		sleep_until_run();
	}
	show(2);
	sleep_until_run();
}

static void cancelled_or_claimed(void)
{
	VERIFY(p.cancels + p.claims[1] == 1);
	VERIFY(p.runs[1] == p.claims[1]);
	VERIFY(p.runs[2] == 1 && p.claims[2] == 1);
	VERIFY(p.handed == 0);
}

TEST(ModelParkCancelOrClaim)
{
	holds(SCENARIO("cancel against claim, then another sleep", park_reset,
	    cancelled_or_claimed, canceller, claimer, claimer_2));
}

/* park_thread: a thread's timeout is a claim of its own. */
static void thread_with_timeout(void)
{
	uint64_t w;

	show(1);
	if (park_commit(&p.park)) {
		while (((w = atomic_load_explicit(&p.park.word, memory_order_acquire)) &
		    PARK_STATE) != PARK_READY) {
			if (park_claim(&p.park, park_gen(w))) {
				p.cancels++;
				break;
			}
			model_wait(&p.handed);	/* futex_wait */
		}
	}
	model_write(&p.node);
	park_end(&p.park);
}

static void woken_or_timed_out(void)
{
	VERIFY(p.cancels + p.claims[1] == 1);
	VERIFY(p.park.word == (uint64_t)1 << 32);
}

TEST(ModelParkThreadTimeout)
{
	holds(SCENARIO("a thread's timeout against two wakers", park_reset,
	    woken_or_timed_out, thread_with_timeout, claimer, claimer));
}

/* A receive with a timeout; chan.c, wait.c: what is in ch is under the lock. */
static struct {
	_Atomic unsigned lock;
	uint32_t	 waiter;	/* its generation; 0: none */
	bool		 closed, full;
	bool		 slept;
} ch;

static void chan_reset(void)
{
	park_reset();
	memset(&ch, 0, sizeof ch);
}

static void chan_lock(void)
{
	model_lock(&ch.lock);
	model_write(&ch);
}

static void receiver(void)
{
	uint32_t gen;

	chan_lock();
	if (ch.full || ch.closed) {
		model_unlock(&ch.lock);
		return;
	}
	ch.slept = true;
	gen = park_begin(&p.park);
	ch.waiter = gen;
	model_write(&p.node);
	model_unlock(&ch.lock);
	atomic_store_explicit(&p.shown[1], gen, memory_order_release);	/* the timer */
	sleep_until_run();
	chan_lock();
	ch.waiter = 0;
	model_unlock(&ch.lock);
}

/* waitq_pop, then the value, then outside the lock waitq_wake */
static void serve(bool send)
{
	uint32_t gen;
	bool won;

	chan_lock();
	gen = ch.waiter;
	ch.waiter = 0;
	won = gen && claim(&p.park, gen);
	if (!send)
		ch.closed = true;
	if (won) {
		p.claims[1]++;
		model_write(&p.node);
	} else if (send) {
		ch.full = true;
	}
	model_unlock(&ch.lock);
	if (won)
		ready();
}

static void sender(void) { serve(true); }
static void closer(void) { serve(false); }

static void timeout(void)
{
	uint32_t gen = (uint32_t)atomic_load_explicit(&p.shown[1], memory_order_acquire);

	if (gen)
		claim_and_wake(gen);
}

static void received_once(void)
{
	VERIFY(p.claims[1] == ch.slept);
	VERIFY(p.runs[1] == ch.slept);
	VERIFY(p.handed == 0 && ch.waiter == 0);
}

TEST(ModelParkCloseSendTimeout)
{
	holds(SCENARIO("close, send and timeout", chan_reset, received_once,
	    receiver, sender, closer, timeout));
}

/* ---- runq.h ---- */

enum { ITEMS = 8 };

static struct {
	struct runq q;
	char	    payload[ITEMS * 4];	/* plain: what an item leads to */
	bool	    pushed[ITEMS];
	int	    taken[ITEMS];
	uintptr_t   next;
} r;

static uint32_t (*steal_from)(struct runq *, uintptr_t *, uint32_t);

static void runq_reset(uint32_t start, uint32_t n)
{
	memset(&r, 0, sizeof r);
	model_plain(r.q.item, sizeof r.q.item);
	steal_from = runq_steal;
	r.q.head = runq_pack(start, start);
	r.q.tail = start + n;
	for (uint32_t i = 0; i < n; i++) {
		r.q.item[(start + i) % RUNQ_SIZE] = i + 1;
		r.pushed[i + 1] = true;
	}
	r.next = n + 1;
}

static void reset_empty(void) { runq_reset(0, 0); }
static void reset_two(void) { runq_reset(0, 2); }
static void reset_wrapping(void) { runq_reset(UINT32_MAX - 1, 0); }
static void reset_full(void) { runq_reset(UINT32_MAX - 2, RUNQ_SIZE); }

static void take(uintptr_t item)
{
	VERIFY(item > 0 && item < ITEMS);
	model_read(&r.payload[item * 4]);
	r.taken[item]++;
}

static bool push(void)
{
	uintptr_t item = r.next++;

	model_write(&r.payload[item * 4]);
	return r.pushed[item] = runq_push_owner(&r.q, item);
}

static void pop(void)
{
	uintptr_t item = runq_pop_owner(&r.q);

	if (item)
		take(item);
}

static void thief(void)
{
	uintptr_t out[RUNQ_SIZE / 2];
	uint32_t n = steal_from(&r.q, out, RUNQ_SIZE / 2);

	VERIFY(n <= RUNQ_SIZE / 2);
	for (uint32_t i = 0; i < n; i++)
		take(out[i]);
}

static void thief_twice(void)
{
	thief();
	thief();
}

/* Each change of head: a pop, the beginning of a steal, or its end. */
static void head_changes(const void *addr, uint64_t old, uint64_t now)
{
	uint32_t steal = (uint32_t)(old >> 32), real = (uint32_t)old;
	uint32_t n = (uint32_t)now - real;

	if (addr != &r.q.head)
		return;
	if (steal != real)
		VERIFY(now == runq_pack(steal, real + 1) || now == runq_pack(real, real));
	else
		VERIFY(now == runq_pack(real + 1, real + 1) ||
		    (now == runq_pack(real, real + n) && n >= 1 && n <= RUNQ_SIZE / 2));
}

static void each_item_once(void)
{
	uint32_t real = (uint32_t)r.q.head;

	VERIFY(r.q.head == runq_pack(real, real));
	VERIFY(r.q.tail - real <= RUNQ_SIZE);
	for (; real != r.q.tail; real++)
		r.taken[r.q.item[real % RUNQ_SIZE] % ITEMS]++;
	for (int i = 0; i < ITEMS; i++)
		VERIFY(r.taken[i] == r.pushed[i]);
}

static void owner_push_pop(void)
{
	VERIFY(push());
	pop();
	pop();
}

static void owner_busy(void)
{
	VERIFY(push());
	VERIFY(push());
	pop();
	push();
	pop();
}

/* push_local, overflow */
static void owner_overflows(void)
{
	for (int i = 0; i < 2; i++)
		if (!push())
			thief();
	pop();
}

#define RUNQ(what, start, ...) ((struct scenario){ .name = (what), .reset = (start), \
	.thread = { __VA_ARGS__ }, .end = each_item_once, .wrote = head_changes })

TEST(ModelRunqOwnerAndThief)
{
	holds(RUNQ("an owner and a thief", reset_empty, owner_busy, thief_twice));
}

TEST(ModelRunqOwnerAndTwoThieves)
{
	holds(RUNQ("an owner and two thieves", reset_two, owner_push_pop, thief, thief));
}

TEST(ModelRunqWrapsAround)
{
	holds(RUNQ("indices that wrap", reset_wrapping, owner_busy, thief_twice));
}

TEST(ModelRunqOverflows)
{
	holds(RUNQ("a full queue", reset_full, owner_overflows, thief_twice));
}

static void owner_fills(void)
{
	VERIFY(!push());
	pop();
	VERIFY(push());
	VERIFY(!push());
}

TEST(ModelRunqFullRefuses)
{
	holds(RUNQ("a full queue and nobody else", reset_full, owner_fills));
}

/* ---- the idle protocol (queue.c, idle.c, find.c) ---- */

/*
 * Thread 0 is busy and pushes; the last threads are the workers that could help.
 * Left out are time, timers, descriptors and next.
 */
enum { WORKERS = 2 };

struct helper { _Atomic uint32_t woken; bool searching, idle; };

static struct {
	_Atomic unsigned lock;
	_Atomic int	 nglobal, nidle, searching;
	int		 active, rounds;
	int		 first;		/* the first helper's thread */
	struct helper	*idle[WORKERS];
	struct helper	 w[WORKERS];
	bool		 no_announce_fence, no_idle_fence, early_unlock;	/* mistakes */
} s;

static void fence(void) { atomic_thread_fence(memory_order_seq_cst); }

static void sched_lock(void)
{
	model_lock(&s.lock);
	model_write(&s);		/* what is under the lock */
}

static void leave_idle(struct helper *w)
{
	int n = (int)atomic_load(&s.nidle);

	if (!w->idle)
		return;
	for (int i = 0; i < n; i++)
		if (s.idle[i] == w) {
			s.idle[i] = s.idle[n - 1];
			break;
		}
	w->idle = false;
	atomic_store(&s.nidle, n - 1);
}

static void wake_one(void)		/* sched_wake_one */
{
	struct helper *w = NULL;
	int none = 0, n;

	if (atomic_load(&s.searching) ||
	    !atomic_compare_exchange_strong(&s.searching, &none, 1))
		return;
	sched_lock();
	if ((n = (int)atomic_load(&s.nidle))) {
		w = s.idle[n - 1];
		leave_idle(w);
		w->searching = true;
	} else if (!s.early_unlock) {	/* before anyone else may go idle */
		atomic_fetch_sub(&s.searching, 1);
	}
	model_unlock(&s.lock);
	if (w)
		atomic_store(&w->woken, 1);
	else if (s.early_unlock)
		atomic_fetch_sub(&s.searching, 1);
}

static void announce(void)		/* queue_announce, and the fence before it */
{
	if (!s.no_announce_fence)
		fence();
	if (atomic_load_explicit(&s.nidle, memory_order_relaxed))
		wake_one();
}

static void busy(void)			/* sched_queue, a worker's */
{
	push();
	announce();
}

static void foreigner(void)		/* sched_queue, any thread's */
{
	sched_lock();
	atomic_store(&s.nglobal, atomic_load_explicit(&s.nglobal, memory_order_relaxed) + 1);
	model_unlock(&s.lock);
	announce();
}

static bool take_global(void)
{
	uint64_t n;

	if (!atomic_load(&s.nglobal))
		return false;
	sched_lock();
	n = atomic_load_explicit(&s.nglobal, memory_order_relaxed);
	if (n)
		atomic_store(&s.nglobal, n - 1);
	model_unlock(&s.lock);
	return n != 0;
}

static bool may_search(struct helper *w)
{
	int n = (int)atomic_load(&s.searching);

	if (w->searching)
		return true;
	if (s.no_idle_fence || (n && 2 * n >= s.active - (int)atomic_load(&s.nidle)))
		return false;
	atomic_fetch_add(&s.searching, 1);
	return w->searching = true;
}

static void stop_searching(struct helper *w, bool found)
{
	if (!w->searching)
		return;
	w->searching = false;
	if (atomic_fetch_sub(&s.searching, 1) == 1 && found)
		wake_one();
}

static bool steal(void)
{
	uintptr_t loot;

	if (!runq_len(&r.q) || !runq_steal(&r.q, &loot, 1))
		return false;
	take(loot);
	return true;
}

static bool anything(void)
{
	/* without a fence this load alone would do, being seq_cst */
	return atomic_load_explicit(&s.nglobal, s.no_idle_fence ? memory_order_acquire :
	    memory_order_seq_cst) || runq_len(&r.q);
}

static void go_idle(struct helper *w)
{
	uint64_t n;

	sched_lock();
	n = atomic_load(&s.nidle);
	s.idle[n] = w;
	atomic_store(&s.nidle, n + 1);
	w->idle = true;
	model_unlock(&s.lock);
	stop_searching(w, false);
	if (!s.no_idle_fence)
		fence();
	if (!anything()) {
		model_wait(&w->woken);			/* sleep_until_woken */
		atomic_store(&w->woken, 0);
	}
	sched_lock();
	leave_idle(w);
	model_unlock(&s.lock);
}

static void helper(void)		/* find, worker_loop */
{
	struct helper *w = &s.w[model_self() - s.first];

	if (w->idle)			/* asleep from the beginning */
		model_wait(&w->woken);
	else				/* it has just found nothing */
		go_idle(w);
	for (int i = 0; i < s.rounds; i++)
		if (take_global() || (may_search(w) && steal()))
			stop_searching(w, true);
		else
			go_idle(w);
}

static void idle_reset(int first, int helpers)
{
	runq_reset(0, 0);
	memset(&s, 0, sizeof s);
	s.first = first;
	s.active = helpers + (first == 1);
	s.rounds = helpers == 1 ? 3 : 1;
	s.searching = s.w[0].searching = true;
}

static void one_busy_one_helper(void) { idle_reset(1, 1); }
static void two_foreign_one_helper(void) { idle_reset(2, 1); }
static void one_busy_two_helpers(void)
{
	idle_reset(1, 2);
	s.nidle = 1;
	s.idle[0] = &s.w[1];
	s.w[1].idle = true;
}

static void nobody_oversleeps(void)
{
	for (int i = s.first; i < s.first + WORKERS; i++)
		if (m.s->thread[i] && !model_blocked(i))
			return;
	VERIFY(s.nglobal == 0);
	VERIFY(runq_pack(0, r.q.tail) == (uint32_t)r.q.head);
	VERIFY(s.searching == 0);
}

#define IDLE(what, start, ...) ((struct scenario){ .name = (what), .reset = (start), \
	.thread = { __VA_ARGS__ }, .end = nobody_oversleeps, .may_block = 0xe })

TEST(ModelIdleOneHelper)
{
	holds(IDLE("a busy worker and a helper", one_busy_one_helper, busy, helper));
}

TEST(ModelIdleForeignThreads)
{
	holds(IDLE("two foreign threads and a worker", two_foreign_one_helper,
	    foreigner, foreigner, helper));
}

TEST(ModelIdleTwoHelpers)
{
	holds(IDLE("a busy worker, a helper, a sleeping one", one_busy_two_helpers,
	    busy, helper, helper));
}

/* ---- the checker itself: each of these has one line wrong ---- */

static bool commit_blindly(struct park *k)
{
	uint64_t w = atomic_load_explicit(&k->word, memory_order_acquire);

	if ((w & PARK_STATE) == PARK_READY)
		return false;
	atomic_store_explicit(&k->word, (w & ~(uint64_t)PARK_STATE) | PARK_PARKED,
	    memory_order_release);
	return true;
}

static bool commit_relaxed(struct park *k)
{
	uint64_t w = atomic_load_explicit(&k->word, memory_order_acquire);

	do {
		if ((w & PARK_STATE) == PARK_READY)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&k->word, &w,
	    (w & ~(uint64_t)PARK_STATE) | PARK_PARKED,
	    memory_order_relaxed, memory_order_acquire));
	return true;
}

static bool commit_without_acquire(struct park *k)
{
	uint64_t w = atomic_load_explicit(&k->word, memory_order_relaxed);

	do {
		if ((w & PARK_STATE) == PARK_READY)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&k->word, &w,
	    (w & ~(uint64_t)PARK_STATE) | PARK_PARKED,
	    memory_order_acq_rel, memory_order_acquire));
	return true;
}

static bool wake_always(struct park *k)
{
	park_wake(k);
	return true;
}

static bool wake_from_old_look(struct park *k)
{
	uint64_t w = atomic_load_explicit(&k->word, memory_order_acquire);

	atomic_exchange_explicit(&k->word, w >> 32 << 32 | PARK_READY, memory_order_acq_rel);
	return (w & PARK_STATE) == PARK_PARKED;
}

static bool claim_any_gen(struct park *k, uint32_t gen)
{
	uint64_t w = atomic_load_explicit(&k->word, memory_order_relaxed);

	(void)gen;
	return ((uint32_t)w == PARK_PARKING || (uint32_t)w == PARK_PARKED) &&
	    atomic_compare_exchange_strong_explicit(&k->word, &w, w | PARK_CLAIMED,
		memory_order_acq_rel, memory_order_relaxed);
}

static bool claim_without_cas(struct park *k, uint32_t gen)
{
	uint64_t w = atomic_load_explicit(&k->word, memory_order_acquire);

	if (park_gen(w) != gen || w & PARK_CLAIMED ||
	    !((w & PARK_STATE) == PARK_PARKING || (w & PARK_STATE) == PARK_PARKED))
		return false;
	atomic_exchange_explicit(&k->word, w | PARK_CLAIMED, memory_order_acq_rel);
	return true;
}

#define PARK_MUTANT(id, hook, op)					\
	static void reset_##op(void) { park_reset(); hook = op; }	\
	TEST(ModelNotices##id)						\
	{								\
		is_broken(SCENARIO(#op, reset_##op, ran_twice,		\
		    sleeper_twice, claimer_twice, claimer), false);	\
	}

PARK_MUTANT(CommitBlindly, commit, commit_blindly)
PARK_MUTANT(CommitRelaxed, commit, commit_relaxed)
PARK_MUTANT(CommitWithoutAcquire, commit, commit_without_acquire)
PARK_MUTANT(WakeAlways, wake, wake_always)
PARK_MUTANT(WakeFromOldLook, wake, wake_from_old_look)
PARK_MUTANT(ClaimAnyGen, claim, claim_any_gen)
PARK_MUTANT(ClaimWithoutCas, claim, claim_without_cas)

/* Without looking whether another thief is at it; or letting go of it early. */
static uint32_t steal_badly(struct runq *q, uintptr_t *out, bool look, bool keep)
{
	uint64_t h = atomic_load_explicit(&q->head, memory_order_acquire);
	uint32_t tail = atomic_load_explicit(&q->tail, memory_order_acquire);
	uint32_t steal = (uint32_t)(h >> 32), real = (uint32_t)h;

	if ((look && steal != real) || tail == real || tail - real > RUNQ_SIZE ||
	    !atomic_compare_exchange_strong_explicit(&q->head, &h,
		runq_pack(keep ? steal : real + 1, real + 1),
		memory_order_acq_rel, memory_order_relaxed))
		return 0;
	out[0] = atomic_load_explicit(&q->item[real % RUNQ_SIZE], memory_order_relaxed);
	h = atomic_load_explicit(&q->head, memory_order_relaxed);
	while (keep && !atomic_compare_exchange_weak_explicit(&q->head, &h,
	    runq_pack((uint32_t)h, (uint32_t)h), memory_order_acq_rel,
	    memory_order_relaxed))
		;
	return 1;
}

static uint32_t steal_unlooked(struct runq *q, uintptr_t *out, uint32_t max)
{
	(void)max;
	return steal_badly(q, out, false, true);
}

static uint32_t steal_and_forget(struct runq *q, uintptr_t *out, uint32_t max)
{
	(void)max;
	return steal_badly(q, out, true, false);
}

static void reset_unlooked(void)
{
	reset_full();
	steal_from = steal_unlooked;
}

static void reset_forget(void)
{
	reset_full();
	steal_from = steal_and_forget;
}

TEST(ModelNoticesTwoThievesAtOnce)
{
	is_broken(RUNQ("a thief that does not look", reset_unlooked, owner_overflows,
	    thief, thief), false);
}

TEST(ModelNoticesSlotsReusedTooEarly)
{
	is_broken(RUNQ("a thief that lets go early", reset_forget, owner_overflows,
	    thief, thief), false);
}

static void no_announce_fence(void)
{
	one_busy_one_helper();
	s.no_announce_fence = true;
}

static void no_idle_fence(void)		/* and it did not search, or that would do */
{
	one_busy_one_helper();
	s.searching = s.w[0].searching = false;
	s.no_idle_fence = true;
}

static void early_unlock(void)
{
	two_foreign_one_helper();
	s.early_unlock = true;
}

TEST(ModelNoticesMissingFences)
{
	is_broken(IDLE("no fence after queueing", no_announce_fence, busy, helper), true);
	is_broken(IDLE("no fence before the last look", no_idle_fence, busy, helper), true);
}

TEST(ModelNoticesSearchingKeptTooLong)
{
	is_broken(IDLE("searching until after the unlock", early_unlock,
	    foreigner, foreigner, helper), false);
}
