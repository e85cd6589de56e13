/*
 * errgroup.c - a wait group, a context, and the first error
 *
 * err is set once, by whoever changes it from 0, and who has set it cancels.  A slot is
 * taken before the goroutine is started and given back before it counts as done, so
 * that after wait all slots are free.
 */
#include "errgroup.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"

#define ERR(g)	((_Atomic int *)&(g)->err)

struct member {
	weft_errgroup			*g;
	struct weft_errgroup_call_	 call;
};

void weft_errgroup_init(weft_errgroup *g, weft_ctx *parent)
{
	*g = (weft_errgroup){ .ctx = weft_with_cancel(parent) };
}

void weft_errgroup_finish(weft_errgroup *g)
{
	weft_ctx_free(g->ctx);
	weft_free(g->slots);
	memset(g, 0, sizeof *g);
}

/* Waiting for a group in vain, which success goes before, is how to ask. */
static bool any_runs(weft_errgroup *g)
{
	weft_ctx *no_time = weft_with_cancel(NULL);
	int err;

	weft_cancel(no_time);
	err = weft_waitgroup_wait_ctx(no_time, &g->wg);
	weft_ctx_free(no_time);
	return err;
}

/* A member gives back what it took: slots must not change meanwhile, nor come to be. */
void weft_errgroup_set_limit(weft_errgroup *g, int n)
{
	if (any_runs(g))
		die("weft_errgroup_set_limit: members are running");
	weft_free(g->slots);
	g->slots = n < 0 ? NULL : weft_make(char, (size_t)n);
}

static void failed(weft_errgroup *g, int err)
{
	int none = 0;

	if (atomic_compare_exchange_strong(ERR(g), &none, err) && g->ctx)
		weft_cancel_cause(g->ctx, err);
}

static void run(struct member *m)
{
	weft_errgroup *g = m->g;
	const intptr_t *w = m->call.words;
	int err = ((int (*)(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t))
	    m->call.f)(w[0], w[1], w[2], w[3], w[4], w[5]);

	free(m);
	if (err)
		failed(g, err);
	if (g->slots)
		weft_recv(g->slots, NULL);
	weft_waitgroup_done(&g->wg);
}

bool weft_errgroup_spawn_(weft_errgroup *g, bool wait, struct weft_errgroup_call_ call)
{
	struct member *m;

	if (g->slots && wait)
		weft_send(g->slots, 0);
	else if (g->slots && weft_poll(weft_on_send(g->slots, 0)) < 0)
		return false;
	m = xmalloc(sizeof *m);
	*m = (struct member){ g, call };
	weft_waitgroup_add(&g->wg, 1);
	weft_go(run, m);
	return true;
}

int weft_errgroup_wait(weft_errgroup *g)
{
	weft_waitgroup_wait(&g->wg);
	if (g->ctx)
		weft_cancel(g->ctx);
	return atomic_load(ERR(g));
}
