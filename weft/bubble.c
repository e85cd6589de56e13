/*
 * bubble.c - passing the turn, and moving the clock; see bubble.h
 *
 * Items come in from goroutines of the bubble, from its timers, and, which its owner
 * should avoid since nothing orders it, from outside: hence the lock.
 */
#include "bubble.h"

#include <stdlib.h>
#include <string.h>

#include "memnet.h"
#include "queue.h"
#include "sanitize.h"

/* Midnight, the first of January 2000, as in Go; a day on which little depends. */
static const int64_t EPOCH = INT64_C(946684800) * WEFT_SECOND;

const char YIELDS[] = "yields", SPINS[] = "waits for a lock of the runtime's";

void bubble_init(struct bubble *b, uint64_t seed)
{
	memset(b, 0, sizeof *b);
	b->now = EPOCH;
	b->timers.bubble = b;
	atomic_store(&b->timers.next, INT64_MAX);
	rand_seed(&b->rand, seed);
}

/* Plain threads share one: splitmix64, which needs no more than a counter. */
uint64_t draw_thread(void)
{
	static _Atomic uint64_t count;
	uint64_t none = 0, x;

	if (!atomic_load(&count))
		atomic_compare_exchange_strong(&count, &none, rand_entropy() | 1);
	x = atomic_fetch_add(&count, UINT64_C(0x9e3779b97f4a7c15));
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t weft_random(void)
{
	return draw(self());
}

void bubble_finish(struct bubble *b)
{
	san_ignore_begin();
	memnet_finish(b);
	free(b->ready);
	free(b->timers.heap.at);
	san_ignore_end();
}

bool bubble_busy(struct bubble *b)
{
	bool busy;

	lock(&b->lock);
	busy = b->busy;
	unlock(&b->lock);
	return busy;
}

void bubble_freeze(struct bubble *b)
{
	lock(&b->lock);
	b->frozen = true;
	unlock(&b->lock);
}

bool bubble_frozen(struct bubble *b)
{
	bool frozen;

	lock(&b->lock);
	frozen = b->frozen && !b->busy;
	unlock(&b->lock);
	return frozen;
}

struct candidate bubble_candidate(const struct bubble *b, size_t i)
{
	uintptr_t item = b->ready[b->head + i];
	struct task *t = item_is_task(item);

	if (t)
		return (struct candidate){ atomic_load(&t->id), NULL };
	struct g *g = (struct g *)item;
	return (struct candidate){ g->id, g };
}

static void shift(uintptr_t *to, const uintptr_t *from, size_t n)
{
	san_ignore_begin();
	memmove(to, from, n * sizeof *to);
	san_ignore_end();
}

/* Under the lock; n is not 0. */
static uintptr_t take(struct bubble *b, bool going_on)
{
	size_t i = b->choose ? b->choose(b, b->n, going_on) : 0;
	uintptr_t *at = b->ready + b->head + i, item = *at;

	b->n--;
	if (i == 0)
		b->head++;
	else
		shift(at, at + 1, b->n - i);
	return item;
}

/* Room for one more at the end. */
static void make_room(struct bubble *b)
{
	if (b->head + b->n < b->room)
		return;
	if (b->head > b->n) {
		shift(b->ready, b->ready + b->head, b->n);
		b->head = 0;
		return;
	}
	san_ignore_begin();
	b->room = b->room ? 2 * b->room : 16;
	b->ready = xrealloc(b->ready, b->room * sizeof *b->ready);
	san_ignore_end();
}

uintptr_t bubble_take(struct bubble *b, bool going_on)
{
	uintptr_t item;

	lock(&b->lock);
	item = b->n && !b->frozen ? take(b, going_on) : 0;
	unlock(&b->lock);
	return item;
}

void bubble_ready(struct bubble *b, uintptr_t item)
{
	uintptr_t first = 0;

	lock(&b->lock);
	make_room(b);
	b->ready[b->head + b->n++] = item;
	if (!b->busy && !b->frozen) {
		b->busy = true;
		first = take(b, false);
	}
	unlock(&b->lock);
	if (first)
		sched_queue(self()->w, first);
}

/*
 * A ticker that nobody reads, or a stream that is cut off, fires on and on and changes
 * nothing.  When every timer there is has done so, and nothing else in between, no time
 * will change anything.
 */
static bool all_in_vain(struct bubble *b, int ran)
{
	int64_t next = atomic_load(&b->timers.next);

	if (!ran || ran != b->vain)
		b->vain_to = 0;
	else if (!b->vain_to)
		for (size_t i = 0; i < b->timers.heap.n; i++) {
			int64_t key = b->timers.heap.at[i].key;

			if (key > b->vain_to && key < INT64_MAX)
				b->vain_to = key;
		}
	return b->vain_to && next > b->vain_to;
}

/* Nobody is ready.  True: now somebody may be. */
static bool move(struct bubble *b)
{
	struct node *n = waitq_pop(&b->settlers);
	int64_t next = atomic_load(&b->timers.next);

	if (n) {
		waitq_wake(n);
		return true;
	}
	if (b->over || next == INT64_MAX)
		return false;
	if (b->locked > 1 && b->locked_up && b->locked_up(b))
		return true;
	if (b->now < next)
		b->now = next;
	b->vain = 0;
	return !all_in_vain(b, timer_run(&b->timers, b->now));
}

void bubble_pass(struct bubble *b)
{
	uintptr_t item = b->chosen;
	bool told = false;

	b->chosen = 0;
	if (item) {
		sched_queue(self()->w, item);
		return;
	}
	for (;;) {
		lock(&b->lock);
		if (b->n && !b->frozen)
			break;
		unlock(&b->lock);
		if (!b->frozen && move(b))
			continue;
		if (b->stuck && !told && !b->frozen)
			b->stuck(b);	/* it may wake somebody */
		told = true;
		lock(&b->lock);
		if (b->n && !b->frozen)
			break;
		b->busy = false;
		unlock(&b->lock);	/* the last touch: the owner may free it now */
		return;
	}
	b->vain_to = 0;
	item = take(b, false);
	unlock(&b->lock);
	sched_queue(self()->w, item);
}

void bubble_refuse(const char *what, bool needed)
{
	struct bubble *b = bubble_current();
	struct g *g = self();

	if (!b || !b->refuse(b, what, needed))
		return;
	for (;;) {
		park_begin(&g->park);
		sched_park(g, WAIT_HARNESS, NULL, CALLER);
	}
}

void bubble_settle(const void *pc)
{
	struct g *g = self();
	struct node n = { .g = g };

	park_begin(&g->park);
	waitq_push(&g->bubble->settlers, &n);
	sched_park(g, WAIT_SETTLE, NULL, pc);
	san_acquire(g->bubble);		/* pairs with the release in pick_in */
}
