/*
 * cockroach.c - bugs of the CockroachDB database, by the numbers of their reports
 */
#include "kernel.h"

/* A loop that finds the gossip closed leaves with its lock held; the next loop takes it. */
struct c584 { weft_mutex mu; bool closed; };

static void c584_loop(struct c584 *g)
{
	for (;;) {
		weft_mutex_lock(&g->mu);
		if (g->closed)
			break;
		weft_mutex_unlock(&g->mu);
	}
	if (fixed)
		weft_mutex_unlock(&g->mu);
}

static void c584_run(struct c584 *g)
{
	c584_loop(g);
	c584_loop(g);
}

KERNEL(Cockroach584, leak)
{
	weft_go(c584_run, NEW(struct c584, .closed = true));
}

/* The log takes its lock again to say that it could not make its file. */
struct c9935 { weft_mutex mu; };

static void c9935_exit(struct c9935 *l)
{
	weft_mutex_lock(&l->mu);
	weft_mutex_unlock(&l->mu);
}

static void c9935_output(struct c9935 *l, int fails)
{
	weft_mutex_lock(&l->mu);
	if (fails) {
		if (fixed)
			weft_mutex_unlock(&l->mu);
		c9935_exit(l);
		if (fixed)
			return;
	}
	weft_mutex_unlock(&l->mu);
}

KERNEL(Cockroach9935, leak)
{
	weft_go(c9935_output, NEW(struct c9935), weft_choose(2) == 0);
}
