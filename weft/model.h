/*
 * model.h - private to the model tests: a model checker for headers made of atomics
 *
 * Included before the header under test, it turns every atomic operation into a
 * place where another model thread may go on, and explore() runs the scenario once
 * for each order of those operations.  Orders that differ only in operations on
 * different words, or in loads, count as one (sleep sets); nothing else is left
 * out.  A weak CAS may also fail for no reason, once per execution.
 *
 * Memory is sequentially consistent, or with .tso each thread's stores wait in a
 * buffer until it fences, does a read-modify-write, a seq_cst load, or the checker
 * pleases.  Either way vector clocks follow acquire and release, and what is said
 * to be plain memory must never be reached by two threads without an order.
 *
 * Model threads are coroutines; they call nothing of the runtime's.
 */
#ifndef WEFT_MODEL_H
#define WEFT_MODEL_H

#undef _FORTIFY_SOURCE			/* its longjmp knows one stack only */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

enum { MODEL_THREADS = 4, MODEL_DEPTH = 256, MODEL_LOCS = 128, MODEL_BUFFER = 4 };

enum op_kind { OP_LOAD, OP_STORE, OP_XCHG, OP_ADD, OP_CAS, OP_FENCE, OP_LOCK, OP_WAIT };

struct op {
	enum op_kind kind;
	int	     order, fail_order;
	bool	     weak;
	uint32_t     size;
	const void  *addr;
	uint64_t     arg, want;
	const char  *name, *func;
};

struct scenario {
	const char *name;
	void	(*reset)(void);
	void	(*thread[MODEL_THREADS])(void);
	void	(*end)(void);		/* all have ended, or those blocked may be */
	/* or NULL: sees each change of an atomic */
	void	(*wrote)(const void *addr, uint64_t old, uint64_t now);
	unsigned may_block;		/* bit per thread: may wait for ever */
	bool	tso;			/* and then no spurious failures */
	long	limit;			/* executions, if not 0 */
};

struct explored {
	long	    executions, redundant;
	const char *violation;		/* NULL: none */
	int	    line;
	bool	    complete;
};

/* For the model threads and end(). */
#define VERIFY(cond)	((cond) ? (void)0 : model_violation(#cond, __LINE__))
#define model_lock(p)	((void)MODEL_OP(OP_LOCK, p, 1, memory_order_acquire))
#define model_unlock(p)	((void)MODEL_OP(OP_STORE, p, 0, memory_order_release))
#define model_wait(p)	MODEL_OP(OP_WAIT, p, 0, memory_order_acquire)	/* until not 0 */
__attribute__((unused)) static int  model_self(void);
__attribute__((unused)) static bool model_blocked(int thread);	/* in end() */
static void model_read(const void *plain);
static void model_write(const void *plain);
__attribute__((unused))
static void model_plain(const void *from, size_t n);	/* atomics, to be without races */

/* ---- state ---- */

/* A byte per thread. */
typedef uint32_t vclock;

struct buffered { struct op op; vclock sync; };

struct model_thread {
	jmp_buf	    top, here;
	struct op   op;			/* what it does next */
	bool	    alive, started;
	vclock	    now, acquired, released;
	struct buffered buffer[MODEL_BUFFER];
	int	    buffered;
	_Alignas(16) char stack[32768];
};

struct loc { const void *addr; vclock sync, write, read; uint32_t run; };

/* A choice.  Agents are threads, and from MODEL_THREADS on their buffers. */
struct choice { uint8_t agent, enabled, sleep; bool fails, may_fail; };

/* What an agent's step touches. */
struct touch { const void *addr; bool write; };

static struct model {
	const struct scenario *s;
	struct model_thread t[MODEL_THREADS];
	struct choice choice[MODEL_DEPTH];
	int	    depth, replay;	/* choices made, and to be made as before */
	int	    cur;		/* -1: the checker */
	bool	    redundant, spurious;
	struct touch last;
	struct loc  loc[MODEL_LOCS];
	uint32_t    run;
	const char *plain, *plain_end;
	const char *violation;
	int	    line;
	jmp_buf	    checker;
	bool	    tracing;
	size_t	    traced;
	char	    trace[16384];
} m;

