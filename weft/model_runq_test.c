/*
 * model_runq_test.c - runq.h and the idle protocol in every order of their steps
 *
 * runq.h is compiled as it is, against model.h's atomics; what the scheduler does
 * around it is transcribed, and the comments name the originals.  The last tests
 * break one line each and want the checker to notice.
 */
#include "model.h"

#define RUNQ_SIZE 4
#include "runq.h"
#include "model_run.h"

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

	stop_searching(w, false);
	sched_lock();
	n = atomic_load(&s.nidle);
	s.idle[n] = w;
	atomic_store(&s.nidle, n + 1);
	w->idle = true;
	model_unlock(&s.lock);
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
