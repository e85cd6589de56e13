/* Two sorted channels: one after the other, and merged. */
#include <stdio.h>
#include <patterns/bridge.h>
#include <patterns/fan.h>
#include <patterns/generator.h>

static const char *const a[] = { "ant", "cow", "owl" }, *const b[] = { "bee", "cat", "dog", "eel" };

static bool earlier(const char **x, const char **y)
{
	return **x < **y;		/* by their first letters */
}

static void print_all(weft_chan(const char *) c)
{
	for (const char *word; weft_recv(c, &word); )
		printf("%s ", word);
	printf("\n");
	weft_free(c);
}

/* The parts one after the other; the bridge frees them. */
static void bridged(weft_chan(const char *) part1, weft_chan(const char *) part2)
{
	weft_chan(weft_chan(const char *)) parts = weft_make(weft_chan(const char *), 2);
	weft_chan(const char *) out = weft_make(const char *, 0);

	weft_generator_of(NULL, part1, a, 3);
	weft_generator_of(NULL, part2, b, 4);
	weft_bridge(NULL, parts, out);
	weft_send(parts, part1);
	weft_send(parts, part2);
	weft_close(parts);
	print_all(out);
	weft_free(parts);
}

static void merged(void)
{
	weft_chan(const char *) ins[2], out = weft_make(const char *, 0);

	for (int i = 0; i < 2; i++)
		ins[i] = weft_make(const char *, 0);
	weft_generator_of(NULL, ins[0], a, 3);
	weft_generator_of(NULL, ins[1], b, 4);
	weft_fan_merge(NULL, ins, 2, out, earlier);
	print_all(out);
	for (int i = 0; i < 2; i++)
		weft_free(ins[i]);
}

int weft_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	bridged(weft_make(const char *, 0), weft_make(const char *, 0));
	merged();
	return 0;
}
