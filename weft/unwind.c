/*
 * unwind.c - stack traces of running and sleeping goroutines; see unwind.h
 *
 * A sleeping goroutine may be woken while we look.  So its stack is copied, and the
 * copy thrown away unless the goroutine slept before and after; what in the copy
 * points into the stack is moved along, for frames that are found through a frame
 * pointer.  Signed return addresses do not survive that: where the processor signs
 * (AArch64 with PAC) the stack is read in place, and each step looks whether the
 * goroutine still sleeps.
 *
 * A running one is asked by a signal.  One request exists at a time, in static
 * memory, since an answer may come long after we stopped waiting for it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE			/* the registers' names in ucontext.h */
#endif
#include "unwind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "pages.h"
#include "worker.h"

#if defined(__x86_64__)
enum { SAVED = 56, RETURN = 6 };	/* what swap pushes; where the address is */
enum { CALLS_LEAVE_A_FRAME = 1 };	/* also those of functions that call no others */
#define CONTEXT_PC(u)	((uintptr_t)(u)->uc_mcontext.gregs[REG_RIP])
#else
enum { SAVED = 160, RETURN = 11 };
enum { CALLS_LEAVE_A_FRAME = 0 };
#define CONTEXT_PC(u)	((uintptr_t)(u)->uc_mcontext.pc)
#endif

void	unwind_from(void *sp, void (*f)(void *), void *arg);
void	swap_entry(void);

/* libgcc's */
struct dwarf_eh_bases { void *tbase, *dbase, *func; };
const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases);

struct trace {
	void		**pcs;
	size_t		  n, max;
	size_t		  skip;		/* frames to leave out, from first on */
	uintptr_t	  first;	/* begin at this pc; 0: any           */
	uintptr_t	  lo, hi;	/* the stack's bounds                 */
	struct g	 *g;		/* stop when it wakes; may be NULL    */
	uint64_t	  sleep;	/* its sleep_word                     */
	uintptr_t	  last;		/* pc of the outermost frame          */
};

/* Equal before and after: it did not run in between.  0: it runs. */
static uint64_t sleep_word(struct g *g)
{
	struct worker *w = g->w;
	uint64_t word = atomic_load(&g->park.word);
	int status = atomic_load(&g->status);

	if (status == G_WAITING)
		return (word & PARK_STATE) == PARK_PARKED ? word & ~(uint64_t)PARK_CLAIMED : 0;
	/* ready, perhaps before it slept: saved unless its worker is still at it */
	if (status != G_RUNNABLE || !w || atomic_load(&w->running) == g ||
	    (w->after && w->after_g == g))
		return 0;
	return word | PARK_READY;
}

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *ctx, void *arg)
{
	struct trace *t = arg;
	int exact = 0;
	uintptr_t pc = _Unwind_GetIPInfo(ctx, &exact);
	uintptr_t sp = _Unwind_GetCFA(ctx);

	if (sp < t->lo || sp > t->hi)	/* our own frames, or lost */
		return t->n ? _URC_END_OF_STACK : _URC_NO_REASON;
	if (t->g && sleep_word(t->g) != t->sleep)
		return _URC_END_OF_STACK;
	if (t->first && pc != t->first)
		return _URC_NO_REASON;
	if (!pc)			/* above the outermost */
		return _URC_END_OF_STACK;
	t->first = 0;
	t->last = pc;
	if (t->skip) {
		t->skip--;
		return _URC_NO_REASON;
	}
	if (t->n < t->max)
		t->pcs[t->n++] = (void *)(pc + (uintptr_t)exact);
	return _URC_NO_REASON;
}

static void walk(void *trace)
{
	_Unwind_Backtrace(add_frame, trace);
}

__attribute__((noinline)) size_t unwind_self(void **pcs, size_t max, size_t skip)
{
	struct trace t = { .pcs = pcs, .max = max, .skip = skip, .hi = UINTPTR_MAX,
	    .first = (uintptr_t)CALLER };

	walk(&t);
	return t.n;
}

uintptr_t unwind_function(uintptr_t pc)
{
	struct dwarf_eh_bases bases;

	return _Unwind_Find_FDE((void *)pc, &bases) ? (uintptr_t)bases.func : 0;
}

/*
 * Sleepers
 */
static bool signs_addresses(void)
{
#ifdef HWCAP_PACA
	return getauxval(AT_HWCAP) & HWCAP_PACA;
#else
	return false;
#endif
}

/* Reads what other code considers out of bounds, or is writing. */
__attribute__((no_sanitize("address", "thread")))
static void move_stack(uintptr_t *to, const uintptr_t *from, size_t size)
{
	for (size_t i = 0; i < size / sizeof *to; i++) {
		uintptr_t word = from[i];

		to[i] = word - (uintptr_t)from <= size ?
		    word - (uintptr_t)from + (uintptr_t)to : word;
	}
}

/*
 * It has begun, and swap's caller has a table: the unwinder would look at the code
 * at an address without one.  At swap_entry - 1 lies somebody else's.
 */
