/*
 * Pitfall: a test waits for something that never comes.
 * Go: the test runs into its timeout, ten minutes later, and takes the others along.
 * Weft: the test fails at once with every stack, and the next one runs.
 */
#include <weft/testing.h>
#include <weft/weft.h>

TEST(Stuck)
{
	weft_chan(int) c = weft_make(int, 0);

	CHECK(weft_recv(c, NULL));
	weft_free(c);
}

TEST(Next)
{
	CHECK(true);
}
