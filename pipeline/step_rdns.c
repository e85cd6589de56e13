/*
 * step_rdns.c - rdns: the name of an address, by reverse DNS
 *
 * No name server may hold up the pipeline.  A batch asks for all addresses that are not in
 * the cache at once, and waits for them until its one deadline; what is not there by then is
 * not in those lines, which count as failed.  Questions go on in the background and fill the
 * cache for later lines.  That an address has no name is an answer, and cached as one.  At
 * most LOOKUPS questions are out at a time, each holding a thread and a stack of its
 * own; after some that failed in a row nobody is asked for a while.
 */
#include "step_rdns.h"

#include <netdb.h>
#include <stdlib.h>

#include "base/map.h"
#include "patterns/breaker.h"
#include "patterns/lru.h"
#include "patterns/semaphore.h"
#include "step_impl.h"
#include "weft/net.h"
#include "weft/sync.h"

#define LOOKUPS		16
#define ADDRESSES	16384		/* that are remembered */
#define LOOKUP_STACK	(256 << 10)	/* name services are written for threads' stacks */
#define FAILURES	8		/* in a row, and nobody is asked for */
#define PAUSE		(10 * WEFT_SECOND)

struct name { size_t len; char text[]; };	/* len 0: the address has none */

struct rdns {
	struct step	 step;
	struct ref	*ref;
	struct step_name name;
	int64_t		 timeout;
	rdns_ask_fn	*ask;
	weft_lru	*names;		/* of struct address, to struct name */
	weft_semaphore	*lookups;
	weft_breaker	*breaker;
};

/* Lines of a batch that wait for a name, and the addresses they wait for, each once. */
struct pending {
	struct rdns	*r;
	struct batch	*b;
	weft_ctx	*ctx;		/* ends with the batch's patience */
	struct waiter { struct line *line; struct address address; } *waiters;
	size_t		 n, room;
	struct map	 addresses;
	struct address	*ask;
	size_t		 nask;
	_Atomic size_t	 next;		/* of ask, to be taken */
};

static int
ask_getnameinfo(const struct sockaddr *addr, socklen_t len, char *name, size_t room)
{
	return getnameinfo(addr, len, name, room, NULL, 0, NI_NAMEREQD);
}

rdns_ask_fn *rdns_ask = ask_getnameinfo;

struct question {
	struct rdns	*r;
	const struct address *address;
	struct name	*name;
	int		 err;
	weft_waitgroup	 end;
};

static void
ask(struct question *q)
{
	struct sockaddr_storage addr;
	socklen_t len = step_sockaddr(q->address, &addr);
	char *text = xcalloc(1, RDNS_NAME);
	int error;

	weft_enter_blocking();
	error = q->r->ask((struct sockaddr *)&addr, len, text, RDNS_NAME);
	weft_leave_blocking();
	if (error == 0 || error == EAI_NONAME) {
		size_t n = error ? 0 : strnlen(text, RDNS_NAME - 1);

		q->name = xmalloc(sizeof(*q->name) + n);
		q->name->len = n;
		memcpy(q->name->text, text, n);
	} else {
		q->err = error == EAI_AGAIN ? -EAGAIN : -EIO;
	}
	free(text);
	weft_waitgroup_done(&q->end);
}

static int
load(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value, int64_t *cost)
{
	struct rdns *r = arg;
	struct question q = { .r = r, .address = key };
	weft_breaker_ticket ticket;
	int err = weft_semaphore_acquire(ctx, r->lookups, 1);

	(void)len, (void)cost;
	if (err)
		return err;
	/* nobody waits for it any more: who has waited long must not keep others waiting */
	err = weft_err(ctx);
	if (!err)
		err = weft_breaker_allow(r->breaker, &ticket);
	if (!err) {
		weft_waitgroup_add(&q.end, 1);
		weft_go_stack(LOOKUP_STACK, ask, &q);
		weft_waitgroup_wait(&q.end);
		err = q.err;
		*value = q.name;
		weft_breaker_done(r->breaker, ticket, err);
	}
	weft_semaphore_release(r->lookups, 1);
	return err;
}

