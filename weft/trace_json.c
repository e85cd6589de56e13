/*
 * trace_json.c - the flight recorder's events as Chrome's JSON, for ui.perfetto.dev
 *
 * Process 1 has a track per worker: what ran on it.  Process 2 has a track per
 * goroutine: running, runnable, or what it waited for.  An arrow leads from whoever woke
 * a goroutine to where it ran next.
 *
 * Whoever dies writes one, too: memory comes from mmap, and no lock is taken.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "debug.h"
#include "pages.h"
#include "trace.h"
#include "trace_read.h"

enum state { UNKNOWN, RUNNABLE, RUNNING, WAITING };	/* WAITING + a wait reason */

/* A goroutine as far as the events have told. */
struct actor {
	uint64_t	 g;		/* its record; 0: an empty place in the table */
	int64_t		 id;		/* 0: not known */
	const struct weft_site *site;
	int		 state;
	int64_t		 since;
	int		 waker;		/* the worker it was woken on, -1: none */
	int64_t		 woken;
};

struct seat { struct actor *runs; int64_t since, asleep; struct actor *begins; };

struct writer {
	struct out	 o;
	struct actor	*actors;	/* open addressing */
	size_t		 room;
	struct seat	*seats;		/* by worker */
	int		 nworkers;
	int64_t		 flows;
	bool		 comma;
};

static const char *name_of(const struct actor *a)
{
	return a->site ? a->site->func : "?";
}

/* Records never go away, so one that the events do not introduce can be asked. */
static struct actor *actor(struct writer *w, uint64_t g)
{
	size_t i = g / 64 * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (w->room - 1);
	struct g *record = (struct g *)(uintptr_t)g;

	while (w->actors[i].g && w->actors[i].g != g)
		i = (i + 1) & (w->room - 1);
	if (!w->actors[i].g)
		w->actors[i] = (struct actor){ .g = g, .id = record->id, .site = record->site,
		    .waker = -1 };
	return &w->actors[i];
}

static void begin_event(struct writer *w)
{
	out_printf(&w->o, w->comma ? ",\n" : "\n");
	w->comma = true;
}

/* ns as the format's microseconds. */
#define US(ns) (intmax_t)((ns) / 1000), (int)((ns) % 1000)

static void slice(struct writer *w, int pid, int64_t tid, int64_t from, int64_t to,
    const char *name, int64_t id)
{
	begin_event(w);
	out_printf(&w->o, "{\"ph\":\"X\",\"pid\":%d,\"tid\":%jd,\"ts\":%jd.%03d,\"dur\":%jd.%03d,"
	    "\"name\":\"%s", pid, (intmax_t)tid, US(from), US(to - from), name);
	if (id)
		out_printf(&w->o, " %jd", (intmax_t)id);
	out_printf(&w->o, "\"}");
}

static void arrow(struct writer *w, int from_worker, int64_t from, int to_worker, int64_t to)
{
	w->flows++;
	begin_event(w);
	out_printf(&w->o, "{\"ph\":\"s\",\"pid\":1,\"tid\":%d,\"ts\":%jd.%03d,\"id\":%jd,"
	    "\"cat\":\"wake\",\"name\":\"wake\"}", from_worker + 1, US(from), (intmax_t)w->flows);
	begin_event(w);
	out_printf(&w->o, "{\"ph\":\"f\",\"bp\":\"e\",\"pid\":1,\"tid\":%d,\"ts\":%jd.%03d,\"id\":%jd,"
	    "\"cat\":\"wake\",\"name\":\"wake\"}", to_worker + 1, US(to), (intmax_t)w->flows);
}

static void end_state(struct writer *w, struct actor *a, int64_t when)
{
	const char *name = a->state == RUNNABLE ? "runnable" : a->state == RUNNING ? "running" :
	    a->state >= WAITING ? reason_name((enum reason)(a->state - WAITING)) : NULL;

	if (name && when > a->since)
		slice(w, 2, a->id, a->since, when, name, 0);
	a->since = when;
}

static void set_state(struct writer *w, struct actor *a, int state, int64_t when)
{
	end_state(w, a, when);
	a->state = state;
}

static void stop_running(struct writer *w, const struct trace_event *e, int state)
{
	struct seat *s = &w->seats[e->worker];

	if (!s->runs)
		return;
	slice(w, 1, e->worker + 1, s->since, e->when, name_of(s->runs), s->runs->id);
	set_state(w, s->runs, state, e->when);
	s->runs = NULL;
}

static void start_running(struct writer *w, const struct trace_event *e, struct actor *a)
{
	struct seat *s = &w->seats[e->worker];

	if (a->waker >= 0)
		arrow(w, a->waker, a->woken, e->worker, e->when);
	else if (a->state >= WAITING && s->since < e->when)	/* it was in next */
		arrow(w, e->worker, e->when - 1, e->worker, e->when);
	a->waker = -1;
	set_state(w, a, RUNNING, e->when);
	s->runs = a;
	s->since = e->when;
}

static bool is_own_stack(uint64_t g)
{
	return g - arena.base >= arena.size;
}

