/* generator_test.c - values in order, and no more than somebody wants */
#include "account_test.h"

TEST(GeneratorUntilFalse)
{
	struct account *a = open_account(5);
	weft_chan(struct item) out = weft_make(struct item, 0);
	int n = 0;

	weft_generator(NULL, out, make_item, a);
	for (struct item it; weft_recv(out, &it); n++)
		CHECK_EQ(it.i, n);
	CHECK_EQ(n, 5);
	weft_free(out);
	free(a);
}

TEST(GeneratorOfNothing)
{
	weft_chan(int) out = weft_make(int, 0);

	weft_generator_of(NULL, out, (int *)NULL, 0);
	CHECK(!weft_recv(out, NULL));
	weft_free(out);
}

TEST(GeneratorOfArray)
{
	const char *const words[] = { "in", "this", "order" };
	weft_chan(const char *) out = weft_make(const char *, 1);
	int n = 0;

	weft_generator_of(NULL, out, words, 3);
	for (const char *w; weft_recv(out, &w); n++)
		CHECK_STR(w, words[n]);
	CHECK_EQ(n, 3);
	weft_free(out);
}

TEST(GeneratorRunsAheadByCapacityAndOne, .bubble = true)
{
	struct account *a = open_account(100);
	weft_chan(struct item) out = weft_make(struct item, 3);
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_generator(ctx, out, make_item, a, .drop = drop_item);
	weft_settle();
	CHECK_EQ(a->made, 4);
	weft_cancel(ctx);
	weft_drain(out, drop_item);
	CHECK_EQ(a->made, 4);
	check_account(a, 1);
	weft_free(out);
	weft_ctx_free(ctx);
	free(a);
}

TEST(GeneratorIsNotAskedAfterCancel)
{
	struct account *a = open_account(100);
	weft_chan(struct item) out = weft_make(struct item, 3);
	weft_ctx *ctx = weft_with_cancel(NULL);

	weft_cancel(ctx);
	weft_generator(ctx, out, make_item, a);
	CHECK(!weft_recv(out, NULL));
	CHECK_EQ(a->made, 0);
	weft_free(out);
	weft_ctx_free(ctx);
	free(a);
}