__attribute__((no_sanitize("address", "thread")))
static bool can_walk(const uintptr_t *sp)
{
	struct dwarf_eh_bases bases;
	uintptr_t pc = sp[RETURN];

	return pc && pc != (uintptr_t)swap_entry && _Unwind_Find_FDE((void *)(pc - 1), &bases);
}

static void unwind_in_place(struct trace *t, struct g *g, uintptr_t sp)
{
	t->g = g;
	t->lo = sp;
	t->hi = (uintptr_t)g;
	if (can_walk((uintptr_t *)sp))
		unwind_from((void *)sp, walk, t);
}

/*
 * Most stacks fit: whoever looks at many is not to map and unmap memory for each, for that
 * interrupts every processor.  It is left clean, so that nothing found in it keeps a
 * goroutine alive in weft_leaks.
 */
static struct { _Atomic unsigned lock; uintptr_t words[2048]; } scratch;

static uintptr_t *copy_begin(struct trace *t, size_t size)
{
	uintptr_t *copy = size <= sizeof scratch.words && trylock(&scratch.lock) ?
	    scratch.words : pages(size);

	t->lo = (uintptr_t)copy;
	t->hi = t->lo + size;
	return copy;
}

static void copy_end(uintptr_t *copy, size_t size)
{
	if (copy != scratch.words) {
		munmap(copy, size);
		return;
	}
	memset(copy, 0, size);
	unlock(&scratch.lock);
}

static void unwind_copy(struct trace *t, struct g *g, uintptr_t sp)
{
	size_t size = (uintptr_t)g - sp;
	uintptr_t *copy = copy_begin(t, size);

	if (!copy)
		return;
	move_stack(copy, (uintptr_t *)sp, size);
	atomic_thread_fence(memory_order_acquire);	/* read first, then ask again */
	if (sleep_word(g) == t->sleep && (uintptr_t)g->sp == sp && can_walk(copy))
		unwind_from(copy, walk, t);
	copy_end(copy, size);
}

static bool is_entry(uintptr_t pc)
{
	enum { SIZE = 32 };		/* more than its call is away */

	return pc - (uintptr_t)swap_entry < SIZE;
}

size_t unwind_parked(struct g *g, void **pcs, size_t max)
{
	struct trace t = { .pcs = pcs, .max = max, .sleep = sleep_word(g) };
	uintptr_t sp = (uintptr_t)g->sp;

	if (!t.sleep || !is_goroutine(g) || sp % sizeof sp ||
	    sp < (uintptr_t)g->stack_lo || sp > (uintptr_t)g - SAVED)
		return 0;
	if (signs_addresses())
		unwind_in_place(&t, g, sp);
	else
		unwind_copy(&t, g, sp);
	/* A stack that does not lead back to its beginning was caught in a change. */
	return is_entry(t.last) ? t.n : 0;
}

/*
 * Threads in system calls
 */
struct call { char text[256]; uintptr_t sp, pc; };

/*
 * What the system says of a thread that sleeps in a call: its number, arguments, stack
 * pointer and where it returns to.  False: it runs, or this is not to be had.
 */
static bool call_of(pid_t tid, struct call *c)
{
	char path[64], *word;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, c->text, sizeof c->text - 1);
	close(fd);
	c->text[n > 0 ? n : 0] = '\0';
	word = strrchr(c->text, ' ');
	if (!word)
		return false;
	c->pc = strtoul(word, NULL, 16);
	while (word > c->text && word[-1] != ' ')
		word--;
	c->sp = strtoul(word, NULL, 16);
	return true;
}

/*
 * A copy again, with what a sleeper would have put below.  The registers that a callee
 * saves are not known.  A function that needs one to find its caller is where this ends:
 * each points into words that all point there, where no code is.
 */
static void unwind_call(struct trace *t, struct g *g, pid_t tid, const struct call *c)
{
	enum { DEAD_END = 256 };	/* words */
	size_t size = (uintptr_t)g - c->sp, all = sizeof(uintptr_t[DEAD_END]) + SAVED + size;
	uintptr_t *copy = copy_begin(t, all), *sp = copy + DEAD_END;
	struct call now;

	if (!copy)
		return;
	for (size_t i = 0; i < DEAD_END + SAVED / sizeof *sp; i++)
		copy[i] = (uintptr_t)(copy + DEAD_END / 2);
	sp[RETURN] = c->pc;
	move_stack(sp + SAVED / sizeof *sp, (uintptr_t *)c->sp, size);
	t->lo = (uintptr_t)sp;
	if (call_of(tid, &now) && strcmp(c->text, now.text) == 0 && can_walk(sp))
		unwind_from(sp, walk, t);
	copy_end(copy, all);
}

