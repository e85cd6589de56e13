/*
 * explore.c - a bug that one schedule in thousands shows
 *
 * Two clerks pay from one account; each looks first whether there is enough.
 */
#include <weft/sync.h>
#include <weft/testing.h>

struct account { weft_mutex m; int balance; };

static int balance(struct account *a)
{
	int b;

	weft_mutex_lock(&a->m);
	b = a->balance;
	weft_mutex_unlock(&a->m);
	return b;
}

static void pay(struct account *a, int sum)
{
	if (balance(a) < sum)			/* and then somebody else pays */
		return;
	weft_mutex_lock(&a->m);
	a->balance -= sum;
	weft_mutex_unlock(&a->m);
}

TEST(NobodyOverdraws, .explore = 1000)
{
	struct account a = { .balance = 100 };
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, pay, &a, 70);
	weft_waitgroup_go(&wg, pay, &a, 70);
	weft_waitgroup_wait(&wg);
	CHECK(a.balance >= 0);
}

/* The look and the payment under one lock. */
static void pay_safely(struct account *a, int sum)
{
	weft_mutex_lock(&a->m);
	if (a->balance >= sum)
		a->balance -= sum;
	weft_mutex_unlock(&a->m);
}

TEST(NobodyOverdrawsSafely, .explore = 1000)
{
	struct account a = { .balance = 100 };
	weft_waitgroup wg = {0};

	weft_waitgroup_go(&wg, pay_safely, &a, 70);
	weft_waitgroup_go(&wg, pay_safely, &a, 70);
	weft_waitgroup_wait(&wg);
	CHECK_EQ(a.balance, 30);
}
