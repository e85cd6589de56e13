/*
 * model_park_test.c - park.h in every order of its steps
 *
 * The header is compiled as it is, against model.h's atomics.  What the scheduler
 * does around it is transcribed; the comments name the originals.  The last tests
 * break one line each and want the checker to notice.
 */
#include "model.h"
#include "park.h"
#include "model_run.h"

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
