/* tls_test.c - the records of plain threads, which are used again */
#include <pthread.h>

#include "runtime.h"
#include "testing.h"

static void *get_record(void *out)
{
	*(struct g **)out = self();
	return NULL;
}

static void run(void *(*f)(void *), void *arg)
{
	pthread_t thread;

	pthread_create(&thread, NULL, f, arg);
	pthread_join(thread, NULL);
}

/* ---- a thread that ends, and uses the runtime once more ---- */

struct end { struct g *before, *after, *other; };
static pthread_key_t key;

static void at_end(void *arg)
{
	struct end *e = arg;

	e->after = self();
	run(get_record, &e->other);
}

static void *use_and_end(void *arg)
{
	struct end *e = arg;

	e->before = self();
	pthread_setspecific(key, e);
	return NULL;
}

/* Destructors run in the order of their keys, and the runtime's is older. */
TEST(EndingThreadsShareNoRecord)
{
	struct end e = {0};

	pthread_key_create(&key, at_end);
	run(use_and_end, &e);
	pthread_key_delete(key);
	CHECK(e.before && e.after);
	CHECK(e.other != e.after);
}

/* ---- groups ---- */

static void *join_group(void *gr)
{
	group_set(gr);
	return NULL;
}

static void *get_group(void *out)
{
	*(struct group **)out = group_current();
	return NULL;
}

TEST(NewThreadsAreInNoGroup)
{
	struct group *gr = group_current();

	run(join_group, gr);
	run(get_group, &gr);
	CHECK(!gr);
}
