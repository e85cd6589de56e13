/* benches.c - benchmarks with all that may stand around their results; see check-gotestsum */
#include <stdio.h>

#include "../../weft/sync.h"
#include "../../weft/testing.h"

static void fill(weft_b *b, intptr_t cap)
{
	weft_chan(int) c = weft_make(int, cap);
	int v;

	while (weft_loop(b)) {
		weft_send(c, 1);
		weft_recv(c, &v);
	}
	weft_free(c);
	weft_bytes(b, sizeof v);
	weft_metric(b, 1.5, "values/op");
}

static void by_size(weft_b *b)
{
	weft_run(b, "cap=1", fill, 1);
	weft_run(b, "cap=64", fill, 64);
}

BENCH(Shapes)
{
	weft_run(b, "kind=chan", by_size);
	weft_logf("a parent may say something");
}

static void fail(weft_b *b)
{
	while (weft_loop(b))
		;
	CHECK(!"it can");
}

BENCH(ShapesFail)
{
	CHECK(!weft_run(b, "n=1", fail));
	printf("what a program prints\n");
	weft_logf("goos: not that");
}

BENCH(Mixed)
{
	while (weft_loop(b))
		;
	weft_run(b, "late", fail);
}
