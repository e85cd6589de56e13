/*
 * dump.c - reports: what every goroutine does, where it is and where it came from
 *
 * A stack begins at the call that the goroutine waits in and ends with the function
 * that weft_go started; the runtime's frames outside are not shown.  Goroutines
 * with equal stacks, reasons and origins are one entry with a count.
 *
 * The program may be running, or damaged: what is printed is a snapshot, taken
 * without stopping anyone, and memory comes from mmap.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "debug.h"
#include "pages.h"
#include "sync.h"
#include "bubble.h"
#include "symbol.h"
#include "unwind.h"
#include "worker.h"

/* ---- output ---- */

void out_init(struct out *o, int fd)
{
	o->fd = fd;
	o->deaf = false;
	o->n = 0;
}

/* A pipe that is full and does not block: whoever dies does not wait for ever. */
static bool wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int n, err;

	do {
		n = poll(&p, 1, 1000);
		err = errno;
	} while (n < 0 && err == EINTR);
	return n > 0;
}

void out_flush(struct out *o)
{
	for (size_t done = 0; done < o->n && !o->deaf; ) {
		ssize_t n = write(o->fd, o->buf + done, o->n - done);
		int err = errno;

		if (n >= 0)
			done += (size_t)n;
		else if (err != EINTR)
			o->deaf = err != EAGAIN || !wait_writable(o->fd);
	}
	o->n = 0;
}

/* A line that does not fit even into an empty buffer is cut. */
void out_printf(struct out *o, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(o->buf + o->n, sizeof o->buf - o->n, fmt, ap);
	if (n >= 0 && (size_t)n >= sizeof o->buf - o->n) {
		out_flush(o);
		n = vsnprintf(o->buf, sizeof o->buf, fmt, again);
		if (n >= (int)sizeof o->buf)
			n = sizeof o->buf - 1;
	}
	if (n > 0)
		o->n += (size_t)n;
	va_end(again);
	va_end(ap);
}

const char *reason_name(enum reason r)
{
	static const char *const name[WAIT_REASONS] = {
		"waiting", "chan send", "chan receive", "NULL channel", "select",
		"select (no cases)", "sleep", "mutex", "rwmutex read", "rwmutex write",
		"wait group", "cond", "read", "write", "descriptor", "test", "settle",
	};

	return (unsigned)r < WAIT_REASONS ? name[r] : "waiting";
}

/* Without what the compiler appends to its clones: ".part.0", ".constprop.0". */
static void print_function(struct out *o, const struct symbol *s, uintptr_t pc)
{
	if (s->func)
		out_printf(o, "%.*s", (int)strcspn(s->func, "."), s->func);
	else
		out_printf(o, "%#jx", (uintmax_t)pc);
}

static void print_pc(struct out *o, uintptr_t pc, const char *space)
{
	struct symbol s;

	symbol_find(pc - 1, &s);
	print_function(o, &s, pc);
	if (s.line)
		out_printf(o, "%s%s:%d", space, s.file, s.line);
	else if (s.func)
		out_printf(o, "+%#jx", (uintmax_t)s.offset + 1);
}

void dump_pc(struct out *o, const void *pc)
{
	print_pc(o, (uintptr_t)pc, " ");
}

/* ---- one goroutine ---- */

enum { FRAMES = 64 };

/* What is known about a goroutine, or about several that look the same. */
struct entry {
	int64_t		 id;
	int64_t		 count;
	int64_t		 waited;	/* the longest, ns */
	int64_t		 holder;	/* of the lock, 0: unknown */
	const void	*object;	/* the lock; else not compared */
	const struct weft_site *site;
	weft_entry_	*f;
	pid_t		 tid;		/* of a plain thread */
	const char	*state;
	size_t		 n;
	void		*pcs[FRAMES];
};

/*
 * A lock may be gone before its waiter is looked at again, and so the memory that it was
 * in.  Where the system call is not to be had, that risk is taken.
 */
