/*
 * kubernetes.c - bugs of the Kubernetes cluster manager, by the numbers of their reports
 */
#include "kernel.h"

/* A status is sent with the lock held that the receiver takes after each one. */
struct k10182 { weft_mutex lock; weft_chan(bool) statuses; };

static void k10182_sync(struct k10182 *m)
{
	for (int i = 0; i < 2; i++) {
		weft_recv(m->statuses, NULL);
		weft_mutex_lock(&m->lock);
		weft_mutex_unlock(&m->lock);
	}
}

static void k10182_set(struct k10182 *m)
{
	weft_mutex_lock(&m->lock);
	if (fixed)
		weft_mutex_unlock(&m->lock);
	weft_send(m->statuses, true);
	if (!fixed)
		weft_mutex_unlock(&m->lock);
}

KERNEL(Kubernetes10182, leak)
{
	struct k10182 *m = NEW(struct k10182, .statuses = MAKE(bool, 0));

	weft_go(k10182_sync, m);
	weft_go(k10182_set, m);
	weft_go(k10182_set, m);
}
