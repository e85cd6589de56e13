/*
 * profile_heap.c - the heap profile: which allocations were drawn, and which of them live
 *
 * One is drawn each so many bytes, at distances that are distributed exponentially, so that
 * a byte's chance does not depend on its neighbours; what is drawn counts for what its size
 * makes it stand for.  Whoever allocates counts bytes down in a place that he shares
 * with few others: it is chosen by his stack pointer.
 *
 * Runs inside malloc, on any thread.  So it takes memory from mmap only, and an
 * allocation made in here (the unwinder's first) is not drawn.  Samples are found by
 * the block's address; its bits are inverted, or weft_leaks would think that we have it.
 */
#include "profile.h"

#include <pthread.h>

#include "alloc.h"
#include "pages.h"
#include "tally.h"
#include "unwind.h"
#include "worker.h"

enum { COUNTERS = 64, HEADS = 1 << 16, CHUNK = 65536 };

struct live {
	struct live	*next;		/* with the same hash, or in the list of free ones */
	uintptr_t	 block;		/* ~ of its address */
	double		 values[TALLY_VALUES];
	struct tallied	*at;
};

_Atomic unsigned alloc_mode;
_Atomic int64_t alloc_count, alloc_bytes;
bool alloc_hooked;

static struct counter {
	_Atomic int64_t	 left;		/* bytes to the next; who brings it to 0 draws, */
	struct rand	 rand;		/* and has this until left is above 0 again     */
} __attribute__((aligned(64))) counters[COUNTERS];

static struct {
	_Atomic unsigned lock;		/* protects all that follows; before tally.lock */
	_Atomic(struct live *) *heads;	/* read without it, too */
	struct live	*free;
	_Atomic int64_t	 rate;
	int64_t		 since;
} heap;
static struct tally tally;

/* ---- chance ---- */

static double uniform(struct rand *r)	/* 0 to 1 */
{
	return (double)(rand_next(r) >> 11) * 0x1p-53;
}

/*
 * Mean 1, after von Neumann: of numbers that fall in a row, beginning with x, the count
 * is odd with probability e^-x.
 */
static double exponential(struct rand *r)
{
	for (int whole = 0; ; whole++) {
		double x = uniform(r), last = x, next;
		int count = 1;

		while ((next = uniform(r)) < last) {
			last = next;
			count++;
		}
		if (count % 2)
			return whole + x;
	}
}

/* 1 - e^-x, without the mathematical library. */
static double chance(double x)
{
	double half;

	if (x > 40)
		return 1;
	if (x < 0.01)
		return x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)));
	half = chance(x / 2);
	return half * (2 - half);
}

static int64_t distance(struct rand *r, int64_t rate)
{
	return 1 + (int64_t)(exponential(r) * (double)rate);
}

/* True: this one.  What others take while the next distance is drawn is not counted. */
static bool draw(size_t n)
{
	int64_t rate = atomic_load_explicit(&heap.rate, memory_order_relaxed), left;
	struct counter *c = &counters[(stack_pointer() >> SLOT_SHIFT) * 0x9e3779b97f4a7c15u >> 58];
	int64_t size = n < INT64_MAX / 2 ? (int64_t)n : INT64_MAX / 2;

	if (rate == 1)
		return true;
	/* acquire, release: who draws next has what rand has become */
	left = atomic_fetch_sub_explicit(&c->left, size, memory_order_acquire);
	if (left > size || left <= 0)
		return false;
	atomic_store_explicit(&c->left, distance(&c->rand, rate), memory_order_release);
	return true;
}

/* ---- samples ---- */

static _Atomic(struct live *) *head_of(uintptr_t block)
{
	return &heap.heads[(block >> 4) * 0x9e3779b97f4a7c15u >> 48];
}

/* Under heap.lock. */
static struct live *live_new(void)
{
	struct live *l = heap.free;

	if (!l && (l = pages(CHUNK)))
		for (size_t i = 1; i < CHUNK / sizeof *l; i++)
			l[i - 1].next = &l[i];
	if (l)
		heap.free = l->next;
	return l;
}

/* Under heap.lock. */
static void insert(struct live *l)
{
	_Atomic(struct live *) *head = head_of(~l->block);

	l->next = atomic_load_explicit(head, memory_order_relaxed);
	/* relaxed: who frees the block has it from whoever is in here */
	atomic_store_explicit(head, l, memory_order_relaxed);
}

/* From the caller of the allocator on. */
static void take_stack(struct place *at, const void *pc)
{
	struct g *g = stack_owner(stack_pointer());
	size_t skip = 0, n = unwind_self(at->pcs, TALLY_FRAMES, 0);

	at->site = g ? g->site : NULL;
	while (skip < n && at->pcs[skip] != pc)
		skip++;
	if (skip == n)
		skip = 0;
	at->n = n - skip;
	for (size_t i = 0; i < at->n; i++)
		at->pcs[i] = at->pcs[i + skip];
}

