/*
 * runtime.h - private: goroutines, workers, waiting; for weft/ and testing/ only
 *
 * A worker is a thread that runs goroutines.  A goroutine's record lies at the
 * top of its stack's slot, so that self() is a mask of the stack pointer and no
 * address of thread-local storage can outlive a migration.  A thread that the
 * runtime did not start has a record of its own kind and sleeps on a futex.
 *
 * Lock order: channel (select: one at a time) -> waiters' park words; context
 * -> its done channel; a worker's timers before nothing; group before nothing.
 */
#ifndef WEFT_RUNTIME_H
#define WEFT_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#include "../base/die.h"
#include "../base/heap.h"
#include "../base/list.h"
#include "../base/rand.h"
#include "lock.h"
#include "park.h"
#include "runq.h"
#include "sync.h"
#include "time.h"
#include "weft.h"

/* Why a goroutine waits; the names are in dump.c, in this order. */
enum reason {
	WAIT_NONE, WAIT_CHAN_SEND, WAIT_CHAN_RECV, WAIT_CHAN_NULL, WAIT_SELECT,
	WAIT_SELECT_EMPTY, WAIT_SLEEP, WAIT_MUTEX, WAIT_RWMUTEX_R, WAIT_RWMUTEX_W,
	WAIT_GROUP, WAIT_COND, WAIT_READ, WAIT_WRITE, WAIT_FD, WAIT_HARNESS, WAIT_SETTLE,
	WAIT_REASONS
};

static inline bool reason_is_lock(enum reason r)
{
	return r == WAIT_MUTEX || r == WAIT_RWMUTEX_R || r == WAIT_RWMUTEX_W;
}

enum status { G_FREE, G_RUNNABLE, G_RUNNING, G_WAITING };
enum kind { KIND_GOROUTINE, KIND_BUBBLED, KIND_SCHED, KIND_THREAD };

struct timer {
	struct heap_node  heap;
	struct timers	 *in;		/* the heap it is in, or was; NULL: none yet */
	int64_t		  when;
	/* Runs under the timers' lock: must not park or touch timers.  Returns when
	   to fire again, or 0. */
	int64_t		(*fire)(struct timer *, int64_t now);
	_Atomic bool	  firing;	/* out of the heap, and fire has not ended */
};

/* For reports: something is going to come of it. */
static inline bool timer_armed(const struct timer *t)
{
	/* in this order: see timer_run */
	return __atomic_load_n(&t->heap.place, __ATOMIC_ACQUIRE) ||
	    atomic_load_explicit(&t->firing, memory_order_acquire);
}

struct g {
	/* what every park and wake touches: one line of cache */
	void		*sp;		/* saved stack pointer                 */
	struct park	 park;
	struct worker	*w;		/* that runs it; read again after a park */
	struct node	*woken;		/* the node that was served; NULL: the timer */
	const void	*object;	/* what it waits on                    */
	const void	*pc;		/* where in the user's code            */
	int64_t		 since;		/* when it began to wait, or was freed; coarse */
	uint32_t	 timer_gen;	/* the sleep that timer ends           */
	uint8_t		 kind, reason, class;
	_Atomic uint8_t	 status;

	struct timer	 timer;		/* for sleep and for select's timeout  */
	struct g	*link;		/* in a list of free stacks            */
	const struct weft_site *site;
	struct group	*group;
	struct bubble	*bubble;	/* of a KIND_BUBBLED one               */
	int64_t		 id;
	void		*stack_lo;	/* lowest usable byte                  */
	void		*fiber;		/* the sanitizer's record              */
	void		*fake;
	weft_entry_	*f;
	intptr_t	 words[6];
	weft_waitgroup	*wg;		/* to be told of the end, or NULL      */
	pid_t		 tid;		/* KIND_THREAD                         */
	bool		 quits;		/* waits, but no longer than a context allows */
};

/* A goroutine that has not run yet: it gets its stack when it first does. */
struct task {
	struct task	*link;		/* in a batch of free ones */
	struct task	*batch;		/* its first one: the next batch */
	weft_entry_	*f;
	intptr_t	 words[6];
	const struct weft_site *site;
	struct group	*group;
	struct bubble	*bubble;
	weft_waitgroup	 *wg;
	_Atomic int64_t	 id;		/* 0: free */
	uint8_t		 class;
};