/* What there is goes to the line; false: nothing is known of the address. */
static bool
add_name(struct rdns *r, struct batch *b, struct line *l, const struct address *address)
{
	weft_lru_item *item = weft_lru_get(r->names, address, sizeof(*address));
	const struct name *name;

	if (!item)
		return false;
	name = item->value;
	if (name->len)
		step_add(&r->step, b, l, &r->name,
		    memcpy(batch_alloc(b, name->len), name->text, name->len), name->len);
	weft_lru_release(item);
	return true;
}

static void
wait_for(struct pending *w, struct line *l, const struct address *address)
{
	bool added;

	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->waiters = xrealloc(w->waiters, w->room * sizeof(*w->waiters));
	}
	w->waiters[w->n++] = (struct waiter){ l, *address };
	map_insert(&w->addresses, address, sizeof(*address),
	    map_hash(address, sizeof(*address)), &added);
	if (!added)
		return;
	w->ask = xrealloc(w->ask, (w->nask + 1) * sizeof(*w->ask));
	w->ask[w->nask++] = *address;
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct rdns *r = (struct rdns *)s;
	struct address address;
	struct text text;

	if (!ref_text(r->ref, p->b, l, scratch_room(p->sc), &text))
		return;
	if (!step_address(text.p, text.len, &address))
		step_failed(s, p->b, l, "rdns: it is no IP address");
	else if (!add_name(r, p->b, l, &address))
		wait_for(p->own, l, &address);
}

/* One of several that bring all addresses into the cache, or give up together. */
static void
look_up(struct pending *w)
{
	weft_lru_item *item;
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->nask) {
		if (weft_lru_get_or_load(w->ctx, w->r->names, &w->ask[i], sizeof(w->ask[i]),
		    &item) == 0)
			weft_lru_release(item);
	}
}

static void
look_up_all(struct pending *w)
{
	weft_waitgroup wg = { 0 };
	size_t n = w->nask < LOOKUPS ? w->nask : LOOKUPS;

	w->ctx = weft_with_timeout(NULL, w->r->timeout);
	for (size_t i = 0; i < n; i++)
		weft_waitgroup_go(&wg, look_up, w);
	weft_waitgroup_wait(&wg);
	weft_ctx_free(w->ctx);
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	struct rdns *r = (struct rdns *)s;
	struct pending w = { .r = r, .b = b };

	step_each(s, sc, b, one, &w);
	if (w.nask)
		look_up_all(&w);
	for (size_t i = 0; i < w.n; i++)
		if (!add_name(r, b, w.waiters[i].line, &w.waiters[i].address))
			step_failed_late(s, b, w.waiters[i].line,
			    "rdns: the name was not found in time");
	map_finish(&w.addresses);
	free(w.waiters);
	free(w.ask);
}

static void
finish(struct step *s)
{
	struct rdns *r = (struct rdns *)s;

	weft_lru_free(r->names);	/* waits for questions that are out */
	weft_breaker_free(r->breaker);
	weft_semaphore_free(r->lookups);
	step_name_finish(&r->name);
	ref_free(r->ref);
	free(r);
}

struct step *
step_rdns(const char *ref, const char *field, int64_t timeout, int64_t ttl, struct buf *err)
{
	struct rdns *r;

	if (timeout < 0 || ttl < 0) {
		buf_adds(err, "times of rdns are not below 0");
		return NULL;
	}
	r = xcalloc(1, sizeof(*r));
	r->step = (struct step){ .kind = "rdns", .run = run, .free = finish };
	r->step.wants.fields = true;
	r->timeout = timeout ? timeout : WEFT_SECOND;
	r->ask = rdns_ask;
	r->lookups = weft_semaphore_new(LOOKUPS);
	r->breaker = weft_breaker_new((weft_breaker_options){ .consecutive = FAILURES,
	    .open_for = PAUSE });
	r->ref = ref_new(ref, &r->step.wants, err);
	if (r->ref && step_name_init(&r->name, NULL, field, err)) {
		r->names = weft_lru_new((struct weft_lru_options){ .max = ADDRESSES,
		    .ttl = ttl ? ttl : 3600 * WEFT_SECOND, .load = load, .drop = free,
		    .arg = r });
		return &r->step;
	}
	finish(&r->step);
	return NULL;
}
