/*
 * Pitfall: sending on a closed channel; here a select does, whose other case is not
 * ready.  A send on a closed channel is ready at once: to fail.
 * Go: panics.
 * Weft: stops the program, naming the channel.
 */
#include <weft/weft.h>

int weft_main(int argc, char **argv)
{
	weft_chan(int) c = weft_make(int, 1), quit = weft_make(int, 0);

	(void)argc, (void)argv;
	weft_close(c);
	weft_select(weft_on_send(c, 1), weft_on_recv(quit, NULL));
	return 0;
}