size_t unwind_blocked(struct g *g, pid_t tid, void **pcs, size_t max)
{
	struct trace t = { .pcs = pcs, .max = max - 1 };
	weft_entry_ *f = g->f;
	struct call c;

	if (tid <= 0 || !call_of(tid, &c) || c.sp % sizeof c.sp ||
	    c.sp < (uintptr_t)g->stack_lo || c.sp > (uintptr_t)g - SAVED)
		return 0;
	if (CALLS_LEAVE_A_FRAME)
		unwind_call(&t, g, tid, &c);
	if (!t.n)
		pcs[t.n++] = (void *)c.pc;
	if (!is_entry(t.last))
		pcs[t.n++] = (char *)(uintptr_t)f + 1;
	return t.n;
}

/*
 * Other threads
 */
enum { IDLE, ASKED, BUSY, DONE, STATES };
static struct {
	_Atomic unsigned   lock;	/* one asks at a time                      */
	_Atomic uint64_t   state;	/* tid * STATES + IDLE, ASKED, ...         */
	uintptr_t	   lo, hi;	/* the asker's, then the handler's, by state */
	size_t		   n;
	void		  *pcs[64];
} request;
static struct sigaction previous;
static bool ready;

static uint64_t asked(pid_t tid) { return (uint64_t)tid * STATES + ASKED; }

static void answer(ucontext_t *u)
{
	struct trace t = { .pcs = request.pcs, .max = sizeof request.pcs / sizeof *request.pcs,
	    .first = CONTEXT_PC(u), .hi = UINTPTR_MAX };

	if (CONTEXT_SP(u) >= request.lo && CONTEXT_SP(u) <= request.hi)
		walk(&t);
	request.n = t.n;
}

size_t unwind_context(void *ucontext, void **pcs, size_t max)
{
	struct trace t = { .pcs = pcs, .max = max,
	    .first = CONTEXT_PC((ucontext_t *)ucontext), .hi = UINTPTR_MAX };

	walk(&t);
	return t.n;
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(sig, info, context);
	else if (previous.sa_handler != SIG_IGN && previous.sa_handler != SIG_DFL)
		previous.sa_handler(sig);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	uint64_t mine = asked((pid_t)syscall(SYS_gettid));

	/* acquire: pairs with ask; release: the asker may not take it back */
	if (!atomic_compare_exchange_strong(&request.state, &mine, BUSY)) {
		pass_on(sig, info, context);
		return;
	}
	answer(context);
	/* release: pairs with the acquire in answered */
	atomic_store_explicit(&request.state, DONE, memory_order_release);
}

void unwind_init(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal,
	    .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	void *pc;

	if (ready)
		return;
	unwind_self(&pc, 1, 0);		/* the unwinder prepares itself, not in a handler */
	sigemptyset(&sa.sa_mask);
	ready = !sigaction(SIGURG, &sa, &previous);
}

/* Waits up to 100 ms. */
static bool answered(void)
{
	for (int i = 0; i < 1000; i++) {
		if (atomic_load_explicit(&request.state, memory_order_acquire) == DONE)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	return false;
}

/* Under request.lock. */
static size_t ask(pid_t tid, void **pcs, size_t max)
{
	uint64_t state = asked(tid);
	size_t n;

	atomic_store(&request.state, state);
	if (syscall(SYS_tgkill, getpid(), tid, SIGURG)) {
		atomic_store(&request.state, IDLE);
		return 0;
	}
	/* A handler that has begun cannot be called off, and owns the request. */
	if (!answered() && (atomic_compare_exchange_strong(&request.state, &state, IDLE) ||
	    !answered()))
		return 0;
	n = request.n < max ? request.n : max;
	for (size_t i = 0; i < n; i++)
		pcs[i] = request.pcs[i];
	return n;
}

static bool begin(void)
{
	for (int ms = 0; ms < 100; ms++) {
		if (trylock(&request.lock))
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return false;
}

static size_t ask_within(pid_t tid, uintptr_t lo, uintptr_t hi, void **pcs, size_t max)
{
	size_t n = 0;

	if (!ready || tid <= 0 || !begin())
		return 0;
	if (atomic_load(&request.state) != BUSY) {
		request.lo = lo;
		request.hi = hi;
		n = ask(tid, pcs, max);
	}
	unlock(&request.lock);
	return n;
}

size_t unwind_thread(pid_t tid, void **pcs, size_t max)
{
	return ask_within(tid, 0, UINTPTR_MAX, pcs, max);
}

/* From a fault handler on this thread's other stack: g may have overflowed its own. */
static size_t unwind_below(struct g *g, void **pcs, size_t max)
{
	enum { OVERFLOW = 65536 };
	struct trace t = { .pcs = pcs, .max = max,
	    .lo = (uintptr_t)g->stack_lo - OVERFLOW, .hi = (uintptr_t)g };

	walk(&t);
	return t.n;
}

size_t unwind_running(struct g *g, pid_t tid, void **pcs, size_t max)
{
	if (tid == (pid_t)syscall(SYS_gettid))
		return unwind_below(g, pcs, max);
	return ask_within(tid, (uintptr_t)g->stack_lo, (uintptr_t)g, pcs, max);
}
