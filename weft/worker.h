/*
 * worker.h - private: a worker, and what all workers share
 *
 * A worker is in one of four places: running goroutines, searching for some,
 * asleep (in sched.idle), or spare.  active counts those that are not spare, stuck
 * those that a spare stands in for; active - stuck never stays above procs.
 *
 * Fields without a note belong to the worker's own thread.
 */
#ifndef WEFT_WORKER_H
#define WEFT_WORKER_H

#include "debug.h"
#include "readers.h"
#include "runtime.h"

enum { MAX_WORKERS = 1024, KEEP_STACKS = 64, TICK = 61,
	READER_SLOTS = 64 };

/* What is in a worker's next is its own for so long. */
enum { WORKER_STALE_NS = 5000 };
struct worker_seen { uintptr_t next; uint32_t tick; int64_t since; };

/* Timers that one clock fires: a worker's, or a bubble's. */
struct timers {
	_Atomic unsigned  lock;
	struct heap	  heap;		/* under lock */
	_Atomic int64_t	  next;		/* the earliest, INT64_MAX: none */
	struct bubble	 *bubble;	/* whose clock it is; NULL: the real one */
};

struct worker {
	struct runq	  q;
	/* the item to run next; thieves take it by CAS once it is stale */
	_Atomic uintptr_t next __attribute__((aligned(64)));
	_Atomic uint32_t  tick;		/* switches so far; read by thieves and the monitor */
	uint32_t	  streak;	/* times in a row that next was used */
	_Atomic(struct g *) running;	/* for reports and the monitor */
	_Atomic uint64_t *trace;	/* the flight recorder's ring: trace.h */
	_Atomic uint64_t  traced;	/* events so far */
	uint64_t	  trace_next;	/* the event after which time is recorded */
	uint64_t	  trace_last, trace_timed;	/* when it was, and then */
	void		(*after)(struct worker *, struct g *); /* to do on the next stack */
	struct g	 *after_g;
	struct rand	  rand;
	struct task	 *tasks;	/* free ones */
	struct task	 *full_tasks;	/* a batch of them, or NULL */
	int		  ntasks;	/* in tasks */
	struct g	 *stacks[CLASSES];	/* hot ones */
	int		  nstacks[CLASSES];
	int64_t		  next_id, last_id;	/* goroutine numbers in stock */
	int64_t		  polled;	/* when own descriptors were last looked at */

	struct timers	  timers __attribute__((aligned(64)));
	int		  epfd;

	/* read locks held, see readers.h; mostly taken and left by goroutines here */
	readers_slot	  readers[READER_SLOTS] __attribute__((aligned(64)));

	_Atomic uint32_t  woken __attribute__((aligned(64)));	/* futex */
	_Atomic bool	  relieved;	/* a spare stands in for it */
	_Atomic bool	  blocking;	/* between weft_enter_blocking and leave */
	_Atomic bool	  spare;
	bool		  searching;
	bool		  doze;		/* it is to, or has just done so: see idle.c */
	uint32_t	  others;	/* their ticks when it last looked */
	struct worker_seen *seen;	/* others' next, by their index */
	bool		  idle;		/* under sched.lock: in sched.idle */
	uint32_t	  seen_tick;	/* the monitor's */
	int		  index;
	pthread_t	  thread;
	_Atomic pid_t	  tid;
	uintptr_t	  stack_lo, stack_hi;	/* the thread's, but for what is not ours */
	struct weft_stats stats;	/* own counts, read by others without care */
	int64_t		  ended;
	struct g	  sched __attribute__((aligned(64)));	/* of the thread's own stack */
};

struct sched {
	int		  procs;
	int		  explored;	/* bubbles whose steps are asked about; atomic: see STEP_AT */
	_Atomic int64_t	  coarse __attribute__((aligned(64))); /* the time, 10 ms old at most */
	int		  root;		/* epoll of all workers' epolls and of kick */
	int		  kick;		/* eventfd that wakes the pollster */
	_Atomic int	  nworkers;	/* entries of worker[] in use, spare ones too */
	struct worker	 *worker[MAX_WORKERS];

