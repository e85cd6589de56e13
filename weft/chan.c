/*
 * chan.c - make, send, receive, close
 *
 * Invariants, whenever the lock is free:
 *	recvq is empty or sendq is, but for one select waiting in both;
 *	count > 0 implies that nobody who can be served waits in recvq;
 *	count < cap implies that nobody who can be served waits in sendq;
 *	closed implies that both queues are empty.
 *
 * A value goes straight from the sender's variable into the waiting receiver's.
 * It is copied after the channel is unlocked: a popped waiter belongs to us until
 * it is woken, and the channel may be gone as soon as it is.
 */
#include "bubble.h"
#include "chan.h"

#include <stdlib.h>

#include "sanitize.h"
#include "worker.h"

void chan_init(struct weft_chan *c, size_t elem, size_t cap)
{
	memset(c, 0, sizeof *c);
	c->magic = CHAN_LIVE;
	c->elem = (uint32_t)elem;
	c->cap = cap;
}

struct weft_chan *weft_chan_new_(size_t elem, size_t cap, const struct weft_site *site)
{
	struct weft_chan *c;

	if (elem >= UINT32_MAX || (elem && cap > (SIZE_MAX / 2 - sizeof *c) / elem))
		die("weft_make: %zu values of %zu bytes do not fit into memory", cap, elem);
	c = xmalloc(sizeof *c + elem * cap);
	chan_init(c, elem, cap);
	track_add(&c->track, TRACK_CHAN, site, CALLER);
	return c;
}

__attribute__((cold, noreturn)) static void not_live(struct weft_chan *c, const char *call)
{
	struct out o;

	if (c->magic != CHAN_FREED)
		die("%s: channel %p is not a channel", call, (void *)c);
	if (!CHAN_KEEPS_FREED)
		die("%s: channel %p is freed already", call, (void *)c);
	out_init(&o, -1);
	dump_pc(&o, c->track.pc);
	die("%s: channel %p is freed already, by %.*s", call, (void *)c, (int)o.n, o.buf);
}

static inline void check_live(struct weft_chan *c, const char *call)
{
	if (unlikely(c->magic != CHAN_LIVE))
		not_live(c, call);
}

/* Where only a channel that is kept can be told. */
static inline void check_kept(struct weft_chan *c, const char *call)
{
	if (CHAN_KEEPS_FREED)
		check_live(c, call);
}

static inline void lock_live(struct weft_chan *c, const char *call)
{
	check_live(c, call);
	lock(&c->lock);
	if (CHAN_KEEPS_FREED && c->magic != CHAN_LIVE) {
		unlock(&c->lock);	/* it was freed in between */
		not_live(c, call);
	}
}

enum { KEPT = 256, KEPT_SIZE = 64 * 1024 };

/*
 * The last ones freed are kept, for not_live: closed, so that a select looks at them;
 * without values, so that what they pointed to is not kept, too.  A large one goes at
 * once.
 */
static void free_later(struct weft_chan *c)
{
	static _Atomic unsigned l;	/* protects the two below */
	static struct weft_chan *kept[KEPT];
	static size_t oldest;
	struct weft_chan *old = c;

	if (c->elem * c->cap <= KEPT_SIZE) {
		memset(c->buf, 0xdd, c->elem * c->cap);
		lock(&l);
		old = kept[oldest];
		kept[oldest] = c;
		oldest = (oldest + 1) % KEPT;
		unlock(&l);
	}
	free(old);
}

void weft_chan_free_(struct weft_chan *c)
{
	if (!c)
		return;
	lock_live(c, "weft_free");
	if (!waitq_empty(&c->recvq) || !waitq_empty(&c->sendq)) {
		unlock(&c->lock);
		die("weft_free: channel %p has goroutines waiting on it", (void *)c);
	}
	if (CHAN_KEEPS_FREED) {
		c->closed = true;
		c->track.pc = CALLER;
	}
	c->magic = CHAN_FREED;
	unlock(&c->lock);
	track_del(&c->track);
	if (CHAN_KEEPS_FREED)
		free_later(c);
	else
		free(c);
}