__attribute__((no_sanitize("address", "thread")))
static bool peek(const void *from, void *to, size_t n)
{
	struct iovec here = { to, n }, there = { (void *)from, n };
	ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);

	if (got >= 0 || errno == EFAULT)
		return got == (ssize_t)n;
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const volatile char *)from)[i];
	return true;
}

/* Who has the lock that g waits for, or 0. */
int64_t dump_holder(const struct g *g)
{
	const void *lock = g->object;
	enum reason why = g->reason;
	const struct g *holder;
	uintptr_t place = 0;
	weft_mutex m;
	weft_rwmutex rw;

	if (why == WAIT_MUTEX && peek(lock, &m, sizeof m))
		place = mutex_holder(&m);
	if ((why == WAIT_RWMUTEX_R || why == WAIT_RWMUTEX_W) && peek(lock, &rw, sizeof rw) &&
	    rw.self == lock)
		place = ~rw.holder;
	holder = stack_owner(place);
	return holder ? holder->id : 0;
}

const char *goroutine_state(const struct g *g, const struct task *t)
{
	if (t)
		return "runnable";
	switch (atomic_load(&g->status)) {
	case G_RUNNABLE:
		return "runnable";
	case G_WAITING:
		return reason_name(g->reason);
	default:
		return "running";
	}
}

static pid_t thread_of(struct g *g)
{
	struct worker *w = g->w;

	return g->kind == KIND_THREAD ? g->tid : w ? atomic_load(&w->tid) : 0;
}

static void drop(struct entry *e, size_t n)
{
	e->n -= n;
	memmove(e->pcs, e->pcs + n, e->n * sizeof *e->pcs);
}

/* Leaves out the frames inside the call that returns to pc. */
static void begin_at(struct entry *e, const void *pc)
{
	for (size_t i = 0; pc && i < e->n; i++)
		if (e->pcs[i] == pc) {
			drop(e, i);
			return;
		}
}

/* f may have jumped to what it called last, and then has no frame. */
static bool is_runtime(const char *func)
{
	return !strcmp(func, "goroutine_main") || !strcmp(func, "next_on_this_stack") ||
	    !strcmp(func, "run_weft_main");
}

/* Leaves out the frames that called f. */
static void end_at(struct entry *e, weft_entry_ *f)
{
	struct symbol s;

	for (size_t i = 0; f && i < e->n; i++) {
		uintptr_t pc = (uintptr_t)e->pcs[i] - 1;

		if (!symbol_find(pc, &s) || !s.func)
			continue;
		if (is_runtime(s.func))
			e->n = i;
		else if (pc - s.offset == (uintptr_t)f)
			e->n = i + 1;
	}
}

/* pc: where the caller, if it is g, asked for a report. */
static void take_stack(struct entry *e, struct g *g, const void *pc)
{
	bool waits = atomic_load(&g->status) == G_WAITING;

	if (g == self())
		e->n = unwind_self(e->pcs, FRAMES, 0);
	else if (is_goroutine(g))
		e->n = unwind_parked(g, e->pcs, FRAMES);
	if (!e->n && g != self() && atomic_load(&g->status) == G_RUNNING)
		e->n = unwind_running(g, thread_of(g), e->pcs, FRAMES);
	begin_at(e, g == self() ? pc : waits ? g->pc : NULL);
	end_at(e, e->f);
	if (!e->n && waits && g->pc)	/* better than nothing */
		e->pcs[e->n++] = (void *)(uintptr_t)g->pc;
}

static int64_t waited(const struct g *g)
{
	int64_t now = g->kind == KIND_BUBBLED ? g->bubble->now : clock_now();

	return g->since && now > g->since ? now - g->since : 0;
}

