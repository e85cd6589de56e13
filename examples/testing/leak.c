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

	weft_go(answer, c, 1);
	weft_go(answer, c, 2);
	weft_recv(c, &v);
	CHECK(v == 1 || v == 2);
}