static inline void *slot(struct weft_chan *c, size_t i)
{
	return c->buf + i * c->elem;
}

/* The place of the next value in; the caller counts it. */
static inline void *tail(struct weft_chan *c)
{
	size_t i = c->head + c->count;

	return slot(c, i >= c->cap ? i - c->cap : i);
}

static inline void put(struct weft_chan *c, const void *v)
{
	void *p = tail(c);

	san_acquire(p);		/* whoever took what was here before has done so */
	copy_value(p, v, c->elem);
	san_release(p);
	atomic_store_explicit(&c->count, c->count + 1, memory_order_relaxed);
}

static inline void take(struct weft_chan *c, void *v)
{
	void *p = slot(c, c->head);

	san_acquire(p);
	if (v)
		copy_value(v, p, c->elem);
	san_release(p);		/* the sender that fills it again comes later */
	if (++c->head == c->cap)
		c->head = 0;
	atomic_store_explicit(&c->count, c->count - 1, memory_order_relaxed);
}

void chan_zero(struct weft_chan *c, void *v, const char *call)
{
	check_kept(c, call);
	if (v)
		memset(v, 0, c->elem);
}

__attribute__((cold, noreturn)) static void closed_send(struct weft_chan *c)
{
	die("send on closed channel %p", (void *)c);
}

/* Both directions: the value, and an order both ways, as on an unbuffered channel. */
static void hand_over(struct node *n, void *dst, const void *src, size_t size)
{
	san_acquire(&n->ptr);		/* pairs with the release before it parked */
	if (dst)
		copy_value(dst, src, size);
	n->ok = true;
	waitq_wake(n);
}

/* With the lock held; releases it if it returns true. */
static inline bool try_send(struct weft_chan *c, const void *v)
{
	struct node *n;
	size_t elem = c->elem;

	if (unlikely(c->closed)) {
		unlock(&c->lock);
		closed_send(c);
	}
	if (!waitq_empty(&c->recvq) && (n = waitq_pop(&c->recvq))) {
		unlock(&c->lock);
		hand_over(n, n->ptr, v, elem);
		return true;
	}
	if (c->count < c->cap) {
		put(c, v);
		unlock(&c->lock);
		return true;
	}
	return false;
}

/* The same; *ok: a value came, false: closed and drained. */
static inline bool try_recv(struct weft_chan *c, void *v, bool *ok)
{
	struct node *n = NULL;
	size_t elem = c->elem;

	if (c->count) {
		take(c, v);
		if (!waitq_empty(&c->sendq) && (n = waitq_pop(&c->sendq))) {
			san_acquire(&n->ptr);	/* put releases it on the sender's behalf */
			put(c, n->ptr);
		}
		unlock(&c->lock);
		if (n)
			hand_over(n, NULL, NULL, 0);
		return *ok = true;
	}
	if (!waitq_empty(&c->sendq) && (n = waitq_pop(&c->sendq))) {
		unlock(&c->lock);
		hand_over(n, v, n->ptr, elem);
		return *ok = true;
	}
	if (c->closed) {
		unlock(&c->lock);
		san_acquire(&c->closed);
		chan_zero(c, v, "weft_recv");
		*ok = false;
		return true;
	}
	return false;
}

__attribute__((noreturn, cold)) static void wait_forever(const char *call, const void *pc)
{
	struct g *g = self();

	if (g->kind == KIND_THREAD)
		die("%s: a plain thread would wait for ever on a NULL channel", call);
	for (;;) {
		park_begin(&g->park);
		sched_park(g, WAIT_CHAN_NULL, NULL, pc);
	}
}

static inline void wait_in(struct weft_chan *c, struct waitq *q, struct node *n,
    enum reason why, const void *pc)
{
	struct g *g = self();

