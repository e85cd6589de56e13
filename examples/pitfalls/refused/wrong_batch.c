/*
 * Pitfall: batches that are not laid out as weft_batch fills them.
 * Go: a batch is a slice, which knows its length.
 * Weft: a batch is one piece of memory: n, and then the values, not a pointer to them, and no
 * values that malloc cannot align.
 */
#include <patterns/batch.h>

struct far { size_t n; int *v; };
struct backwards { int v[1]; size_t n; };
struct wide { size_t n; struct line { int x; } __attribute__((aligned(64))) v[]; };

int weft_main(int argc, char **argv)
{
	weft_chan(int) in = weft_make(int, 1);
	weft_chan(struct far *) far = weft_make(struct far *, 1);
	weft_chan(struct backwards *) backwards = weft_make(struct backwards *, 1);
	weft_chan(struct line) lines = weft_make(struct line, 1);
	weft_chan(struct wide *) wide = weft_make(struct wide *, 1);

	(void)argc, (void)argv;
	weft_batch(NULL, in, far, 8);
	weft_batch(NULL, in, backwards, 8);
	weft_batch(NULL, lines, wide, 8);
	return 0;
}