/*
 * Groups: what belongs to one test.  A goroutine inherits its parent's group; a
 * channel, context, timer or socket made by a member is on the group's list until
 * it is freed.  Production programs have no group and pay one test for NULL.
 */
enum track_kind { TRACK_CHAN, TRACK_CTX, TRACK_TIMER, TRACK_FD, TRACK_KINDS };
struct track {
	struct list	  entry;
	struct group	 *group;	/* NULL: not tracked */
	const struct weft_site *site;	/* or NULL, then:    */
	const void	 *pc;		/* the call that made it */
	uint8_t		  kind;
};
struct group {
	_Atomic unsigned  lock;		/* protects objects; nothing else is taken under it */
	struct list	  objects;
	void		 *data;		/* the harness's     */
};
void	group_init(struct group *gr);
void	group_set(struct group *gr);	/* the calling goroutine joins; NULL leaves */
struct group *group_current(void);
void	track_add(struct track *t, enum track_kind kind, const struct weft_site *site,
	    const void *pc);
void	track_del(struct track *t);

/* What the members of a group are doing; a snapshot, exact when nothing changes. */
struct group_state {
	int	runnable;		/* running, ready to, or in a blocking call */
	int	sleeping;		/* has a timer that will wake it; 0 is exact */
	int	polling;		/* waits for a descriptor          */
	int	blocked;		/* waits for something else        */
	int64_t	activity;		/* changes whenever a member ran in between */
};
void	group_look(struct group *gr, struct group_state *out);
/* Calls f for each live goroutine of the group (NULL: all), in order of their ids. */
void	g_each(struct group *gr, void (*f)(struct g *g, const struct task *t, void *), void *arg);
/* Its timers will never fire: what sleeps stays asleep. */
void	group_cancel_timers(struct group *gr);

/*
 * The harness is told, on a scheduler's stack, whenever every worker is about to
 * sleep.  It replaces the deadlock report.  What it makes ready wakes a worker by
 * itself; nobody looks at what it returns.
 */
extern bool (*sched_idle_hook)(struct worker *w);

/* Called when a fault that nobody handles is about to kill the program, in the handler. */
extern void (*fault_hook)(int sig);

/* Reports (dump.c). */
struct out { int fd; bool deaf; size_t n; char buf[4096]; };	/* deaf: nobody reads */
void	out_init(struct out *o, int fd);
void	out_printf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	out_flush(struct out *o);
const char *reason_name(enum reason r);
const char *goroutine_state(const struct g *g, const struct task *t);	/* "chan send", "running" */
/* "goroutine 3 [chan send, 2s] f   spawned at a.c:12", then its stack if asked. */
void	dump_goroutine(struct out *o, struct g *g, const struct task *t,
	    const char *indent, bool stack);
/* Who runs this code: a goroutine also in a fault handler, on its thread's other stack. */
struct g *dump_caller(void);
void	dump_all(int fd);
void	dump_these(int fd, struct g **g, size_t n);	/* folded; they do not run */
/* Goroutines of a group (NULL: of none that is in a bubble) that wait for each other's
   locks, if there are such; how many. */
size_t	dump_cycle(struct out *o, struct group *gr, const char *indent);
/* Two or more of a group wait for each other's locks without contexts: a sum that tells
   these sleeps from others; 0: nobody does. */
uint64_t cycle_for_good(struct group *gr);
int64_t	dump_holder(const struct g *g);	/* of the lock that g waits for, or 0 */
void	dump_pc(struct out *o, const void *pc);		/* "function file.c:12" */

/* Waiting (wait.c, sched.c).  sync_impl.h defines the queue, under a public name. */
#define waitq weft_waitq_
struct node {
	struct node	*next, *prev;
	struct waitq	*q;		/* NULL: not queued */
	struct g	*g;
	void		*ptr;		/* value to send, or where to put it */
	uint32_t	 gen;
	bool		 shared;	/* also in other queues: claim before use */
	bool		 ok;		/* received a value; not closed */
};

static inline bool waitq_empty(const struct waitq *q) { return !q->head; }
static inline void waitq_push(struct waitq *q, struct node *n)
{
	n->next = NULL;
	n->prev = q->tail;
	if (q->tail)
		q->tail->next = n;
	else
		q->head = n;
	q->tail = n;
	n->q = q;
}

