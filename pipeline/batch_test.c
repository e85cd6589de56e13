/* batch_test.c - batches come back when the last holder lets go, and are clean */
#include "batch.h"
#include "weft/sync.h"
#include "weft/testing.h"

TEST(LastUnrefGivesTheBatchBack)
{
	struct batch_pool p;
	struct batch *b;

	batch_pool_init(&p, 2, 1000);
	b = batch_get(&p);
	CHECK_EQ(weft_len(p.idle), 1);
	batch_ref(b, 2);
	batch_unref(b);
	batch_unref(b);
	CHECK_EQ(weft_len(p.idle), 1);
	batch_unref(b);
	CHECK_EQ(weft_len(p.idle), 2);
	batch_pool_finish(&p);
}

TEST(BatchesComeBackClean)
{
	struct batch_pool p;
	struct batch *b;

	batch_pool_init(&p, 1, 1000);
	b = batch_get(&p);
	buf_grow(&b->bytes, 100000);
	buf_adds(&b->rendered[RENDER_JSON], "x");
	for (int i = 0; i < BATCH_LINES; i++)
		batch_add(b)->level = 1;
	b->nerrors = 3;
	batch_unref(b);
	b = batch_get(&p);
	CHECK_EQ(b->nlines, 0);
	CHECK_EQ(b->nerrors, 0);
	CHECK_EQ(b->bytes.room, 0);	/* too big to keep */
	CHECK_EQ(b->rendered[RENDER_JSON].len, 0);
	CHECK_EQ(batch_add(b)->level, 0);
	batch_unref(b);
	batch_pool_finish(&p);
}

static void
hold(struct batch *b)
{
	weft_yield();
	batch_unref(b);
}

TEST(ManyHoldersOneGivesBack)
{
	struct batch_pool p;
	weft_waitgroup wg = { 0 };

	batch_pool_init(&p, 3, 1000);
	for (int round = 0; round < 100; round++) {
		struct batch *b = batch_get(&p);

		batch_ref(b, 7);
		for (int i = 0; i < 8; i++)
			weft_waitgroup_go(&wg, hold, b);
	}
	weft_waitgroup_wait(&wg);
	CHECK_EQ(weft_len(p.idle), 3);
	batch_pool_finish(&p);
}
