/*
 * reload_test.c - reloads under load: steps, outputs and sources come, change and go
 *
 * The outputs that stay must have every line once, whatever changes around them.  Every
 * third configuration is wrong in some way, and must be refused.
 */
#include "faults.h"

static const char *const steps[] = {
	"{}",
	"{ meta: { set: { region: north } } }",
	"{ meta: { set: { region: south } }, safe: { redact: [card] } }",
	"{ few: { where: 'level >= trace' }, host: { set: { h: '{host}' } } }",
};
static const char *const outputs[] = {
	"",
	"  more: { file: out.more, format: logfmt }\n",
	"  more: { file: out.more, format: json, compress: zstd, when_full: drop_oldest }\n",
	"  more: { file: 'out.more.{source}', format: raw, when_full: spill }\n",
	"  none: { file: /dev/null, format: syslog, when_full: drop_newest, queue: 64kB }\n",
};
static const char *const sources[] = {
	"",
	"  c: { file: 'c.log', format: plain }\n",
	"  c: { file: 'c.log', format: plain, max_line: 1MB }\n",
	"  d: { syslog: 'unixgram:d.sock' }\n",
};
/* The first is found out only when it is opened: what has ended by then comes back. */
static const char *const wrong[] = {
	"listen: '192.0.2.1:9600'\n",
	"  bad: { file: out.raw }\n",
	"  bad: { file: out.bad, where: 'level >' }\n",
	"  bad: { nonsense: true }\n",
	"errors: nobody\n",
};

/* raw is the same all the time; turned changes its options, and so is closed and opened. */
static void
configure(struct lab *l, int i, const char *more)
{
	lab_config(l,
	    "state: st\n"
	    "checkpoint: 20ms\n"
	    "sources:\n"
	    "  a: { file: 'a.log*' }\n"
	    "  b: { file: 'b.log*', linger: %ds }\n%s"
	    "steps: %s\n"
	    "outputs:\n"
	    "  raw: { file: out.raw, format: raw, from: [a, b] }\n"
	    "  turned: { file: out.turned, format: raw, fsync: %s, from: [a, b] }\n%s%s",
	    5 + i % 4, sources[dice(l, 4)], steps[dice(l, 4)], i % 2 ? "always" : "1s",
	    outputs[dice(l, 5)], more);
}

static struct load *
load_of(struct lab *l, const char *name, uint32_t source, uint64_t lines)
{
	struct load set = { .name = name, .rotate = 150 * WEFT_MS, .speed = 4000000,
	    .gen = { .lines = lines, .source = source, .format = WEFT_GEN_JSON } };

	return load_new(l, &set);
}

static void
reload(struct lab *l, int i, bool good, uint64_t *taken, uint64_t *refused)
{
	configure(l, i, good ? "" : wrong[dice(l, 5)]);
	lab_signal(l, SIGHUP);
	if (good)
		lab_await_said(l, "is read again and in force", ++*taken);
	else
		lab_await_said(l, "is refused; the old configuration goes on", ++*refused);
}

FAULT(ReloadedUnderLoad)
{
	int times = by_form(50, 12, 3);
	struct lab *l = lab_new();
	struct load *a = load_of(l, "a.log", 1, 4000 * times);
	struct load *b = load_of(l, "b.log", 2, 4000 * times);
	uint64_t taken = 0, refused = 0;

	configure(l, 0, "");
	lab_start(l);
	load_start(a);
	load_start(b);
	await_read(l, "a", "raw", 1);
	for (int i = 1; i <= times; i++)
		reload(l, i, i % 3 != 0, &taken, &refused);
	load_finish(a);
	load_finish(b);
	await_read(l, "a", "raw", a->gen.lines);
	await_read(l, "b", "raw", b->gen.lines);
	await_read(l, "a", "turned", a->gen.lines);
	await_read(l, "b", "turned", b->gen.lines);
	lab_stop(l);
	check_verify(l, "out.raw", WEFT_LEVEL_TRACE);
	check_verify(l, "out.turned", WEFT_LEVEL_TRACE);
	check_read(l, "b", "turned", b->gen.lines);
	check_balanced(l, true);
	weft_logf("%llu taken, %llu refused", (unsigned long long)taken,
	    (unsigned long long)refused);
}

/* A kill in the middle of reloads. */
FAULT(KilledWhileReloading)
{
	int times = by_form(40, 6, 2);
	struct lab *l = lab_new();
	struct load *a = load_of(l, "a.log", 1, 3000 * times);
	struct load *b = load_of(l, "b.log", 2, 3000 * times);

	load_start(a);
	load_start(b);
	for (int i = 0; i < times; i++) {
		uint64_t before = lab_said_times(l, "conf.yaml is ");

		configure(l, i, "");
		lab_start(l);
		lab_await_up(l);
		weft_sleep(20 * WEFT_MS);
		for (int n = 0; n < 3; n++) {
			configure(l, i + n, "");
			lab_signal(l, SIGHUP);
			if (n == 0)	/* or refused, when it came before it ran */
				lab_await_said(l, "conf.yaml is ", before + 1);
			else
				lab_sleep(l, 20 * WEFT_MS);
		}
		lab_kill(l);
	}
	configure(l, 0, "");
	lab_start(l);
	load_finish(a);
	load_finish(b);
	for (int i = 0; i < 4; i++)
		await_read(l, i % 2 ? "a" : "b", i / 2 ? "raw" : "turned", a->gen.lines);
	lab_stop(l);
	check_verify(l, "out.raw", WEFT_LEVEL_TRACE);
	check_verify(l, "out.turned", WEFT_LEVEL_TRACE);
	check_balanced(l, true);
}