static inline void waitq_remove(struct node *n)	/* no-op when not queued */
{
	struct waitq *q = n->q;

	if (!q)
		return;
	if (n->prev)
		n->prev->next = n->next;
	else
		q->head = n->next;
	if (n->next)
		n->next->prev = n->prev;
	else
		q->tail = n->prev;
	n->q = NULL;
}

static inline struct node *waitq_pop(struct waitq *q)	/* claimed, or NULL */
{
	struct node *n;

	while ((n = q->head)) {
		waitq_remove(n);
		if (!n->shared || park_claim(&n->g->park, n->gen))
			return n;
	}
	return NULL;
}

/*
 * Called with *lock held; queues the caller, unlocks, sleeps.  0: woken through q;
 * else -ECANCELED or -ETIMEDOUT from ctx.  *lock is free afterwards.
 */
int	waitq_wait(struct waitq *q, _Atomic unsigned *lock, weft_ctx *ctx,
	    enum reason why, const void *object, const void *pc);
void	waitq_wake(struct node *n);		/* serves a popped node */
struct node *waitq_pop_all(struct waitq *q);
void	waitq_wake_all(struct node *chain);
void	mutex_lock(weft_mutex *m, const void *pc);	/* for a call of the user's at pc */

void	sched_park(struct g *g, enum reason why, const void *object, const void *pc);
void	sched_ready(struct worker *w, struct g *g);	/* w: the caller's, or NULL */
struct home { struct group *group; struct bubble *bubble; size_t stack; };
void	sched_spawn(weft_entry_ *f, const intptr_t words[6], const struct weft_site *site,
	    struct home home, weft_waitgroup *wg);

int64_t	clock_now(void);		/* the real clock                            */
int64_t	now_here(void);			/* the clock of the bubble, if there is one  */

/* Who runs this code. */
extern struct arena {
	uintptr_t base, size;
	uintptr_t small;		/* slots in the first region */
	unsigned  region_shift;		/* one region per size class */
} arena;
enum { SLOT_SHIFT = 16, CLASS_STEP = 2, CLASSES = 4, RECORD = 384 };
struct g *self_thread(void);		/* on no goroutine's stack */
bool	tls_enter_sampler(void);	/* false: this thread is in it already */
void	tls_leave_sampler(void);

/* Not the frame's address: asking for that makes the compiler set up a frame. */
static inline uintptr_t stack_pointer(void)
{
	uintptr_t sp;

#if defined(__x86_64__)
	__asm__("mov %%rsp, %0" : "=r"(sp));
#else
	__asm__("mov %0, sp" : "=r"(sp));
#endif
	return sp;
}

static inline struct g *self(void)
{
	uintptr_t sp = stack_pointer(), off = sp - arena.base;

	if (likely(off >> SLOT_SHIFT < arena.small))	/* the first region */
		return (struct g *)((sp | (((uintptr_t)1 << SLOT_SHIFT) - 1)) + 1 - RECORD);
	if (off >= arena.size)
		return self_thread();
	unsigned shift = SLOT_SHIFT + CLASS_STEP * (unsigned)(off >> arena.region_shift);
	return (struct g *)((sp | (((uintptr_t)1 << shift) - 1)) + 1 - RECORD);
}
static inline bool is_goroutine(const struct g *g)
{
	return g->kind <= KIND_BUBBLED;
}

/* The bubble that this code runs in, or NULL. */
static inline struct bubble *bubble_current(void)
{
	struct g *g = self();

	return g->kind == KIND_BUBBLED ? g->bubble : NULL;
}

/*
 * Locks note a place on their holder's stack, which costs less than to find out who
 * that is; stack_owner() tells.  Its bits are inverted: weft_leaks is not to think that
 * who has the lock has the goroutine.
 */
uintptr_t mutex_holder(const weft_mutex *m);	/* 0: nobody, or who has not noted himself yet */
_Static_assert(sizeof(struct g) <= RECORD, "a goroutine's record outgrew its place");
_Static_assert(offsetof(struct g, timer) == 64, "a goroutine's hot line");

#define CALLER	__builtin_return_address(0)

#endif