static void describe(struct entry *e, struct g *g, const struct task *t)
{
	memset(e, 0, offsetof(struct entry, pcs));
	e->count = 1;
	e->state = goroutine_state(g, t);
	e->site = t ? t->site : g->site;
	e->f = t ? t->f : g->f;
	e->id = t ? atomic_load(&t->id) : g->id;
	if (t)
		return;
	if (g->kind == KIND_THREAD)
		e->tid = g->tid;
	if (atomic_load(&g->status) != G_WAITING)
		return;
	e->waited = waited(g);
	if (reason_is_lock(g->reason)) {
		e->object = g->object;
		e->holder = dump_holder(g);
	}
}

static void print_state(struct out *o, const struct entry *e)
{
	out_printf(o, "[%s", e->state);
	if (e->object)
		out_printf(o, " %p", e->object);
	if (e->holder)
		out_printf(o, ", held by %jd", (intmax_t)e->holder);
	if (e->waited >= WEFT_SECOND)
		out_printf(o, ", %jds", (intmax_t)(e->waited / WEFT_SECOND));
	out_printf(o, "]");
}

static void print_origin(struct out *o, const struct entry *e)
{
	struct symbol s;

	if (e->site) {
		out_printf(o, " %s", e->site->func);
		if (e->site->line)	/* weft_main's has none */
			out_printf(o, "   spawned at %s:%d", e->site->file, e->site->line);
	} else if (e->f) {
		symbol_find((uintptr_t)e->f, &s);
		out_printf(o, " ");
		print_function(o, &s, (uintptr_t)e->f);
	}
}

/* The colon says that a stack follows. */
static void print_head(struct out *o, const struct entry *e, const char *indent)
{
	out_printf(o, "%s", indent);
	if (e->count > 1)
		out_printf(o, "%jd goroutines ", (intmax_t)e->count);
	else if (e->tid)
		out_printf(o, "thread %d ", (int)e->tid);
	else
		out_printf(o, "goroutine %jd ", (intmax_t)e->id);
	print_state(o, e);
	if (e->n)
		out_printf(o, ":");
	print_origin(o, e);
	out_printf(o, "\n");
}

static void print_entry(struct out *o, const struct entry *e, const char *indent)
{
	print_head(o, e, indent);
	for (size_t i = 0; i < e->n; i++) {
		out_printf(o, "%s    ", indent);
		print_pc(o, (uintptr_t)e->pcs[i], "  ");
		out_printf(o, "\n");
	}
}

void dump_goroutine(struct out *o, struct g *g, const struct task *t,
    const char *indent, bool stack)
{
	struct entry e;

	describe(&e, g, t);
	if (stack && !t)
		take_stack(&e, g, CALLER);
	print_entry(o, &e, indent);
}

/* ---- all of them ---- */

/* Entries in the order found; index is a hash table of their places + 1. */
struct table {
	struct entry	*entry;
	size_t		 n, room;
	uint32_t	*index;		/* 2 * room slots */
	struct g	*self;
};

static bool same(const struct entry *a, const struct entry *b)
{
	return a->state == b->state && a->site == b->site && a->f == b->f &&
	    a->object == b->object && a->tid == b->tid && a->n == b->n &&
	    !memcmp(a->pcs, b->pcs, a->n * sizeof *a->pcs);
}

static size_t hash(const struct entry *e)
{
	uint64_t h = (uintptr_t)e->state ^ (uintptr_t)e->site << 7 ^ (uintptr_t)e->object << 13;

	for (size_t i = 0; i < e->n; i++)
		h = (h ^ (uintptr_t)e->pcs[i]) * 0x9e3779b97f4a7c15u;
	return (size_t)(h ^ h >> 29);
}

/* Its slot, or the free one where it belongs. */
static uint32_t *slot_of(const struct table *t, const struct entry *e)
{
	size_t mask = 2 * t->room - 1, i = hash(e) & mask;

	while (t->index[i] && !same(&t->entry[t->index[i] - 1], e))
		i = (i + 1) & mask;
	return &t->index[i];
}