static void on_run(struct writer *w, const struct trace_event *e)
{
	uint64_t g = e->value & ~(uint64_t)TRACE_REASON, reason = e->value & TRACE_REASON;

	stop_running(w, e, reason == WAIT_NONE || reason >= WAIT_REASONS ? RUNNABLE :
	    WAITING + (int)reason);
	if (!is_own_stack(g))
		start_running(w, e, actor(w, g));
}

/* A stack changes hands; if what was on it ran here, what begins on it does now. */
static void on_begin(struct writer *w, const struct trace_event *e)
{
	struct seat *s = &w->seats[e->worker];
	struct actor *a = actor(w, e->value);
	bool here = s->runs == a;

	if (here)
		stop_running(w, e, UNKNOWN);
	else
		end_state(w, a, e->when);
	a->state = UNKNOWN;
	a->id = 0;
	a->site = NULL;
	a->waker = -1;
	s->begins = a;
	if (here)
		start_running(w, e, a);
}

static void on_event(struct writer *w, const struct trace_event *e)
{
	struct seat *s = &w->seats[e->worker];
	struct actor *a;

	switch (e->kind) {
	case TRACE_RUN:
		on_run(w, e);
		break;
	case TRACE_READY:
		a = actor(w, e->value);
		set_state(w, a, RUNNABLE, e->when);
		a->waker = e->worker;
		a->woken = e->when;
		break;
	case TRACE_BEGIN:
		on_begin(w, e);
		break;
	case TRACE_ID:
		if (s->begins)
			s->begins->id = (int64_t)e->value;
		break;
	case TRACE_SITE:
		if (s->begins)
			s->begins->site = (const struct weft_site *)(uintptr_t)e->value;
		s->begins = NULL;
		break;
	case TRACE_SLEEP:
		s->asleep = e->when;
		break;
	case TRACE_WAKE:
		if (s->asleep)
			slice(w, 1, e->worker + 1, s->asleep, e->when, "asleep", 0);
		s->asleep = 0;
		break;
	}
}

static void metadata(struct writer *w, const char *what, int pid, int64_t tid, const char *name,
    int64_t id)
{
	begin_event(w);
	out_printf(&w->o, "{\"ph\":\"M\",\"pid\":%d,\"tid\":%jd,\"name\":\"%s\",\"args\":{\"name\":\"%s",
	    pid, (intmax_t)tid, what, name);
	if (id)
		out_printf(&w->o, " %jd", (intmax_t)id);
	out_printf(&w->o, "\"}}");
}

static void names(struct writer *w)
{
	metadata(w, "process_name", 1, 0, "workers", 0);
	metadata(w, "process_name", 2, 0, "goroutines", 0);
	for (int i = 0; i < w->nworkers; i++)
		metadata(w, "thread_name", 1, i + 1, "worker", i + 1);
	for (size_t i = 0; i < w->room; i++)
		if (w->actors[i].g && w->actors[i].id)
			metadata(w, "thread_name", 2, w->actors[i].id, name_of(&w->actors[i]),
			    w->actors[i].id);
}

static void write_all(struct writer *w, const struct trace_list *l, int64_t ns)
{
	int64_t end = l->n ? l->at[l->n - 1].when : 0;
	struct trace_event last = { .when = end };
	size_t first = 0;

	while (first < l->n && l->at[first].when < end - ns)
		first++;
	out_printf(&w->o, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	for (size_t i = first; i < l->n; i++)
		if (l->at[i].worker < w->nworkers)
			on_event(w, &l->at[i]);
	for (last.worker = 0; last.worker < w->nworkers; last.worker++)
		stop_running(w, &last, RUNNING);
	for (size_t i = 0; i < w->room; i++)
		if (w->actors[i].g && w->actors[i].state != RUNNING)
			end_state(w, &w->actors[i], end);
	names(w);
	out_printf(&w->o, "\n]}\n");
	out_flush(&w->o);
}

/* Each event names one goroutine at most. */
static size_t table_room(size_t events)
{
	size_t room = 64;

	while (room < 2 * events)
		room *= 2;
	return room;
}

int weft_trace_write(const char *path, int64_t ns)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), err = 0;
	size_t bytes, seats = (size_t)atomic_load(&sched.nworkers) * sizeof(struct seat);
	struct trace_list l = {0};
	struct writer *w;

	if (fd < 0)
		return -errno;
	trace_read(&l);
	bytes = sizeof *w + table_room(l.n) * sizeof(struct actor) + seats;
	w = pages(bytes);
	if (w) {
		out_init(&w->o, fd);
		w->room = table_room(l.n);
		w->actors = (struct actor *)(w + 1);
		w->seats = (struct seat *)(w->actors + w->room);
		w->nworkers = (int)(seats / sizeof(struct seat));
		write_all(w, &l, ns);
		err = w->o.deaf ? -EIO : 0;
		munmap(w, bytes);
	} else
		err = -ENOMEM;
	trace_finish(&l);
	return close(fd) && !err ? -errno : err;
}
