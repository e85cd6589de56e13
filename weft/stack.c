/*
 * stack.c - the arena of stacks, and the records at their tops
 *
 * The arena is one reservation, cut into a region per size class and the regions
 * into power-of-two slots.  A slot's lowest page is a guard; its record lies in
 * its highest bytes and stays a record for ever, so that a late waker may look at
 * it.  Slots are opened 64 at a time and never closed; what they use beyond the
 * top page is given back when a stack has lain in the pool for a while.
 *
 * Free stacks: a few hot ones per worker, used last in first out, and the rest in
 * a pool under a lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sanitize.h"
#include "valgrind.h"
#include "worker.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

enum { SLAB = 64, MANY = 512, PAGE = 4096, TRIM = 256 };

struct arena arena;

/* Free stacks, the oldest first. */
struct pool { struct g *head, **tail; size_t n; };

static struct region {
	_Atomic unsigned  lock;
	uintptr_t	  base;
	_Atomic size_t	  open;		/* slots with memory  */
	size_t		  room;
	struct pool	  warm;		/* under lock; with all the pages that they used */
	struct pool	  cold;		/* with their top page only */
} region[CLASSES];

static enum { GUARD_MADVISE, GUARD_MPROTECT } guards;
static _Atomic int guards_left;		/* mappings we may still make */
static size_t page_size;

static size_t slot_size(unsigned class)
{
	return (size_t)1 << (SLOT_SHIFT + CLASS_STEP * class);
}

unsigned stack_class(size_t bytes)
{
	unsigned class = 0;

	/* the record, the guard and room for a signal frame come on top */
	while (bytes && class < CLASSES && slot_size(class) < bytes + 4 * PAGE)
		class++;
	if (class == CLASSES)
		die("weft_go_stack: %zu bytes of stack asked for, %zu is the most",
		    bytes, slot_size(CLASSES - 1) - 4 * PAGE);
	return class;
}

/* Emulators accept the advice and do nothing: only a fault proves a guard. */
static bool guard_works(void)
{
	char *p = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];
	bool ok = false;

	if (p == MAP_FAILED || pipe2(fds, O_CLOEXEC))
		return false;
	if (!madvise(p, page_size, MADV_GUARD_INSTALL))
		ok = write(fds[1], p, 1) < 0;
	close(fds[0]);
	close(fds[1]);
	munmap(p, page_size);
	return ok;
}

static int max_map_count(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	int n = 65530;

	if (f) {
		if (fscanf(f, "%d", &n) != 1)
			n = 65530;
		fclose(f);
	}
	return n;
}

static void reserve(void)
{
	size_t size = SANITIZED ? (size_t)64 << 30 : (size_t)1 << 40;
	void *p = MAP_FAILED;

	for (; size >= (size_t)1 << 28; size >>= 1) {
		/* alignment: the largest slot */
		size_t extra = slot_size(CLASSES - 1);

		p = mmap(NULL, size + extra, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED)
			break;
	}
	if (p == MAP_FAILED)
		die("cannot reserve 256 MiB of address space for stacks: %s "
		    "(check ulimit -v)", strerror(errno));
	arena.base = ((uintptr_t)p + slot_size(CLASSES - 1) - 1) &
	    ~(uintptr_t)(slot_size(CLASSES - 1) - 1);
	arena.region_shift = 0;
	while ((size_t)CLASSES << (arena.region_shift + 1) <= size)
		arena.region_shift++;
	arena.size = (uintptr_t)CLASSES << arena.region_shift;
	arena.small = ((uintptr_t)1 << arena.region_shift) >> SLOT_SHIFT;
}

void stack_init(void)
{
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	reserve();
	for (unsigned i = 0; i < CLASSES; i++) {
		region[i].base = arena.base + ((uintptr_t)i << arena.region_shift);
		region[i].room = ((size_t)1 << arena.region_shift) / slot_size(i);
		region[i].warm.tail = &region[i].warm.head;
		region[i].cold.tail = &region[i].cold.head;
	}
	guards = !SAN_READS_STACKS && guard_works() ? GUARD_MADVISE : GUARD_MPROTECT;
	atomic_store(&guards_left, max_map_count() / 2 - 1000);
}

static struct g *slot_record(unsigned class, size_t i)
{
	return (struct g *)(region[class].base + (i + 1) * slot_size(class) - RECORD);
}

static char *slot_low(struct g *g)
{
	return (char *)g + RECORD - slot_size(g->class);
}