	n->g = g;
	n->shared = false;
	n->ok = false;
	san_release(&n->ptr);
	park_begin(&g->park);
	waitq_push(q, n);
	unlock(&c->lock);
	sched_park(g, why, c, pc);
	san_acquire(n);
}

/* With the lock held, which they release: all but the commonest case. */
__attribute__((noinline)) static void send_slow(struct weft_chan *c, const void *v,
    const void *pc)
{
	struct node n;

	if (try_send(c, v))
		return;
	n.ptr = (void *)v;
	wait_in(c, &c->sendq, &n, WAIT_CHAN_SEND, pc);
	if (unlikely(!n.ok))
		closed_send(c);
}

__attribute__((noinline)) static bool recv_slow(struct weft_chan *c, void *v, const void *pc)
{
	struct node n;
	bool ok;

	if (try_recv(c, v, &ok))
		return ok;
	n.ptr = v;
	wait_in(c, &c->recvq, &n, WAIT_CHAN_RECV, pc);
	if (unlikely(!n.ok))
		chan_zero(c, v, "weft_recv");
	return n.ok;
}

/*
 * A word in or out of a buffer where nobody waits: kept apart, because it needs no
 * stack frame.
 */
static inline bool is_word(const struct weft_chan *c)
{
	return c->elem == sizeof(int64_t) || c->elem == sizeof(int32_t);
}

void weft_chan_send_(struct weft_chan *c, const void *v)
{
	if (unlikely(!c))
		wait_forever("weft_send", CALLER);
	STEP("sends");
	lock_live(c, "weft_send");
	if (c->count < c->cap && waitq_empty(&c->recvq) && !c->closed && is_word(c)) {
		put(c, v);
		unlock(&c->lock);
		return;
	}
	send_slow(c, v, CALLER);
}

bool weft_chan_recv_(struct weft_chan *c, void *v)
{
	if (unlikely(!c))
		wait_forever("weft_recv", CALLER);
	STEP("receives");
	lock_live(c, "weft_recv");
	if (c->count && waitq_empty(&c->sendq) && is_word(c)) {
		take(c, v);
		unlock(&c->lock);
		return true;
	}
	return recv_slow(c, v, CALLER);
}

bool chan_try_send(struct weft_chan *c, const void *v)
{
	lock_live(c, "weft_select");
	if (try_send(c, v))
		return true;
	unlock(&c->lock);
	return false;
}

bool chan_try_recv(struct weft_chan *c, void *v, bool *ok)
{
	lock_live(c, "weft_select");
	if (try_recv(c, v, ok))
		return true;
	unlock(&c->lock);
	return false;
}

/* Wakes all that wait, each with ok false; send reports it, receive returns it. */
bool chan_close(struct weft_chan *c)
{
	struct node *receivers, *senders;

	lock(&c->lock);
	if (c->closed) {
		unlock(&c->lock);
		return false;
	}
	san_release(&c->closed);
	c->closed = true;
	receivers = waitq_pop_all(&c->recvq);
	senders = waitq_pop_all(&c->sendq);
	unlock(&c->lock);
	waitq_wake_all(receivers);
	waitq_wake_all(senders);
	return true;
}

void weft_chan_close_(struct weft_chan *c)
{
	if (!c)
		die("weft_close: the channel is NULL");
	check_live(c, "weft_close");
	STEP("closes");
	if (!chan_close(c))
		die("close of closed channel %p", (void *)c);
}

size_t weft_chan_len_(struct weft_chan *c)
{
	if (!c)
		return 0;
	check_kept(c, "weft_len");
	STEP("asks the length");
	return atomic_load_explicit(&c->count, memory_order_relaxed);
}

size_t weft_chan_cap_(struct weft_chan *c)
{
	if (!c)
		return 0;
	check_kept(c, "weft_cap");
	return c->cap;
}
