/*
 * Pitfall: stages of a pipeline whose types do not fit.
 * Go: does not compile.
 * Weft: does not compile either: the channels' elements and the function's parameters are
 * compared where the stage is started.
 */
#include <patterns/pmap.h>
#include <patterns/tee.h>

static bool half(void *arg, const long *in, double *out)
{
	(void)arg;
	*out = (double)*in / 2;
	return true;
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) in = weft_make(int, 1);
	weft_chan(double) out = weft_make(double, 1);

	(void)argc, (void)argv;
	weft_pmap(NULL, in, out, half, NULL);
	weft_tee(NULL, in, &out, 1);
	return 0;
}
