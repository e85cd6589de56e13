/*
 * disk_test.c - disks that are full, fail, or on which the world ends between two system calls
 *
 * Faults are injected into the calls that touch the outputs, the state, or both.  While they last
 * the program must wait and say so, never end; after them all goes on, and nothing is lost or
 * doubled.
 */
#include <fcntl.h>
#include <unistd.h>

#include "faults.h"

#define DIED 86

static void
configure(struct lab *l)
{
	lab_config(l,
	    "state: st\n"
	    "checkpoint: 20ms\n"
	    "sources:\n"
	    "  a: { file: 'a.log*' }\n"
	    "outputs:\n"
	    "  raw: { file: out.raw, format: raw, fsync: always, rotate: { size: 200kB } }\n"
	    "  packed: { file: out.packed, compress: zstd, fsync: 50ms }\n");
}

static void
judge(struct lab *l, struct load *v)
{
	load_finish(v);
	await_read(l, "a", "raw", v->gen.lines);
	await_read(l, "a", "packed", v->gen.lines);
	lab_stop(l);
	check_read(l, "a", "raw", v->gen.lines);
	check_read(l, "a", "packed", v->gen.lines);
	check_verify(l, "out.raw*", WEFT_LEVEL_TRACE);
	check_verify(l, "out.packed*", WEFT_LEVEL_TRACE);
	check_balanced(l, false);
}

static struct load *
load_of(struct lab *l, uint64_t lines, uint64_t speed)
{
	struct load set = { .name = "a.log", .rotate = 200 * WEFT_MS, .speed = speed,
	    .gen = { .lines = lines, .source = 1, .format = WEFT_GEN_JSON } };

	return load_new(l, &set);
}

static void
touch(struct lab *l, const char *name)
{
	int fd = open(lab_path(l, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	close(fd);
}

/* Troubles come and go under load.  one_in 1: all calls fail meanwhile. */
static void
fail(weft_t *t, const char *under, int error, int one_in, int times)
{
	struct lab *l = lab_new();
	struct load *v = load_of(l, 40000 + 8000 * times, 8000000);
	int status;

	(void)t;
	configure(l);
	lab_preload(l);
	lab_env(l, "INJECT_UNDER=%s", under);
	lab_env(l, "INJECT_WHILE=%s", lab_path(l, "trouble"));
	lab_env(l, "INJECT_ERROR=%d", error);
	lab_env(l, "INJECT_ONE_IN=%d", one_in);
	lab_env(l, "INJECT_SEED=%llu", (unsigned long long)l->seed);
	lab_start(l);
	load_start(v);
	await_read(l, "a", "raw", 10);
	for (int i = 0; i < times; i++) {
		touch(l, "trouble");
		lab_sleep(l, 300 * WEFT_MS);
		unlink(lab_path(l, "trouble"));
		lab_sleep(l, 200 * WEFT_MS);
		if (!CHECK(!lab_ended(l, &status))) {
			weft_logf("it ended with %d; see %s", status, lab_path(l, "said"));
			return;
		}
	}
	judge(l, v);
}

static void
fail_all(weft_t *t, int error)
{
	int times = by_form(30, 2, 1);

	weft_run(t, "outputs", fail, "/out.", error, 1, times);
	weft_run(t, "state", fail, "/st/", error, 1, times);
	weft_run(t, "some", fail, "/st/:/out.", error, 4, times);
	if (!weft_short())
		weft_run(t, "few", fail, "/st/:/out.", error, 40, times);
}

FAULT(DiskIsFull)
{
	fail_all(t, ENOSPC);
}

FAULT(DiskFails)
{
	fail_all(t, EIO);
}

/* k: the call before which it ends.  False: there were not so many. */
static bool
die_at(struct lab *l, const char *under, uint64_t k)
{
	/* in the short forms it is one of the first calls, which even a slow program comes to */
	int64_t until = weft_now() + (weft_short() ? 20 : 1) * WEFT_SECOND;
	int status = 0;

	lab_clear_env(l);
	lab_preload(l);
	lab_env(l, "INJECT_UNDER=%s", under);
	lab_env(l, "INJECT_DIE=%llu", (unsigned long long)k);
	lab_start(l);
	while (weft_now() < until && !lab_ended(l, &status))
		weft_sleep(2 * WEFT_MS);
	if (!l->pid) {
		CHECK_EQ(status, DIED);
		return true;
	}
	lab_kill(l);
	return false;
}

/* At every one of the first calls, and at some later ones. */
static void
end_often(weft_t *t, const char *under, int ends)
{
	struct lab *l = lab_new();
	uint64_t lines = 10000 + 1500 * ends;
	struct load *v = load_of(l, lines, lines * 200 / (ends / 10 + 1));
	uint64_t step = 1 + dice(l, 3), k = 1;
	int died = 0;

	(void)t;
	configure(l);
	load_start(v);
	for (int i = 0; i < ends; i++, k += k < 60 ? step : 1 + k / 8) {
		died += die_at(l, under, k);
		if (k > 600)
			k = 1 + dice(l, 3);
	}
	CHECK(died > ends / 2);
	lab_clear_env(l);
	lab_start(l);
	judge(l, v);
	weft_logf("ended %d times before a system call", died);
}

FAULT(EndsBetweenTwoSystemCalls)
{
	weft_run(t, "all", end_often, "/st/:/out.", (int)by_form(120, 12, 4));
	if (!weft_short())
		weft_run(t, "state", end_often, "/st/", 120);
}
