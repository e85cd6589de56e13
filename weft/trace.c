/*
 * trace.c - the flight recorder: recording the time, and copying the rings
 *
 * A ring is 32 KiB: a larger one would drive other things out of the caches.
 */
#include "trace.h"

#include <string.h>

#include "../base/sort.h"
#include "pages.h"
#include "trace_read.h"

#if defined(__x86_64__)
static inline uint64_t counter(void) { return __builtin_ia32_rdtsc(); }
#elif defined(__aarch64__)
static inline uint64_t counter(void)
{
	uint64_t c;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(c));
	return c;
}
#endif

/* The counter's low 48 bits, which last for a day at least: the rest is put back later. */
static uint64_t begun_counter;
static int64_t begun;

/* About this many counts are 256 ns, whatever the counter: trace_start measures. */
static uint64_t far_apart = 512;

void trace_time(struct worker *w)
{
	uint64_t c = counter(), n = atomic_load_explicit(&w->traced, memory_order_relaxed);
	bool apart = c - w->trace_last > far_apart * (n - w->trace_timed);

	atomic_store_explicit(&w->trace[n % TRACE_EVENTS], (uint64_t)TRACE_TIME << 58 |
	    (c & 0xffffffffffff), memory_order_relaxed);
	atomic_store_explicit(&w->traced, n + 1, memory_order_release);
	w->trace_last = c;
	w->trace_timed = n + 1;
	w->trace_next = n + 2 + (apart ? 0 : TRACE_SPARSE);
}

void trace_start(struct worker *w)
{
	if (!begun) {
		begun = clock_now();
		begun_counter = counter();
#if defined(__aarch64__)
		uint64_t hz;

		__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
		far_apart = hz / 4000000 ? hz / 4000000 : 1;
#endif
	}
	w->trace = pages(TRACE_EVENTS * sizeof *w->trace);
	if (!w->trace)
		die("out of memory: %zu bytes", TRACE_EVENTS * sizeof *w->trace);
}

void trace_stop(struct worker *w)
{
	munmap(w->trace, TRACE_EVENTS * sizeof *w->trace);
}

/* ---- reading ---- */

/* The events of w that are surely whole, the oldest first, with their numbers. */
static size_t copy(struct worker *w, uint64_t *out)
{
	/* acquire: pairs with the release in trace */
	uint64_t end = atomic_load_explicit(&w->traced, memory_order_acquire), first, last;

	first = end > TRACE_EVENTS ? end - TRACE_EVENTS : 0;
	for (uint64_t i = first; i < end; i++)
		out[i - first] = atomic_load_explicit(&w->trace[i % TRACE_EVENTS],
		    memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	last = atomic_load_explicit(&w->traced, memory_order_relaxed) + 2;
	if (last > TRACE_EVENTS + first) {	/* overwritten while we copied */
		uint64_t lost = last - TRACE_EVENTS - first;

		if (lost >= end - first)
			return 0;
		memmove(out, out + lost, (end - first - lost) * sizeof *out);
		first += lost;
	}
	return end - first;
}

static unsigned kind_of(uint64_t e) { return (unsigned)(e >> 58); }
static uint64_t value_of(uint64_t e) { return e & 0xffffffffffff; }

struct scale { uint64_t now; double ns; };

/* Nanoseconds since weft_now()'s 0 of a counter's low bits. */
static int64_t time_of(const struct scale *s, uint64_t low)
{
	uint64_t c = (s->now & ~UINT64_C(0xffffffffffff)) | low;

	if (c > s->now)
		c -= UINT64_C(1) << 48;
	return begun + (int64_t)((double)(int64_t)(c - begun_counter) * s->ns);
}

/*
 * Appends w's events to l, each with a time: those between two timed ones are evenly
 * spaced.  Those before the first, whose time nobody knows, are left out.
 */
static void read_ring(struct worker *w, const uint64_t *ev, size_t n, const struct scale *s,
    struct trace_list *l)
{
	size_t i = 0;
	int64_t from, to;

	while (i < n && kind_of(ev[i]) != TRACE_TIME)
		i++;
	while (i < n) {
		size_t end = i + 1;

		from = time_of(s, value_of(ev[i]));
		while (end < n && kind_of(ev[end]) != TRACE_TIME)
			end++;
		to = end < n ? time_of(s, value_of(ev[end])) : from + (int64_t)(end - i);
		for (size_t k = i + 1; k < end && l->n < l->room; k++)
			l->at[l->n++] = (struct trace_event){
			    .when = from + (to - from) * (int64_t)(k - i) / (int64_t)(end - i),
			    .worker = w->index, .kind = (uint8_t)kind_of(ev[k]),
			    .value = value_of(ev[k]),
			    .order = l->n };
		i = end;
	}
}

static bool later(const struct trace_event *a, const struct trace_event *b)
{
	return a->when > b->when || (a->when == b->when && a->order > b->order);
}

bool trace_read(struct trace_list *l)
{
	int n = atomic_load(&sched.nworkers);
	uint64_t *ev = pages(TRACE_EVENTS * sizeof *ev);
	struct scale s = { .now = counter() };
	int64_t now = clock_now();

	*l = (struct trace_list){ .room = (size_t)n * TRACE_EVENTS };
	l->at = pages(l->room * sizeof *l->at);
	if (!ev || !l->at || s.now <= begun_counter)
		n = 0;
	else
		s.ns = (double)(now - begun) / (double)(s.now - begun_counter);
	for (int i = 0; i < n; i++)
		read_ring(sched.worker[i], ev, copy(sched.worker[i], ev), &s, l);
	if (ev)
		munmap(ev, TRACE_EVENTS * sizeof *ev);
	sort_if(l->at, l->n, later);
	return l->at;
}

void trace_finish(struct trace_list *l)
{
	if (l->at)
		munmap(l->at, l->room * sizeof *l->at);
}