static void sample(void *p, size_t n, const void *pc)
{
	int64_t rate = atomic_load_explicit(&heap.rate, memory_order_relaxed);
	double count = rate <= 1 ? 1 : 1 / chance((n ? (double)n : 1) / (double)rate);
	double bytes = count * (double)n;
	struct place at = { .state = NULL };
	struct tallied *e;
	struct live *l;

	take_stack(&at, pc);
	e = tally_add(&tally, &at, (double[TALLY_VALUES]){ count, bytes, count, bytes });
	lock(&heap.lock);
	l = e ? live_new() : NULL;
	if (l) {
		l->block = ~(uintptr_t)p;
		l->at = e;
		l->values[2] = -count;
		l->values[3] = -bytes;
		insert(l);
	}
	unlock(&heap.lock);
}

void alloc_took(void *p, size_t n, const void *pc)
{
	unsigned mode = atomic_load_explicit(&alloc_mode, memory_order_relaxed);

	/* relaxed: read when the benchmark has ended, which its channels order */
	if (mode & ALLOC_COUNT) {
		atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&alloc_bytes, (int64_t)n, memory_order_relaxed);
	}
	if (!p || !(mode & ALLOC_SAMPLE) || !draw(n) || !tls_enter_sampler())
		return;
	sample(p, n, pc);
	tls_leave_sampler();
}

struct live *alloc_lift(void *p)
{
	struct live *l, *before = NULL, *next;
	_Atomic(struct live *) *head;

	if (!p || !(atomic_load_explicit(&alloc_mode, memory_order_relaxed) & ALLOC_LIVE))
		return NULL;
	head = head_of((uintptr_t)p);
	/* relaxed: see insert */
	if (likely(!atomic_load_explicit(head, memory_order_relaxed)))
		return NULL;
	lock(&heap.lock);
	for (l = *head; l && l->block != ~(uintptr_t)p; l = l->next)
		before = l;
	if (l) {
		next = l->next;
		if (before)
			before->next = next;
		else
			atomic_store_explicit(head, next, memory_order_relaxed);
	}
	unlock(&heap.lock);
	return l;
}

void alloc_drop(struct live *l)
{
	if (likely(!l))
		return;
	tally_add_at(&tally, l->at, l->values);
	lock(&heap.lock);
	l->next = heap.free;
	heap.free = l;
	unlock(&heap.lock);
}

void alloc_restore(struct live *l)
{
	if (!l)
		return;
	lock(&heap.lock);
	insert(l);
	unlock(&heap.lock);
}

/* ---- profile.h ---- */

/* A child may allocate, and who holds our locks is not there. */
static void off_in_child(void)
{
	atomic_store(&alloc_mode, 0);
}

static bool prepare(void)
{
	static _Atomic unsigned preparing;
	void *pc;

	lock(&preparing);
	if (!heap.heads && (heap.heads = pages(HEADS * sizeof *heap.heads))) {
		unwind_self(&pc, 1, 0);		/* the unwinder's own preparations */
		pthread_atfork(NULL, NULL, off_in_child);
		heap.since = clock_now();
		for (size_t i = 0; i < COUNTERS; i++)
			rand_seed(&counters[i].rand, rand_entropy());
	}
	unlock(&preparing);
	return heap.heads;
}

/* A distance of the old rate may be long. */
static void draw_anew(int64_t rate)
{
	struct rand r;

	rand_seed(&r, rand_entropy());
	for (size_t i = 0; i < COUNTERS; i++)
		atomic_store(&counters[i].left, distance(&r, rate));
}

int weft_profile_allocs(int64_t rate)
{
	if (rate <= 0) {
		atomic_fetch_and(&alloc_mode, ~(unsigned)ALLOC_SAMPLE);
		return 0;
	}
	if (!alloc_hooked)
		return -ENOTSUP;
	if (!prepare())
		return -ENOMEM;
	if (rate > (int64_t)1 << 50)	/* more than there will be */
		rate = (int64_t)1 << 50;
	atomic_store(&heap.rate, rate);
	draw_anew(rate);
	atomic_fetch_or(&alloc_mode, ALLOC_SAMPLE | ALLOC_LIVE);
	return 0;
}

int weft_profile_heap(const char *path)
{
	static const struct pprof_type types[] = { { "alloc_objects", "count" },
	    { "alloc_space", "bytes" }, { "inuse_objects", "count" }, { "inuse_space", "bytes" } };
	int64_t rate = atomic_load(&heap.rate);

	return tally_write(&tally, types, 4, rate ? rate : WEFT_PROFILE_ALLOCS, path,
	    heap.since ? clock_now() - heap.since : 0);
}
