/*
 * select.c - three passes, and nothing else
 *
 * 1. If cases are ready, do one of them, each with the same chance.
 * 2. Queue on every channel, one lock at a time.  If one has become ready in the
 *    meantime, take ourselves back (park_cancel) and start again from pass 1; if
 *    somebody claimed us first, go on to sleep, which will be short.
 * 3. Sleep, then leave the queues of the losers.
 *
 * Whoever claims us does the whole operation: it copies the value to or from our
 * variable and says which node it served.  One CAS decides among all channels, so
 * no two locks are ever held together.
 */
#include <stdlib.h>

#include "bubble.h"
#include "chan.h"
#include "sanitize.h"
#include "worker.h"

enum { ON_STACK = 16, MAX_CASES = 1000 };

/* Without the lock: a stale answer was true a moment ago, and pass 2 looks again. */
static inline bool looks_ready(const struct weft_case *k)
{
	const struct weft_chan *c = k->chan;

	if (!c || k->op == 't')
		return false;
	if (atomic_load_explicit(&c->closed, memory_order_relaxed))
		return true;
	if (k->op == 's')
		return atomic_load_explicit(&c->count, memory_order_relaxed) < c->cap ||
		    __atomic_load_n(&c->recvq.head, __ATOMIC_RELAXED);
	return atomic_load_explicit(&c->count, memory_order_relaxed) ||
	    __atomic_load_n(&c->sendq.head, __ATOMIC_RELAXED);
}

static inline bool try_case(struct weft_case *k)
{
	bool ok;

	if (k->op == 's')
		return chan_try_send(k->chan, k->ptr);
	if (!chan_try_recv(k->chan, k->ptr, &ok))
		return false;
	if (k->ok)
		*k->ok = ok;
	return true;
}

/* Pass 1.  The place of the case done, or -1. */
static int poll_cases(struct g *g, struct weft_case *k, size_t n)
{
	size_t ready = 0, last = 0;

	for (size_t i = 0; i < n; i++)
		if (looks_ready(&k[i])) {
			ready++;
			last = i;
		}
	if (!ready)
		return -1;
	if (ready == 1 && try_case(&k[last]))
		return (int)last;
	/* start at one of the ready ones; a race lost on the way gives the next */
	size_t skip = (size_t)((draw(g) >> 32) * ready >> 32), at = 0;
	while (at < n && !(looks_ready(&k[at]) && skip-- == 0))
		at++;
	for (size_t i = 0; i < n; i++) {
		size_t j = (at + i) % n;

		if (looks_ready(&k[j]) && try_case(&k[j]))
			return (int)j;
	}
	return -1;
}

/* Under the channel's lock.  Our own nodes, of another case, do not count. */
static bool is_ready(const struct weft_case *k, const struct g *g)
{
	const struct weft_chan *c = k->chan;
	const struct node *peer = k->op == 's' ? c->recvq.head : c->sendq.head;

	if (c->closed || (k->op == 's' ? c->count < c->cap : c->count > 0))
		return true;
	while (peer && peer->g == g)
		peer = peer->next;
	return peer;
}

static struct waitq *queue_of(const struct weft_case *k)
{
	return k->op == 's' ? &k->chan->sendq : &k->chan->recvq;
}

/* Pass 2.  How many cases are queued: fewer than n when one turned out ready. */
static size_t enqueue(struct g *g, uint32_t gen, struct weft_case *k, struct node *nodes,
    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct node *node = &nodes[i];
		bool ready;

		node->q = NULL;
		if (!k[i].chan || k[i].op == 't')
			continue;
		node->g = g;
		node->gen = gen;
		node->shared = true;
		node->ok = false;
		node->ptr = k[i].ptr;
		san_release(&node->ptr);
		lock(&k[i].chan->lock);
		ready = is_ready(&k[i], g);
		if (!ready)
			waitq_push(queue_of(&k[i]), node);
		unlock(&k[i].chan->lock);
		if (ready)
			return i;
	}
	return n;
}

/* Pass 3.  q changes under the channel's lock only, so look at it there. */
static void dequeue(struct weft_case *k, struct node *nodes, size_t n,
    const struct node *served)
{
	for (size_t i = 0; i < n; i++) {
		if (!k[i].chan || k[i].op == 't' || &nodes[i] == served)
			continue;
		lock(&k[i].chan->lock);
		waitq_remove(&nodes[i]);
		unlock(&k[i].chan->lock);
	}
}

static int served(struct weft_case *k, struct node *nodes, struct node *node)
{
	size_t i = (size_t)(node - nodes);

	san_acquire(node);
	if (node->ok) {
		if (k[i].ok)
			*k[i].ok = true;
		return (int)i;
	}
	if (k[i].op == 's')
		die("send on closed channel %p", (void *)k[i].chan);
	chan_zero(k[i].chan, k[i].ptr, "weft_select");
	if (k[i].ok)
		*k[i].ok = false;
	return (int)i;
}

void	timer_arm_g(struct g *g, uint32_t gen, int64_t ns);
void	timer_disarm_g(struct g *g);

/* The place of the timeout that comes first, or -1. */
static int first_timeout(const struct weft_case *k, size_t n)
{
	int first = -1;

	for (size_t i = 0; i < n; i++)
		if (k[i].op == 't' && (first < 0 || k[i].ns < k[first].ns))
			first = (int)i;
	return first;
}

static int wait_cases(struct weft_case *k, struct node *nodes, size_t n, int timeout,
    enum reason why, const void *pc)
{
	struct g *g = self();
	int64_t until = timeout >= 0 ? deadline_after(now_here(), k[timeout].ns) : 0;

	for (;;) {
		uint32_t gen = park_begin(&g->park);
		size_t queued;
		struct node *node;
		int got;

		g->woken = NULL;	/* before anyone can find us */
		queued = enqueue(g, gen, k, nodes, n);
		if (queued < n && park_cancel(&g->park)) {
			dequeue(k, nodes, queued, NULL);
			park_end(&g->park);
			got = poll_cases(g, k, n);
			if (got >= 0)
				return got;
			continue;
		}
		if (timeout >= 0)
			timer_arm_g(g, gen, until);
		sched_park(g, why, queued == 1 ? k[0].chan : NULL, pc);
		node = g->woken;
		if (timeout >= 0)
			timer_disarm_g(g);
		dequeue(k, nodes, queued, node);
		return node ? served(k, nodes, node) : timeout;
	}
}

int select_wait(struct weft_case *k, size_t n, enum reason why, const void *pc)
{
	struct node few[ON_STACK], *nodes = few;
	int got, timeout = first_timeout(k, n);

	if (timeout >= 0 && k[timeout].ns <= 0)
		return timeout;
	if (n > ON_STACK)
		nodes = xmalloc(n * sizeof *nodes);
	got = wait_cases(k, nodes, n, timeout, why, pc);
	if (nodes != few)
		free(nodes);
	return got;
}

int weft_select_(struct weft_case *k, size_t n, bool wait)
{
	int got;

	if (n > MAX_CASES)
		die("weft_select: %zu cases, %d are the most", n, MAX_CASES);
	STEP(wait ? "selects" : "polls");
	got = poll_cases(self(), k, n);
	if (got >= 0 || !wait)
		return got;
	return select_wait(k, n, n ? WAIT_SELECT : WAIT_SELECT_EMPTY, CALLER);
}