static int model_self(void) { return m.cur; }
static bool model_blocked(int thread) { return m.t[thread].alive; }

static void model_plain(const void *from, size_t n)
{
	m.plain = from;
	m.plain_end = m.plain + n;
}

__attribute__((noinline)) static void to_checker(void)
{
	_longjmp(m.checker, 1);
}

static void model_violation(const char *what, int line)
{
	if (!m.violation) {
		m.violation = what;
		m.line = line;
	}
	if (m.cur >= 0)
		to_checker();
}

__attribute__((format(printf, 1, 2))) static void trace(const char *fmt, ...)
{
	size_t room = sizeof m.trace - m.traced;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(m.trace + m.traced, room, fmt, ap);
	va_end(ap);
	m.traced += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void trace_op(const char *who, const struct op *o, uint64_t old, uint64_t now)
{
	static const char *const names[] = { "load", "store", "exchange", "add", "cas",
	    "fence", "lock", "wait" };

	if (m.tracing)
		trace("%d%s %s: %s %s %llx -> %llx\n", m.cur, who, o->func, names[o->kind],
		    o->name, (unsigned long long)old, (unsigned long long)now);
}

/* ---- memory and its clocks ---- */

static uint64_t peek(const struct op *o)
{
	uint64_t v = 0;

	memcpy(&v, o->addr, o->size);	/* both processors are little-endian */
	return v;
}

static void poke(const struct op *o, uint64_t v)
{
	uint64_t old = peek(o);

	memcpy((void *)(uintptr_t)o->addr, &v, o->size);
	if (m.s->wrote)
		m.s->wrote(o->addr, old, peek(o));
}

static vclock clock_max(vclock a, vclock b)
{
	vclock r = 0;

	if (a == b || !b)
		return a;
	for (int i = 0; i < 32; i += 8) {
		uint32_t x = a >> i & 0xff, y = b >> i & 0xff;
		r |= (x > y ? x : y) << i;
	}
	return r;
}

static bool is_before(vclock a, vclock b) { return clock_max(b, a) == b; }
static vclock own(int t) { return m.t[t].now & 0xffu << 8 * t; }
static bool releases(int order) { return order >= memory_order_release; }
static bool acquires(int order)
{
	return order != memory_order_relaxed && order != memory_order_release;
}

static struct loc *loc_of(const void *addr)
{
	size_t i = (uintptr_t)addr / 4;

	for (;; i++) {
		struct loc *l = &m.loc[i % MODEL_LOCS];

		if (l->addr == addr && l->run == m.run)
			return l;
		if (l->run != m.run) {
			*l = (struct loc){ .addr = addr, .run = m.run };
			return l;
		}
	}
}

static void model_read(const void *plain)
{
	struct loc *l = loc_of(plain);

	if (!is_before(l->write, m.t[m.cur].now))
		model_violation("read without an order after the write", 0);
	l->read = clock_max(l->read, own(m.cur));
}

static void model_write(const void *plain)
{
	struct loc *l = loc_of(plain);

	if (!is_before(l->write, m.t[m.cur].now) || !is_before(l->read, m.t[m.cur].now))
		model_violation("write without an order after another access", 0);
	l->write = own(m.cur);
	l->read = 0;
}

static void check_plain(const struct op *o)
{
	const char *a = o->addr;

	if (a < m.plain || a >= m.plain_end)
		return;
	if (o->kind == OP_LOAD)
		model_read(a);
	else
		model_write(a);
}

static void acquire(struct model_thread *t, vclock sync, int order)
{
	vclock *c = acquires(order) ? &t->now : &t->acquired;

	*c = clock_max(*c, sync);
}

/* What others get to know from a store with this order. */
static vclock release(struct model_thread *t, int order)
{
	vclock c = t->released;

	if (releases(order)) {
		c = t->now;
		t->now += 1u << 8 * m.cur;
	}
	return c;
}

static void fence_clocks(struct model_thread *t, int order)
{
	if (acquires(order))
		t->now = clock_max(t->now, t->acquired);
	if (releases(order))
		t->released = release(t, order);
}

/* ---- one step ---- */

static void flush(int thread)
{
	struct model_thread *t = &m.t[thread];
	struct buffered b = t->buffer[0];
	int cur = m.cur;

	memmove(t->buffer, t->buffer + 1, (size_t)--t->buffered * sizeof b);
	m.cur = thread;
	trace_op(" (buffer)", &b.op, peek(&b.op), b.op.arg);
	poke(&b.op, b.op.arg);
	m.cur = cur;
	loc_of(b.op.addr)->sync = b.sync;
}

static void do_store(struct model_thread *t, const struct op *o)
{
	struct buffered b = { *o, release(t, o->order) };

	if (m.s->tso) {
		t->buffer[t->buffered++] = b;
		trace_op("", o, peek(o), peek(o));
		return;
	}
	trace_op("", o, peek(o), o->arg);
	poke(o, o->arg);
	loc_of(o->addr)->sync = b.sync;
}

static uint64_t do_load(struct model_thread *t, const struct op *o)
{
	uint64_t v = peek(o);
	int i = t->buffered;

	while (i-- > 0)
		if (t->buffer[i].op.addr == o->addr) {
			v = t->buffer[i].op.arg;
			break;
		}
	if (i < 0)
		acquire(t, loc_of(o->addr)->sync, o->order);
	trace_op("", o, v, v);
	return v;
}

static uint64_t do_rmw(struct model_thread *t, const struct op *o, uint64_t now)
{
	struct loc *l = loc_of(o->addr);
	uint64_t old = peek(o);

	trace_op("", o, old, now);
	acquire(t, l->sync, o->order);
	l->sync = clock_max(l->sync, release(t, o->order));
	poke(o, now);
	return old;
}

/* Returns the old value; a spurious failure shows in m.spurious alone. */
static uint64_t do_cas(struct model_thread *t, const struct op *o)
{
	struct choice *c = &m.choice[m.depth - 1];
	struct op load = *o;

	load.order = o->fail_order;
	c->may_fail = o->weak && !m.s->tso && !m.spurious && peek(o) == o->want;
	if (c->fails)
		m.spurious = true;
	if (c->fails || peek(o) != o->want)
		return do_load(t, &load);
	return do_rmw(t, o, o->arg);
}

static uint64_t do_op(struct model_thread *t, const struct op *o)
{
	check_plain(o);
	switch (o->kind) {
	case OP_STORE:
		do_store(t, o);
		return 0;
	case OP_CAS:
		return do_cas(t, o);
	case OP_FENCE:
		trace_op("", o, 0, 0);
		fence_clocks(t, o->order);
		return 0;
	case OP_ADD:
		return do_rmw(t, o, peek(o) + o->arg);
	case OP_XCHG:
	case OP_LOCK:
		return do_rmw(t, o, o->arg);
	default:
		return do_load(t, o);
	}
}

/* ---- choosing ---- */

static bool wants_drained(const struct op *o)
{
	return o->kind == OP_LOAD ? o->order == memory_order_seq_cst :
	    o->kind == OP_FENCE ? o->order == memory_order_seq_cst : o->kind != OP_STORE;
}

static bool can_go(const struct model_thread *t)
{
	const struct op *o = &t->op;

	if (!t->alive || (t->buffered && wants_drained(o)))
		return false;
	return o->kind == OP_LOCK ? !peek(o) : o->kind == OP_WAIT ? peek(o) != 0 :
	    t->buffered < MODEL_BUFFER;
}

static uint8_t enabled_agents(void)
{
	unsigned set = 0;

	for (int i = 0; i < MODEL_THREADS; i++) {
		set |= (unsigned)can_go(&m.t[i]) << i;
		set |= (unsigned)(m.t[i].buffered > 0) << (i + MODEL_THREADS);
	}
	return (uint8_t)set;
}

static struct touch touch_of(int agent)
{
	struct model_thread *t = &m.t[agent % MODEL_THREADS];

	if (agent >= MODEL_THREADS)
		return (struct touch){ t->buffer[0].op.addr, true };
	if (t->op.kind == OP_FENCE || (t->op.kind == OP_STORE && m.s->tso))
		return (struct touch){ NULL, false };
	return (struct touch){ t->op.addr, t->op.kind != OP_LOAD && t->op.kind != OP_WAIT };
}

/* A thread and its own buffer too: what needs the buffer empty cannot go before. */
static bool commute(const struct touch *a, const struct touch *b)
{
	return !a->addr || a->addr != b->addr || (!a->write && !b->write);
}

/* What was tried before the last step and would come to the same after it. */
static uint8_t asleep(void)
{
	uint8_t set = m.depth ? m.choice[m.depth - 1].sleep : 0, left = set;

	for (; left; left &= left - 1) {
		int agent = __builtin_ctz(left);
		struct touch t = touch_of(agent);

		if (!commute(&t, &m.last))
			set &= ~(1u << agent);
	}
	return set;
}

/* An agent, or -1: nothing can go on, or nothing that would be new. */
static int choose(void)
{
	struct choice *c = &m.choice[m.depth];
	uint8_t set;

	if (m.depth == MODEL_DEPTH)
		model_violation("it never ends", 0);
	if (m.depth >= m.replay) {
		*c = (struct choice){ .enabled = enabled_agents(), .sleep = asleep() };
		set = c->enabled & ~c->sleep;
		m.redundant = c->enabled && !set;
		if (!set)
			return -1;
		c->agent = m.cur >= 0 && set >> m.cur & 1 ? m.cur : __builtin_ctz(set);
	}
	m.depth++;
	m.last = touch_of(c->agent);
	return c->agent;
}

/* Makes the next choices up to a thread's, and has that thread go on. */
static void go_on(void)
{
	int from = m.cur, to;

	while ((to = choose()) >= MODEL_THREADS)
		flush(to - MODEL_THREADS);
	if (to < 0)
		to_checker();
	if (to == from)
		return;
	m.cur = to;
	if (from < 0 || !_setjmp(m.t[from].here))
		_longjmp(m.t[to].here, 1);
}

static uint64_t model_op(struct op o)
{
	struct model_thread *t = &m.t[m.cur];

	t->op = o;
	if (t->started) {
		go_on();
	} else {			/* the checker gets every thread here first */
		t->started = true;
		if (!_setjmp(t->here))
			to_checker();
	}
	t = &m.t[m.cur];
	return do_op(t, &t->op);
}

static bool model_cas(struct op o, void *want)
{
	uint64_t old;
	bool ok;

	memcpy(&o.want, want, o.size);
	old = model_op(o);
	ok = old == o.want && !m.choice[m.depth - 1].fails;
	if (!ok)
		memcpy(want, &old, o.size);
	return ok;
}

/* ---- exploring ---- */

static void thread_main(void)
{
	_setjmp(m.t[m.cur].top);
	m.s->thread[m.cur]();
	m.t[m.cur].alive = false;
	if (!m.t[m.cur].started)
		to_checker();
	go_on();
}

/* Runs a thread up to its first operation. */
static void start_thread(int i)
{
	static bool made[MODEL_THREADS];
	static ucontext_t context[MODEL_THREADS];
	struct model_thread *t = &m.t[i];

	m.cur = i;
	t->alive = true;
	t->started = false;
	t->buffered = 0;
	t->now = 1u << 8 * i;
	t->acquired = t->released = 0;
	if (_setjmp(m.checker))
		return;
	if (made[i])
		_longjmp(t->top, 1);
	made[i] = true;
	getcontext(&context[i]);
	context[i].uc_stack.ss_sp = t->stack;
	context[i].uc_stack.ss_size = sizeof t->stack;
	makecontext(&context[i], thread_main, 0);
	setcontext(&context[i]);
}

static void check_blocked(void)
{
	for (int i = 0; i < MODEL_THREADS; i++)
		if (m.t[i].alive && !(m.s->may_block >> i & 1))
			model_violation("a thread waits for ever", 0);
}

static void execute(void)
{
	m.depth = 0;
	m.redundant = m.spurious = false;
	m.run++;
	m.s->reset();
	for (int i = 0; i < MODEL_THREADS; i++) {
		m.t[i].alive = false;
		m.t[i].buffered = 0;
		if (m.s->thread[i])
			start_thread(i);
	}
	m.cur = -1;
	if (!_setjmp(m.checker))
		go_on();
	m.cur = -1;
	if (m.violation || m.redundant)
		return;
	check_blocked();
	m.s->end();
}

/* The last choice that has something left to try; false: everything was tried. */
static bool next_execution(void)
{
	for (; m.depth > 0; m.depth--) {
		struct choice *c = &m.choice[m.depth - 1];
		uint8_t set;

		m.replay = m.depth;
		if (c->may_fail && !c->fails)
			return c->fails = true;
		c->sleep |= 1u << c->agent;
		set = c->enabled & ~c->sleep;
		c->fails = c->may_fail = false;
		c->agent = set ? __builtin_ctz(set) : 0;
		if (set)
			return true;
	}
	return false;
}

/* Stops at the first violation; m.trace says how it came about. */
static struct explored explore(const struct scenario *s)
{
	struct explored e = { 0 };

	m.s = s;
	m.replay = 0;
	m.violation = NULL;
	m.plain = m.plain_end = NULL;
	m.tracing = false;
	m.traced = 0;
	memset(m.choice, 0, sizeof m.choice);
	do {
		execute();
		e.executions += !m.redundant;
		e.redundant += m.redundant;
		e.complete = !m.violation && !next_execution();
	} while (!m.violation && !e.complete &&
	    (!s->limit || e.executions + e.redundant < s->limit));
	e.violation = m.violation;
	e.line = m.line;
	if (e.violation) {
		m.replay = m.depth;
		m.tracing = true;
		execute();
	}
	return e;
}

/* ---- the shim ---- */

#define MODEL_OP_(k, p, a, o, ...) (struct op){ .kind = (k), .order = (o),	\
	.size = sizeof *(p), .addr = (const void *)(p), .arg = (uint64_t)(a),	\
	.name = #p, .func = __func__, __VA_ARGS__ }
#define MODEL_OP(k, p, a, o)	model_op(MODEL_OP_(k, p, a, o, .weak = false))

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_load
#undef atomic_store
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_compare_exchange_strong
#undef atomic_thread_fence
#define atomic_load_explicit(p, o)	MODEL_OP(OP_LOAD, p, 0, o)
#define atomic_store_explicit(p, v, o)	((void)MODEL_OP(OP_STORE, p, v, o))
#define atomic_exchange_explicit(p, v, o) MODEL_OP(OP_XCHG, p, v, o)
#define atomic_fetch_add_explicit(p, v, o) MODEL_OP(OP_ADD, p, v, o)
#define atomic_fetch_sub_explicit(p, v, o) MODEL_OP(OP_ADD, p, -(uint64_t)(v), o)
#define atomic_compare_exchange_weak_explicit(p, want, v, o, f) \
	model_cas(MODEL_OP_(OP_CAS, p, v, o, .fail_order = (f), .weak = true), want)
#define atomic_compare_exchange_strong_explicit(p, want, v, o, f) \
	model_cas(MODEL_OP_(OP_CAS, p, v, o, .fail_order = (f)), want)
#define atomic_load(p)		atomic_load_explicit(p, memory_order_seq_cst)
#define atomic_store(p, v)	atomic_store_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_add(p, v)	atomic_fetch_add_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_sub(p, v)	atomic_fetch_sub_explicit(p, v, memory_order_seq_cst)
#define atomic_compare_exchange_strong(p, want, v) \
	atomic_compare_exchange_strong_explicit(p, want, v, memory_order_seq_cst, \
	    memory_order_seq_cst)
#define atomic_thread_fence(o) ((void)model_op((struct op){ .kind = OP_FENCE, \
	.order = (o), .name = "", .func = __func__ }))

#endif
