/*
 * tls.c - the only file of the runtime that touches thread-local storage
 *
 * A goroutine may continue on another thread after any call that parks, and
 * compilers keep the address of a thread-local variable, errno's included, in a
 * register across calls.  So no other file has one, and what these functions
 * return is used at once or does not belong to a thread: tools/check-tls looks at
 * the object code.  The barriers keep compilers from treating them as pure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int *thread_errno(void)
{
	return &errno;
}

#include "worker.h"

__attribute__((noinline)) int *weft_errno_(void)
{
	__asm__ volatile("" ::: "memory");
	return thread_errno();
}

static __thread struct g *current;	/* this thread's record */
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic unsigned records_lock;
static struct g *records;		/* of threads that have ended */

/*
 * A record is never freed: a late waker may still look at it.  What the thread does
 * after this, in other destructors, is done with another.
 */
static void thread_end(void *arg)
{
	struct g *g = arg;

	current = NULL;
	lock(&records_lock);
	g->link = records;
	records = g;
	unlock(&records_lock);
}

static void make_key(void)
{
	if (pthread_key_create(&key, thread_end))
		die("pthread_key_create failed");
}

static struct g *adopt(void)
{
	struct g *g;

	pthread_once(&once, make_key);
	lock(&records_lock);
	g = records;
	if (g)
		records = g->link;
	unlock(&records_lock);
	if (!g)
		g = xcalloc(1, sizeof *g);
	g->kind = KIND_THREAD;
	g->group = NULL;
	g->tid = gettid();
	pthread_setspecific(key, g);
	return g;
}

__attribute__((noinline)) struct g *self_thread(void)
{
	__asm__ volatile("" ::: "memory");
	if (!current)
		current = adopt();
	return current;
}

/*
 * What the sampler of allocations allocates itself is not for it to see.  It does not park
 * in between.  False: it is at work on this thread.
 */
static __thread bool sampling;

__attribute__((noinline)) bool tls_enter_sampler(void)
{
	__asm__ volatile("" ::: "memory");
	if (sampling)
		return false;
	return sampling = true;
}

__attribute__((noinline)) void tls_leave_sampler(void)
{
	__asm__ volatile("" ::: "memory");
	sampling = false;
}

/* A worker's thread announces the record of its own stack. */
void self_set(struct g *g);
__attribute__((noinline)) void self_set(struct g *g)
{
	__asm__ volatile("" ::: "memory");
	current = g;
}
