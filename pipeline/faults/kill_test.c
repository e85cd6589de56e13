/*
 * kill_test.c - kill -9 at random moments, under load
 *
 * Three sources grow and are rotated meanwhile, two outputs write files: one raw, one packed
 * and rotated, and a step filters.  In the end each line must be in each output once,
 * and in the ledger once, as if nothing had happened.
 */
#include "faults.h"

#define SOURCES 3

static const struct weft_gen_options kinds[SOURCES] = {
	{ .source = 1, .format = WEFT_GEN_JSON },
	{ .source = 2, .format = WEFT_GEN_PLAIN },
	{ .source = 3, .format = WEFT_GEN_SYSLOG, .pad = 400 },
};
static const char *const names[SOURCES] = { "a.log", "b.log", "c.log" };

static void
configure(struct lab *l, const char *packed)
{
	lab_config(l,
	    "state: st\n"
	    "checkpoint: 20ms\n"
	    "sources:\n"
	    "  a: { file: 'a.log*' }\n"
	    "  b: { file: 'b.log*', format: plain }\n"
	    "  c: { file: c.log }\n"
	    "steps:\n"
	    "  keep: { where: 'level >= info' }\n"
	    "outputs:\n"
	    "  raw: { file: out.raw, format: raw }\n"
	    "  packed: { file: out.packed, %s }\n", packed);
}

static void
start_loads(struct lab *l, struct load *v[SOURCES], uint64_t lines, int64_t seconds)
{
	for (int i = 0; i < SOURCES; i++) {
		struct load set = { .name = names[i], .gen = kinds[i],
		    .rotate = (i == 2 ? 1000 : 150) * WEFT_MS, .speed = lines * 200 / seconds };

		set.gen.lines = lines;
		v[i] = load_new(l, &set);
		load_start(v[i]);
	}
}

static void
judge(struct lab *l, struct load *v[SOURCES])
{
	static const char *const sources[SOURCES] = { "a", "b", "c" };

	for (int i = 0; i < SOURCES; i++)
		load_finish(v[i]);
	for (int i = 0; i < SOURCES; i++) {
		await_read(l, sources[i], "raw", v[i]->gen.lines);
		await_read(l, sources[i], "packed", v[i]->gen.lines);
	}
	lab_stop(l);
	for (int i = 0; i < SOURCES; i++) {
		check_read(l, sources[i], "raw", v[i]->gen.lines);
		check_read(l, sources[i], "packed", v[i]->gen.lines);
	}
	check_verify(l, "out.raw*", WEFT_LEVEL_INFO);
	check_verify(l, "out.packed*", WEFT_LEVEL_INFO);
	check_balanced(l, false);
}

static void
kill_often(weft_t *t, const char *packed, int kills)
{
	struct lab *l = lab_new();
	struct load *v[SOURCES];
	int64_t life = 160 * WEFT_MS;

	(void)t;
	configure(l, packed);
	start_loads(l, v, 3000 * kills + 10000, 1 + kills * life / 2 / WEFT_SECOND);
	for (int i = 0; i < kills; i++) {
		lab_start(l);
		lab_sleep(l, life);
		lab_kill(l);
	}
	lab_start(l);
	judge(l, v);
	weft_logf("%d kills", kills);
}

FAULT(KilledAgainAndAgain)
{
	weft_run(t, "zstd", kill_often, "compress: zstd", (int)by_form(100, 15, 3));
	weft_run(t, "rotated", kill_often,
	    "rotate: { size: 300kB }, format: raw", (int)by_form(100, 15, 3));
	weft_run(t, "all", kill_often,
	    "rotate: { size: 200kB }, compress: gzip, fsync: always", (int)by_form(60, 8, 2));
}