	_Atomic unsigned  lock __attribute__((aligned(64)));
	uintptr_t	 *global;	/* ring of items; under lock */
	size_t		  global_head, global_room;
	struct worker	 *idle[MAX_WORKERS];	/* under lock */
	struct worker	 *spares[MAX_WORKERS];	/* under lock */
	int		  nspares;
	struct task	 *tasks;	/* free ones in batches, under lock */
	_Atomic size_t	  nglobal __attribute__((aligned(64)));
	_Atomic int	  nidle, searching, active, stuck;
	_Atomic int	  dozing;	/* of nidle, those that the clock will wake soon */
	_Atomic(struct worker *) pollster;	/* sleeps, or is about to, in epoll */
	_Atomic int64_t	  poll_until;		/* when it wakes by itself */
	_Atomic int64_t	  ids;
	_Atomic int	  polling;		/* goroutines that wait for descriptors */
	_Atomic uint32_t  monitor;		/* futex: 1 awake, 0 asleep */
	_Atomic int64_t	  foreign_spawned;
	_Atomic int	  runs;			/* of weft_run, begun and not ended */
	_Atomic int	  helpers;		/* threads of ours that come and go */
	_Atomic bool	  started;
	_Atomic bool	  forked;
};
extern struct sched sched;

/* stack.c */
void	stack_init(void);
struct g *stack_get(struct worker *w, unsigned class);
void	stack_put(struct worker *w, struct g *g);
unsigned stack_class(size_t bytes);
/*
 * Gives back some of the memory of stacks that nobody has used since before.  True:
 * there may be more.
 */
bool	stack_trim(int64_t before);
/* Every record, free ones too, in no order; takes no lock. */
void	stack_each(void (*f)(struct g *, void *), void *arg);
/*
 * Of each class up to n records, by chance, each with how many it stands for; every one
 * where there are no more.
 */
void	stack_some(size_t n, struct rand *r, void (*f)(struct g *, double stands_for, void *),
	    void *arg);
/* Whose slot an address lies in, or NULL. */
struct g *stack_owner(uintptr_t addr);
void	stack_overflow_init(void);	/* once per thread that runs goroutines */

/* task.c */
struct task *task_get(struct worker *w);
void	task_put(struct worker *w, struct task *t);
void	task_each(void (*f)(struct task *, void *), void *arg);
/* Those of up to n slabs, as stack_some. */
void	task_some(size_t n, struct rand *r, void (*f)(struct task *, double stands_for, void *),
	    void *arg);
/* Memory in which stack.c and task.c keep addresses of records, live or not. */
void	stack_notes(void (*f)(void *p, size_t size, void *arg), void *arg);
void	task_notes(void (*f)(void *p, size_t size, void *arg), void *arg);

/* timer.c */
void	timer_add(struct timer *t, int64_t when);
bool	timer_del(struct timer *t);	/* true: it had not fired */
int	timer_run(struct timers *in, int64_t now);	/* fires what is due, or much of it; how many */
int64_t	timer_bucket(int64_t now, int64_t when);
int64_t	deadline_after(int64_t now, int64_t ns);	/* INT64_MAX if that is too far */

/* poll_epoll.c */
int	poll_new(void);				/* a worker's epoll descriptor, or -errno */
void	poll_free(int epfd);
void	poll_init(void);
bool	poll_look(struct worker *w);		/* everyone's; does not wait; true: something was ready */
void	poll_sleep(struct worker *w, int64_t until);	/* the pollster */
void	poll_kick(void);

/* sched.c */
void	sched_queue(struct worker *w, uintptr_t item);	/* at the tail, and tells */
void	sched_run(struct worker *w, uintptr_t item);	/* on the worker's own stack */

/* find.c */
void	*worker_loop(void *worker);

/* idle.c */
void	idle_sleep(struct worker *w);
bool	idle_others_churn(struct worker *w);	/* since the last call */
void	idle_stop_searching(struct worker *w, bool found);
void	sched_wake_one(void);
bool	sched_relieve(void);		/* wakes or starts a worker beyond procs */

/* workers.c */
void	sched_start(void);
int	worker_start(void);		/* sched.lock is held; 0 or -errno */
void	sched_die_unless_running(const char *call);

/* monitor.c, signals.c */
void	monitor_start(void);
void	monitor_wake(void);
void	sched_no_monitor(void);

static inline bool worker_is_blocked(struct worker *w)
{
	/* relaxed: a hint */
	return atomic_load_explicit(&w->blocking, memory_order_relaxed) ||
	    atomic_load_explicit(&w->relieved, memory_order_relaxed);
}

static inline uintptr_t item_g(struct g *g) { return (uintptr_t)g; }
static inline uintptr_t item_task(struct task *t) { return (uintptr_t)t | 1; }
static inline struct task *item_is_task(uintptr_t item)
{
	return item & 1 ? (struct task *)(item - 1) : NULL;
}

#endif
