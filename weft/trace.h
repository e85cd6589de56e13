/*
 * trace.h - private: the flight recorder, a ring of the last events of each worker
 *
 * An event is one word: a kind in the top bits, and a goroutine's record or a number.  Its owner
 * alone writes a ring; whoever reads copies it and throws away what may have been
 * overwritten meanwhile.
 *
 * Two things keep it cheap.  Reading the clock costs ten times as much as the event, so
 * when events come thick only every 64th is timed, and those in between are taken to be
 * evenly spaced; when they are far apart each is.  And a goroutine that goes into a
 * worker's next leaves no event of its own: when it runs without having been readied,
 * whoever ran before it has woken it.
 */
#ifndef WEFT_TRACE_H
#define WEFT_TRACE_H

#include "worker.h"

enum trace_kind {
	/* g runs here, or the worker's own stack; in its low bits why the one before waits */
	TRACE_RUN = 0,
	TRACE_TIME,		/* the processor's counter                         */
	TRACE_READY,		/* whoever runs here woke g                        */
	TRACE_BEGIN,		/* as RUN, of a g that begins; these two follow:   */
	TRACE_ID,		/* its number                                      */
	TRACE_SITE,		/* where it was started                            */
	TRACE_SLEEP, TRACE_WAKE,	/* the worker                              */
};
enum { TRACE_EVENTS = 1 << 12, TRACE_SPARSE = 63, TRACE_REASON = 63 };
_Static_assert((int)WAIT_REASONS <= (int)TRACE_REASON, "wait reasons in the low bits of a pointer");

void	trace_time(struct worker *w);

static inline void trace_put(struct worker *w, uint64_t n, enum trace_kind kind, uint64_t value)
{
	atomic_store_explicit(&w->trace[n % TRACE_EVENTS], (uint64_t)kind << 58 | value,
	    memory_order_relaxed);
}

static inline void trace_done(struct worker *w, uint64_t n, unsigned events)
{
	/* release: pairs with the acquire in trace.c's copy */
	atomic_store_explicit(&w->traced, n + events, memory_order_release);
	if (unlikely(n + events >= w->trace_next))
		trace_time(w);
}

static inline void trace(struct worker *w, enum trace_kind kind, uint64_t value)
{
	uint64_t n = atomic_load_explicit(&w->traced, memory_order_relaxed);

	trace_put(w, n, kind, value);
	trace_done(w, n, 1);
}

static inline void trace_run(struct worker *w, const struct g *from, const struct g *to)
{
	trace(w, TRACE_RUN, (uintptr_t)to | from->reason);
}

static inline void trace_ready(struct worker *w, const struct g *g)
{
	trace(w, TRACE_READY, (uintptr_t)g);
}

static inline void trace_begin(struct worker *w, const struct g *g)
{
	uint64_t n = atomic_load_explicit(&w->traced, memory_order_relaxed);

	trace_put(w, n, TRACE_BEGIN, (uintptr_t)g);
	trace_put(w, n + 1, TRACE_ID, (uint64_t)g->id);
	trace_put(w, n + 2, TRACE_SITE, (uintptr_t)g->site);
	trace_done(w, n, 3);
}

void	trace_start(struct worker *w);
void	trace_stop(struct worker *w);

#endif
