/*
 * stop_test.c - stopped, started, told to end once and twice, and a clock that jumps
 */
#include "far.h"

static void
configure(struct lab *l, const char *more)
{
	lab_config(l,
	    "state: st\n"
	    "checkpoint: 20ms\n"
	    "sources:\n"
	    "  a: { file: 'a.log*' }\n"
	    "outputs:\n"
	    "  raw: { file: out.raw, format: raw, rotate: { every: 1h, size: 5MB } }\n"
	    "  packed: { file: out.packed, compress: gzip }\n%s", more);
}

static struct load *
load_of(struct lab *l, uint64_t lines)
{
	struct load set = { .name = "a.log", .speed = 10000000, .rotate = 300 * WEFT_MS,
	    .gen = { .lines = lines, .source = 1, .format = WEFT_GEN_JSON } };

	return load_new(l, &set);
}

static void
judge(struct lab *l, struct load *v)
{
	load_finish(v);
	await_read(l, "a", "raw", v->gen.lines);
	await_read(l, "a", "packed", v->gen.lines);
	lab_stop(l);
	check_read(l, "a", "raw", v->gen.lines);
	check_verify(l, "out.raw*", WEFT_LEVEL_TRACE);
	check_verify(l, "out.packed", WEFT_LEVEL_TRACE);
	check_balanced(l, false);
}

/* The log goes on, and is rotated, while the program sleeps. */
FAULT(SleepsUnderLoad)
{
	long seconds = by_form(20, 2, 1);
	struct lab *l = lab_new();
	struct load *v = load_of(l, 40000 * (seconds + 1));

	configure(l, "");
	lab_start(l);
	load_start(v);
	await_read(l, "a", "raw", 100);
	lab_signal(l, SIGSTOP);
	weft_sleep(seconds * WEFT_SECOND);
	lab_signal(l, SIGCONT);
	judge(l, v);
}

/* Often and short: at any moment. */
FAULT(SleepsOften)
{
	int times = by_form(100, 20, 5);
	struct lab *l = lab_new();
	struct load *v = load_of(l, 2000 * times);

	configure(l, "");
	lab_start(l);
	load_start(v);
	for (int i = 0; i < times; i++) {
		lab_signal(l, SIGSTOP);
		lab_sleep(l, 60 * WEFT_MS);
		lab_signal(l, SIGCONT);
		lab_sleep(l, 60 * WEFT_MS);
	}
	judge(l, v);
}

static void
set_clock(struct lab *l, long seconds)
{
	FILE *f = fopen(lab_path(l, "clock.new"), "w");

	REQUIRE(f != NULL);
	fprintf(f, "%ld", seconds);
	fclose(f);
	REQUIRE(rename(lab_path(l, "clock.new"), lab_path(l, "clock")) == 0);
}

FAULT(ClockJumps)
{
	static const long jumps[] = { 3600, -7200, 86400 * 400L, -86400 * 800L, 0, 1, -1, 1800 };
	struct lab *l = lab_new();
	struct load *v = load_of(l, by_form(400000, 60000, 10000));

	lab_preload(l);
	lab_env(l, "INJECT_CLOCK=%s", lab_path(l, "clock"));
	configure(l, "");
	set_clock(l, 0);
	lab_start(l);
	load_start(v);
	for (int i = 0; i < 8; i++) {
		lab_sleep(l, 300 * WEFT_MS);
		set_clock(l, jumps[i]);
		if (i == 5) {
			lab_kill(l);
			lab_start(l);
		}
	}
	judge(l, v);
}

/* Told to end under load, it delivers what it has read: the next one begins just there. */
FAULT(EndsExactly)
{
	int times = by_form(60, 10, 3);
	struct lab *l = lab_new();
	struct load *v = load_of(l, 4000 * times);
	struct sums raw, packed;

	configure(l, "");
	load_start(v);
	for (int i = 0; i < times && !v->over; i++) {
		uint64_t before = ledger_sums(l, "a", "raw", &raw) ? raw.read : 0;

		lab_start(l);
		await_read(l, "a", "raw", before + 1);
		lab_sleep(l, 50 * WEFT_MS);
		lab_stop(l);
		REQUIRE(ledger_sums(l, "a", "raw", &raw) && ledger_sums(l, "a", "packed", &packed));
		CHECK_EQ(raw.read, packed.read);
	}
	lab_start(l);
	judge(l, v);
}

/* The second signal comes while an output takes nothing; or right after the first. */
FAULT(EndsAtOnce)
{
	int times = by_form(40, 6, 2);
	struct far far = { .deaf = true };
	struct lab *l = lab_new();
	struct load *v = load_of(l, 3000 * times);
	char more[300];
	int status;

	far.lab = l;
	far.name = "far.out";
	far_come(&far);
	snprintf(more, sizeof(more), "  far: { syslog: 'tcp://%s', when_full: drop_oldest, "
	    "queue: 100kB }\ndrain: 20s\n", far.addr);
	configure(l, more);
	load_start(v);
	for (int i = 0; i < times; i++) {
		uint64_t before = lab_said_times(l, "stopping;");

		lab_start(l);
		lab_await_up(l);
		lab_sleep(l, 100 * WEFT_MS);
		lab_signal(l, SIGTERM);
		if (i % 2)
			lab_await_said(l, "stopping;", before + 1);
		else
			lab_sleep(l, 10 * WEFT_MS);
		lab_signal(l, SIGINT);	/* the same one might become one with it */
		status = lab_wait(l);
		if (!CHECK(status == 130 || status == 143))
			weft_logf("it is %d", status);
	}
	far_finish(&far);
	configure(l, "");
	lab_start(l);
	judge(l, v);
}
