/* budget_test.c - what fits is taken at once, the rest in order, and who leaves leaves no hole */
#include "budget.h"
#include "weft/testing.h"

struct who { struct budget *b; weft_ctx *ctx; weft_chan(int) done; size_t n; int id; };

static void
taker(struct who *w)
{
	int err = budget_take(w->ctx, w->b, w->n);

	weft_send(w->done, err ? -w->id : w->id);
}

TEST(BudgetIsTakenInOrder, .bubble = true, .explore = 100)
{
	struct budget b;
	weft_chan(int) done = weft_make(int, 4);
	weft_ctx *ctx = weft_with_cancel(NULL);
	struct who big = { &b, NULL, done, 90, 1 }, leaves = { &b, ctx, done, 10, 2 };
	struct who small = { &b, NULL, done, 10, 3 };
	int id;

	budget_init(&b, 100);
	CHECK_EQ(budget_take(NULL, &b, 60), 0);
	weft_go(taker, &big);
	weft_settle();
	weft_go(taker, &leaves);
	weft_settle();
	weft_go(taker, &small);
	weft_settle();
	CHECK_EQ(weft_len(done), 0);	/* 10 would fit, but 90 came first */
	CHECK(budget_wanted(&b));
	weft_cancel(ctx);
	weft_recv(done, &id);
	CHECK_EQ(id, -2);
	budget_charge(&b, -60);
	weft_settle();
	CHECK_EQ(weft_len(done), 2);
	for (int i = 0; i < 2; i++)
		weft_recv(done, &id);
	CHECK_EQ(budget_used(&b), 100);
	budget_charge(&b, 50);		/* more than the limit, without waiting */
	CHECK_EQ(b.peak, 150);
	budget_charge(&b, -150);
	CHECK(!budget_wanted(&b));
	CHECK_EQ(budget_take(NULL, &b, 1000), 0);	/* alone, anything goes */
	weft_ctx_free(ctx);
	weft_free(done);
}