/*
 * The same advice about many ranges, in one system call where the kernel (6.13)
 * allows it.  How many of them it was given for.
 */
static size_t advise(const struct iovec *iov, size_t n, int advice)
{
	static _Atomic int pidfd = -1;
	size_t i = 0;
	ssize_t done;

	if (pidfd < 0)
		pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	done = syscall(SYS_process_madvise, pidfd, iov, n, advice, 0);
	for (; i < n && done >= (ssize_t)iov[i].iov_len; i++)
		done -= (ssize_t)iov[i].iov_len;
	return i;
}

/* One page of each slot of a slab, from p on. */
static size_t advise_slab(char *p, size_t n, int advice)
{
	struct iovec iov[SLAB];

	for (size_t i = 0; i < n; i++)
		iov[i] = (struct iovec){ p + i * slot_size(0), page_size };
	return advise(iov, n, advice);
}

/* Where there are no guards left to have, sched_park's check has to do. */
static void guard(char *low)
{
	if (guards == GUARD_MADVISE && !madvise(low, page_size, MADV_GUARD_INSTALL))
		return;
	if (atomic_fetch_sub(&guards_left, 2) >= 2 &&
	    !mprotect(low, page_size, PROT_NONE))
		return;
	atomic_store(&guards_left, 0);
}

/* Opens a slab of slots; the region's lock is held. */
static void open_slab(unsigned class)
{
	struct region *r = &region[class];
	size_t size = slot_size(class), n = class == 0 ? SLAB : 1, first = r->open;
	char *p = (char *)r->base + first * size;

	if (first + n > r->room)
		die("no address space for more than %zu stacks of %zu KiB", r->room,
		    size >> 10);
	if (mprotect(p, n * size, PROT_READ | PROT_WRITE))
		die("cannot get memory for stacks after %zu of them: %s", first,
		    strerror(errno));
	madvise(p, n * size, MADV_NOHUGEPAGE);
	san_add_root(p, n * size);
	size_t i = n == SLAB && guards == GUARD_MADVISE ?
	    advise_slab(p, n, MADV_GUARD_INSTALL) : 0;
	for (; i < n; i++)
		guard(p + i * size);
	/* whoever starts so many will start more: 64 page faults at the price of one */
	if (n == SLAB && first >= MANY)
		advise_slab(p + size - page_size, n, MADV_POPULATE_WRITE);
	/* release: pairs with the acquire in stack_each */
	atomic_store_explicit(&r->open, first + n, memory_order_release);
}

/*
 * The pool hands out slots that were never used in order, one by one, and does not
 * touch their memory: only a goroutine that runs costs a page.
 */
static size_t fresh[CLASSES];		/* first never-used slot; under the lock */

static struct g *take_fresh(unsigned class)
{
	struct region *r = &region[class];
	struct g *g;

	if (fresh[class] == r->open)
		open_slab(class);
	g = slot_record(class, fresh[class]++);
	g->class = (uint8_t)class;
	g->stack_lo = slot_low(g) + page_size;
	valgrind_stack(g->stack_lo, g);
	san_fiber_create(g);
	return g;
}

/* How many hot ones a worker has at most: 4 MiB of each class. */
static int keep(unsigned class)
{
	return SAN_KEEP_FREE ? 0 : KEEP_STACKS >> CLASS_STEP * class;
}

static void pool_put(struct pool *p, struct g *g)
{
	g->link = NULL;
	*p->tail = g;
	p->tail = &g->link;
	p->n++;
}

static struct g *pool_take(struct pool *p)	/* it is not empty */
{
	struct g *g = p->head;

	p->head = g->link;
	if (!p->head)
		p->tail = &p->head;
	p->n--;
	return g;
}

/* A stack, and some more into w's stock; sanitizers want it to have lain for long. */
static struct g *refill(struct worker *w, unsigned class)
{
	struct region *r = &region[class];
	struct g *g = NULL;

	lock(&r->lock);
	for (int n = 0; n <= keep(class) / 2; n++) {
		struct pool *p = r->warm.n > SAN_KEEP_FREE ? &r->warm : &r->cold;

		if (!p->n)
			break;
		if (g) {
			g->link = w->stacks[class];
			w->stacks[class] = g;
			w->nstacks[class]++;
		}
		g = pool_take(p);
	}
	if (!g)
		g = take_fresh(class);
	unlock(&r->lock);
	return g;
}

