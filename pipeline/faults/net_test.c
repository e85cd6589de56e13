/*
 * net_test.c - servers that go away and come back, with a disk queue in between
 *
 * Over a network a line may come twice, but it comes.  Beside each server there is a file as
 * an output: one that is down must not hold up the other.
 */
#include "far.h"

static struct load *
begin(struct lab *l, struct far *far, uint64_t lines, const char *output)
{
	struct load set = { .name = "a.log", .speed = 4000000, .rotate = 500 * WEFT_MS,
	    .gen = { .lines = lines, .source = 1, .format = WEFT_GEN_JSON } };
	struct load *v = load_new(l, &set);

	far->lab = l;
	far->name = "far.out";
	far_come(far);
	lab_config(l,
	    "state: st\n"
	    "checkpoint: 50ms\n"
	    "budget: { memory: 16MB, disk: 1GB }\n"
	    "sources:\n"
	    "  a: { file: 'a.log*' }\n"
	    "outputs:\n"
	    "  raw: { file: out.raw, format: raw }\n"
	    "  far: { %s%s%s, when_full: spill, queue: 200kB }\n",
	    far->http ? "http: 'http://" : "syslog: 'tcp://", far->addr, output);
	return v;
}

/* Lines may have come twice, none may be missing, and none may be torn. */
static void
judge(struct lab *l, struct far *far, struct load *v)
{
	struct weft_verify_counts c;

	await_read(l, "a", "raw", v->gen.lines);
	await_read(l, "a", "far", v->gen.lines);
	lab_stop(l);
	check_read(l, "a", "far", v->gen.lines);
	check_balanced(l, false);
	check_verify(l, "out.raw", WEFT_LEVEL_TRACE);
	far_finish(far);
	verify_files(l, "far.out", WEFT_LEVEL_TRACE, &c);
	CHECK_EQ(c.lost, 0);
	CHECK_EQ(c.torn, 0);
	CHECK_EQ(c.lines - c.doubled, v->gen.lines);
	weft_logf("%llu lines came twice", (unsigned long long)c.doubled);
}

/* The other output goes on while the server is away, and the queue goes to disk. */
static void
away(weft_t *t, int http, long seconds)
{
	struct far far = { .http = http };
	struct lab *l = lab_new();
	struct load *v = begin(l, &far, 12000 * (seconds + 2),
	    http ? "/in', shape: lines" : "', format: raw");
	struct sums s;

	(void)t;
	lab_start(l);
	load_start(v);
	await_read(l, "a", "far", 100);
	far_go(&far);
	weft_sleep(seconds * WEFT_SECOND);
	load_finish(v);
	await_read(l, "a", "raw", v->gen.lines);
	REQUIRE(ledger_sums(l, "a", "far", &s));
	CHECK(s.spilled > 0);
	weft_logf("%llu lines wait on disk", (unsigned long long)s.spilled);
	far_come(&far);
	judge(l, &far, v);
}

FAULT(ServerIsAway)
{
	weft_run(t, "tcp", away, 0, (long)by_form(60, 2, 1));
	weft_run(t, "http", away, 1, (long)by_form(60, 2, 1));
}

/* The server goes and comes, and the program is killed, also while its queue is on disk. */
static void
both_die(weft_t *t, int http, int times)
{
	struct far far = { .http = http };
	struct lab *l = lab_new();
	struct load *v = begin(l, &far, 6000 * times,
	    http ? "/in', shape: lines" : "', format: raw");

	(void)t;
	load_start(v);
	for (int i = 0; i < times; i++) {
		lab_start(l);
		lab_sleep(l, 200 * WEFT_MS);
		if (dice(l, 2)) {
			far_go(&far);
			lab_sleep(l, 200 * WEFT_MS);
		}
		lab_kill(l);
		if (!far.l)
			far_come(&far);
	}
	lab_start(l);
	load_finish(v);
	judge(l, &far, v);
}

FAULT(BothDie)
{
	weft_run(t, "tcp", both_die, 0, (int)by_form(60, 8, 2));
	weft_run(t, "http", both_die, 1, (int)by_form(60, 8, 2));
}

/* It answers, but takes nothing: 503 until it is well again. */
FAULT(ServerRefuses)
{
	struct far far = { .http = true, .status = 503 };
	struct lab *l = lab_new();
	struct load *v = begin(l, &far, by_form(100000, 20000, 3000), "/in', shape: lines");

	lab_start(l);
	load_start(v);
	load_finish(v);
	await_read(l, "a", "raw", v->gen.lines);
	far.status = 0;
	judge(l, &far, v);
}
