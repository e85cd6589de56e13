/*
 * queue_test.c - every queue full at once
 *
 * Four outputs that take nothing, each with its own rule of what happens then, beside one that
 * works.  What is dropped is counted, to the line; what was spilled or waited for comes
 * when the servers come; the ledger balances.
 */
#include "far.h"

enum { NEWEST, OLDEST, SPILL, BLOCK, RULES };

static const char *const rules[RULES] = { "drop_newest", "drop_oldest", "spill", "block" };

static void
come(struct lab *l, struct far far[RULES], bool deaf)
{
	static const char *const names[RULES] = {
		"far.newest", "far.oldest", "far.spill", "far.block"
	};

	for (int i = 0; i < RULES; i++) {
		far[i].lab = l;
		far[i].name = names[i];
		far[i].deaf = deaf;
		far_come(&far[i]);
	}
}

static void
configure(struct lab *l, struct far far[RULES])
{
	struct buf b = { 0 };

	for (int i = 0; i < RULES; i++)
		buf_printf(&b, "  %s: { syslog: 'tcp://%s', format: raw, when_full: %s, "
		    "queue: 300kB }\n", rules[i], far[i].addr, rules[i]);
	lab_config(l,
	    "state: st\n"
	    "budget: { memory: 8MB, disk: 20MB }\n"
	    "sources:\n"
	    "  a: { file: 'a.log*' }\n"
	    "outputs:\n"
	    "  raw: { file: out.raw, format: raw }\n%s", buf_str(&b));
	buf_finish(&b);
}

/* What came, and what the ledger says of it. */
static void
judge_rule(struct lab *l, struct far *far, const char *rule, uint64_t lines)
{
	struct weft_verify_counts c;
	struct sums s;

	REQUIRE(ledger_sums(l, "a", rule, &s));
	verify_files(l, far->name, WEFT_LEVEL_FATAL + 1, &c);
	weft_logf("%s: delivered %llu, dropped %llu, came %llu, twice %llu", rule,
	    (unsigned long long)s.delivered, (unsigned long long)s.full,
	    (unsigned long long)(c.lines - c.doubled), (unsigned long long)c.doubled);
	CHECK_EQ(s.read, lines);
	CHECK_EQ(s.delivered + s.full, lines);
	CHECK_EQ(c.torn, 0);
	CHECK(c.lines - c.doubled >= s.delivered);
}

FAULT(EveryQueueIsFull)
{
	struct lab *l = lab_new();
	struct far far[RULES] = { 0 };
	struct load set = { .name = "a.log",
	    .gen = { .source = 1, .format = WEFT_GEN_JSON } };
	struct load *v;
	struct sums s;

	set.gen.lines = by_form(400000, 60000, 20000);
	v = load_new(l, &set);
	come(l, far, true);
	configure(l, far);
	load_write(v);
	v->over = true;
	lab_start(l);
	await_quiet(l);			/* the one that blocks holds up all */
	REQUIRE(ledger_sums(l, "a", "raw", &s));
	CHECK(s.read < v->gen.lines);
	for (int i = 0; i < RULES; i++)
		far_go(&far[i]);
	come(l, far, false);
	await_read(l, NULL, NULL, 5 * v->gen.lines);
	lab_stop(l);
	check_verify(l, "out.raw", WEFT_LEVEL_TRACE);
	check_balanced(l, false);
	for (int i = 0; i < RULES; i++) {
		far_finish(&far[i]);
		judge_rule(l, &far[i], rules[i], v->gen.lines);
	}
	check_read(l, "a", "block", v->gen.lines);
}
