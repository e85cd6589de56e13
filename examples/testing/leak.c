/*
 * leak.c - a goroutine that nobody will ever wake
 *
 * The first answer is taken, the second has no receiver any more.
 */
#include <weft/testing.h>

static void answer(weft_chan(int) c, int v)
{
	weft_send(c, v);
}

TEST(FirstAnswerWins)
{
	weft_chan(int) c = weft_make(int, 0);
	int v;

	for (int i = 1; i <= 2; i++)
		weft_go(answer, c, i);
	weft_recv(c, &v);
	CHECK(v == 1 || v == 2);
}
