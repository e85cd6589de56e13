/*
 * Fan-in: several channels become one.  A select over an array that shrinks: a
 * channel that is closed and drained is set to NULL, which is never ready.
 */
#include <stdio.h>
#include <weft/weft.h>

enum { SOURCES = 3 };

static void source(int first, weft_chan(int) out)
{
	for (int i = 0; i < 4; i++)
		weft_send(out, first + i);
	weft_close(out);
}

static void merge(struct weft_case *cases, bool *open, int *value, weft_chan(int) out)
{
	for (int left = SOURCES; left; ) {
		int i = weft_select_array(cases, SOURCES);

		if (open[i]) {
			weft_send(out, value[i]);
			continue;
		}
		cases[i].chan = NULL;
		left--;
	}
	weft_close(out);
}

int weft_main(int argc, char **argv)
{
	weft_chan(int) in[SOURCES], all = weft_make(int, 0);
	struct weft_case cases[SOURCES];
	bool open[SOURCES];
	int value[SOURCES], n = 0, sum = 0;

	(void)argc, (void)argv;
	for (int i = 0; i < SOURCES; i++) {
		in[i] = weft_make(int, 0);
		cases[i] = weft_on_recv(in[i], &value[i], .ok = &open[i]);
		weft_go(source, 100 * (i + 1), in[i]);
	}
	weft_go(merge, cases, open, value, all);
	for (int x; weft_recv(all, &x); n++)
		sum += x;
	printf("%d values, sum %d\n", n, sum);
	for (int i = 0; i < SOURCES; i++)
		weft_free(in[i]);
	weft_free(all);
	return 0;
}
