/*
 * Pitfall: a loop without a call keeps its processor, and others starve.
 * Go: so it was until 1.14, which interrupts such loops.
 * Weft: never interrupts C code; after 10 ms the others get another thread.  Here
 * one worker (WEFT_PROCS=1) is stuck in the loop, and its end still comes.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

static _Atomic int stop;

static void set(void)
{
	atomic_store(&stop, 1);
}

static int spin(int argc, char **argv)
{
	(void)argc, (void)argv;
	weft_go(set);
	while (!atomic_load(&stop))
		;
	puts("somebody else has run");
	return 0;
}

int main(int argc, char **argv)
{
	setenv("WEFT_PROCS", "1", 1);
	return weft_run(spin, argc, argv);
}