static void table_free(struct table *t)
{
	if (t->entry)
		munmap(t->entry, t->room * sizeof *t->entry);
	if (t->index)
		munmap(t->index, 2 * t->room * sizeof *t->index);
}

static bool table_grow(struct table *t)
{
	struct table big = { .n = t->n, .room = t->room ? 2 * t->room : 64, .self = t->self };

	big.entry = pages(big.room * sizeof *big.entry);
	big.index = pages(2 * big.room * sizeof *big.index);
	if (!big.entry || !big.index) {
		table_free(&big);
		return false;
	}
	for (size_t i = 0; i < t->n; i++) {
		big.entry[i] = t->entry[i];
		*slot_of(&big, &big.entry[i]) = (uint32_t)i + 1;
	}
	table_free(t);
	*t = big;
	return true;
}

static void table_add(struct table *t, const struct entry *e)
{
	uint32_t *slot;

	if (t->n == t->room && !table_grow(t))
		return;
	slot = slot_of(t, e);
	if (*slot) {
		struct entry *old = &t->entry[*slot - 1];

		old->count++;
		if (e->waited > old->waited)
			old->waited = e->waited;
		return;
	}
	t->entry[t->n++] = *e;
	*slot = (uint32_t)t->n;
}

static void collect(struct g *g, const struct task *task, void *arg)
{
	struct table *t = arg;
	struct entry e;

	if (g && g == t->self)
		return;
	describe(&e, g, task);
	if (g)
		take_stack(&e, g, NULL);
	table_add(t, &e);
}

struct g *dump_caller(void)
{
	struct g *g = self();

	if (g->kind == KIND_SCHED && g->w && atomic_load(&g->w->running))
		g = atomic_load(&g->w->running);
	return g;
}

/* pc: where whoever asked for this called. */
static void print_all(int fd, bool threads, const void *pc)
{
	struct table t = { .self = dump_caller() };
	struct entry e;
	struct out o;

	out_init(&o, fd);
	if (is_goroutine(t.self) || (threads && t.self->kind == KIND_THREAD)) {
		describe(&e, t.self, NULL);
		take_stack(&e, t.self, pc);
		print_entry(&o, &e, "");
	}
	g_each(NULL, collect, &t);
	for (size_t i = 0; i < t.n; i++)
		print_entry(&o, &t.entry[i], "");
	out_flush(&o);
	table_free(&t);
}

void dump_these(int fd, struct g **g, size_t n)
{
	struct table t = {0};
	struct out o;

	out_init(&o, fd);
	for (size_t i = 0; i < n; i++)
		collect(g[i], NULL, &t);
	for (size_t i = 0; i < t.n; i++)
		print_entry(&o, &t.entry[i], "");
	out_flush(&o);
	table_free(&t);
}

/* For die: shows the caller also when it is a plain thread. */
void dump_all(int fd)
{
	print_all(fd, true, die_caller);
}

void weft_dump(int fd)
{
	print_all(fd, false, CALLER);
}

/* ---- debug.h ---- */

struct fill { struct weft_goroutine *out; size_t n, room; };

static void fill(struct g *g, const struct task *t, void *arg)
{
	struct fill *k = arg;
	const struct weft_site *site = t ? t->site : g->site;
	bool waits = g && atomic_load(&g->status) == G_WAITING;
	struct weft_goroutine *x = &k->out[k->n];

	if (k->n++ >= k->room)
		return;
	*x = (struct weft_goroutine){ .id = t ? atomic_load(&t->id) : g->id,
	    .state = goroutine_state(g, t) };
	if (waits) {
		x->object = g->object;
		x->waiting = waited(g);
	}
	if (site) {
		x->func = site->func;
		x->file = site->file;
		x->line = site->line;
	}
}

size_t weft_goroutines(struct weft_goroutine *out, size_t n)
{
	struct fill k = { .out = out, .room = n };

	g_each(NULL, fill, &k);
	return k.n;
}
