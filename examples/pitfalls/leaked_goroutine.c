/*
 * Pitfall: whoever asked gave up, and whoever answers waits for ever to be heard.
 * Go: a goroutine more for each timeout, seen when memory runs out.
 * Weft: the test that does it fails, and says where the goroutine came from.
 * Instead: a channel with room for the one answer.
 */
#include <weft/testing.h>
#include <weft/weft.h>

static void search(weft_chan(int) answer)
{
	weft_sleep(20 * WEFT_MS);
	weft_send(answer, 42);
}

static bool ask(int *answer)
{
	weft_chan(int) c = weft_make(int, 0);

	weft_go(search, c);
	return weft_select(weft_on_recv(c, answer), weft_on_timeout(WEFT_MS)) == 0;
}

TEST(Ask)
{
	int answer;

	CHECK(!ask(&answer));
}