struct g *stack_get(struct worker *w, unsigned class)
{
	struct g *g = w->stacks[class];

	if (unlikely(!g))
		return refill(w, class);
	w->stacks[class] = g->link;
	w->nstacks[class]--;
	return g;
}

/* The coldest n stacks of the worker's go to the pool's end. */
static void spill(struct worker *w, unsigned class, int n)
{
	struct region *r = &region[class];
	struct g **cold = &w->stacks[class], *first;

	for (int hot = w->nstacks[class] - n; hot > 0; hot--)
		cold = &(*cold)->link;
	first = *cold;
	*cold = NULL;
	w->nstacks[class] -= n;
	lock(&r->lock);
	while (first) {
		struct g *g = first;

		first = g->link;
		g->since = atomic_load_explicit(&sched.coarse, memory_order_relaxed);
		pool_put(&r->warm, g);
	}
	unlock(&r->lock);
}

/* Up to n stacks that have been free since before. */
static size_t take_idle(struct region *r, struct g **idle, size_t n, int64_t before)
{
	size_t got = 0;

	lock(&r->lock);
	while (got < n && r->warm.n && r->warm.head->since < before)
		idle[got++] = pool_take(&r->warm);
	unlock(&r->lock);
	return got;
}

/* What lies below their top pages goes back to the system. */
static void trim(struct g **idle, size_t n)
{
	struct iovec iov[TRIM];

	for (size_t i = 0; i < n; i++) {
		char *top = (char *)((uintptr_t)idle[i] & ~(page_size - 1));

		iov[i] = (struct iovec){ idle[i]->stack_lo,
		    (size_t)(top - (char *)idle[i]->stack_lo) };
	}
	for (size_t i = advise(iov, n, MADV_DONTNEED); i < n; i++)
		madvise(iov[i].iov_base, iov[i].iov_len, MADV_DONTNEED);
}

bool stack_trim(int64_t before)
{
	struct g *idle[TRIM];
	bool more = false;

	for (unsigned class = 0; class < CLASSES && !SANITIZED; class++) {
		struct region *r = &region[class];
		size_t n = take_idle(r, idle, TRIM, before);

		trim(idle, n);
		lock(&r->lock);
		for (size_t i = 0; i < n; i++)
			pool_put(&r->cold, idle[i]);
		unlock(&r->lock);
		more |= n == TRIM;
	}
	return more;
}

void stack_put(struct worker *w, struct g *g)
{
	unsigned class = g->class;

	g->link = w->stacks[class];
	w->stacks[class] = g;
	if (++w->nstacks[class] > keep(class))
		spill(w, class, w->nstacks[class] - keep(class) / 2);
}

/*
 * Without a lock: whoever dies may hold it, and reports all the same.  A record that
 * was never used is all zero, and so G_FREE.
 */
void stack_each(void (*f)(struct g *, void *), void *arg)
{
	for (unsigned class = 0; class < CLASSES; class++) {
		/* acquire: pairs with the release in open_slab */
		size_t n = atomic_load_explicit(&region[class].open, memory_order_acquire);

		for (size_t i = 0; i < n; i++)
			f(slot_record(class, i), arg);
	}
}

void stack_some(size_t most, struct rand *r, void (*f)(struct g *, double, void *), void *arg)
{
	for (unsigned class = 0; class < CLASSES; class++) {
		/* acquire: pairs with the release in open_slab */
		size_t n = atomic_load_explicit(&region[class].open, memory_order_acquire);
		size_t each = (n + most - 1) / most;

		/* one of each so many: what it stands for is exact, whatever n is */
		for (size_t i = 0; i < n; i += each) {
			size_t at = i + rand_below(r, (uint32_t)each);

			if (at < n)
				f(slot_record(class, at), (double)each, arg);
		}
	}
}

void stack_notes(void (*f)(void *p, size_t size, void *arg), void *arg)
{
	f(&arena, sizeof arena, arg);
	f(region, sizeof region, arg);
}

struct g *stack_owner(uintptr_t addr)
{
	uintptr_t off = addr - arena.base;
	unsigned class;

	if (off >= arena.size)
		return NULL;
	class = (unsigned)(off >> arena.region_shift);
	off = (off - ((uintptr_t)class << arena.region_shift)) / slot_size(class);
	/* acquire: pairs with the release in open_slab; beyond lies no memory */
	if (off >= atomic_load_explicit(&region[class].open, memory_order_acquire))
		return NULL;
	return slot_record(class, off);
}
