/*
 * model_readers_test.c - readers.h in every order of its steps
 *
 * The header is compiled as it is, against model.h's atomics; what rwmutex.c does
 * around it is transcribed, and the comments name the originals.
 */
#include "model.h"
#include "readers.h"
#include "model_run.h"

enum { SLOTS = 2 };

static struct {
	_Atomic unsigned state, lock;
	readers_slot	 slot[SLOTS];
	int		 data;		/* what the mutex protects */
	int		 written;
	bool		 no_look, no_barrier;	/* mistakes */
} x;

static bool enter(int slot)
{
	if (x.no_look) {
		readers_enter(&x.state, &x.slot[slot], &x);
		return x.slot[slot] == (uintptr_t)&x;
	}
	if (!x.no_barrier)
		return readers_enter(&x.state, &x.slot[slot], &x);
	if (!(atomic_load_explicit(&x.state, memory_order_acquire) & BIASED))
		return false;
	atomic_store_explicit(&x.slot[slot], (uintptr_t)&x, memory_order_release);
	return atomic_load_explicit(&x.state, memory_order_acquire) & BIASED ||
	    !readers_leave(&x.slot[slot], &x);
}

static void count_all(void)		/* rw_count_all */
{
	if (!(atomic_load_explicit(&x.state, memory_order_relaxed) & QUEUED))
		atomic_fetch_add_explicit(&x.state, QUEUED, memory_order_relaxed);
	if (!(atomic_load_explicit(&x.state, memory_order_relaxed) & BIASED))
		return;
	readers_unbias(&x.state);
	for (int i = 0; i < SLOTS; i++)
		readers_move(&x.state, &x.slot[i], &x);
}

static void leave_counted(void)		/* rw_release_slow */
{
	uint64_t s = atomic_load_explicit(&x.state, memory_order_relaxed);

	while (!(s & QUEUED) && s >= READER)
		if (atomic_compare_exchange_strong_explicit(&x.state, &s, s - READER,
		    memory_order_release, memory_order_relaxed))
			return;
	model_lock(&x.lock);
	count_all();
	VERIFY(atomic_load_explicit(&x.state, memory_order_relaxed) >= READER);
	atomic_fetch_sub_explicit(&x.state, READER + QUEUED, memory_order_release);
	model_unlock(&x.lock);
}

/* Comes on one worker and leaves on another, or the same. */
static void read_once(int come, int leave)
{
	if (!enter(come) && atomic_fetch_add_explicit(&x.state, READER,
	    memory_order_acquire) & (WRITER | QUEUED)) {
		atomic_fetch_sub_explicit(&x.state, READER, memory_order_relaxed);
		return;			/* it would queue */
	}
	model_read(&x.data);
	if (!(atomic_load_explicit(&x.state, memory_order_relaxed) & BIASED) ||
	    !readers_leave(&x.slot[leave], &x))
		leave_counted();
}

static void reader_0(void) { read_once(0, 0); }
static void reader_1(void) { read_once(1, 1); }
static void reader_moving(void) { read_once(1, 0); }

/* rw_lock_slow, rw_grant; it does not wait if it cannot have it at once. */
static void writer(void)
{
	model_lock(&x.lock);
	count_all();
	if (atomic_load_explicit(&x.state, memory_order_relaxed) < READER) {
		atomic_fetch_add_explicit(&x.state, WRITER, memory_order_acquire);
		model_write(&x.data);
		x.written++;
		atomic_fetch_sub_explicit(&x.state, WRITER + QUEUED, memory_order_release);
	} else {
		atomic_fetch_sub_explicit(&x.state, QUEUED, memory_order_relaxed);
	}
	model_unlock(&x.lock);
}

static void biased(void)
{
	memset(&x, 0, sizeof x);
	x.state = BIASED;
}

static void all_gone(void)
{
	VERIFY(x.slot[0] == 0 && x.slot[1] == 0);
	VERIFY((x.state & ~(unsigned)BIASED) == 0);
}

#define READERS(what, start, ...) ((struct scenario){ .name = (what), .reset = (start), \
	.thread = { __VA_ARGS__ }, .end = all_gone })

TEST(ModelReadersAndWriter)
{
	holds(READERS("two readers, a writer", biased, reader_0, reader_1, writer));
}

TEST(ModelReaderLeavesElsewhere)
{
	holds(READERS("a reader that moves, another, a writer", biased, reader_moving,
	    reader_0, writer));
}

TEST(ModelReaderAndTwoWriters)
{
	holds(READERS("a reader, two writers", biased, reader_moving, writer, writer));
}

static void no_look(void)
{
	biased();
	x.no_look = true;
}

static void no_barrier(void)
{
	biased();
	x.no_barrier = true;
}

TEST(ModelNoticesReadersMissed)
{
	is_broken(READERS("a reader that does not look again", no_look, reader_0, writer),
	    false);
	is_broken(READERS("an entry not yet seen", no_barrier, reader_0, writer), true);
}
