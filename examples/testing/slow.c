/*
 * slow.c - why a program is slow whose processors have nothing to do
 *
 * The CPU profile of this test is empty.  The wall profile says in which function its
 * goroutines spent their time, and waiting for what.
 */
#include <weft/sync.h>
#include <weft/testing.h>
#include <weft/time.h>

enum { CUSTOMERS = 8, ORDERS = 5 };

struct shop { weft_mutex lock; int saved; };

/* Stands for a disk.  Not inlined, or it would not be named. */
__attribute__((noinline)) static void write_order(void)
{
	weft_sleep(2 * WEFT_MS);
}

/* The mistake: the lock is for the number, and not for what takes long. */
__attribute__((noinline)) static void save(struct shop *s)
{
	weft_mutex_lock(&s->lock);
	write_order();
	s->saved++;
	weft_mutex_unlock(&s->lock);
}

static void customer(struct shop *s)
{
	for (int i = 0; i < ORDERS; i++)
		save(s);
}

TEST(ShopServesAll)
{
	struct shop s = {0};
	weft_waitgroup wg = {0};

	for (int i = 0; i < CUSTOMERS; i++)
		weft_waitgroup_go(&wg, customer, &s);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(s.saved, CUSTOMERS * ORDERS);
}
