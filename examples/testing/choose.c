/*
 * choose.c - failures put in by the seed, and proof that they came up
 */
#include <weft/testing.h>

/* A disk that may be full, wherever the explorer wants it to be. */
static int store(int *stored)
{
	if (weft_choose(3) == 1)
		return -ENOSPC;
	++*stored;
	return 0;
}

/* What we test: all three, or none. */
static int store_three(int *stored)
{
	int before = *stored, err = 0;

	for (int i = 0; i < 3 && !err; i++)
		err = store(stored);
	if (err)
		*stored = before;
	return err;
}

TEST(StoresAllOrNothing, .explore = 100)
{
	int stored = 0, err = store_three(&stored);

	CHECK_EQ(stored, err ? 0 : 3);
	SOMETIMES(err == 0, "everything was stored");
	SOMETIMES(err == -ENOSPC, "the disk was full");
}
