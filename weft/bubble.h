/*
 * bubble.h - private: goroutines that run one at a time and have a clock of their own
 *
 * A test in virtual time, or under a chosen schedule, is a bubble: its goroutines
 * never run at once, and its clock moves only when none of them can run.  So what
 * happens in it depends on nothing but the choices of who runs next, and those can be
 * made, recorded and repeated by whoever owns the bubble.
 *
 * One goroutine at a time has the turn: it runs, or waits in a worker's queue to run.
 * The others that could are in ready.  Who stops running passes the turn on; when
 * nobody is ready, the clock jumps to the next timer; when there is none, the bubble
 * is stuck, and its owner is told.
 */
#ifndef WEFT_BUBBLE_H
#define WEFT_BUBBLE_H

#include "worker.h"

#ifdef WEFT_EXPLORE
enum { CHOICES_AT_ATOMICS = 1 };	/* choices.h */
#else
enum { CHOICES_AT_ATOMICS = 0 };
#endif

/* Compared by address. */
extern const char YIELDS[], SPINS[];

/* Who could run next: a goroutine, or a task, whose g is NULL. */
struct candidate { int64_t id; struct g *g; };

struct bubble {
	_Atomic unsigned  lock;		/* protects busy and what is ready */
	bool		  busy;		/* somebody has the turn */
	uintptr_t	 *ready;	/* n items from head on, the oldest first */
	size_t		  head, n, room;
	/* the rest belongs to who has the turn */
	struct timers	  timers;
	int64_t		  now;
	int64_t		  ids;		/* goroutines so far */
	uintptr_t	  chosen;	/* has the turn once the worker has looked around, or 0 */
	struct waitq	  settlers;	/* wait until nobody else can run */
	int		  locked;	/* wait for locks                 */
	int		  vain;		/* timers that came to nothing, and come again */
	int64_t		  vain_to;	/* the last of those that did so without a break, or 0 */
	struct rand	  rand;		/* for what the runtime draws: select, the network */
	struct net	 *net;		/* memnet.c's, once there is one */
	bool		  over;		/* its test has ended: the clock stands still */
	bool		  frozen;	/* nothing of it is to run any more */
	/* the owner's, set before anything runs in it */
	void		 *data;
	/* True: it could run, wants to do what at pc, and the owner may let others go first.
	   What is YIELDS or SPINS: they should. */
	bool		(*step)(struct bubble *b, struct g *g, const char *what, const void *pc);
	/* Which of n candidates, of 1 too, runs next; the last one runs now if going_on. */
	size_t		(*choose)(struct bubble *b, size_t n, bool going_on);
	/* On a scheduler's stack: nothing can run, and nothing is timed. */
	void		(*stuck)(struct bubble *b);
	/* The same, but something is timed, and several wait for locks.  True: for each other's,
	   and that has been dealt with. */
	bool		(*locked_up)(struct bubble *b);
	/* A goroutine wants what there is only outside.  True: it will not go on. */
	bool		(*refuse)(struct bubble *b, const char *what, bool needed);
};

void	bubble_init(struct bubble *b, uint64_t seed);
bool	bubble_busy(struct bubble *b);		/* false: nothing of it runs or is about to */
void	bubble_freeze(struct bubble *b);	/* from now on nobody is chosen any more */
bool	bubble_frozen(struct bubble *b);	/* and the last one has stopped */
void	bubble_finish(struct bubble *b);	/* not busy, and nobody will wake any of it */
struct candidate bubble_candidate(const struct bubble *b, size_t i);

/* For choices of the runtime's, and weft_random. */
uint64_t draw_thread(void);
static inline uint64_t draw(struct g *g)
{
	if (g->kind == KIND_BUBBLED)
		return rand_next(&g->bubble->rand);
	return g->w ? rand_next(&g->w->rand) : draw_thread();
}

/* sched.c's side. */
void	bubble_ready(struct bubble *b, uintptr_t item);
uintptr_t bubble_take(struct bubble *b, bool going_on);	/* the next, 0: nobody is ready */
void	bubble_pass(struct bubble *b);	/* on a scheduler's stack: gives the turn to someone */
void	bubble_settle(const void *pc);
/* Does not return when it is called in a bubble, unless it is not needed and allowed. */
void	bubble_refuse(const char *what, bool needed);

/*
 * Before what others may see: in an explored bubble somebody else may run first.
 * Elsewhere this is a load and a branch.  Not with a lock of the runtime's held.
 */
void	bubble_step(const char *what, const void *pc);
#define STEP_AT(what, pc) do {						\
	/* a builtin: it is no choice point itself (choices.h) */	\
	if (unlikely(__atomic_load_n(&sched.explored, __ATOMIC_RELAXED))) \
		bubble_step(what, pc);					\
} while (0)
#define STEP(what) STEP_AT(what, CALLER)

#endif
